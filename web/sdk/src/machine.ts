// One session with the server, as a pure machine: what comes and times in, effects out. It outlives its connections. It knows
// the protocol and nothing of sockets, clocks, stores or the application; its rules are those of `crates/client/src/machine`.
//
// `nowMs` is everywhere the caller's clock, one that does not go back.

import { Acks } from "./acks.js";
import { Inbox, type Position } from "./inbox.js";
import {
  ACK_TIMEOUT_MS_MAX,
  HEARTBEAT_MS_MIN,
  HEARTBEAT_REPLY_MS,
  LOGIN_TIMEOUT_MS,
  PAGE_ROWS_MAX,
  PUSHES_TIMEOUT_MS,
  REFUSED_WAIT_MS,
  SENDS_PENDING_MAX,
  SIGNAL_REST_MS,
  SYNC_TIMEOUT_MS,
} from "./limits.js";
import { type Kept, Outbox, type Pending } from "./outbox.js";
import { Reconnect } from "./reconnect.js";
import { uuidv7 } from "./uuid.js";
import {
  Code,
  type Conversation,
  endsConnection,
  FEATURE_SIGNALS,
  GROUP_CREATED,
  GROUP_LAST,
  groupOf,
  type Id,
  isRetryable,
  keyOf,
  MARK_HIDDEN,
  MARK_READ,
  type Message,
  type Next,
  nextOf,
  type Signal,
  SIGNAL_STOPPED,
  PLATFORM_WEB,
} from "./wire.js";

/** What is to be done, in order. What is to be stored is stored before what follows it is said or told. */
export type Effect =
  /** A message for the server. */
  | { do: "say"; text: string }
  /** A send is new, or changed: it is to be kept. */
  | { do: "keep"; send: Kept; former?: string }
  /** The next message, in inbox order, each once. It and the cursor are to be stored together. */
  | { do: "message"; message: Message; isMissed: boolean }
  /** A device of the user read a conversation up to `seq`, or hid it: `unread` messages are behind that. */
  | { do: "mark"; conversation: Conversation; seq: number; unread: number; isHidden: boolean }
  /** The cursor moved. */
  | { do: "cursor"; position: Position }
  /** The inbox began anew: what is known of its rows is to be forgotten. */
  | { do: "reset"; epoch: string }
  /** The inbox has no rows between these two: chats and histories have them. */
  | { do: "missing"; after: number; before: number }
  /** Everything up to the cursor is here. */
  | { do: "synced" }
  /** There is a session. */
  | { do: "logged in"; uid: Id }
  /** A send is durable, and here it is as a message. */
  | { do: "acked"; message: Message }
  /** A send was refused for good. */
  | { do: "failed"; send: Kept; code: number; text: string }
  /** A send was refused for now, and will be repeated. */
  | { do: "postponed"; send: Kept; code: number; text: string }
  /** A request was answered: the key and the value of the answer. */
  | { do: "reply"; requestId: number; kind: string; value: unknown }
  /** A peer does something now. */
  | { do: "signal"; signal: Signal }
  /** The server says that it goes away. */
  | { do: "going away" }
  /** Close the connection. */
  | { do: "close"; next: Next; code: number; text: string };

type Phase = "disconnected" | "logging in" | "logged in" | "leaving";

/** A message of the server. */
interface Said {
  id?: number;
  [kind: string]: any;
}

export interface Draft {
  conversation: Conversation;
  text?: string;
  /** In base64, in place of a text. */
  body?: string;
  kind?: number;
  seenSeq?: number;
}

export interface Beginning {
  device: Id;
  /** How far the inbox is stored. */
  position: Position;
  /** Sends of before, in order. */
  outbox: Kept[];
  /** 0 up to 1. */
  random: () => number;
}

export class Machine {
  readonly #device: Id;
  readonly #random: () => number;
  readonly #inbox: Inbox;
  readonly #acks = new Acks();
  readonly #outbox = new Outbox();
  readonly #reconnect = new Reconnect();
  #phase: Phase = "disconnected";
  #uid: Id = "0";
  #generation = 0;
  #requestIdLast = 0;
  #orderLast = 0;
  /** The server's clock minus the caller's. */
  #clockOffsetMs = 0;
  /** When the login is over time, or something is due about heartbeats. */
  #watchMs = Infinity;
  #heartbeatMs = 60_000;
  #heartbeatDueMs = Infinity;
  /** Nothing came since the last heartbeat was sent. */
  #isSilent = false;
  /** The last row that the store has. */
  #stored: number;
  /** The last row that was acknowledged over this connection. */
  #acked = 0;
  #isReset = false;
  /** The server passes signals on. */
  #hasSignals = false;
  /** What the peer was told last. */
  #signaled: { key: string; atMs: number; hasStopped: boolean } | undefined;

