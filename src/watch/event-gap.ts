/**
 * How long the next event of a lane is to be waited for, guessed from the last ones. Only ever used to choose the cheaper
 * of two proofs, never as a proof.
 */

import type { Clock } from './clock.ts';

/** Weight of the newest gap: a dozen events tell a lane that woke up from one that rests. */
const WEIGHT = 1 / 4;
/** Longer gaps all mean the same: no use in waiting. */
const LONGEST_MS = 300;

export class EventGap {
  readonly #clock: Clock;
  #lastAtMs = Number.NEGATIVE_INFINITY;
  #meanMs = LONGEST_MS;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** An event came. */
  happened(): void {
    const nowMs = this.#clock.now();
    const gapMs = Math.min(LONGEST_MS, nowMs - this.#lastAtMs);
    this.#lastAtMs = nowMs;
    this.#meanMs += (gapMs - this.#meanMs) * WEIGHT;
  }

  get expectedMs(): number {
    return Math.max(this.#meanMs, Math.min(LONGEST_MS, this.#clock.now() - this.#lastAtMs));
  }
}
