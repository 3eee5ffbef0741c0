// Acknowledgements of pushes, gathered: so many rows, or so long, or until something else is written anyway. Only what is
// stored is acknowledged: the server may forget the rest.

import { ACK_DELAY_MS, ACK_ROWS_MAX } from "./limits.js";

export class Acks {
  /** When what is owed is written at the latest. */
  dueMs = Infinity;
  /** Nothing is gathered: who waits says nothing more before. */
  isEach = false;
  #rows = 0;

  /** A pushed row was taken, and the server waits for nothing. */
  owe(nowMs: number): void {
    this.#rows += 1;
    this.dueMs = Math.min(this.dueMs, this.#rows < ACK_ROWS_MAX && !this.isEach ? nowMs + ACK_DELAY_MS : nowMs);
  }

  /** The server waits: it repeats a push, or has more rows than it may push. */
  oweNow(nowMs: number): void {
    this.dueMs = Math.min(this.dueMs, nowMs);
  }

  forget(): void {
    [this.dueMs, this.#rows] = [Infinity, 0];
  }
}
