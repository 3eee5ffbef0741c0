// The client: drives a machine over WebSockets, with a store and timers. It decides nothing that the machine decides.

import { BODY_BYTES_MAX, CONNECT_TIMEOUT_MS, PAGE_ROWS_MAX, REQUEST_TIMEOUT_MS, REQUESTS_PENDING_MAX, SOCKETS_FAILED_MAX } from "./limits.js";
import { type Effect, Machine } from "./machine.js";
import type { Kept } from "./outbox.js";
import { PollSocket, type Socket } from "./poll.js";
import { type Change, MemoryStore, type Store } from "./store.js";
import {
  type Chat,
  type ChatReply,
  type ChatsPage,
  chatOf,
  type Conversation,
  type Device,
  GROUP_ENDED,
  type GroupInfo,
  type GroupMember,
  type GroupMembersPage,
  type HistoryPage,
  type Id,
  MEMBER_LEFT,
  MEMBERS_ADDED,
  MEMBERS_MUTED,
  MEMBERS_REMOVED,
  type Message,
  type Next,
  NOTICE_GIVEN,
  ROLES_GIVEN,
  setBody,
  type Signal,
  SIGNAL_RECORDING,
  SIGNAL_STOPPED,
  SIGNAL_TYPING,
  TITLE_GIVEN,
  uidsBody,
} from "./wire.js";

export type State =
  /** Not begun, or closed. */
  | "closed"
  /** A connection is being made, or its login. */
  | "connecting"
  | "online"
  /** It waits, and connects again. */
  | "waiting"
  /** The server wants this device not to come back by itself: a person decides. */
  | "stopped";

export interface Options {
  /** Where, such as `wss://im.example/v1/ws`. */
  url: string;
  /** Gives a token of the user: at the start, and when the last is believed no more. */
  getToken: () => Promise<string>;
  /** Default: in memory. */
  store?: Store;
  /** Default: the global one, of a browser or of Node 22 or later. */
  WebSocket?: typeof globalThis.WebSocket;
  /** By what it connects. Default: by a WebSocket; where two in a row do not come to a login, the next polls over HTTP; from then on it tries both in turns. */
  carrier?: "websocket" | "poll";
  /** 0 up to 1. Default: cryptographic. */
  random?: () => number;
}

export interface Events {
  /** The next message of the inbox, each once; or one of one's own, once it is durable. It is stored. */
  message: { message: Message; isMissed: boolean };
  /** What came by a history, or anew: there may be more of it than before. */
  history: { conversation: Conversation; messages: Message[] };
  /** A device of the user read a conversation up to `seq`, or hid it. */
  mark: { conversation: Conversation; seq: number; unread: number; isHidden: boolean };
  /** The peer of a chat of two does something now; what it has read is in the list of chats too. */
  signal: Signal;
  /** The list of chats was read. */
  chats: Chat[];
  /** A send is new, has another id (`former`), or waits longer; `code` says why, if it was refused for now. */
  pending: { send: Kept; former?: string; code?: number };
  /** A send was refused for good. */
  failed: { send: Kept; code: number; text: string };
  /** Where the connection is; in `waiting` until when, in ms of `performance.now()`. */
  state: { state: State; untilMs?: number; code?: number; text?: string };
  /** Rows of the inbox are gone for good; chats and histories have what was in them. */
  gap: { after: number; before: number };
  /** The inbox began anew. */
  reset: undefined;
  /** Every object that is said and heard, for a person who looks. */
  wire: { isSaid: boolean; text: string };
}

/** Why a request was not answered with what it asked for. */
export class RequestError extends Error {
  constructor(
    readonly code: number,
    text: string,
  ) {
    super(text);
  }
}

interface Waiting {
  resolve: (value: any) => void;
  reject: (error: Error) => void;
  timer: ReturnType<typeof setTimeout>;
}

function secureRandom(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32;
}

