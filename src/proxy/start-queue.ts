/**
 * Starts requests a few at a time: what one packet can hold of them, hundreds, must not keep the loop from what others wait
 * for. The first of each turn of the loop are started at once; the rest waits by connection and is started one of each,
 * round and round. A request that was given up meanwhile costs nothing more.
 *
 * Each waiter is an open stream or an HTTP/1.1 request, of which a connection has a bounded number.
 */

/** Starts in one turn of the loop: about 3 ms. */
export const STARTS_PER_TURN = 32;

/** Begins what waited; false when there was nothing to do any more. */
export type Start = () => boolean;

export class StartQueue {
  /** Waiting, by connection, in the order of their next starts. */
  readonly #lines = new Map<number, Start[]>();
  #left = STARTS_PER_TURN;
  #armed = false;
  /** Requests waiting. */
  waiting = 0;

  add(connection: number, start: Start): void {
    this.#arm();
    if (this.#left > 0 && this.waiting === 0) {
      this.#left--;
      start();
      return;
    }
    this.waiting++;
    const line = this.#lines.get(connection);
    if (line === undefined) this.#lines.set(connection, [start]);
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
    this.#left = STARTS_PER_TURN;
    if (this.waiting === 0) return;
    this.#arm();
    for (const [connection, line] of this.#lines) {
      if (this.#left === 0) return;
      // Behind all others, whom this loop meets first.
      this.#lines.delete(connection);
      if (line.length > 1) this.#lines.set(connection, line);
      this.waiting--;
      if (line.shift()!()) this.#left--;
    }
  };
}
