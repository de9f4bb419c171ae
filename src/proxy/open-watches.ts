/**
 * The watches being served: permission is asked again while they run, and a drain ends them a few at a time. An upstream
 * watch is authorized once, at its start; these are held to a stricter rule, which clients cope with, since a watch may
 * end at any time (auth.md 2.6).
 */
import type { Credential } from '../auth/authenticate.ts';
import type { Authorized } from '../auth/authorize.ts';
import type { Exchange } from './exchange.ts';
import type { WatchStream } from './watch-stream.ts';

/** Asks again about a permission until told to stop; calls `revoked` once it is surely gone. */
export interface Rechecks {
  track(authorized: Authorized, credential: Credential, revoked: () => void): () => void;
}

/** Watches that are not served from here, but must end well too. */
export interface OtherWatches {
  readonly openWatches: number;
  endWatches(count: number): void;
}

export class OpenWatches {
  readonly #rechecks: Rechecks;
  readonly #others: OtherWatches;
  readonly #streams = new Set<WatchStream>();

  constructor(rechecks: Rechecks, others: OtherWatches) {
    this.#rechecks = rechecks;
    this.#others = others;
  }

  add(
    stream: WatchStream,
    exchange: Exchange,
    authorized: Authorized,
    credential: Credential,
  ): void {
    this.#streams.add(stream);
    const stop = this.#rechecks.track(authorized, credential, () => stream.end('denied'));
    exchange.onClose(() => {
      stop();
      this.#streams.delete(stream);
    });
  }

  get openWatches(): number {
    return this.#streams.size + this.#others.openWatches;
  }

  /** Ends up to `count` watches cleanly, those served from memory first, oldest first. */
  endWatches(count: number): void {
    let left = count;
    for (const stream of this.#streams) {
      if (left-- <= 0) return;
      this.#streams.delete(stream);
      stream.end('drain');
    }
    if (left > 0) this.#others.endWatches(left);
  }
}
