/**
 * How much of a bounded thing each of many holds. An entry exists only while its count is above zero, so that the table is
 * never larger than what is counted, and strangers leave nothing behind.
 */
export class Shares {
  readonly #maxEach: number;
  readonly #counts = new Map<string, number>();
  /** Sum of all counts. */
  total = 0;

  constructor(maxEach: number) {
    this.#maxEach = maxEach;
  }

  /** How many hold anything. */
  get holders(): number {
    return this.#counts.size;
  }

  isFull(key: string): boolean {
    return (this.#counts.get(key) ?? 0) >= this.#maxEach;
  }

  /** One more, whatever the bound: whoever is bounded asks `isFull` first. */
  add(key: string): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    this.total++;
  }

  give(key: string): void {
    const count = this.#counts.get(key);
    if (count === undefined) throw new Error('a share was given back that nobody held');
    if (count === 1) this.#counts.delete(key);
    else this.#counts.set(key, count - 1);
    this.total--;
  }
}

/** The same for different things of which each counts once, however often it is held. */
export class DistinctShares {
  readonly #maxEach: number;
  readonly #held = new Map<string, Shares>();

  constructor(maxEach: number) {
    this.#maxEach = maxEach;
  }

  get holders(): number {
    return this.#held.size;
  }

  /** How many different things are held. */
  of(key: string): number {
    return this.#held.get(key)?.holders ?? 0;
  }

  /** False, and nothing happened: it would be one thing too many. */
  take(key: string, thing: string): boolean {
    let things = this.#held.get(key);
    if (things === undefined) {
      if (this.#maxEach < 1) return false;
      things = new Shares(1);
      this.#held.set(key, things);
    } else if (things.holders >= this.#maxEach && !things.isFull(thing)) {
      return false;
    }
    things.add(thing);
    return true;
  }

  give(key: string, thing: string): void {
    const things = this.#held.get(key);
    if (things === undefined) throw new Error('a share was given back that nobody held');
    things.give(thing);
    if (things.holders === 0) this.#held.delete(key);
  }
}
