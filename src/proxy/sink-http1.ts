/**
 * The body of an HTTP/1.1 response as a Sink. Chunked framing is node:http's. `destroy` cuts the
 * connection: that is the only way HTTP/1.1 can say "incomplete".
 */
import type { ServerResponse } from 'node:http';
import type { Sink } from './sink.ts';

export class SinkHttp1 implements Sink {
  ready = true;
  bytesInFlight = 0;
  closed = false;
  onReady: (() => void) | null = null;
  onClose: (() => void) | null = null;
  readonly #response: ServerResponse;
  readonly #bodiless: boolean;

  /** `bodiless` (HEAD, 204, 304) accepts writes and sends nothing. */
  constructor(response: ServerResponse, bodiless: boolean) {
    this.#response = response;
    this.#bodiless = bodiless;
  }

  write(chunk: Uint8Array): boolean {
    if (!this.ready) return false;
    this.ready = false;
    this.bytesInFlight = chunk.length;
    if (this.#bodiless || chunk.length === 0) process.nextTick(this.#taken);
    else this.#response.write(chunk, this.#taken);
    return true;
  }

  end(): void {
    if (this.closed) return;
    this.ready = false;
    if (!this.#response.writableEnded) this.#response.end();
  }

  destroy(): void {
    this.ready = false;
    this.#response.destroy();
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
    if (error || this.#response.writableEnded) return;
    this.ready = true;
    this.onReady?.();
  };
}