/** A clock that was set once and does not go back. */
const BEGAN_MS = Date.now() - performance.now();
const nowMs = (): number => Math.floor(BEGAN_MS + performance.now());

export class Client {
  readonly #options: Options;
  readonly #store: Store;
  #machine: Machine | undefined;
  #socket: Socket | undefined;
  /** WebSockets in a row over which nobody could log in. */
  #socketsFailed = 0;
  #state: State = "closed";
  #token: string | undefined;
  /** A token was refused since the last login. */
  #isTokenRefused = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #reconnect: ReturnType<typeof setTimeout> | undefined;
  /** What the last connection ended for, if the server said so. */
  #end: { next: Next; code: number; text: string } | undefined;
  /** What effects wait for: one list is carried out after the other. */
  #queue: Promise<void> = Promise.resolve();
  /** Rows are missing that chats and histories have: until they are read, the cursor is not stored. */
  #isCatchingUp = false;
  #withheld: Change["position"];
  readonly #waiting = new Map<number, Waiting>();
  readonly #acks = new Map<string, { resolve: (message: Message) => void; reject: (error: Error) => void }>();
  /** Ids of sends that the store has and that are not over. */
  readonly #kept = new Set<string>();
  readonly #listeners = new Map<keyof Events, Set<(it: any) => void>>();
  readonly #onWake = () => this.#wake();

  constructor(options: Options) {
    this.#options = options;
    this.#store = options.store ?? new MemoryStore();
  }

  get state(): State {
    return this.#state;
  }

  /** The user; "0" before the first login. */
  get uid(): Id {
    return this.#machine?.uid ?? "0";
  }

  get store(): Store {
    return this.#store;
  }

