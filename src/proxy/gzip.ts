/**
 * gzip of long LIST and GET bodies by the apiserver's own rule (`responsewriters/writers.go`): only when more than
 * 131,072 bytes are to be sent and the first Accept-Encoding header has the exact token `gzip` (`gzip;q=1` is none), at
 * level 1. Never for watches, and never for what is passed through, which keeps whatever upstream sent.
 *
 * zlib works on libuv's threads, so the loop only hands pieces over. At most `maxConcurrent` pieces are with zlib at once;
 * a piece whose client reads slowly waits outside. What is decompressed equals the plain body; the compressed bytes are
 * zlib's, not Go's.
 */
import { constants, createGzip, gzip, type Gzip, type ZlibOptions } from 'node:zlib';
import { promisify } from 'node:util';
import type { Exchange } from './exchange.ts';
import { Places } from './places.ts';
import type { Sink } from './sink.ts';

/** Longer bodies are compressed (`defaultGzipThresholdBytes`). */
export const GZIP_THRESHOLD_BYTES = 131_072;
/** What the apiserver says about a compressed answer. */
export const GZIP_HEADERS: readonly string[] = [
  'Content-Encoding',
  'gzip',
  'Vary',
  'Accept-Encoding',
];

const SETTINGS: ZlibOptions = { level: constants.Z_BEST_SPEED, chunkSize: 65_536 };
const gzipWhole = promisify<Uint8Array, ZlibOptions, Buffer>(gzip);

/** Go's header values hold bytes; TrimSpace takes these off where HTTP allows them at all. */
const AROUND_TOKEN = /^[ \t]+|[ \t]+$/g;

export interface CompressionOptions {
  readonly gzip: boolean;
  readonly maxConcurrent: number;
}

export class Compressor {
  readonly #enabled: boolean;
  readonly #places: Places;
  /** Bodies compressed, their bytes before and after. */
  bodies = 0;
  plainBytes = 0;
  gzipBytes = 0;

  constructor({ gzip: enabled, maxConcurrent }: CompressionOptions) {
    this.#enabled = enabled;
    this.#places = new Places(maxConcurrent);
  }

  /** Pieces with zlib now. */
  get busy(): number {
    return this.#places.taken;
  }

  /** Whether a long body of this answer is to be compressed. */
  accepts(exchange: Exchange): boolean {
    if (!this.#enabled) return false;
    const accepted = exchange.header('accept-encoding');
    if (accepted === undefined) return false;
    return accepted.split(',').some((token) => token.replace(AROUND_TOKEN, '') === 'gzip');
  }

  /** A whole body; `bytes` must stay untouched until it is done. */
  async compress(bytes: Uint8Array): Promise<Buffer> {
    await this.#places.take();
    try {
      const compressed = await gzipWhole(bytes, SETTINGS);
      this.#count(1, bytes.length, compressed.length);
      return compressed;
    } finally {
      this.#places.give();
    }
  }

  /** Compresses what is written on its way to `sink`, which must not be written to by anybody else. */
  over(sink: Sink): Sink {
    this.#count(1, 0, 0);
    return new GzipSink(sink, this.#places, (plain, sent) => this.#count(0, plain, sent));
  }

  #count(bodies: number, plainBytes: number, gzipBytes: number): void {
    this.bodies += bodies;
    this.plainBytes += plainBytes;
    this.gzipBytes += gzipBytes;
  }
}

export interface WholeBody {
  readonly contentType: string;
  /** Belongs to the answer from now on. */
  readonly bytes: Buffer;
  /** Raw pairs sent with the answer. */
  readonly warnings: readonly string[];
}

/** Answers with a body that is all there, compressed when it is long and the client takes that. */
export async function respondWhole(
  exchange: Exchange,
  compressor: Compressor,
  { contentType, bytes, warnings }: WholeBody,
): Promise<void> {
  if (bytes.length <= GZIP_THRESHOLD_BYTES || !compressor.accepts(exchange)) {
    exchange.respondBytes(200, contentType, bytes, warnings);
    return;
  }
  const compressed = await compressor.compress(bytes);
  if (exchange.aborted) return;
  exchange.respondBytes(200, contentType, compressed, [...warnings, ...GZIP_HEADERS]);
}

/**
 * One write is with zlib or its output on the way to the client: the next is taken when all of it is with the socket. So a
 * slow client holds the output of one write and the state of one compressor (about 270 KB), and no place.
 */
class GzipSink implements Sink {
  ready = true;
  bytesInFlight = 0;
  onReady: (() => void) | null = null;
  onClose: (() => void) | null = null;
  readonly #sink: Sink;
  readonly #places: Places;
  readonly #count: (plainBytes: number, gzipBytes: number) => void;
  readonly #gzip: Gzip;
  /** Compressed and not yet written. */
  readonly #waiting: Buffer[] = [];
  #compressing = false;
  #state: 'open' | 'ending' | 'ended' = 'open';

  constructor(sink: Sink, places: Places, count: (plainBytes: number, gzipBytes: number) => void) {
    this.#sink = sink;
    this.#places = places;
    this.#count = count;
    this.#gzip = createGzip(SETTINGS);
    this.#gzip.on('data', (piece: Buffer) => {
      this.#waiting.push(piece);
      this.#drain();
    });
    this.#gzip.once('end', () => {
      this.#state = 'ended';
      this.#drain();
    });
    this.#gzip.on('error', () => this.destroy());
    sink.onReady = () => this.#drain();
    sink.onClose = () => this.#closed();
    if (sink.closed) this.#closed();
  }

  get closed(): boolean {
    return this.#sink.closed;
  }

  awaitRoom(go: () => void): void {
    this.#sink.awaitRoom(go);
  }

  write(chunk: Uint8Array): boolean {
    if (!this.ready) return false;
    this.ready = false;
    this.bytesInFlight = chunk.length;
    this.#compressing = true;
    void this.#compress(chunk);
    return true;
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.ready = false;
    this.#state = 'ending';
    if (!this.#compressing) this.#gzip.end();
  }

  destroy(): void {
    this.ready = false;
    this.#gzip.destroy();
    this.#sink.destroy();
  }

  async #compress(chunk: Uint8Array): Promise<void> {
    await this.#places.take();
    if (!this.#gzip.destroyed) {
      this.#count(chunk.length, 0);
      await new Promise<void>((resolve) => {
        // The callback of a write comes also when the stream is destroyed under it.
        this.#gzip.write(chunk, () => resolve());
      });
    }
    this.#places.give();
    this.#compressing = false;
    if (this.#gzip.destroyed) return;
    if (this.#state === 'ending') this.#gzip.end();
    this.#drain();
  }

  /** Moves on what can be moved on, and says when the next write may come. */
  #drain(): void {
    const sink = this.#sink;
    if (sink.closed || !sink.ready) return;
    const piece = this.#waiting.shift();
    if (piece !== undefined) {
      this.#count(0, piece.length);
      sink.write(piece);
      return;
    }
    if (this.#state === 'ended') {
      sink.end();
      return;
    }
    if (this.#compressing || this.#state !== 'open' || this.ready) return;
    this.bytesInFlight = 0;
    this.ready = true;
    this.onReady?.();
  }

  #closed(): void {
    this.ready = false;
    this.bytesInFlight = 0;
    this.#waiting.length = 0;
    this.#gzip.destroy();
    this.onClose?.();
  }
}
