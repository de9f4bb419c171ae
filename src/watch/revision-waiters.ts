/**
 * Who waits for a lane's frontier to reach a revision. Woken by whatever moves the lane; each wait has its own end.
 */

import type { Clock, Timer } from './clock.ts';

interface Waiter {
  readonly revision: number;
  readonly settle: (reached: boolean) => void;
  timer: Timer | undefined;
}

export class RevisionWaiters {
  readonly #clock: Clock;
  readonly #frontier: () => number;
  readonly #max: number;
  readonly #waiters = new Set<Waiter>();
  /** The lowest revision waited for, so that most wake-ups cost one comparison. */
  #lowest = Number.POSITIVE_INFINITY;

  /** @param max further waits fail at once. */
  constructor(clock: Clock, frontier: () => number, max: number) {
    this.#clock = clock;
    this.#frontier = frontier;
    this.#max = max;
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** True as soon as the frontier is at `revision` or beyond; false after `timeoutMs`. */
  wait(revision: number, timeoutMs: number): Promise<boolean> {
    if (this.#frontier() >= revision) return Promise.resolve(true);
    if (timeoutMs <= 0 || this.#waiters.size >= this.#max) return Promise.resolve(false);
    return new Promise((settle) => {
      const waiter: Waiter = { revision, settle, timer: undefined };
      waiter.timer = this.#clock.timer(timeoutMs, () => this.#finish(waiter, false));
      this.#waiters.add(waiter);
      this.#lowest = Math.min(this.#lowest, revision);
    });
  }

  /** The lane moved. */
  advanced(): void {
    const frontier = this.#frontier();
    if (frontier < this.#lowest) return;
    let lowest = Number.POSITIVE_INFINITY;
    for (const waiter of this.#waiters) {
      if (waiter.revision <= frontier) this.#finish(waiter, true);
      else lowest = Math.min(lowest, waiter.revision);
    }
    this.#lowest = lowest;
  }

  /** Nothing will move the lane any more, or not in time. */
  failAll(): void {
    for (const waiter of this.#waiters) this.#finish(waiter, false);
    this.#lowest = Number.POSITIVE_INFINITY;
  }

  #finish(waiter: Waiter, reached: boolean): void {
    waiter.timer?.cancel();
    this.#waiters.delete(waiter);
    waiter.settle(reached);
  }
}
