/**
 * Exchange over HTTP/2: one stream of a connection.
 *
 * A request body that is left unread is closed with RST_STREAM NO_ERROR behind END_STREAM, as Go's
 * server does; a request without a body never gets a reset, because a reset of any code makes a watch
 * client relist (semantics 9.2).
 */
import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { Readable } from 'node:stream';
import { ErrorCode } from '../http2/frame.ts';
import type { ServerStream } from '../http2/server-stream.ts';
import type { StatusResponse } from '../k8s/status.ts';
import {
  auditId,
  ExchangeLife,
  isBodiless,
  localHeaders,
  statusHeaders,
  unaryHeaders,
  type ConnectionUse,
  type Exchange,
} from './exchange.ts';
import { headerValue } from './headers.ts';
import { BodySink } from './body-sink.ts';
import type { Sink } from './sink.ts';

const CONTINUE = 100;

export class ExchangeHttp2 implements Exchange {
  readonly protocol = 'h2';
  readonly connection: ConnectionUse;
  status = 0;
  readonly #stream: ServerStream;
  readonly #stallMs: number;
  readonly #life = new ExchangeLife();
  #sink: BodySink | null = null;
  #id = '';
  #toldToContinue = false;

  /** `stallMs`: how long a whole answer may wait for the client to take it. */
  constructor(stream: ServerStream, connection: ConnectionUse, stallMs: number) {
    this.#stallMs = stallMs;
    this.connection = connection;
    this.#stream = stream;
    stream.onClose = (end) => {
      this.#sink?.markClosed();
      this.#life.close(end);
    };
  }

  get method(): string {
    return this.#stream.head.method;
  }

  get target(): string {
    return this.#stream.head.path;
  }

  get rawHeaders(): readonly string[] {
    return this.#stream.head.rawHeaders;
  }

  get hasBody(): boolean {
    return this.#stream.hasBody;
  }

  get id(): string {
    if (this.#id === '') this.#id = auditId(this.rawHeaders);
    return this.#id;
  }

  get remoteAddress(): string {
    return this.connection.remoteAddress;
  }

  get aborted(): boolean {
    return this.#life.aborted;
  }

  header(name: string): string | undefined {
    return headerValue(this.rawHeaders, name);
  }

  body(): Readable {
    // node:http answers this by itself.
    const waits = this.header('expect')?.toLowerCase() === '100-continue';
    if (waits && this.status === 0 && !this.#toldToContinue) {
      this.#toldToContinue = true;
      this.#stream.inform(CONTINUE);
    }
    return this.#stream.body();
  }

  respond(status: number, rawHeaders: readonly string[]): Sink {
    return this.#start(status, localHeaders(this.id, rawHeaders));
  }

  relay(status: number, rawHeaders: readonly string[]): Sink {
    for (let i = 0; i < rawHeaders.length; i += 2) {
      validateHeaderName(rawHeaders[i]);
      validateHeaderValue(rawHeaders[i], rawHeaders[i + 1]);
    }
    return this.#start(status, rawHeaders);
  }

  respondBytes(
    status: number,
    contentType: string,
    body: Uint8Array,
    more: readonly string[] = [],
  ): void {
    this.#whole(status, [...unaryHeaders(this.protocol, contentType, body), ...more], body);
  }

  respondStatus(status: StatusResponse): void {
    if (this.status !== 0) return;
    this.#whole(status.code, statusHeaders(this.protocol, status), status.body);
  }

  /** As Go's server does for a handler that is aborted. */
  destroy(): void {
    this.#stream.reset(ErrorCode.internalError);
  }

  onAbort(callback: () => void): void {
    this.#life.onAbort(callback);
  }

  onClose(callback: () => void): void {
    this.#life.onClose(callback);
  }

  #start(status: number, rawHeaders: readonly string[]): Sink {
    const bodiless = isBodiless(this.method, status);
    const sink = new BodySink(this.#stream, bodiless, () => this.destroy());
    this.status = status;
    this.#sink = sink;
    this.#stream.respond(status, rawHeaders, bodiless);
    if (this.#life.over) sink.markClosed();
    return sink;
  }

  #whole(status: number, rawHeaders: readonly string[], body: Uint8Array): void {
    const bodiless = isBodiless(this.method, status) || body.length === 0;
    this.status = status;
    this.#stream.respond(status, localHeaders(this.id, rawHeaders), bodiless);
    this.#stream.end(body);
    this.#life.endWithin(this.#stallMs, () => this.destroy());
  }
}
