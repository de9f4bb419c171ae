/**
 * Shares one kind of upstream call among everybody who needs an answer that was asked for after they came.
 *
 * At most one call is in flight and one is queued: who comes while a call is in flight may not use its answer, because it
 * was sent earlier, so all of them share the next. Starts are at least `spacingMs` apart.
 */

import type { Clock } from './clock.ts';

export class Coalesced<T> {
  readonly #call: () => Promise<T>;
  readonly #clock: Clock;
  readonly #spacingMs: () => number;
  #inFlight: Promise<T> | undefined;
  #queued: Promise<T> | undefined;
  #startedAtMs = Number.NEGATIVE_INFINITY;
  /** Calls made. */
  calls = 0;

  constructor(call: () => Promise<T>, clock: Clock, spacingMs: () => number) {
    this.#call = call;
    this.#clock = clock;
    this.#spacingMs = spacingMs;
  }

  /** The result of a call that starts now or later. */
  join(): Promise<T> {
    if (this.#queued !== undefined) return this.#queued;
    const waitMs = this.#startedAtMs + this.#spacingMs() - this.#clock.now();
    if (this.#inFlight === undefined && waitMs <= 0) return this.#start();
    this.#queued = this.#later();
    return this.#queued;
  }

  async #later(): Promise<T> {
    // Its own callers see how it ended.
    await this.#inFlight?.catch(() => {});
    const waitMs = this.#startedAtMs + this.#spacingMs() - this.#clock.now();
    if (waitMs > 0) await new Promise<void>((wake) => this.#clock.timer(waitMs, wake));
    this.#queued = undefined;
    return this.#start();
  }

  #start(): Promise<T> {
    this.calls++;
    this.#startedAtMs = this.#clock.now();
    const started = this.#call().finally(() => {
      if (this.#inFlight === started) this.#inFlight = undefined;
    });
    this.#inFlight = started;
    return started;
  }
}
