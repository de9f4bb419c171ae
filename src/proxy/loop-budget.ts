/**
 * What can wait keeps the loop for so long in one of its turns, all queues together: however much of it there is, and
 * however long a piece of it takes on this machine, events find the loop free soon.
 */
export class LoopBudget {
  readonly #ms: number;
  #endsAtMs = 0;
  /** Somebody asked in this turn. */
  #begun = false;

  constructor(ms: number) {
    this.#ms = ms;
  }

  /** The first to ask in a turn begins the time. */
  get isSpent(): boolean {
    const nowMs = performance.now();
    if (this.#begun) return nowMs >= this.#endsAtMs;
    this.#begun = true;
    this.#endsAtMs = nowMs + this.#ms;
    setImmediate(this.#renew);
    return false;
  }

  readonly #renew = (): void => {
    this.#begun = false;
  };
}

const LOOP_MS = 1;

/** There is one loop, and so one of these. */
export const loopBudget = new LoopBudget(LOOP_MS);
