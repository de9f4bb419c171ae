/**
 * How often upstream is asked about one resource: a bucket of calls that fills at a steady rate. A reader who comes
 * alone finds a call in it and waits for nothing; a crowd shares what the rate allows. In any second at most
 * `burst + perSecond` calls are taken.
 */

import type { Clock } from './clock.ts';

export interface PaceLimits {
  readonly perSecond: number;
  /** Calls that may be made at once after a rest. */
  readonly burst: number;
}

/** At most 50 in any second (apiserver-semantics 12.2), most of them as a steady rate, which is what a crowd waits for. */
export const DEFAULT_PACE: PaceLimits = Object.freeze({ perSecond: 40, burst: 10 });

const MS_PER_SECOND = 1_000;

export class CallPace {
  readonly #clock: Clock;
  readonly #limits: PaceLimits;
  #calls: number;
  #filledAtMs: number;

  constructor(clock: Clock, limits: PaceLimits = DEFAULT_PACE) {
    this.#clock = clock;
    this.#limits = limits;
    this.#calls = limits.burst;
    this.#filledAtMs = clock.now();
  }

  /** Until the next call may be taken; 0 when it may be now. Whole milliseconds, as timers have them. */
  delayMs(): number {
    this.#fill();
    if (this.#calls >= 1) return 0;
    return Math.ceil(((1 - this.#calls) * MS_PER_SECOND) / this.#limits.perSecond);
  }

  take(): void {
    this.#fill();
    this.#calls--;
  }

  #fill(): void {
    const { perSecond, burst } = this.#limits;
    const nowMs = this.#clock.now();
    const filled = this.#calls + ((nowMs - this.#filledAtMs) * perSecond) / MS_PER_SECOND;
    this.#calls = Math.min(burst, filled);
    this.#filledAtMs = nowMs;
  }
}
