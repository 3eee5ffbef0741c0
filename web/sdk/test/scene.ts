// A machine, and what it did.

import { type Effect, Machine } from "../src/machine.js";
import type { Kept } from "../src/outbox.js";
import type { Message } from "../src/wire.js";

export const NOW = 1_790_000_000_000;
export const EPOCH = "5";

export class Scene {
  machine: Machine;
  nowMs = NOW;
  did: Effect[] = [];

  constructor(cursor = 4, epoch = EPOCH, outbox: Kept[] = []) {
    // A sequence that is no constant, and the same each time.
    let state = 1;
    const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const position = { cursor, epoch, messageId: "0" };
    this.machine = new Machine({ device: "9", position, outbox, random });
  }

  /** One that is logged in; what it did on the way is forgotten. */
  static online(cursor = 4, head = cursor, outbox: Kept[] = []): Scene {
    const scene = new Scene(cursor, EPOCH, outbox);
    scene.login({ head });
    scene.did = [];
    return scene;
  }

  add(effects: Effect[] | undefined): Effect[] {
    this.did.push(...(effects ?? []));
    return effects ?? [];
  }

  login(reply: { cursor?: number; head?: number; epoch?: string; serverMs?: number; tail?: number; features?: string } = {}): void {
    const { cursor = this.machine.cursor, epoch = EPOCH, serverMs = this.nowMs, tail = 0, features = "3" } = reply;
    const head = reply.head ?? cursor;
    this.add(this.machine.onConnected("token", this.nowMs));
    this.hear({ hello_reply: { version: 2, heartbeat_ms: 60_000, features, server_time_ms: serverMs } });
    const clock = { server_time_ms: serverMs, inbox_tail: tail };
    this.hear({ id: 1, login_reply: { uid: "7", generation: 3, inbox_epoch: epoch, inbox_head: head, cursor, ...clock } });
  }

  hear(object: object): Effect[] {
    return this.add(this.machine.onMessage(JSON.stringify(object), this.nowMs));
  }

  push(row: number, previous = row - 1, sender = "8"): Effect[] {
    return this.hear({ push: { previous, message: message(row, sender) } });
  }

  /** The store has what was given to it. */
  store(): void {
    this.add(this.machine.onStored(this.machine.cursor, this.nowMs));
  }

  /** Time goes by, timer after timer. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.machine.nextTimerMs() <= untilMs) {
      this.nowMs = Math.max(this.nowMs, this.machine.nextTimerMs());
      this.add(this.machine.onTimer(this.nowMs));
    }
    this.nowMs = untilMs;
  }

  send(text: string): string {
    const made = this.machine.send({ conversation: CHAT, text }, this.nowMs)!;
    this.add(made.effects);
    return made.id;
  }

  /** The objects of this kind that were said, with their ids; they are forgotten. */
  said(kind: string): any[] {
    const said = this.did.flatMap((it) => (it.do === "say" ? [JSON.parse(it.text)] : []));
    this.did = this.did.filter((it) => it.do !== "say" || !JSON.parse(it.text)[kind]);
    return said.filter((it) => it[kind]);
  }

  /** Takes the effects of this kind out. */
  took<K extends Effect["do"]>(kind: K): Extract<Effect, { do: K }>[] {
    const taken = this.did.filter((it) => it.do === kind);
    this.did = this.did.filter((it) => it.do !== kind);
    return taken as Extract<Effect, { do: K }>[];
  }

  /** The rows that were handed over. */
  rows(): number[] {
    return this.took("message").map((it) => it.message.inbox_seq);
  }
}

export const CHAT = { kind: 1, a: "8", b: "7" };

export function message(row: number, sender = "8"): Message {
  const client_msg_id = `0197c1f0-2a33-7d0e-8a5b-${String(row).padStart(12, "0")}`;
  return {
    inbox_seq: row,
    conversation: CHAT,
    seq: row,
    number: row,
    sender,
    message_id: String(row),
    time_ms: NOW,
    client_msg_id,
    kind: 1,
    text: `row ${row}`,
  };
}

export function refusal(id: number, code: number, retry_after_ms = 0, server_time_ms = 0): object {
  return { id, refusal: { code, retry_after_ms, text: "no", server_time_ms } };
}
