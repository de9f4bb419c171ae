/**
 * One response body on its way from a simulated apiserver to the code under test: pieces arrive in order, late, cut at any
 * byte; it ends cleanly, breaks off, or is never heard of again.
 */
import type { ReadBody } from '../../src/watch/upstream-reader.ts';
import type { Random, Spread } from './random.ts';
import type { VirtualTime } from './virtual-time.ts';

type Piece =
  { readonly kind: 'bytes'; bytes: Buffer } | { readonly kind: 'end' } | { readonly kind: 'cut' };

export interface Network {
  readonly time: VirtualTime;
  readonly random: Random;
  /** How long pieces take. */
  readonly delay: Spread;
  /** Bodies that the code under test has neither read to the end nor destroyed. */
  readonly open: Set<Stream>;
}

export class Stream implements ReadBody {
  readonly #network: Network;
  /** Pieces that were sent and have not arrived. */
  readonly #onTheWay: Piece[] = [];
  readonly #arrived: Buffer[] = [];
  #lastArrivalMs = 0;
  #closedByServer = false;
  #outcome: 'open' | 'end' | Error = 'open';
  #reader:
    | {
        readonly resolve: (result: IteratorResult<Uint8Array, undefined>) => void;
        readonly reject: (error: Error) => void;
      }
    | undefined;
  /** Called once when the client does not want it any longer. */
  onGone: (() => void) | undefined;

  constructor(network: Network, headArrivalMs: number) {
    this.#network = network;
    this.#lastArrivalMs = headArrivalMs;
    network.open.add(this);
  }

  /** The server can send. */
  get writable(): boolean {
    return !this.#closedByServer && this.#outcome === 'open';
  }

  // ---- the server's side --------------------------------------------------------------------------------------------

  send(bytes: Buffer): void {
    if (!this.writable || bytes.length === 0) return;
    const { random } = this.#network;
    if (bytes.length > 1 && random.chance(0.15)) {
      const at = 1 + random.below(bytes.length - 1);
      this.#post({ kind: 'bytes', bytes: bytes.subarray(0, at) });
      this.#post({ kind: 'bytes', bytes: bytes.subarray(at) });
    } else {
      this.#post({ kind: 'bytes', bytes });
    }
  }

  end(): void {
    if (!this.writable) return;
    this.#post({ kind: 'end' });
    this.#closedByServer = true;
  }

  /** The connection breaks: some of what is on its way still arrives, the last piece not whole. */
  cut(): void {
    if (this.#outcome !== 'open') return;
    const { random } = this.#network;
    const pieces = this.#onTheWay;
    const kept = random.below(pieces.length + 1);
    for (let k = kept; k < pieces.length; k++) {
      const piece = pieces[k];
      const bytes = k === kept && piece.kind === 'bytes' ? random.below(piece.bytes.length) : 0;
      // Nothing falls out of the queue, as each entry has its own moment of arrival.
      if (bytes > 0 && piece.kind === 'bytes') piece.bytes = piece.bytes.subarray(0, bytes);
      else pieces[k] = { kind: 'cut' };
    }
    this.#post({ kind: 'cut' });
    this.#closedByServer = true;
  }

  /** Nothing that is sent from now on arrives before this time has passed. */
  stall(durationMs: number): void {
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, this.#network.time.now() + durationMs);
  }

  #post(piece: Piece): void {
    const { time, random, delay } = this.#network;
    const atMs = Math.max(this.#lastArrivalMs, time.now() + random.spread(delay));
    this.#lastArrivalMs = atMs;
    this.#onTheWay.push(piece);
    time.after(atMs - time.now(), this.#arrive);
  }

  // ---- the client's side --------------------------------------------------------------------------------------------

  readonly #arrive = (): void => {
    const piece = this.#onTheWay.shift()!;
    if (this.#outcome !== 'open') return;
    this.#network.time.touch();
    if (piece.kind === 'end') {
      this.#close('end');
    } else if (piece.kind === 'cut') {
      this.#close(new Error('ECONNRESET'));
    } else if (this.#reader === undefined) {
      this.#arrived.push(piece.bytes);
    } else {
      const { resolve } = this.#reader;
      this.#reader = undefined;
      resolve({ done: false, value: piece.bytes });
    }
  };

  /** The signal of the request fired. */
  abort(): void {
    this.#giveUp('aborted');
  }

  destroy(): void {
    this.#giveUp('premature close');
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: () => this.#next(),
      return: () => {
        this.destroy();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  #next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const value = this.#arrived.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    const outcome = this.#outcome;
    if (outcome === 'end') return Promise.resolve({ done: true, value: undefined });
    if (outcome !== 'open') return Promise.reject(outcome);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  #giveUp(reason: string): void {
    if (this.#outcome !== 'open') return;
    this.#arrived.length = 0;
    this.#close(new Error(reason));
  }

  #close(outcome: 'end' | Error): void {
    this.#outcome = outcome;
    this.#closedByServer = true;
    this.#network.open.delete(this);
    this.#network.time.touch();
    const reader = this.#reader;
    this.#reader = undefined;
    if (outcome === 'end') reader?.resolve({ done: true, value: undefined });
    else reader?.reject(outcome);
    this.onGone?.();
    this.onGone = undefined;
  }
}
