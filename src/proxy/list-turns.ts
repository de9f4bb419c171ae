/**
 * Turns: whose LIST may write its next piece. A turn is for one piece and is over at the latest when the loop comes round,
 * so that a client that reads slowly never keeps one. Those who wait are served one of each identity, round and round:
 * with K identities waiting, K turns in a row are for K different ones, so that a piece waits for at most K - 1 pieces of
 * others (and those being written as it came), however many LISTs one of them sent.
 *
 * It also counts the LISTs under way, in all and for each identity, since each holds a buffer until its client took it.
 */
import { Shares } from './shares.ts';

export interface ListLimits {
  /** Pieces being written at the same time. */
  readonly maxConcurrent: number;
  /** LISTs under way that hold, or wait for, a buffer. */
  readonly maxLists: number;
  readonly maxListsPerIdentity: number;
  /** A client that takes nothing for this long is let go. */
  readonly stallMs: number;
}

export const DEFAULT_LIST_LIMITS: ListLimits = Object.freeze({
  maxConcurrent: 8,
  maxLists: 2_048,
  maxListsPerIdentity: 256,
  stallMs: 60_000,
});

export class ListTurns {
  readonly limits: ListLimits;
  /** Waiting, by identity, in the order of their next turns. */
  readonly #lines = new Map<string, (() => void)[]>();
  readonly #lists: Shares;
  /** Turns being used. */
  taken = 0;
  /** Times a LIST was not begun, or broken off. */
  readonly reached = { lists: 0, lists_per_identity: 0, stalled_lists: 0 };

  constructor(limits: Partial<ListLimits> = {}) {
    this.limits = { ...DEFAULT_LIST_LIMITS, ...limits };
    this.#lists = new Shares(this.limits.maxListsPerIdentity);
  }

  /** Identities in line. */
  get waiting(): number {
    return this.#lines.size;
  }

  /** LISTs under way. */
  get open(): number {
    return this.#lists.total;
  }

  /** Counts a LIST of this identity until `end`; false when there are too many, which bounds every line as well. */
  begin(key: string): boolean {
    const isFull = this.#lists.total >= this.limits.maxLists;
    if (isFull || this.#lists.isFull(key)) {
      this.reached[isFull ? 'lists' : 'lists_per_identity']++;
      return false;
    }
    this.#lists.add(key);
    return true;
  }

  end(key: string): void {
    this.#lists.give(key);
  }

  /** A turn at once, if one is free and nobody waits. */
  tryTake(): boolean {
    if (this.#lines.size > 0 || this.taken >= this.limits.maxConcurrent) return false;
    this.taken++;
    return true;
  }

  /** A turn, now or in line. */
  take(key: string): Promise<void> {
    if (this.tryTake()) return Promise.resolve();
    return new Promise((resolve) => {
      const line = this.#lines.get(key);
      if (line === undefined) this.#lines.set(key, [resolve]);
      else line.push(resolve);
    });
  }

  /** The turn goes to the next in line; its identity goes to the end. */
  give(): void {
    for (const [key, line] of this.#lines) {
      this.#lines.delete(key);
      const next = line.shift();
      if (line.length > 0) this.#lines.set(key, line);
      next?.();
      return;
    }
    this.taken--;
  }
}
