// The choices of a generator: the same seed makes the same choices in the same order.

import { Random } from '../../../src/simulator/random.ts';

export class Dice {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  chance(probability: number): boolean {
    return this.#random.next() < probability;
  }

  below(count: number): number {
    return this.#random.below(count);
  }

  pick<T>(choices: readonly T[]): T {
    return this.#random.pick(choices);
  }

  /** One of the choices, each as often as its weight says. */
  weighted<T>(choices: readonly (readonly [weight: number, choice: T])[]): T {
    let at = this.#random.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, choice] of choices) {
      at -= weight;
      if (at < 0) return choice;
    }
    return choices[choices.length - 1][1];
  }

  shuffle<T>(list: readonly T[]): T[] {
    return this.#random.shuffle(list);
  }
}
