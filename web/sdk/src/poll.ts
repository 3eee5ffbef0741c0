// A connection over HTTP, for where no WebSocket comes through: section 11 of `crates/wire/PROTOCOL.md`. To the machine it is a
// connection like another: it says and hears the same objects. A poll brings rows, a request at a time goes out beside it.

import { NOTHING } from "./inbox.js";
import { POLL_TIMEOUT_MS, POLL_WAIT_S, REQUEST_TIMEOUT_MS } from "./limits.js";
import type { Id, Message } from "./wire.js";

/** A connection of a client. */
export type Socket = WebSocket | PollSocket;

interface Login {
  token: string;
  device: Id;
  cursor?: number;
  inbox_epoch?: Id;
  message_id?: Id;
  from_head?: boolean;
}

/** What only a session has that is connected: a poll says it, or nobody. */
const UNSAID = new Set(["push_ack", "heartbeat_reply", "logout", "renew", "signal"]);
/** A heartbeat is a request: an answer to a poll says as much. */
const HEARTBEAT_MS = 60_000;
/** What an answer may have beside what it says. */
const PROBLEM = new Set(["id", "type", "title", "status", "detail"]);
/** As a WebSocket's that is gone without a word. */
const GONE = 1006;

export class PollSocket {
  /** As of a WebSocket; 1: open. */
  readyState = 0;
  onopen: (() => void) | undefined;
  onmessage: ((event: { data: string }) => void) | undefined;
  onclose: ((event: { code: number; reason: string }) => void) | undefined;
  readonly #base: string;
  readonly #fetch: typeof globalThis.fetch;
  readonly #end = new AbortController();
  #token = "";
  #device: Id = "0";
  #position = NOTHING;
  /** The last row that the client has acknowledged, and who waits for more. */
  #acked = 0;
  #onAck: (() => void) | undefined;
  /** One request after the other. */
  #requests: Promise<void> = Promise.resolve();

  /** `url` is that of the WebSocket. */
  constructor(
    url: string,
    fetch: typeof globalThis.fetch = globalThis.fetch.bind(globalThis),
  ) {
    this.#fetch = fetch;
    this.#base = url.replace(/^ws/, "http").replace(/\/v1\/ws$/, "");
    queueMicrotask(() => {
      if (this.readyState !== 0) return;
      this.readyState = 1;
      this.onopen?.();
    });
  }

  send(text: string): void {
    const said = JSON.parse(text);
    const kind = Object.keys(said).find((key) => key !== "id") ?? "";
    if (kind === "login") {
      [this.#token, this.#device] = [said.login.token, said.login.device];
      void this.#live(said.id, said.login);
    } else if (kind === "push_ack") {
      this.#acked = Math.max(this.#acked, said.push_ack.inbox_seq);
      this.#onAck?.();
    } else if (!UNSAID.has(kind)) {
      this.#requests = this.#requests.then(() => this.#request(said.id, text));
    }
  }

  close(): void {
    this.readyState = 3;
    this.#end.abort();
    this.#onAck?.();
  }

  /** Logs in, then polls until the connection ends. */
  async #live(id: number, login: Login): Promise<void> {
    const began = await this.#call("/v1/login", { method: "POST" }, REQUEST_TIMEOUT_MS);
    if (!began?.login_reply) return this.#hear(began && { id, ...began });
    let reply = began.login_reply;
    const { cursor = 0, inbox_epoch: epoch = "0", message_id: messageId = "0" } = login;
    let page: any;
    if (reply.inbox_epoch === epoch) {
      this.#position = { cursor, epoch, messageId };
      const answer = await this.#call(this.#pollPath(0), {}, REQUEST_TIMEOUT_MS);
      page = answer?.sync_page;
      if (page) reply = { ...reply, cursor, inbox_head: page.inbox_head, inbox_tail: page.inbox_tail };
      else if (answer?.login_reply) reply = answer.login_reply;
      else return this.#hear(answer && { id, ...answer });
    } else if (!login.from_head) {
      reply = { ...reply, cursor: 0 };
    }
    this.#begin(id, reply);
    if (page) this.#push(page);
    while (this.readyState === 1) {
      // The next poll acknowledges: nothing that is not stored.
      while (this.readyState === 1 && this.#acked < this.#position.cursor) {
        await new Promise<void>((done) => (this.#onAck = done));
      }
      const answer = await this.#call(this.#pollPath(POLL_WAIT_S), {}, POLL_TIMEOUT_MS);
      if (answer?.sync_page) this.#push(answer.sync_page);
      // The inbox was made anew: who logs in again is told.
      else if (answer?.login_reply) this.#gone();
      else this.#hear(answer);
    }
  }

  #pollPath(waitS: number): string {
    const { cursor, epoch, messageId } = this.#position;
    return `/v1/poll?cursor=${cursor}&inbox_epoch=${epoch}&message_id=${messageId}&wait_s=${waitS}`;
  }

  #begin(id: number, reply: any): void {
    const { cursor, inbox_epoch: epoch, server_time_ms } = reply;
    if (cursor !== this.#position.cursor || epoch !== this.#position.epoch) {
      this.#position = { cursor, epoch, messageId: "0" };
    }
    this.#acked = cursor;
    this.#hear({ hello_reply: { version: 2, heartbeat_ms: HEARTBEAT_MS, features: "0", server_time_ms } });
    this.#hear({ id, login_reply: reply });
  }

  /** Rows of a page, each as if it were pushed. */
  #push(page: { messages: Message[] }): void {
    for (const message of page.messages) {
      const previous = this.#position.cursor;
      if (message.inbox_seq <= previous) continue;
      const { inbox_seq: cursor, message_id: messageId } = message;
      this.#position = { ...this.#position, cursor, messageId };
      this.#hear({ push: { previous, message } });
    }
  }

  async #request(id: number, body: string): Promise<void> {
    const answer = await this.#call("/v1/requests", { method: "POST", body }, REQUEST_TIMEOUT_MS);
    this.#hear(answer && { ...answer, id });
  }

  /** Makes a call: the object in its answer. Nothing if there is none: then the connection is over. */
  async #call(path: string, init: RequestInit, timeoutMs: number): Promise<any> {
    if (this.readyState !== 1) return undefined;
    const device = `${path.includes("?") ? "&" : "?"}device=${this.#device}`;
    const headers = { Authorization: `Bearer ${this.#token}`, "Content-Type": "application/json" };
    try {
      const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(timeoutMs)]);
      const response = await this.#fetch(this.#base + path + device, { ...init, headers, signal, cache: "no-store" });
      const answer = await response.json();
      const kind = Object.keys(answer).find((key) => !PROBLEM.has(key));
      if (kind !== undefined) return { [kind]: answer[kind] };
    } catch {
      // It is gone, or was closed.
    }
    this.#gone();
    return undefined;
  }

  #hear(said: object | undefined): void {
    if (said && this.readyState === 1) this.onmessage?.({ data: JSON.stringify(said) });
  }

  #gone(): void {
    if (this.readyState !== 1) return;
    this.close();
    this.onclose?.({ code: GONE, reason: "" });
  }
}
