/**
 * Exchange over HTTP/2: one server stream, without Node's compatibility layer.
 *
 * A request body that is left unread is closed with RST_STREAM NO_ERROR behind END_STREAM, as Go's
 * server does; a request without a body never gets a reset, because a reset of any code makes a watch
 * client relist (semantics 9.2).
 */
import { validateHeaderValue } from 'node:http';
import {
  constants,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
  type ServerStreamResponseOptions,
} from 'node:http2';
import type { Readable } from 'node:stream';
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

/** The Date header is ours or upstream's; the types do not know this option of `respond`. */
const NO_DATE = { sendDate: false } as ServerStreamResponseOptions;

/** The pseudo headers of a request and the rest, as received. */
export interface RequestHeadHttp2 {
  readonly method: string;
  readonly target: string;
  readonly authority: string | undefined;
  readonly rawHeaders: readonly string[];
}

/** Splits the raw list of a 'stream' event. */
export function requestHeadHttp2(rawHeaders: readonly string[]): RequestHeadHttp2 {
  let method = '';
  let target = '';
  let authority: string | undefined;
  let i = 0;
  // nghttp2 refuses pseudo headers behind regular ones (RFC 9113 8.3), so they are a prefix.
  for (; i < rawHeaders.length && rawHeaders[i].charCodeAt(0) === 0x3a; i += 2) {
    if (rawHeaders[i] === ':method') method = rawHeaders[i + 1];
    else if (rawHeaders[i] === ':path') target = rawHeaders[i + 1];
    else if (rawHeaders[i] === ':authority') authority = rawHeaders[i + 1];
  }
  return { method, target, authority, rawHeaders: rawHeaders.slice(i) };
}

/**
 * Breaks a stream off with RST_STREAM INTERNAL_ERROR, as Go's server does for an aborted handler. Not
 * `stream.close(code)`: that ends the writable side first, the peer gets END_STREAM without a reset,
 * and half a body looks whole (Node 24.21, frames observed).
 */
function breakStream(stream: ServerHttp2Stream): void {
  if (!stream.destroyed) stream.destroy(new Error('broken off'));
}

export class ExchangeHttp2 implements Exchange {
  readonly protocol = 'h2';
  readonly method: string;
  readonly target: string;
  readonly rawHeaders: readonly string[];
  readonly connection: ConnectionUse;
  readonly hasBody: boolean;
  status = 0;
  readonly #stream: ServerHttp2Stream;
  readonly #stallMs: number;
  readonly #life = new ExchangeLife();
  #sink: BodySink | null = null;
  #id = '';

  /** `stallMs`: how long a whole answer may wait for the client to take it. */
  constructor(
    stream: ServerHttp2Stream,
    head: RequestHeadHttp2,
    connection: ConnectionUse,
    stallMs: number,
  ) {
    this.#stallMs = stallMs;
    this.method = head.method;
    this.target = head.target;
    this.rawHeaders = head.rawHeaders;
    this.connection = connection;
    this.hasBody = !stream.endAfterHeaders;
    this.#stream = stream;
    stream.on('error', ignore);
    // Flowing: else Node closes the stream by RST_STREAM once the answer is out.
    if (!this.hasBody) stream.resume();
    stream.once('aborted', () => this.#over());
    stream.once('finish', () => this.#drainRequest());
    stream.once('close', () => this.#over());
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
    // node:http answers this by itself, node:http2 does not.
    const stream = this.#stream;
    const waits = this.header('expect')?.toLowerCase() === '100-continue';
    if (waits && !stream.headersSent && !stream.destroyed && !stream.sentInfoHeaders?.length) {
      stream.additionalHeaders({ ':status': 100 });
    }
    return stream;
  }

  respond(status: number, rawHeaders: readonly string[]): Sink {
    return this.#start(status, localHeaders(this.id, rawHeaders));
  }

  relay(status: number, rawHeaders: readonly string[]): Sink {
    // nghttp2 would leave out a header it cannot send, in silence.
    for (let i = 0; i < rawHeaders.length; i += 2) {
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

  destroy(): void {
    breakStream(this.#stream);
  }

  onAbort(callback: () => void): void {
    this.#life.onAbort(callback);
  }

  onClose(callback: () => void): void {
    this.#life.onClose(callback);
  }

  #start(status: number, rawHeaders: readonly string[]): Sink {
    const sink = new BodySink(this.#stream, isBodiless(this.method, status), () =>
      breakStream(this.#stream),
    );
    this.#sendHead(status, rawHeaders);
    this.#sink = sink;
    if (this.#life.over) sink.markClosed();
    return sink;
  }

  #whole(status: number, rawHeaders: readonly string[], body: Uint8Array): void {
    this.#sendHead(status, localHeaders(this.id, rawHeaders));
    if (!this.#stream.writableEnded) this.#stream.end(body);
    this.#life.endWithin(this.#stallMs, () => this.destroy());
  }

  #sendHead(status: number, rawHeaders: readonly string[]): void {
    if (!this.#stream.closed && !this.#stream.destroyed) {
      this.#stream.respond(responseHeaders(status, rawHeaders), NO_DATE);
    }
    this.status = status;
  }

  #over(): void {
    // A paused request body would keep the closed stream, and with it the session, for ever.
    if (!this.#stream.destroyed) this.#stream.resume();
    this.#sink?.markClosed();
    // Not `writableFinished`: a short answer closes the stream before Node says 'finish'.
    const { rstCode, writableEnded, aborted } = this.#stream;
    const delivered = this.status !== 0 && writableEnded && !aborted && !rstCode;
    this.#life.close(delivered ? 'finished' : 'aborted');
  }

  /** The answer is out; the client need not send the rest of its body. */
  #drainRequest(): void {
    const stream = this.#stream;
    if (!this.hasBody || stream.readableEnded || stream.closed) return;
    setImmediate(() => {
      stream.close(constants.NGHTTP2_NO_ERROR);
      stream.resume();
    });
  }
}

/** Lower-cased names; repeated names become a list, as node:http2 wants them. */
function responseHeaders(status: number, rawHeaders: readonly string[]): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { ':status': status };
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i].toLowerCase();
    const earlier = headers[name];
    if (earlier === undefined) headers[name] = rawHeaders[i + 1];
    else if (Array.isArray(earlier)) earlier.push(rawHeaders[i + 1]);
    else headers[name] = [String(earlier), rawHeaders[i + 1]];
  }
  return headers;
}

function ignore(): void {
  // The end of the exchange is told by 'close'; the error itself is the client's network.
}
