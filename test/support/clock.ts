/**
 * A clock that stands still until it is told to move. Timers fire in order of their time, and between two of them the
 * event loop turns, so that what a timer started can set its own. Promises and sockets are real.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, Timer } from '../../src/watch/clock.ts';

interface Pending {
  readonly atMs: number;
  readonly order: number;
  readonly wake: () => void;
}

export class FakeClock implements Clock {
  #nowMs = 1_000_000;
  #order = 0;
  #timers: Pending[] = [];
  /** What random() gives, in turn; then again from the start. */
  readonly #chances: readonly number[];
  #chance = 0;

  constructor(chances: readonly number[] = [0.5]) {
    this.#chances = chances;
  }

  now(): number {
    return this.#nowMs;
  }

  timer(delayMs: number, wake: () => void): Timer {
    const pending = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, wake };
    this.#timers.push(pending);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((timer) => timer !== pending);
      },
    };
  }

  async turn(): Promise<void> {
    await nextTurn();
  }

  random(): number {
    return this.#chances[this.#chance++ % this.#chances.length];
  }

  /** Delays of all pending timers from now, shortest first. */
  get pending(): number[] {
    return this.#timers.map((timer) => timer.atMs - this.#nowMs).sort((a, b) => a - b);
  }

  /** Moves time forward, firing what falls due on the way. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      await nextTurn();
      const due = this.#timers
        .filter((timer) => timer.atMs <= untilMs)
        .sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.wake();
    }
    this.#nowMs = untilMs;
    await nextTurn();
  }
}

/** Lets the event loop turn until `condition` holds; fails with `what` when it never does. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  // Bounded by real time only against a hanging test; nothing is measured.
  const endsAt = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > endsAt) throw new Error(`never happened: ${what}`);
    await nextTurn();
  }
}
