/**
 * Starts things a few at a time: what comes at once, hundreds of requests in a packet or of connections in a burst, must not
 * keep the loop from what others wait for. The first of each turn of the loop are started at once; the rest waits by its
 * source and is started one of each, round and round. What was given up meanwhile costs nothing more.
 *
 * Requests wait by connection, of which each has a bounded number; connections by address.
 */

/** Begins what waited; false when there was nothing to do any more. */
export type Start = () => boolean;

export class StartQueue<Source> {
  readonly #perTurn: number;
  /** Waiting, by source, in the order of their next starts. */
  readonly #lines = new Map<Source, Start[]>();
  #left: number;
  #armed = false;
  /** All that wait. */
  waiting = 0;

  /** @param perTurn starts in one turn of the loop. */
  constructor(perTurn: number) {
    this.#perTurn = perTurn;
    this.#left = perTurn;
  }

  add(source: Source, start: Start): void {
    this.#arm();
    if (this.#left > 0 && this.waiting === 0) {
      this.#left--;
      start();
      return;
    }
    this.waiting++;
    const line = this.#lines.get(source);
    if (line === undefined) this.#lines.set(source, [start]);
    else line.push(start);
  }

  /** The next turn comes, whatever this one did. */
  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#armed = false;
    this.#left = this.#perTurn;
    if (this.waiting === 0) return;
    this.#arm();
    for (const [source, line] of this.#lines) {
      if (this.#left === 0) return;
      // Behind all others, whom this loop meets first.
      this.#lines.delete(source);
      if (line.length > 1) this.#lines.set(source, line);
      this.waiting--;
      if (line.shift()!()) this.#left--;
    }
  };
}
