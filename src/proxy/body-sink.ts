/**
 * A response body as a Sink: that of an HTTP/1.1 response, whose chunked framing is node:http's, or an HTTP/2 stream, whose
 * clean end is END_STREAM and nothing after it (a RST_STREAM of any code makes client-go relist, semantics 9.2). The two
 * differ only in how a body is broken off.
 */
import type { Sink } from './sink.ts';

/** A `Writable`, or a stream of ours. */
export interface SinkBody {
  readonly writableEnded: boolean;
  write(chunk: Uint8Array, taken: (error?: Error | null) => void): unknown;
  end(): unknown;
  /** As of `Sink`; left out where nothing is known of the client's window. */
  awaitRoom?(go: () => void): void;
}

export class BodySink implements Sink {
  ready = true;
  bytesInFlight = 0;
  closed = false;
  onReady: (() => void) | null = null;
  onClose: (() => void) | null = null;
  readonly #body: SinkBody;
  readonly #bodiless: boolean;
  readonly #breakOff: () => void;

  /**
   * `bodiless` (HEAD, 204, 304): writes are accepted and nothing is sent. `breakOff` is how the protocol says that a body
   * is incomplete.
   */
  constructor(body: SinkBody, bodiless: boolean, breakOff: () => void) {
    this.#body = body;
    this.#bodiless = bodiless;
    this.#breakOff = breakOff;
  }

  awaitRoom(go: () => void): void {
    if (this.closed) return;
    if (this.#bodiless || this.#body.awaitRoom === undefined) go();
    else this.#body.awaitRoom(go);
  }

  write(chunk: Uint8Array): boolean {
    if (!this.ready) return false;
    this.ready = false;
    this.bytesInFlight = chunk.length;
    if (this.#bodiless || chunk.length === 0) process.nextTick(this.#taken);
    else this.#body.write(chunk, this.#taken);
    return true;
  }

  end(): void {
    if (this.closed) return;
    this.ready = false;
    if (!this.#body.writableEnded) this.#body.end();
  }

  destroy(): void {
    this.ready = false;
    this.#breakOff();
  }

  /** For the exchange: the response closed. */
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
    if (error || this.#body.writableEnded) return;
    this.ready = true;
    this.onReady?.();
  };
}
