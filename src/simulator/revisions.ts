/**
 * Revisions: the one counter of the simulated store, as etcd's.
 *
 * Every write takes the next number, whatever its resource. Readers may wait for a revision that
 * has not been reached yet; the number of waiters is bounded by the open requests.
 */
import type { Revision } from '../k8s/revision.ts';

interface Waiter {
  readonly revision: Revision;
  readonly wake: (reached: boolean) => void;
}

export class Revisions {
  #current: Revision;
  readonly #waiters = new Set<Waiter>();

  constructor(first: Revision) {
    this.#current = first;
  }

  /** Of the newest write. */
  get current(): Revision {
    return this.#current;
  }

  next(): Revision {
    return this.take(1);
  }

  /** Takes `count` numbers at once and returns the first of them. */
  take(count: number): Revision {
    const first = this.#current + 1;
    this.#current += count;
    for (const waiter of this.#waiters) {
      if (waiter.revision <= this.#current) waiter.wake(true);
    }
    return first;
  }

  /** Whether the revision was reached within the time. */
  waitFor(revision: Revision, timeoutMs: number): Promise<boolean> {
    if (revision <= this.#current) return Promise.resolve(true);
    return new Promise((resolve) => {
      const wake = (reached: boolean): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        resolve(reached);
      };
      const waiter: Waiter = { revision, wake };
      const timer = setTimeout(wake, timeoutMs, false);
      this.#waiters.add(waiter);
    });
  }
}
