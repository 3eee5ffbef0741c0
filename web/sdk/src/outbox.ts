// Sends until they are acked: kept, written, repeated with the same id. It knows when a send is due, not whether there is a
// connection.
//
// A send gets another id only while it is certain that nobody stored it: it was never written, or written once, and that was
// refused.

import { ACK_TIMEOUT_MS, ACK_TIMEOUT_MS_MAX, CLOCK_SKEW_MS_MAX, ID_AGE_MS_MAX, REFUSED_WAIT_MS } from "./limits.js";
import { timeOf } from "./uuid.js";
import { type Conversation, GROUP_CREATED } from "./wire.js";

/** A send, as a store keeps it over reloads. */
export interface Kept {
  /** Its place among the sends of this device. */
  order: number;
  client_msg_id: string;
  conversation: Conversation;
  kind: number;
  text?: string;
  body?: string;
  /** The last message that was on the screen. */
  seen_seq: number;
  /** When it was made, on this device's clock. */
  made_ms: number;
  /** It may have been written to a connection. */
  is_written: boolean;
}

type State = "queued" | "in flight" | "refused" | "early";

export interface Pending {
  requestId: number;
  kept: Kept;
  dueMs: number;
  state: State;
  /** Times it was repeated on this connection. */
  repeats: number;
  /** Times it was written with this id, as far as is known. */
  written: number;
}

function doubled(waitMs: number, times: number): number {
  return Math.min(waitMs * 2 ** Math.min(times, 16), ACK_TIMEOUT_MS_MAX);
}

/** Whether a server takes an id of this time when its clock shows `serverMs`, with half of the age to spare. */
function isTimely(id: string, serverMs: number): boolean {
  const madeMs = timeOf(id);
  return madeMs <= serverMs + CLOCK_SKEW_MS_MAX && madeMs + ID_AGE_MS_MAX / 2 >= serverMs;
}

export class Outbox {
  /** Ascending by order. */
  #sends: Pending[] = [];

  get length(): number {
    return this.#sends.length;
  }

  all(): readonly Pending[] {
    return this.#sends;
  }

  push(kept: Kept, requestId: number): Pending {
    // What was written before a reload may have been written often.
    const written = kept.is_written ? 2 : 0;
    const send: Pending = { requestId, kept, dueMs: Infinity, state: "queued", repeats: 0, written };
    this.#sends.push(send);
    return send;
  }

  dueMs(): number {
    return this.#sends.reduce((least, send) => Math.min(least, send.dueMs), Infinity);
  }

  /** Whether a written send still waits for its ack. */
  isInFlight(): boolean {
    return this.#sends.some((send) => send.state === "in flight");
  }

  /** A send is written now. Whether that is the first time. */
  wrote(send: Pending, nowMs: number): boolean {
    const isFirst = !send.kept.is_written;
    send.state = "in flight";
    send.written += 1;
    send.kept = { ...send.kept, is_written: true };
    send.dueMs = nowMs + doubled(ACK_TIMEOUT_MS, send.repeats);
    return isFirst;
  }

  /** A connection is new: all are to be written, in order. */
  renew(): readonly Pending[] {
    for (const send of this.#sends) send.repeats = 0;
    return this.#sends;
  }

  /** What is to be written again. */
  due(nowMs: number): Pending[] {
    const due = this.#sends.filter((send) => send.dueMs <= nowMs);
    for (const send of due) if (send.state === "in flight") send.repeats += 1;
    return due;
  }

  /** Ends a send; nothing if it ended before. */
  take(requestId: number): Pending | undefined {
    const at = this.#sends.findIndex((send) => send.requestId === requestId);
    return at < 0 ? undefined : this.#sends.splice(at, 1)[0];
  }

  /** Sends that were never written and would be refused for the time in their ids. */
  untimely(serverMs: number): Pending[] {
    return this.#sends.filter(
      (send) =>
        send.written === 0 && mayBeRenamed(send) && !isTimely(send.kept.client_msg_id, serverMs),
    );
  }

  /** The send that was refused for its time, the only time that it was written: it cannot be stored. */
  renamable(requestId: number): Pending | undefined {
    const send = this.#find(requestId);
    return send && send.written === 1 && mayBeRenamed(send) ? send : undefined;
  }

  rename(send: Pending, id: string): void {
    send.kept = { ...send.kept, client_msg_id: id, is_written: false };
    send.written = 0;
  }

  /** A send was refused for now. Nothing if it ended before. */
  postpone(requestId: number, nowMs: number, retryAfterMs: number, isEarly: boolean): Pending | undefined {
    const send = this.#find(requestId);
    if (!send) return undefined;
    send.dueMs = nowMs + Math.max(doubled(REFUSED_WAIT_MS, send.repeats), retryAfterMs);
    send.repeats += 1;
    send.state = isEarly ? "early" : "refused";
    return send;
  }

  /** The server's clock is known anew: what was ahead of it is due when it has come so far. */
  onClock(serverMs: number, nowMs: number): void {
    for (const send of this.#sends) {
      if (send.state !== "early") continue;
      const ahead = timeOf(send.kept.client_msg_id) - CLOCK_SKEW_MS_MAX - serverMs;
      send.dueMs = nowMs + Math.max(0, ahead);
    }
  }

  #find(requestId: number): Pending | undefined {
    return this.#sends.find((send) => send.requestId === requestId);
  }
}

/** A group is named by the id that makes it. */
function mayBeRenamed(send: Pending): boolean {
  return send.kept.kind !== GROUP_CREATED;
}
