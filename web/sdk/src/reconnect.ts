// When to connect again: full jitter over a doubling bound, or what the server asked for. It does not know why the
// connection went.

import { RECONNECT_HINT_MS_MAX, RECONNECT_MS, RECONNECT_MS_MAX } from "./limits.js";

export class Reconnect {
  #afterMs = 0;
  #jitterMs = 0;
  #failures = 0;

  /** The server's hint, for the next delay only. */
  hint(afterMs: number, jitterMs: number): void {
    [this.#afterMs, this.#jitterMs] = [afterMs, jitterMs];
  }

  /** The connection proved good: the next delay is small again. */
  provedGood(): void {
    this.#failures = 0;
  }

  /** `random` gives 0 up to 1. */
  delayMs(random: () => number): number {
    const bound = Math.min(RECONNECT_MS * 2 ** Math.min(this.#failures, 16), RECONNECT_MS_MAX);
    const jitter = this.#jitterMs > 0 ? Math.min(this.#jitterMs, RECONNECT_HINT_MS_MAX) : bound;
    const after = Math.min(this.#afterMs, RECONNECT_HINT_MS_MAX);
    this.hint(0, 0);
    this.#failures += 1;
    return after + Math.floor(random() * (jitter + 1));
  }
}
