/**
 * Gathers what connections have to send: each is written to once, when the code that runs now is done, however many
 * frames that made. `run` does it sooner.
 */

export interface Flushable {
  flush(): void;
}

export class WriteTurn {
  #waiting: Flushable[] = [];
  #armed = false;

  add(connection: Flushable): void {
    this.#waiting.push(connection);
    if (this.#armed) return;
    this.#armed = true;
    process.nextTick(this.run);
  }

  readonly run = (): void => {
    this.#armed = false;
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const connection of waiting) connection.flush();
  };
}
