/**
 * Chance that repeats: the same seed gives the same run. mulberry32, which is fast and good enough to pick delays.
 */

export class Random {
  #state: number;

  constructor(seed: number) {
    // Neighbouring seeds must not begin alike.
    this.#state = Math.imul(seed ^ (seed >>> 16), 0x45d9f3b) ^ 0x9e3779b9;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }

  /** One of the names, each as likely as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    let sum = 0;
    for (const name in weights) sum += weights[name];
    let left = this.next() * sum;
    let last: K | undefined;
    for (const name in weights) {
      last = name;
      left -= weights[name];
      if (left < 0) break;
    }
    return last!;
  }

  /** Milliseconds of which most are short and few are long: each name of `RANGES_MS` with a weight. */
  spread(weights: Readonly<Record<keyof typeof RANGES_MS, number>>): number {
    const [low, high] = RANGES_MS[this.weighted(weights)];
    return this.between(low, high);
  }
}

const RANGES_MS = {
  none: [0, 0],
  short: [0.1, 3],
  middle: [3, 60],
  long: [60, 1_500],
  endless: [1_500, 12_000],
} as const satisfies Readonly<Record<string, readonly [number, number]>>;

export type Spread = Readonly<Record<keyof typeof RANGES_MS, number>>;
