/**
 * Starts things a few at a time: what comes at once, hundreds of requests in a packet or of connections in a burst, must not
 * keep the loop from what others wait for. The first of each turn of the loop are started at once; the rest waits by its
 * source and is started a few of each, round and round. What was given up meanwhile costs nothing more. While sources have
 * much waiting, the loop rests in between as long as it was busy, or twice as long where they are few: they get half of it,
 * or a third, and events find it free.
 *
 * Requests wait by connection, of which each has a bounded number; connections by address; answers by identity, since one
 * permission, one lane that is loaded or one proof is what hundreds of requests wait for, and they would all go on at once.
 */
import type { LoopBudget } from './loop-budget.ts';

/** Of one source in its turn: their answers leave in one write. */
const TOGETHER = 4;

/** Waiting, of each source: more than many who come at once have. */
const DEEP = 4;
/** Sources that are no fleet that comes back. */
const FEW = 256;
/** What timers can tell. */
const LEAST_REST_MS = 1;

/** Begins what waited; false when there was nothing to do any more, or next to nothing. */
export type Start = () => boolean;

export class StartQueue<Source> {
  readonly #perTurn: number;
  readonly #budget: LoopBudget | undefined;
  /** Waiting, by source, in the order of their next starts. */
  readonly #lines = new Map<Source, Start[]>();
  #left: number;
  #armed = false;
  #beganMs = 0;
  /** All that wait. */
  waiting = 0;

  /**
   * @param perTurn starts in one turn of the loop, at most.
   * @param budget shared with others; one is started whatever is left of it.
   */
  constructor(perTurn: number, budget?: LoopBudget) {
    this.#perTurn = perTurn;
    this.#left = perTurn;
    this.#budget = budget;
  }

  add(source: Source, start: Start): void {
    this.#arm();
    if (this.#isFree) {
      this.#left--;
      if (!start()) this.#left++;
      return;
    }
    this.#wait(source, start);
  }

  /** What is started is the caller, who awaits this; undefined: at once. */
  turn(source: Source): Promise<void> | undefined {
    this.#arm();
    if (this.#isFree) {
      this.#left--;
      return undefined;
    }
    return new Promise((resolve) => {
      this.#wait(source, () => {
        resolve();
        return true;
      });
    });
  }

  get #isFree(): boolean {
    return this.waiting === 0 && this.#hasTime;
  }

  get #hasTime(): boolean {
    const isSpent = this.#budget?.isSpent === true;
    return this.#left > 0 && (!isSpent || this.#left === this.#perTurn);
  }

  #wait(source: Source, start: Start): void {
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
    this.#armed = true;
    this.#beganMs = performance.now();
    // Behind what was started, and what that went on with.
    setImmediate(this.#rest);
    this.#startAll();
  };

  readonly #rest = (): void => {
    const busyMs = performance.now() - this.#beganMs;
    const sources = this.#lines.size;
    const isDeep = this.waiting > DEEP * sources;
    const restMs = sources > FEW ? busyMs : 2 * busyMs;
    if (isDeep && busyMs >= LEAST_REST_MS) setTimeout(this.#turn, restMs);
    else this.#turn();
  };

  #startAll(): void {
    for (const [source, line] of this.#lines) {
      if (!this.#hasTime) return;
      this.#lines.delete(source);
      this.#startSome(line);
      // Behind all others, whom this loop meets first; it may have come back meanwhile.
      const more = this.#lines.get(source);
      if (more !== undefined) line.push(...more);
      if (line.length > 0) this.#lines.set(source, line);
    }
  }

  #startSome(line: Start[]): void {
    for (let started = 0; started < TOGETHER && line.length > 0 && this.#hasTime;) {
      this.waiting--;
      if (!line.shift()!()) continue;
      this.#left--;
      started++;
    }
  }
}
