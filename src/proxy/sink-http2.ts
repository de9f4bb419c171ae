/**
 * The body of an HTTP/2 stream as a Sink. A clean end is END_STREAM and nothing after it: a
 * RST_STREAM of any code makes client-go relist (semantics 9.2). `destroy` is RST_STREAM
 * INTERNAL_ERROR, as Go's server sends for an aborted handler.
 */
import type { ServerHttp2Stream } from 'node:http2';
import type { Sink } from './sink.ts';

/**
 * Breaks a stream off with RST_STREAM INTERNAL_ERROR. Not `stream.close(code)`: that ends the
 * writable side first, the peer gets END_STREAM without a reset, and half a body looks whole
 * (Node 24.21, frames observed).
 */
export function breakStream(stream: ServerHttp2Stream): void {
  if (!stream.destroyed) stream.destroy(new Error('broken off'));
}

export class SinkHttp2 implements Sink {
  ready = true;
  bytesInFlight = 0;
  closed = false;
  onReady: (() => void) | null = null;
  onClose: (() => void) | null = null;
  readonly #stream: ServerHttp2Stream;
  readonly #bodiless: boolean;

  /** `bodiless` (HEAD, 204, 304): the stream is already ended; writes are accepted and dropped. */
  constructor(stream: ServerHttp2Stream, bodiless: boolean) {
    this.#stream = stream;
    this.#bodiless = bodiless;
  }

  write(chunk: Uint8Array): boolean {
    if (!this.ready) return false;
    this.ready = false;
    this.bytesInFlight = chunk.length;
    if (this.#bodiless || chunk.length === 0) process.nextTick(this.#taken);
    else this.#stream.write(chunk, this.#taken);
    return true;
  }

  end(): void {
    if (this.closed) return;
    this.ready = false;
    if (!this.#stream.writableEnded) this.#stream.end();
  }

  destroy(): void {
    this.ready = false;
    breakStream(this.#stream);
  }

  /** For the exchange: the stream closed. */
  markClosed(): void {
    if (this.closed) return;
    this.closed = true;
    this.ready = false;
    this.bytesInFlight = 0;
    this.onClose?.();
  }

  /** One function per sink, not per write. */
  readonly #taken = (error?: Error | null): void => {
    if (this.closed) return;
    this.bytesInFlight = 0;
    if (error || this.#stream.writableEnded) return;
    this.ready = true;
    this.onReady?.();
  };
}