  /** What is not acked and the store has, in order: none of it is lost if the page goes now. */
  get pending(): Kept[] {
    return (this.#machine?.pending ?? []).filter((send) => this.#kept.has(send.client_msg_id));
  }

  /** Hears of something from here on; what it returns ends that. */
  on<K extends keyof Events>(kind: K, listener: (it: Events[K]) => void): () => void {
    const listeners = this.#listeners.get(kind) ?? new Set();
    this.#listeners.set(kind, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Connects, and stays connected until `close`; or again, after the server wanted it to stop. */
  async connect(): Promise<void> {
    if (!this.#machine) {
      const saved = await this.#store.load();
      const random = this.#options.random ?? secureRandom;
      for (const send of saved.outbox) this.#kept.add(send.client_msg_id);
      this.#machine ??= new Machine({ ...saved, random });
      globalThis.addEventListener?.("online", this.#onWake);
      globalThis.document?.addEventListener("visibilitychange", this.#onWake);
    }
    if (this.#state === "closed" || this.#state === "stopped") {
      this.#isTokenRefused = false;
      await this.#open();
    }
  }

  /** Ends the connection. What is not acked stays in the store. */
  async close(): Promise<void> {
    globalThis.removeEventListener?.("online", this.#onWake);
    globalThis.document?.removeEventListener("visibilitychange", this.#onWake);
    clearTimeout(this.#reconnect);
    this.#setState({ state: "closed" });
    this.#lose();
    await this.#queue;
  }

  /** Cuts the connection as a network would: it comes back. */
  cut(): void {
    this.#lose();
    this.#comeBack();
  }

  /** Sends to a user, or to a conversation. It is kept until it is durable: the promise ends then, or when it is refused. */
  async send(to: Id | Conversation, text: string, seenSeq = 0): Promise<Message> {
    if (new TextEncoder().encode(text).length > BODY_BYTES_MAX) {
      throw new RequestError(14, `a body has at most ${BODY_BYTES_MAX} bytes`);
    }
    const conversation = this.#place(to);
    return this.#sent(this.#machine?.send({ conversation, text, seenSeq }, nowMs()));
  }

  /** Makes a group of these users and oneself. */
  async createGroup(members: Id[]): Promise<Message> {
    return this.#sent(this.#machine?.createGroup(uidsBody(members), nowMs()));
  }

  addMembers(group: Conversation, uids: Id[]): Promise<Message> {
    return this.#change(group, MEMBERS_ADDED, { body: uidsBody(uids) });
  }

  removeMembers(group: Conversation, uids: Id[]): Promise<Message> {
    return this.#change(group, MEMBERS_REMOVED, { body: uidsBody(uids) });
  }

  leaveGroup(group: Conversation): Promise<Message> {
    return this.#change(group, MEMBER_LEFT, { body: "" });
  }

  /** Gives members a role. The owner's is given to one: the group is handed over. */
  setRole(group: Conversation, role: number, uids: Id[]): Promise<Message> {
    return this.#change(group, ROLES_GIVEN, { body: setBody(role, uids) });
  }

  /** Nobody of these writes before a time, in Unix ms; without uids no plain member does. 0: they may again. */
  mute(group: Conversation, untilMs: number, uids: Id[] = []): Promise<Message> {
    return this.#change(group, MEMBERS_MUTED, { body: setBody(untilMs, uids) });
  }

  setTitle(group: Conversation, title: string): Promise<Message> {
    return this.#change(group, TITLE_GIVEN, { text: title });
  }

  /** Announces something, in place of what was announced before. */
  announce(group: Conversation, notice: string): Promise<Message> {
    return this.#change(group, NOTICE_GIVEN, { text: notice });
  }

  /** Nobody is a member any more. */
  endGroup(group: Conversation): Promise<Message> {
    return this.#change(group, GROUP_ENDED, { body: "" });
  }

  async #change(conversation: Conversation, kind: number, is: { text: string } | { body: string }): Promise<Message> {
    return this.#sent(this.#machine?.send({ conversation, kind, ...is }, nowMs()));
  }

  /** Messages before `beforeSeq` (0: the newest), ascending. They are stored. */
  async history(conversation: Conversation, beforeSeq = 0, limit = 64): Promise<Message[]> {
    const value = { conversation, before_seq: beforeSeq, limit };
    const { messages } = await this.#ask<HistoryPage>("history", value);
    await this.#store.commit({ messages });
    this.#tell("history", { conversation, messages });
    return messages;
  }

  /** The user's chats, all pages. They are stored. */
  async chats(): Promise<Chat[]> {
    const chats: Chat[] = [];
    let after: Conversation | undefined;
    do {
      const value = { ...(after ? { after } : {}), limit: PAGE_ROWS_MAX };
      const page: ChatsPage = await this.#ask("chats", value);
      for (const [at, chat] of page.chats.entries()) {
        chats.push({ ...chat, peer_read_seq: page.peer_read_seqs?.[at] ?? 0 });
      }
      after = page.next_after;
    } while (after);
    await this.#store.commit({ chats });
    this.#tell("chats", chats);
    return chats;
  }

  /** Everything of a conversation up to `seq` was seen. */
  markRead(conversation: Conversation, seq: number): Promise<ChatReply> {
    return this.#ask("mark_read", { conversation, seq });
  }

  hideChat(conversation: Conversation): Promise<ChatReply> {
    return this.#ask("hide_chat", { conversation });
  }

  /** The user is typing to the peer of a chat of two: to be called at each key. The peer is told at once, or not at all. */
  typing(conversation: Conversation): void {
    this.#signal(conversation, SIGNAL_TYPING);
  }

  /** The user is recording something for the peer; as `typing`. */
  recording(conversation: Conversation): void {
    this.#signal(conversation, SIGNAL_RECORDING);
  }

  /** The user does neither any more, and sends nothing. */
  stopped(conversation: Conversation): void {
    this.#signal(conversation, SIGNAL_STOPPED);
  }

  #signal(conversation: Conversation, kind: number): void {
    const effects = this.#machine?.signal(conversation, kind, nowMs()) ?? [];
    if (effects.length > 0) this.#run(effects);
  }

  /** Who is in a group. */
  async members(conversation: Conversation): Promise<GroupMember[]> {
    const value = { conversation, limit: PAGE_ROWS_MAX };
    return (await this.#ask<GroupMembersPage>("group_members", value)).members;
  }

  /** What a group is: its title, what is announced, roles, who is muted. */
  groupInfo(conversation: Conversation): Promise<GroupInfo> {
    return this.#ask("group_info", { conversation });
  }

  /** The user's devices that are logged in. */
  async devices(): Promise<Device[]> {
    return (await this.#ask<{ devices: Device[] }>("devices", { limit: PAGE_ROWS_MAX })).devices;
  }

  /** Ends what a device of the user is logged in as, perhaps this one. Whether it was. */
  async endDevice(device: Id): Promise<boolean> {
    return (await this.#ask<{ was_logged_in: boolean }>("end_device", { device })).was_logged_in;
  }

  #place(to: Id | Conversation): Conversation {
    if (typeof to !== "string") return to;
    if (this.uid === "0") throw new RequestError(3, "not logged in yet: give a conversation");
    return chatOf(this.uid, to);
  }

  #sent(made: { id: string; effects: Effect[] } | undefined): Promise<Message> {
    if (!made) return Promise.reject(new RequestError(7, "not connected yet, or too many sends wait"));
    return new Promise((resolve, reject) => {
      this.#acks.set(made.id, { resolve, reject });
      this.#run(made.effects);
    });
  }

  #ask<T>(kind: string, value: object): Promise<T> {
    const asked = this.#waiting.size < REQUESTS_PENDING_MAX ? this.#machine?.request(kind, value) : undefined;
    if (!asked) return Promise.reject(new RequestError(3, "not connected, or too many requests wait"));
    return new Promise((resolve, reject) => {
      const late = () => this.#answer(asked.requestId, new RequestError(0, "no answer in time"));
      const timer = setTimeout(late, REQUEST_TIMEOUT_MS);
      this.#waiting.set(asked.requestId, { resolve, reject, timer });
      this.#run(asked.effects);
    });
  }

  #answer(requestId: number, value: unknown): void {
    const waiting = this.#waiting.get(requestId);
    if (!waiting) return;
    this.#waiting.delete(requestId);
    clearTimeout(waiting.timer);
    if (value instanceof Error) waiting.reject(value);
    else waiting.resolve(value);
  }

  async #open(): Promise<void> {
    this.#setState({ state: "connecting" });
    try {
      this.#token ??= await this.#options.getToken();
    } catch (error) {
      if (this.#state !== "connecting") return;
      this.#end = { next: "again", code: 0, text: String((error as Error).message ?? error) };
      return this.#comeBack();
    }
    // What the store was to keep is in it before the login says the cursor.
    await this.#queue;
    if (this.#state !== "connecting") return;
    const socket = this.#connection();
    this.#socket = socket;
    const late = setTimeout(() => {
      if (this.#socket === socket && socket.readyState === 0) this.cut();
    }, CONNECT_TIMEOUT_MS);
    socket.onopen = () => {
      clearTimeout(late);
      if (this.#socket !== socket) return;
      this.#run(this.#machine!.onConnected(this.#token!, nowMs(), socket instanceof PollSocket));
    };
    socket.onmessage = ({ data }: { data: unknown }) => {
      if (this.#socket !== socket) return;
      const text = String(data);
      this.#tell("wire", { isSaid: false, text });
      this.#run(this.#machine!.onMessage(text, nowMs()));
    };
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
      clearTimeout(late);
      if (this.#socket !== socket) return;
      this.#end ??= this.#machine!.onClosed(code, reason);
      this.#lose();
      this.#comeBack();
    };
  }

  /** A new connection. */
  #connection(): Socket {
    const { url, carrier, WebSocket = globalThis.WebSocket } = this.#options;
    const hasFailed = this.#socketsFailed >= SOCKETS_FAILED_MAX && carrier === undefined;
    // A WebSocket may come through again some day: the next connection is one.
    if (hasFailed) this.#socketsFailed -= 1;
    return carrier === "poll" || hasFailed ? new PollSocket(url) : new WebSocket(url, ["longline.v1.json"]);
  }

  /** The connection is no more. */
  #lose(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    if (this.#state === "connecting" && socket && !(socket instanceof PollSocket)) this.#socketsFailed += 1;
    clearTimeout(this.#timer);
    socket?.close();
    this.#machine?.onDisconnected();
    for (const id of [...this.#waiting.keys()]) {
      this.#answer(id, new RequestError(0, "the connection ended"));
    }
  }

  /** Connects again as the last end wants it. */
  #comeBack(): void {
    if (this.#state === "closed" || this.#state === "stopped") return;
    const { next, code, text } = this.#end ?? { next: "again" as Next, code: 0, text: "" };
    this.#end = undefined;
    if (next === "token") this.#token = undefined;
    const isOver = next === "stop" || (next === "token" && this.#isTokenRefused);
    if (next === "token") this.#isTokenRefused = true;
    if (isOver) return this.#setState({ state: "stopped", code, text });
    const delayMs = this.#machine!.reconnectDelayMs();
    this.#setState({ state: "waiting", untilMs: performance.now() + delayMs, code, text });
    clearTimeout(this.#reconnect);
    this.#reconnect = setTimeout(() => void this.#open(), delayMs);
  }

  /** The network or the page is back: looks at once. */
  #wake(): void {
    if (globalThis.document?.visibilityState === "hidden") return;
    if (this.#state === "waiting") {
      clearTimeout(this.#reconnect);
      void this.#open();
    } else if (this.#state === "online") {
      this.#run(this.#machine!.probe(nowMs()));
    }
  }

  /** Carries effects out, after those before: what is to be stored first, all of it at once. */
  #run(effects: Effect[]): void {
    const socket = this.#socket;
    if (effects.length > 0) this.#queue = this.#queue.then(() => this.#carryOut(effects, socket));
    clearTimeout(this.#timer);
    const due = this.#machine!.nextTimerMs();
    if (due === Infinity) return;
    const onTimer = () => this.#run(this.#machine!.onTimer(nowMs()));
    this.#timer = setTimeout(onTimer, Math.max(0, due - nowMs()));
  }

  async #carryOut(effects: Effect[], socket: Socket | undefined): Promise<void> {
    const cursor = effects.findLast((it) => it.do === "cursor");
    if (effects.some((it) => it.do === "missing")) this.#isCatchingUp = true;
    const change = changeOf(effects);
    if (this.#isCatchingUp && change.position) {
      this.#withheld = change.position;
      delete change.position;
    }
    try {
      if (Object.keys(change).length > 0) await this.#store.commit(change);
    } catch (error) {
      // Nothing is acknowledged that is not stored: the connection ends, and all of it comes again.
      this.#end = { next: "stop", code: 0, text: `could not store: ${String(error)}` };
      this.#lose();
      return this.#comeBack();
    }
    for (const effect of effects) this.#do(effect, socket);
    if (cursor && this.#machine) this.#run(this.#machine.onStored(cursor.position.cursor, nowMs()));
    if (this.#machine?.mayLeave) {
      this.#lose();
      this.#comeBack();
    }
  }

  #do(effect: Effect, socket: Socket | undefined): void {
    switch (effect.do) {
      case "say":
        if (socket && socket === this.#socket && socket.readyState === 1) {
          this.#tell("wire", { isSaid: true, text: effect.text });
          socket.send(effect.text);
        }
        return;
      case "keep": {
        const { send, former } = effect;
        if (former !== undefined) this.#kept.delete(former);
        this.#kept.add(send.client_msg_id);
        const ack = former === undefined ? undefined : this.#acks.get(former);
        if (ack && former !== undefined) {
          this.#acks.delete(former);
          this.#acks.set(send.client_msg_id, ack);
        }
        return this.#tell("pending", { send, ...(former === undefined ? {} : { former }) });
      }
      case "postponed":
        return this.#tell("pending", { send: effect.send, code: effect.code });
      case "message":
        return this.#tell("message", { message: effect.message, isMissed: effect.isMissed });
      case "mark":
        return this.#tell("mark", effect);
      case "signal":
        return this.#tell("signal", effect.signal);
      case "acked": {
        const { message } = effect;
        this.#kept.delete(message.client_msg_id);
        this.#tell("message", { message, isMissed: false });
        this.#acks.get(message.client_msg_id)?.resolve(message);
        this.#acks.delete(message.client_msg_id);
        return;
      }
      case "failed": {
        const { send, code, text } = effect;
        this.#kept.delete(send.client_msg_id);
        this.#tell("failed", { send, code, text });
        this.#acks.get(send.client_msg_id)?.reject(new RequestError(code, text));
        this.#acks.delete(send.client_msg_id);
        return;
      }
      case "reset":
        return this.#tell("reset", undefined);
      case "missing":
        this.#tell("gap", { after: effect.after, before: effect.before });
        void this.#catchUp();
        return;
      case "logged in":
        this.#isTokenRefused = false;
        if (!(socket instanceof PollSocket)) this.#socketsFailed = 0;
        if (this.#isCatchingUp) void this.#catchUp();
        return this.#setState({ state: "online" });
      case "reply": {
        const { requestId, kind, value } = effect;
        const refusal = value as { code: number; text: string };
        this.#answer(requestId, kind === "refusal" ? new RequestError(refusal.code, refusal.text) : value);
        return;
      }
      case "close":
        if (socket !== this.#socket) return;
        this.#end = effect;
        this.#lose();
        return this.#comeBack();
      case "cursor":
      case "synced":
      case "going away":
    }
  }

  /** Reads what rows that are gone would have brought; then the cursor may be stored. A connection that ends first leaves the
   * old cursor, and it begins again. */
  async #catchUp(): Promise<void> {
    try {
      for (const chat of await this.chats()) {
        const newest = (await this.#store.messages(chat.conversation, 1)).at(-1)?.seq ?? 0;
        if (chat.recent.seq > newest) await this.history(chat.conversation);
      }
    } catch {
      return;
    }
    this.#isCatchingUp = false;
    const position = this.#withheld;
    this.#withheld = undefined;
    if (position) this.#queue = this.#queue.then(() => this.#store.commit({ position }));
  }

  #setState(it: Events["state"]): void {
    this.#state = it.state;
    this.#tell("state", it);
  }

  #tell<K extends keyof Events>(kind: K, it: Events[K]): void {
    for (const listener of this.#listeners.get(kind) ?? []) listener(it);
  }
}

/** What effects change in the store. */
function changeOf(effects: Effect[]): Change {
  const change: Change = {};
  const keep = new Map<string, Kept>();
  const drop = new Set<string>();
  const messages: Message[] = [];
  for (const effect of effects) {
    switch (effect.do) {
      case "reset":
        change.isReset = true;
        break;
      case "message":
        messages.push(effect.message);
        break;
      case "acked":
        messages.push(effect.message);
        drop.add(effect.message.client_msg_id);
        break;
      case "failed":
        drop.add(effect.send.client_msg_id);
        break;
      case "keep":
        if (effect.former !== undefined) {
          keep.delete(effect.former);
          drop.add(effect.former);
        }
        keep.set(effect.send.client_msg_id, effect.send);
        break;
      case "cursor":
        change.position = effect.position;
        break;
      default:
    }
  }
  if (messages.length > 0) change.messages = messages;
  if (keep.size > 0) change.keep = [...keep.values()];
  if (drop.size > 0) change.drop = [...drop];
  return change;
}
