// Which inbox rows are new, which are known, which are missing. The one place that moves the cursor. It asks for nothing
// itself: the machine sees in `wantsSync` that rows are missing.

import type { Id } from "./wire.js";

/** How far a device has an inbox: what is stored with the messages, and told at a login. */
export interface Position {
  /** The last row; 0: none. */
  cursor: number;
  /** The inbox's; "0": the device has nothing. */
  epoch: Id;
  /** The `message_id` of the row at the cursor; "0": not known. */
  messageId: Id;
}

/** Nothing is here. */
export const NOTHING: Position = { cursor: 0, epoch: "0", messageId: "0" };

/** Stands for a sync while missed rows are pushed: no request has it. */
const PUSHES = -1;

export type Pushed = "next" | "duplicate" | "gap" | "dropped";

export class Inbox {
  /** The last row known to exist. At least the cursor. */
  #head: number;
  #syncFrom: number;
  /** The sync in flight or to be repeated; 0: none. */
  #syncId = 0;
  /** When to ask again. */
  syncDueMs = Infinity;

  /** The last row of the unbroken run that is here. */
  cursor: number;
  epoch: Id;
  /** What is at the cursor; "0": not known. */
  messageId: Id;

  constructor({ cursor, epoch, messageId }: Position) {
    [this.cursor, this.epoch, this.messageId] = [cursor, epoch, messageId];
    [this.#head, this.#syncFrom] = [cursor, cursor];
  }

  get position(): Position {
    return { cursor: this.cursor, epoch: this.epoch, messageId: this.messageId };
  }

  /** Takes a login's reply. True if the cursor was of another inbox, and was forgotten. */
  onLogin(epoch: Id, head: number, cursor: number): boolean {
    const isFresh = this.cursor === 0;
    const isReset = this.epoch !== epoch || cursor < this.cursor;
    if (isReset) this.reset(epoch);
    this.#jump(cursor);
    this.#head = Math.max(head, cursor);
    this.forgetSync();
    return isReset && !isFresh;
  }

  /** What is missing is being pushed: it is asked for only if that stops. */
  expectPushes(dueMs: number): void {
    if (this.#head > this.cursor) this.onSyncAsked(PUSHES, dueMs);
  }

  expectsPushes(): boolean {
    return this.#syncId === PUSHES;
  }

  /** Another inbox: from its first row. */
  reset(epoch: Id): void {
    this.#jump(0);
    [this.epoch, this.#head, this.#syncFrom] = [epoch, 0, 0];
    this.forgetSync();
  }

  sawHead(head: number): void {
    this.#head = Math.max(this.#head, head);
  }

  onPush(previous: number, row: number, messageId: Id): Pushed {
    this.sawHead(row);
    if (row <= this.cursor) return "duplicate";
    if (previous <= this.cursor) {
      [this.cursor, this.messageId] = [row, messageId];
      return "next";
    }
    return this.#syncId !== 0 ? "dropped" : "gap";
  }

  /** The row of a message that this device sent: if it is the next one, the cursor moves to it. Says so. */
  onOwnRow(row: number, messageId: Id): boolean {
    if (row !== this.cursor + 1) return false;
    [this.cursor, this.messageId] = [row, messageId];
    this.sawHead(row);
    return true;
  }

  /** A row of a page: the cursor before it, or nothing if it was known. */
  onSyncRow(row: number, messageId: Id): number | undefined {
    if (row <= this.cursor) return undefined;
    const before = this.cursor;
    [this.cursor, this.messageId] = [row, messageId];
    this.sawHead(row);
    return before;
  }

  /** Nothing below `tail` is there any more. The rows between which there are none, if this device lacks some of them. */
  onTail(tail: number): [number, number] | undefined {
    const lastGone = Math.min(tail - 1, this.#head);
    if (lastGone <= this.cursor) return undefined;
    const after = this.cursor;
    this.#jump(lastGone);
    return [after, lastGone + 1];
  }

  isSynced(): boolean {
    return this.#head === this.cursor;
  }

  wantsSync(): boolean {
    return this.#head > this.cursor && this.#syncId === 0;
  }

  isSync(requestId: number): boolean {
    return requestId > 0 && requestId === this.#syncId;
  }

  onSyncAsked(requestId: number, dueMs: number): void {
    [this.#syncFrom, this.#syncId, this.syncDueMs] = [this.cursor, requestId, dueMs];
  }

  forgetSync(): void {
    [this.#syncId, this.syncDueMs] = [0, Infinity];
  }

  /** The whole page was taken; `last` is its last row, 0 if it was empty. The rows between which there are none, if some
   * were skipped. */
  onSyncEnd(last: number, head: number): [number, number] | undefined {
    this.forgetSync();
    if (last > this.#syncFrom) {
      this.sawHead(head);
      return undefined;
    }
    // Nothing lies between where the sync began and the head.
    const skipped: [number, number] | undefined = head > this.cursor ? [this.cursor, head] : undefined;
    this.#jump(Math.max(this.cursor, head));
    this.#head = this.cursor;
    return skipped;
  }

  /** The cursor is there, without the row. */
  #jump(cursor: number): void {
    if (cursor !== this.cursor) [this.cursor, this.messageId] = [cursor, "0"];
  }
}