  constructor({ device, position, outbox, random }: Beginning) {
    [this.#device, this.#random, this.#stored] = [device, random, position.cursor];
    this.#inbox = new Inbox(position);
    for (const kept of outbox) this.#orderLast = this.#outbox.push(kept, this.#nextId()).kept.order;
  }

  get isLoggedIn(): boolean {
    return this.#phase === "logged in";
  }

  get uid(): Id {
    return this.#uid;
  }

  get cursor(): number {
    return this.#inbox.cursor;
  }

  /** What is not acked, in order. */
  get pending(): Kept[] {
    return this.#outbox.all().map((send) => send.kept);
  }

  /** The server said that it goes away, or the user logs out, and nothing is in flight any more: close. */
  get mayLeave(): boolean {
    return this.#phase === "leaving" && !this.#outbox.isInFlight();
  }

  /** There is a connection: says the login. On one that polls each row is acknowledged as soon as it is stored. */
  onConnected(token: string, nowMs: number, isPolling = false): Effect[] {
    this.#acks.isEach = isPolling;
    this.#phase = "logging in";
    this.#watchMs = nowMs + LOGIN_TIMEOUT_MS;
    const { cursor, epoch, messageId } = this.#inbox;
    // A device that has nothing begins at the head; what is older comes by chats and histories.
    const has = { cursor, inbox_epoch: epoch, message_id: messageId };
    const from = epoch === "0" ? { from_head: true } : has;
    const login = { token, device: this.#device, platform: PLATFORM_WEB, ...from };
    return [this.#say({ id: this.#nextId(), login })];
  }

  /** The connection is gone. What is not acked waits for the next. */
  onDisconnected(): void {
    this.#phase = "disconnected";
    this.#acks.forget();
    this.#acked = 0;
    [this.#watchMs, this.#heartbeatDueMs, this.#isSilent] = [Infinity, Infinity, false];
    [this.#hasSignals, this.#signaled] = [false, undefined];
  }

  /** How long to wait before connecting again: to be asked once for each connection that ended or failed. */
  reconnectDelayMs(): number {
    return this.#reconnect.delayMs(this.#random);
  }

  /** The store has everything up to here. */
  onStored(cursor: number, nowMs: number): Effect[] {
    this.#stored = cursor;
    const out: Effect[] = [];
    this.#ackIfDue(nowMs, out);
    return out;
  }

  nextTimerMs(): number {
    const work = this.isLoggedIn ? Math.min(this.#outbox.dueMs(), this.#inbox.syncDueMs) : Infinity;
    // What the store does not have yet is acknowledged once it has.
    const acks = this.#stored === this.#inbox.cursor ? this.#acks.dueMs : Infinity;
    return Math.min(this.#watchMs, work, acks);
  }

  /** Does what is due; too early it does nothing. */
  onTimer(nowMs: number): Effect[] {
    const out: Effect[] = [];
    this.#ackIfDue(nowMs, out);
    if (this.isLoggedIn) {
      for (const send of this.#outbox.due(nowMs)) this.#write(send, nowMs, out);
      if (this.#inbox.syncDueMs <= nowMs) {
        this.#inbox.forgetSync();
        this.#syncIfBehind(nowMs, out);
      }
    }
    if (nowMs < this.#watchMs) return out;
    const isOver = this.#phase === "logging in" || this.#isSilent;
    if (isOver) this.#watchMs = Infinity;
    if (this.#phase === "logging in") {
      out.push({ do: "close", next: "again", code: 0, text: "the login was not answered" });
    } else if (this.#isSilent) {
      out.push({ do: "close", next: "again", code: 0, text: "the server is silent" });
    } else if (nowMs < this.#heartbeatDueMs) {
      this.#watchMs = this.#heartbeatDueMs;
    } else if (this.#phase !== "disconnected") {
      // A connection that lived for a heartbeat is a good one.
      this.#reconnect.provedGood();
      this.#heartbeat(nowMs, out);
    }
    return out;
  }

  /** Asks whether the server is there: the network or the page may have been away. */
  probe(nowMs: number): Effect[] {
    const out: Effect[] = [];
    if (this.isLoggedIn && !this.#isSilent) this.#heartbeat(nowMs, out);
    return out;
  }

  /** Sends a message once there is a session, and keeps it until it is acked. Nothing if too many wait. */
  send(draft: Draft, nowMs: number): { id: string; conversation: Conversation; effects: Effect[] } | undefined {
    const make = () => draft.conversation;
    return this.#sendAs(make, draft, nowMs);
  }

  /** Makes a group of the user and these others, whose uids are the body. Nothing if too many sends wait, or before the first login. */
  createGroup(body: string, nowMs: number): { id: string; conversation: Conversation; effects: Effect[] } | undefined {
    if (this.#uid === "0") return undefined;
    const draft = { body, kind: GROUP_CREATED };
    return this.#sendAs((id) => groupOf(this.#uid, id), draft, nowMs);
  }

  #sendAs(place: (id: string) => Conversation, draft: Omit<Draft, "conversation">, nowMs: number) {
    if (this.#outbox.length >= SENDS_PENDING_MAX) return undefined;
    const id = this.#newId(nowMs);
    const conversation = place(id);
    const kept: Kept = {
      order: ++this.#orderLast,
      client_msg_id: id,
      conversation,
      kind: draft.kind ?? 1,
      ...(draft.body === undefined ? { text: draft.text ?? "" } : { body: draft.body }),
      seen_seq: draft.seenSeq ?? 0,
      made_ms: nowMs,
      is_written: false,
    };
    const send = this.#outbox.push(kept, this.#nextId());
    const effects: Effect[] = [];
    if (this.isLoggedIn) this.#write(send, nowMs, effects);
    else effects.push({ do: "keep", send: kept });
    return { id, conversation, effects };
  }

  /** Asks something; the reply has the same number. Nothing if there is no session. */
  request(kind: string, value: object): { requestId: number; effects: Effect[] } | undefined {
    if (!this.isLoggedIn) return undefined;
    const requestId = this.#nextId();
    if (kind === "logout") {
      this.#phase = "leaving";
      value = { generation: this.#generation };
    }
    return { requestId, effects: [this.#say({ id: requestId, [kind]: value })] };
  }

  /** Tells the peer of a chat of two what the user does, at once or not at all, and no more often than the server passes on. */
  signal(conversation: Conversation, kind: number, nowMs: number): Effect[] {
    if (!this.#hasSignals || !this.isLoggedIn || conversation.kind !== 1) return [];
    const key = keyOf(conversation);
    const former = this.#signaled?.key === key ? this.#signaled : undefined;
    const hasStopped = kind === SIGNAL_STOPPED;
    const isDue = hasStopped ? former && !former.hasStopped : !former || nowMs >= former.atMs + SIGNAL_REST_MS;
    if (!isDue) return [];
    this.#signaled = { key, atMs: (hasStopped && former?.atMs) || nowMs, hasStopped };
    return [this.#say({ signal: { conversation, kind } })];
  }

  /** A message of the server. */
  onMessage(text: string, nowMs: number): Effect[] {
    const out: Effect[] = [];
    let said: Said;
    try {
      said = JSON.parse(text);
    } catch {
      return [{ do: "close", next: "again", code: 0, text: "the server said what is no JSON" }];
    }
    this.#isSilent = false;
    const before = this.#inbox.cursor;
    this.#isReset = false;
    const kind = Object.keys(said).find((key) => key !== "id") ?? "";
    const isLate = this.#phase === "logging in" && !BEFORE_LOGIN.has(kind);
    if (!isLate) this.#hear(kind, said, nowMs, out);
    if (this.#inbox.cursor !== before || this.#isReset) {
      out.push({ do: "cursor", position: this.#inbox.position });
    }
    return out;
  }

  /** The connection closed, with a code as WebSocket has it. What follows from it, unless more was said before. */
  onClosed(closeCode: number, reason: string): { next: Next; code: number; text: string } {
    const code = closeCode > 4_000 && closeCode < 5_000 ? closeCode - 4_000 : 0;
    return { next: nextOf(code), code, text: reason };
  }

  #hear(kind: string, said: Said, nowMs: number, out: Effect[]): void {
    const requestId = said.id ?? 0;
    const it = said[kind];
    switch (kind) {
      case "hello_reply":
        this.#heartbeatMs = Math.max(it.heartbeat_ms, HEARTBEAT_MS_MIN);
        this.#hasSignals = (BigInt(it.features ?? "0") & FEATURE_SIGNALS) !== 0n;
        return this.#hearClock(it.server_time_ms, nowMs);
      case "login_reply":
        return this.#onLoginReply(it, nowMs, out);
      case "heartbeat":
        out.push(this.#say({ heartbeat_reply: { time_ms: it.time_ms, inbox_epoch: "0", inbox_head: 0 } }));
        return;
      case "heartbeat_reply":
        this.#hearClock(it.server_time_ms, nowMs);
        return this.#onHead(it, nowMs, out);
      case "inbox_head":
        return this.#onHead(it, nowMs, out);
      case "send_ack":
        return this.#onSendAck(requestId, it, nowMs, out);
      case "push":
        return this.#onPush(it, nowMs, out);
      case "sync_page":
        // One of a sync that was given up says nothing.
        if (this.#inbox.isSync(requestId)) this.#onSyncPage(it, nowMs, out);
        return;
      case "signal":
        out.push({ do: "signal", signal: it });
        return;
      case "refusal":
        return this.#onRefusal(requestId, it, nowMs, out);
      case "going_away":
        return this.#onGoingAway(it, out);
      case "session_end": {
        this.#reconnect.hint(it.wait_ms, it.jitter_ms);
        const next: Next = it.next === 2 ? "stop" : it.next === 1 ? "token" : "again";
        out.push({ do: "close", next, code: it.code, text: it.text });
        return;
      }
      default:
        // The reply to a request, or what a later release says.
        if (requestId > 0) out.push({ do: "reply", requestId, kind, value: it });
    }
  }

  #onLoginReply(it: any, nowMs: number, out: Effect[]): void {
    this.#phase = "logged in";
    [this.#uid, this.#generation] = [it.uid, it.generation];
    this.#hearClock(it.server_time_ms, nowMs);
    // Clients that came back together do not stay together.
    this.#heartbeatDueMs = nowMs + (this.#heartbeatMs * (1 + this.#random())) / 2;
    this.#watchMs = this.#heartbeatDueMs;
    this.#isReset = this.#inbox.epoch !== it.inbox_epoch;
    if (this.#inbox.onLogin(it.inbox_epoch, it.inbox_head, it.cursor)) {
      [this.#stored, this.#acked, this.#isReset] = [0, 0, true];
      out.push({ do: "reset", epoch: it.inbox_epoch });
    }
    out.push({ do: "logged in", uid: it.uid });
    this.#hearTail(it.inbox_tail, out);
    for (const send of this.#outbox.untimely(this.#serverMs(nowMs))) this.#rename(send, nowMs, out);
    for (const send of this.#outbox.renew()) this.#write(send, nowMs, out);
    this.#inbox.expectPushes(nowMs + PUSHES_TIMEOUT_MS);
    if (this.#inbox.isSynced()) out.push({ do: "synced" });
  }

  /** The server says how far the inbox reaches. */
  #onHead(it: any, nowMs: number, out: Effect[]): void {
    if (it.inbox_epoch !== this.#inbox.epoch) this.#resetTo(it.inbox_epoch, out);
    this.#inbox.sawHead(it.inbox_head);
    this.#syncIfBehind(nowMs, out);
  }

  #onSendAck(requestId: number, it: any, nowMs: number, out: Effect[]): void {
    const isNext = this.#inbox.onOwnRow(it.inbox_seq, it.message_id);
    // A send that was repeated is acked twice.
    const send = this.#outbox.take(requestId)?.kept;
    if (send) {
      const message: Message = {
        inbox_seq: it.inbox_seq,
        conversation: send.conversation,
        seq: it.seq,
        number: 0,
        sender: this.#uid,
        message_id: it.message_id,
        time_ms: it.time_ms,
        client_msg_id: send.client_msg_id,
        kind: send.kind,
        ...(send.body === undefined ? { text: send.text ?? "" } : { body: send.body }),
      };
      out.push({ do: "acked", message });
    }
    if (isNext && this.#inbox.expectsPushes()) this.#onMissedRow(nowMs, out);
  }

  #onPush(it: any, nowMs: number, out: Effect[]): void {
    const message: Message = it.message;
    switch (this.#inbox.onPush(it.previous, message.inbox_seq, message.message_id)) {
      case "next": {
        const isMissed = this.#inbox.expectsPushes();
        if (this.#inbox.isSynced()) this.#acks.owe(nowMs);
        else this.#acks.oweNow(nowMs);
        this.#handOver(message, isMissed, out);
        if (isMissed) this.#onMissedRow(nowMs, out);
        return;
      }
      case "duplicate":
        this.#acked = 0;
        this.#acks.oweNow(nowMs);
        return this.#ackIfDue(nowMs, out);
      case "gap":
        return this.#syncIfBehind(nowMs, out);
      case "dropped":
    }
  }

  /** A row is a message, or a mark, which is in inboxes only and has another's `seq`. Of what comes later nothing is known. */
  #handOver(message: Message, isMissed: boolean, out: Effect[]): void {
    const { kind, conversation, seq, number } = message;
    if (kind === MARK_READ || kind === MARK_HIDDEN) {
      out.push({ do: "mark", conversation, seq, unread: number, isHidden: kind === MARK_HIDDEN });
    } else if (kind === 1 || (kind >= GROUP_CREATED && kind <= GROUP_LAST)) {
      out.push({ do: "message", message, isMissed });
    }
  }

  /** One of the rows that were missed while this device was away is here. */
  #onMissedRow(nowMs: number, out: Effect[]): void {
    this.#inbox.forgetSync();
    this.#inbox.expectPushes(nowMs + PUSHES_TIMEOUT_MS);
    if (this.#inbox.isSynced()) out.push({ do: "synced" });
  }

  #onSyncPage(it: any, nowMs: number, out: Effect[]): void {
    if (it.inbox_epoch !== this.#inbox.epoch) {
      this.#resetTo(it.inbox_epoch, out);
      this.#inbox.sawHead(it.inbox_head);
      return this.#syncIfBehind(nowMs, out);
    }
    this.#inbox.sawHead(it.inbox_head);
    this.#hearTail(it.inbox_tail, out);
    const rows: Message[] = it.messages;
    for (const message of rows) {
      const cursor = this.#inbox.onSyncRow(message.inbox_seq, message.message_id);
      if (cursor === undefined) continue;
      if (message.inbox_seq > cursor + 1) {
        out.push({ do: "missing", after: cursor, before: message.inbox_seq });
      }
      this.#handOver(message, true, out);
    }
    const skipped = this.#inbox.onSyncEnd(rows.at(-1)?.inbox_seq ?? 0, it.inbox_head);
    if (skipped) out.push({ do: "missing", after: skipped[0], before: skipped[1] + 1 });
    this.#acks.oweNow(nowMs);
    this.#syncIfBehind(nowMs, out);
    if (this.#inbox.isSynced()) out.push({ do: "synced" });
  }

  #onRefusal(requestId: number, it: any, nowMs: number, out: Effect[]): void {
    const { code, text, retry_after_ms: retryAfterMs } = it;
    if (this.#phase === "logging in" || (requestId === 0 && endsConnection(code)) || ALWAYS_ENDS.has(code)) {
      this.#reconnect.hint(retryAfterMs, 0);
      out.push({ do: "close", next: nextOf(code), code, text });
      return;
    }
    const knowsClock = (it.server_time_ms ?? 0) !== 0;
    this.#hearClock(it.server_time_ms, nowMs);
    const isOfTime = code === Code.IdTooOld || code === Code.IdInFuture;
    const renamed = knowsClock && isOfTime ? this.#outbox.renamable(requestId) : undefined;
    if (renamed) this.#rename(renamed, nowMs, out);
    if (renamed || isRetryable(code, retryAfterMs)) {
      const waitMs = renamed ? 0 : retryAfterMs;
      const isEarly = !renamed && code === Code.IdInFuture;
      const send = this.#outbox.postpone(requestId, nowMs, waitMs, isEarly);
      if (send) out.push({ do: "postponed", send: send.kept, code, text });
      if (send) return;
    } else {
      const send = this.#outbox.take(requestId);
      if (send) out.push({ do: "failed", send: send.kept, code, text });
      if (send) return;
    }
    if (this.#inbox.isSync(requestId)) {
      // Whatever the reason: rows are missing, so it is asked again.
      const waitMs = Math.min(Math.max(retryAfterMs, REFUSED_WAIT_MS), ACK_TIMEOUT_MS_MAX);
      this.#inbox.syncDueMs = nowMs + waitMs;
      return;
    }
    if (requestId > 0) out.push({ do: "reply", requestId, kind: "refusal", value: it });
  }

  #onGoingAway(it: any, out: Effect[]): void {
    const next = nextOf(it.code);
    this.#reconnect.hint(it.reconnect_after_ms, it.jitter_ms);
    if (next !== "again") {
      out.push({ do: "close", next, code: it.code, text: it.name ?? "" });
      return;
    }
    if (this.#phase === "logged in") this.#phase = "leaving";
    out.push({ do: "going away" });
  }

  #resetTo(epoch: string, out: Effect[]): void {
    this.#inbox.reset(epoch);
    [this.#stored, this.#acked, this.#isReset] = [0, 0, true];
    out.push({ do: "reset", epoch });
  }

  #hearTail(tail: number | undefined, out: Effect[]): void {
    const gone = tail ? this.#inbox.onTail(tail) : undefined;
    if (gone) out.push({ do: "missing", after: gone[0], before: gone[1] });
  }

  #hearClock(serverMs: number | undefined, nowMs: number): void {
    if (!serverMs) return;
    this.#clockOffsetMs = serverMs - nowMs;
    this.#outbox.onClock(serverMs, nowMs);
  }

  #serverMs(nowMs: number): number {
    return nowMs + this.#clockOffsetMs;
  }

  #newId(nowMs: number): string {
    const random = Uint8Array.from({ length: 10 }, () => Math.floor(this.#random() * 256));
    return uuidv7(Math.floor(this.#serverMs(nowMs)), random);
  }

  #rename(send: Pending, nowMs: number, out: Effect[]): void {
    const former = send.kept.client_msg_id;
    this.#outbox.rename(send, this.#newId(nowMs));
    out.push({ do: "keep", send: send.kept, former });
  }

  #write(send: Pending, nowMs: number, out: Effect[]): void {
    const isFirst = this.#outbox.wrote(send, nowMs);
    const { client_msg_id, conversation, kind, text, body, seen_seq } = send.kept;
    // It is kept as written before it is: afterwards nobody may be there to say so.
    if (isFirst) out.push({ do: "keep", send: send.kept });
    const what = body === undefined ? { text } : { body };
    const more = { ...(kind === 1 ? {} : { kind }), ...(seen_seq > 0 ? { seen_seq } : {}) };
    out.push(this.#say({ id: send.requestId, send: { conversation, client_msg_id, ...what, ...more } }));
  }

  #heartbeat(nowMs: number, out: Effect[]): void {
    this.#isSilent = true;
    this.#heartbeatDueMs = nowMs + this.#heartbeatMs;
    this.#watchMs = Math.min(nowMs + HEARTBEAT_REPLY_MS, this.#heartbeatDueMs);
    out.push(this.#say({ id: this.#nextId(), heartbeat: { time_ms: Math.floor(nowMs) } }));
    if (this.isLoggedIn) this.#syncIfBehind(nowMs, out);
  }

  #syncIfBehind(nowMs: number, out: Effect[]): void {
    if (!this.isLoggedIn || !this.#inbox.wantsSync()) return;
    const requestId = this.#nextId();
    this.#inbox.onSyncAsked(requestId, nowMs + SYNC_TIMEOUT_MS);
    out.push(this.#say({ id: requestId, sync: { cursor: this.#inbox.cursor, limit: PAGE_ROWS_MAX } }));
  }

  #ackIfDue(nowMs: number, out: Effect[]): void {
    if (this.#acks.dueMs > nowMs) return;
    if (this.#phase !== "logged in" && this.#phase !== "leaving") return;
    if (this.#stored > this.#acked) {
      this.#acked = this.#stored;
      out.push(this.#say({ push_ack: { inbox_seq: this.#stored } }));
    }
    // What the store does not have yet stays due.
    if (this.#stored === this.#inbox.cursor) this.#acks.forget();
  }

  #say(object: object): Effect {
    return { do: "say", text: JSON.stringify(object) };
  }

  #nextId(): number {
    return ++this.#requestIdLast;
  }
}

/** What may come before the login is answered. */
const BEFORE_LOGIN = new Set(["hello_reply", "login_reply", "refusal", "going_away", "session_end", "heartbeat"]);
/** Codes that end a connection whichever request they answer. */
const ALWAYS_ENDS = new Set([1, 2, 3, 17, 18, 20, 21, 28]);
