/**
 * Exchange over HTTP/1.1: a node:http request and response.
 *
 * node:http frames the body and closes the connection where the protocol demands it. Added here: raw
 * header lists, the end of an exchange told once, and a limit on how long the rest of a request body
 * that nobody wants may keep the connection.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
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

export interface ExchangeHttp1Options {
  readonly connection: ConnectionUse;
  /** How long an unread request body may go on after the answer before the connection is cut. */
  readonly lingerMs: number;
  /** How long a whole answer may wait for the client to take it. */
  readonly stallMs: number;
}

export class ExchangeHttp1 implements Exchange {
  readonly protocol = 'http/1.1';
  readonly method: string;
  readonly target: string;
  readonly rawHeaders: readonly string[];
  readonly connection: ConnectionUse;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #lingerMs: number;
  readonly #stallMs: number;
  readonly #life = new ExchangeLife();
  #sink: BodySink | null = null;
  #id = '';

  constructor(request: IncomingMessage, response: ServerResponse, options: ExchangeHttp1Options) {
    this.method = request.method ?? '';
    this.target = request.url ?? '';
    this.rawHeaders = request.rawHeaders;
    this.connection = options.connection;
    this.#request = request;
    this.#response = response;
    this.#lingerMs = options.lingerMs;
    this.#stallMs = options.stallMs;
    response.sendDate = false;
    request.on('error', ignore);
    response.on('error', ignore);
    response.once('finish', () => this.#drainRequest());
    response.once('close', () => {
      this.#sink?.markClosed();
      this.#life.close(response.writableFinished ? 'finished' : 'aborted');
    });
  }

  get id(): string {
    if (this.#id === '') this.#id = auditId(this.rawHeaders);
    return this.#id;
  }

  get remoteAddress(): string {
    return this.connection.remoteAddress;
  }

  get hasBody(): boolean {
    if (headerValue(this.rawHeaders, 'transfer-encoding') !== undefined) return true;
    const length = headerValue(this.rawHeaders, 'content-length');
    return length !== undefined && length !== '0';
  }

  get status(): number {
    return this.#response.headersSent ? this.#response.statusCode : 0;
  }

  get aborted(): boolean {
    return this.#life.aborted;
  }

  header(name: string): string | undefined {
    return headerValue(this.rawHeaders, name);
  }

  body(): Readable {
    return this.#request;
  }

  respond(status: number, rawHeaders: readonly string[]): Sink {
    return this.#start(status, localHeaders(this.id, rawHeaders));
  }

  relay(status: number, rawHeaders: readonly string[]): Sink {
    return this.#start(status, [...rawHeaders]);
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
    if (this.#response.headersSent) return;
    this.#whole(status.code, statusHeaders(this.protocol, status), status.body);
  }

  destroy(): void {
    this.#response.destroy();
  }

  onAbort(callback: () => void): void {
    this.#life.onAbort(callback);
  }

  onClose(callback: () => void): void {
    this.#life.onClose(callback);
  }

  #start(status: number, headers: string[]): Sink {
    const sink = new BodySink(this.#response, isBodiless(this.method, status), () =>
      // Cutting the connection is the only way HTTP/1.1 can say "incomplete".
      this.#response.destroy(),
    );
    this.#response.writeHead(status, headers);
    this.#response.flushHeaders();
    this.#sink = sink;
    if (this.#life.over) sink.markClosed();
    return sink;
  }

  #whole(status: number, headers: string[], body: Uint8Array): void {
    this.#response.writeHead(status, localHeaders(this.id, headers));
    this.#response.end(isBodiless(this.method, status) ? undefined : body);
    this.#life.endWithin(this.#stallMs, () => this.destroy());
  }

  /** The answer is out: what is left of the request body is thrown away, but not for ever. */
  #drainRequest(): void {
    const request = this.#request;
    if (request.complete) return;
    const timer = setTimeout(() => request.socket.destroy(), this.#lingerMs);
    timer.unref();
    request.once('close', () => clearTimeout(timer));
    request.resume();
  }
}

function ignore(): void {
  // The end of the exchange is told by 'close'; the error itself is the client's network.
}
