/**
 * Requests of one connection between their header block and their handler. They are handed on when the packet they came in
 * is read, since what is given up in the same packet was never asked, and begin in turn with those of other connections.
 */

import type { Turns } from './frame-reader.ts';
import type { ServerStream } from './server-stream.ts';

/** Read and not begun; the others wait as bytes, most of them in the network. */
const MAX_WAITING = 16;

export interface FoundRequestsOptions {
  readonly turns: Turns;
  readonly begin: (stream: ServerStream) => void;
  /** One has begun, and there is room for more. */
  readonly onRoom: () => void;
}

export class FoundRequests {
  readonly #options: FoundRequestsOptions;
  #found: ServerStream[] = [];
  /** Handed on, and not begun. */
  #waiting = 0;

  constructor(options: FoundRequestsOptions) {
    this.#options = options;
  }

  add(stream: ServerStream): void {
    this.#found.push(stream);
  }

  /** As many as may wait were found. */
  get isFull(): boolean {
    if (this.#found.length < MAX_WAITING) return false;
    this.#found = this.#found.filter(({ closed }) => !closed);
    return this.#found.length >= MAX_WAITING;
  }

  /** More may be read. */
  get hasRoom(): boolean {
    return this.#waiting < MAX_WAITING;
  }

  handOn(): void {
    const found = this.#found;
    if (found.length === 0) return;
    this.#found = [];
    this.#waiting += found.length;
    for (const stream of found) this.#options.turns.add(this, () => this.#begin(stream));
  }

  /** Whether there was anything to do. */
  #begin(stream: ServerStream): boolean {
    this.#waiting--;
    const isWanted = !stream.closed;
    if (isWanted) this.#options.begin(stream);
    if (this.hasRoom) this.#options.onRoom();
    return isWanted;
  }
}
