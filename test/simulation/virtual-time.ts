/**
 * The clock and scheduler of a simulated run: what is due next happens next, and in between every promise that can settle
 * has settled. Things due at the same moment happen in an order that the seed decides.
 *
 * Nothing here waits in real time: the microtask queue is known to be empty when a `nextTick` callback runs, because Node
 * drains it before it looks at the tick queue again. So one run is the same every time.
 */
import type { Clock, Timer } from '../../src/watch/clock.ts';
import type { Random } from './random.ts';

interface Entry {
  readonly atMs: number;
  readonly tie: number;
  wake: (() => void) | undefined;
}

export class VirtualTime implements Clock {
  readonly #random: Random;
  readonly #heap: Entry[] = [];
  #nowMs = 1_000_000;
  /** Something that the code under test awaits may have settled since the last drain. */
  #touched = true;
  /** Timers that the code under test has set and that neither fired nor were cancelled. */
  timers = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  now(): number {
    return this.#nowMs;
  }

  random(): number {
    return this.#random.next();
  }

  timer(delayMs: number, wake: () => void): Timer {
    this.timers++;
    const entry = this.#push(delayMs, () => {
      this.timers--;
      this.#touched = true;
      wake();
    });
    return {
      cancel: () => {
        if (entry.wake === undefined) return;
        entry.wake = undefined;
        this.timers--;
      },
    };
  }

  turn(): Promise<void> {
    return new Promise((resolve) => {
      this.after(this.#random.chance(0.8) ? 0 : this.#random.between(0, 2), () => {
        this.touch();
        resolve();
      });
    });
  }

  /** For the simulated world, whose timers are not counted. */
  after(delayMs: number, wake: () => void): void {
    this.#push(delayMs, wake);
  }

  /** Says that promises are about to settle. */
  touch(): void {
    this.#touched = true;
  }

  /** Lets time pass until `done`, or for `limitMs`; whether it is done. */
  async until(done: () => boolean, limitMs: number): Promise<boolean> {
    const endsAtMs = this.#nowMs + limitMs;
    this.#touched = true;
    for (;;) {
      while (this.#touched) {
        this.#touched = false;
        await settled();
      }
      if (done()) return true;
      const next = this.#heap[0];
      if (next === undefined || next.atMs > endsAtMs) {
        this.#nowMs = Math.max(this.#nowMs, endsAtMs);
        return false;
      }
      this.#pop();
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      const { wake } = next;
      next.wake = undefined;
      wake?.();
    }
  }

  pass(durationMs: number): Promise<boolean> {
    return this.until(never, durationMs);
  }

  #push(delayMs: number, wake: () => void): Entry {
    const atMs = this.#nowMs + Math.max(0, delayMs);
    const entry = { atMs, tie: this.#random.next(), wake };
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(entry, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = entry;
    return entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
      if (!before(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.tie < b.tie);
}

function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

const never = (): boolean => false;
