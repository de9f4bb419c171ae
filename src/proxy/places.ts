/** A bounded number of places; who finds none waits in line. For work whose pieces are alike, whoever they are for. */
export class Places {
  readonly #max: number;
  #taken = 0;
  readonly #line: (() => void)[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#line.length;
  }

  /** Resolves when a place is free. Each waiter holds a request open, so the line is bounded by the request limits. */
  take(): Promise<void> {
    if (this.#taken < this.#max) {
      this.#taken++;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#line.push(resolve);
    });
  }

  give(): void {
    const next = this.#line.shift();
    if (next === undefined) this.#taken--;
    else next();
  }
}
