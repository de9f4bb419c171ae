// Chance with a seed. What is drawn repeats with the seed; how the drawers interleave does not, so each
// drawer takes a stream of its own with `fork`.

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A whole number in [0, limit). Mulberry32. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) * (limit / 4_294_967_296));
  }

  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True `percent` times of a hundred. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)];
  }

  /** One of the values, each as likely as its weight says. */
  weighted<T>(values: readonly (readonly [T, number])[]): T {
    let left = this.below(values.reduce((sum, [, weight]) => sum + weight, 0));
    for (const [value, weight] of values) {
      left -= weight;
      if (left < 0) return value;
    }
    throw new Error('nothing to draw from');
  }

  fork(name: string): Random {
    let seed = this.below(4_294_967_296);
    for (const character of name) seed = Math.imul(seed ^ character.charCodeAt(0), 0x01000193);
    return new Random(seed);
  }
}
