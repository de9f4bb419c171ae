/** By identity, what its watches have written in the current pass of the flush: those of one must not hold up the others'. */
import type { WriteShare } from '../cache/filter-group.ts';

interface HeldShare extends WriteShare {
  watches: number;
}

export class WriteShares {
  readonly #shares = new Map<string, HeldShare>();

  /** How many identities have a watch. */
  get holders(): number {
    return this.#shares.size;
  }

  /** For one more watch; to be given back. */
  take(key: string): WriteShare {
    let share = this.#shares.get(key);
    if (share === undefined) {
      share = { pass: 0, writes: 0, watches: 0 };
      this.#shares.set(key, share);
    }
    share.watches++;
    return share;
  }

  give(key: string): void {
    const share = this.#shares.get(key);
    if (share === undefined) throw new Error('a share was given back that nobody held');
    if (--share.watches === 0) this.#shares.delete(key);
  }
}
