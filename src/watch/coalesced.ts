/**
 * Shares one kind of upstream call among everybody who needs an answer that was asked for after they came.
 *
 * Who comes while calls are in flight may not use their answers, because they were sent earlier. He starts a call of his
 * own as long as there is room and the pace allows it; else one call is queued, and everybody who comes before it starts
 * shares it.
 */

import type { CallPace } from './call-pace.ts';
import type { Clock } from './clock.ts';

export interface CoalescedOptions {
  readonly clock: Clock;
  readonly pace: CallPace;
  readonly maxInFlight: number;
  /** Least rest between the end of a call and the start of the next, by how long it took. Default none. */
  readonly restMs?: (tookMs: number) => number;
}

export class Coalesced<T> {
  readonly #call: () => Promise<T>;
  readonly #options: CoalescedOptions;
  #inFlight = 0;
  #queued: Promise<T> | undefined;
  /** Wakes the queued call when one in flight has ended. */
  #onEnd: (() => void) | undefined;
  #restsUntilMs = Number.NEGATIVE_INFINITY;
  /** Calls made. */
  calls = 0;

  constructor(call: () => Promise<T>, options: CoalescedOptions) {
    this.#call = call;
    this.#options = options;
  }

  /** The result of a call that starts now or later. */
  join(): Promise<T> {
    if (this.#queued !== undefined) return this.#queued;
    if (this.#hasRoom() && this.#waitMs() <= 0) return this.#start();
    // Not in this turn: should the pace allow it by now, it would begin before it is noted as queued, and stay noted.
    this.#queued = Promise.resolve().then(() => this.#later());
    return this.#queued;
  }

  async #later(): Promise<T> {
    for (;;) {
      if (!this.#hasRoom()) {
        await new Promise<void>((wake) => (this.#onEnd = wake));
        continue;
      }
      const waitMs = this.#waitMs();
      if (waitMs <= 0) break;
      await new Promise<void>((wake) => this.#options.clock.timer(waitMs, wake));
    }
    this.#queued = undefined;
    return this.#start();
  }

  #hasRoom(): boolean {
    return this.#inFlight < this.#options.maxInFlight;
  }

  #waitMs(): number {
    const { clock, pace } = this.#options;
    return Math.max(pace.delayMs(), this.#restsUntilMs - clock.now());
  }

  async #start(): Promise<T> {
    const { clock, pace, restMs } = this.#options;
    const startedAtMs = clock.now();
    this.calls++;
    this.#inFlight++;
    pace.take();
    try {
      return await this.#call();
    } finally {
      const endedAtMs = clock.now();
      this.#inFlight--;
      if (restMs !== undefined) this.#restsUntilMs = endedAtMs + restMs(endedAtMs - startedAtMs);
      this.#onEnd?.();
      this.#onEnd = undefined;
    }
  }
}
