/**
 * Random: a small seeded generator, so that the same options give the same cluster.
 *
 * mulberry32: 32 bits of state, good enough for test data, never for secrets.
 */

/** Kubernetes' alphabet for generated names: no vowels, nothing that looks alike. */
const NAME_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  /** An integer in [0, below). */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }

  /** What replaces the `*` of a generated name. */
  nameSuffix(length: number): string {
    let suffix = '';
    for (let at = 0; at < length; at += 1) suffix += NAME_LETTERS[this.below(NAME_LETTERS.length)];
    return suffix;
  }

  hex(length: number): string {
    let text = '';
    while (text.length < length) text += this.below(0x1_0000_0000).toString(16).padStart(8, '0');
    return text.slice(0, length);
  }

  uuid(): string {
    const digits = this.hex(32);
    const variant = '89ab'[this.below(4)];
    return [
      digits.slice(0, 8),
      digits.slice(8, 12),
      `4${digits.slice(13, 16)}`,
      variant + digits.slice(17, 20),
      digits.slice(20),
    ].join('-');
  }

  /** The same list in another order. */
  shuffle<T>(list: readonly T[]): T[] {
    const shuffled = [...list];
    for (let at = shuffled.length - 1; at > 0; at -= 1) {
      const other = this.below(at + 1);
      [shuffled[at], shuffled[other]] = [shuffled[other], shuffled[at]];
    }
    return shuffled;
  }
}
