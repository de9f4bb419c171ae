/**
 * Exchange: one request and its answer, the same over HTTP/1.1 and HTTP/2.
 *
 * The front ends make them; routing, the serve functions and pass-through answer them, exactly once.
 * Local answers (`respond`, `respondBytes`, `respondStatus`) carry the headers every kube-apiserver
 * answer carries; `relay` adds nothing, its headers are upstream's. Whoever answers must not wait for
 * a client that went away: `onAbort` tells.
 */
import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Peer } from '../auth/certificate.ts';
import type { StatusResponse } from '../k8s/status.ts';
import { headerValue } from './headers.ts';
import type { Sink } from './sink.ts';

export type Protocol = 'http/1.1' | 'h2';

/** The client connection an exchange came on; shared by all its exchanges. */
export interface ConnectionUse {
  /** Dense, never reused within a process. */
  readonly id: number;
  readonly remoteAddress: string;
  /** What its client certificate says; the same for all its requests, of whatever user. */
  readonly peer: Peer;
  /** Unary requests being answered, counted by Admission. */
  inFlight: number;
  /** Upstream accepted the token of a request that came on it; set once, by `vouchFor`. */
  vouched: boolean;
  /** Its front may allow more then. */
  onVouched?: () => void;
}

export function vouchFor(connection: ConnectionUse): void {
  if (connection.vouched) return;
  connection.vouched = true;
  connection.onVouched?.();
}

export interface Exchange {
  readonly method: string;
  /** Path and query exactly as received. */
  readonly target: string;
  /** name, value, name, value... as received, without pseudo headers. */
  readonly rawHeaders: readonly string[];
  readonly protocol: Protocol;
  readonly remoteAddress: string;
  readonly connection: ConnectionUse;
  /** Audit ID: the client's `Audit-ID` or a new UUID. */
  readonly id: string;
  /** Whether a request body was announced (it may still be empty). */
  readonly hasBody: boolean;
  /** Status sent, 0 before. */
  readonly status: number;
  /** The client went away before the whole answer was out. */
  readonly aborted: boolean;

  /** First value of a request header, name in lower case. */
  header(name: string): string | undefined;
  /** The request body, at most once; flows only as fast as it is read. */
  body(): Readable;
  /** Starts a local answer and sends its headers at once; the common headers are added where absent. */
  respond(status: number, rawHeaders: readonly string[]): Sink;
  /** Starts an answer with upstream's headers; throws when this protocol cannot carry them. */
  relay(status: number, rawHeaders: readonly string[]): Sink;
  /** A whole local answer at once, with `more` headers. */
  respondBytes(
    status: number,
    contentType: string,
    body: Uint8Array,
    more?: readonly string[],
  ): void;
  /** A Status object; ignored when an answer was already started. */
  respondStatus(status: StatusResponse): void;
  /** Breaks the exchange off, answered or not. */
  destroy(): void;
  /** `callback` runs once if the client goes away first; at once if it already did. */
  onAbort(callback: () => void): void;
  /** `callback` runs once when the exchange is over, however; at once if it already is. */
  onClose(callback: () => void): void;
}

/**
 * Longest body of a whole answer that gets a Content-Length: what Go's server buffers before it sends
 * the head (net/http server.go `bufferBeforeChunkingSize`, http2 server.go `handlerChunkBytes`).
 */
const COUNTED_BODY_BYTES: Readonly<Record<Protocol, number>> = { 'http/1.1': 2048, h2: 4096 };

/** Adds what every local answer carries, unless `rawHeaders` has it. */
export function localHeaders(id: string, rawHeaders: readonly string[]): string[] {
  const headers: string[] = [];
  if (headerValue(rawHeaders, 'audit-id') === undefined) headers.push('Audit-Id', id);
  if (headerValue(rawHeaders, 'cache-control') === undefined) {
    headers.push('Cache-Control', 'no-cache, private');
  }
  headers.push(...rawHeaders);
  if (headerValue(rawHeaders, 'date') === undefined) headers.push('Date', httpDate());
  return headers;
}

/** Headers of a whole local answer. */
export function unaryHeaders(protocol: Protocol, contentType: string, body: Uint8Array): string[] {
  const headers = ['Content-Type', contentType];
  if (body.length <= COUNTED_BODY_BYTES[protocol])
    headers.push('Content-Length', String(body.length));
  return headers;
}

/** Headers of a Status answer; the same for exchanges and for raw sockets. */
export function statusHeaders(protocol: Protocol, status: StatusResponse): string[] {
  const headers = unaryHeaders(protocol, 'application/json', status.body);
  const retryAfter = status.retryAfterSeconds ?? 0;
  if (retryAfter > 0) headers.push('Retry-After', String(retryAfter));
  if (status.code === 403) headers.push('X-Content-Type-Options', 'nosniff');
  return headers;
}

/** The audit ID of a request. */
export function auditId(rawHeaders: readonly string[]): string {
  const given = headerValue(rawHeaders, 'audit-id');
  return given === undefined || given === '' ? randomUUID() : given;
}

/** Whether a response of this status has no body by definition. */
export function isBodiless(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 205 || status === 304;
}

let dateSecond = 0;
let dateText = '';

/** The Date header, made once per second. */
export function httpDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}

/** How an exchange ends, for those who asked; part of both implementations. */
export class ExchangeLife {
  #phase: 'open' | 'finished' | 'aborted' = 'open';
  #onAbort: (() => void)[] = [];
  #onClose: (() => void)[] = [];

  get aborted(): boolean {
    return this.#phase === 'aborted';
  }

  get over(): boolean {
    return this.#phase !== 'open';
  }

  /** The first call decides; later ones are ignored. */
  close(phase: 'finished' | 'aborted'): void {
    if (this.#phase !== 'open') return;
    this.#phase = phase;
    const callbacks = phase === 'aborted' ? [...this.#onAbort, ...this.#onClose] : this.#onClose;
    this.#onAbort = [];
    this.#onClose = [];
    for (const callback of callbacks) callback();
  }

  /** Calls `destroy` when it is not over by then: a client may ask and never take the answer. */
  endWithin(ms: number, destroy: () => void): void {
    if (this.#phase !== 'open') return;
    const timer = setTimeout(destroy, ms);
    timer.unref();
    this.#onClose.push(() => clearTimeout(timer));
  }

  onAbort(callback: () => void): void {
    if (this.#phase === 'open') this.#onAbort.push(callback);
    else if (this.#phase === 'aborted') callback();
  }

  onClose(callback: () => void): void {
    if (this.#phase === 'open') this.#onClose.push(callback);
    else callback();
  }
}
