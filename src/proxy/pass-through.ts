/**
 * PassThrough: everything that is not served from memory, byte for byte under the caller's own
 * identity. It adds no credential and holds no bytes: each side is read only as fast as the other
 * takes it.
 *
 * What is said when upstream cannot be reached depends on who asks: a watch gets 429 (client-go keeps
 * its revision and retries), everything else 503, both with Retry-After (semantics 9.2, 9.4 rule 1).
 * When upstream breaks off in mid answer, the client's answer is broken off too, except for a watch:
 * that ends cleanly, because on HTTP/2 a reset of one stream makes client-go relist while a short
 * read does not (semantics 9.2, rows 1-5), behind a whole frame, and not before it was a second old or told something. A
 * gateway's 502, 503 or 504 to a watch becomes 429 as well: it is as temporary, and client-go would
 * list again.
 */
import type { Readable } from 'node:stream';
import {
  badRequest,
  requestEntityTooLarge,
  serviceUnavailable,
  tooManyRequests,
  type StatusResponse,
} from '../k8s/status.ts';
import { namedCaller, type Credential } from '../auth/authenticate.ts';
import type { NamedCredential } from '../auth/named.ts';
import { UpstreamError } from '../upstream/upstream-error.ts';
import type { GiveUpSignal } from '../upstream/request.ts';
import type { Exchange } from './exchange.ts';
import { forwardedHeaders, headerValue, relayedHeaders } from './headers.ts';
import { holderOf } from './holder.ts';
import { isLongRunningTarget, isWatchTarget } from './request-kind.ts';
import type { Sink } from './sink.ts';
import type { StartQueue } from './start-queue.ts';
import { WholeFrames } from './whole-frames.ts';

/** What is sent upstream, as raw as it came. */
export interface ForwardRequest {
  readonly method: string;
  /** Raw path and query. */
  readonly path: string;
  /** name, value, name, value...: no Host, nothing of the client's hop. */
  readonly rawHeaders: string[];
  /** null when the client announced no body. */
  readonly body: Readable | null;
  readonly signal: GiveUpSignal;
  /** No timeout on the answer's body. */
  readonly longRunning: boolean;
}

export interface ForwardResponse {
  readonly status: number;
  readonly rawHeaders: readonly string[];
  readonly body: Readable;
}

/** Upstream without any credential of the proxy; rejects when there is no answer. */
export interface UpstreamForwarder {
  forward(request: ForwardRequest): Promise<ForwardResponse>;
}

/** The account that carries the requests of callers with certificates, in their name. */
export interface Impersonator {
  forwardAs(request: ForwardRequest, named: NamedCredential): Promise<ForwardResponse>;
}

/** How a request goes on, where it is not simply as it came. */
export interface Passing {
  readonly caller?: Credential;
  /** In place of the exchange's own target. */
  readonly target?: string;
}

const RETRY_AFTER_SECONDS = 1;

/** A TLS connection keeps about as much memory as its largest write (fanout-measurements 2). */
const MAX_WRITE_BYTES = 64 * 1024;

/** What gateways and starting servers say. */
const TEMPORARY: ReadonlySet<number> = new Set([502, 503, 504]);

/** client-go lists anew after a watch that ended sooner than this without an event. */
const LEAST_WATCH_MS = 1_000;

const OVERLOADED = 'Too many requests, please try again later.';

/** kube-apiserver's `MaxRequestBodyBytes`, named in its own 413. */
const UPSTREAM_BODY_LIMIT = 3 * 1024 * 1024;

interface PassedWatch {
  readonly startedAtMs: number;
  readonly frames: WholeFrames;
  told: boolean;
}

export class PassThrough {
  open = 0;
  total = 0;
  /** Answered 429 or 503 because upstream did not answer. */
  unanswered = 0;
  /** Upstream broke off in mid answer. */
  brokenOff = 0;
  /** Told of each answer of upstream, before it is relayed. */
  onAnswer: ((exchange: Exchange, status: number) => void) | undefined;
  readonly #upstream: UpstreamForwarder;
  readonly #impersonator: Impersonator | undefined;
  /** By identity, who goes on with an answer: upstream's may all come in one turn. */
  readonly #answers: Pick<StartQueue<string>, 'turn'> | undefined;
  /** Watches under way, so that a drain can end them well. */
  readonly #watches = new Map<Sink, PassedWatch>();

  constructor(
    upstream: UpstreamForwarder,
    impersonator?: Impersonator,
    answers?: Pick<StartQueue<string>, 'turn'>,
  ) {
    this.#upstream = upstream;
    this.#impersonator = impersonator;
    this.#answers = answers;
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  /** Ends up to `count` passed-through watches cleanly, oldest first. */
  endWatches(count: number): void {
    let left = count;
    for (const [sink, watch] of this.#watches) {
      if (left-- <= 0) return;
      this.#watches.delete(sink);
      endWell(sink, watch);
    }
  }

  /** Forwards `exchange` and answers it; never throws. */
  serve(exchange: Exchange, passing: Passing = {}): void {
    this.open++;
    this.total++;
    exchange.onClose(() => {
      this.open--;
    });
    void this.#serve(exchange, passing);
  }

  async #serve(exchange: Exchange, passing: Passing): Promise<void> {
    if (exchange.aborted) return;
    let response: ForwardResponse | undefined;
    try {
      response = await this.#forward(exchange, passing);
      // The body reports an abort as an error; from here on somebody must listen.
      response.body.on('error', ignore);
      await this.#answers?.turn(holderOf(exchange).key);
      this.onAnswer?.(exchange, response.status);
      if (exchange.aborted) {
        response.body.destroy();
        return;
      }
      const isWatch = isWatchTarget(exchange.target);
      if (isWatch && TEMPORARY.has(response.status)) {
        response.body.destroy();
        const message = `the upstream apiserver said ${response.status}`;
        exchange.respondStatus(tooManyRequests(message));
        return;
      }
      const sink = exchange.relay(response.status, relayedHeaders(response.rawHeaders));
      // An answer of announced length cannot end early: over HTTP/1.1 the next one would be taken for its rest.
      const isStream = isWatch && headerValue(response.rawHeaders, 'content-length') === undefined;
      const watch = isStream ? startWatch(response.rawHeaders) : undefined;
      if (watch !== undefined) {
        this.#watches.set(sink, watch);
        exchange.onClose(() => this.#watches.delete(sink));
      }
      this.#pump(response.body, sink, watch);
    } catch (error) {
      response?.body.destroy();
      if (exchange.aborted) return;
      this.unanswered++;
      exchange.respondStatus(failure(error, exchange.target));
    }
  }

  /** A certificate stays at our door: its holder is named by an account that may impersonate. */
  #forward(
    exchange: Exchange,
    { target = exchange.target, caller }: Passing,
  ): Promise<ForwardResponse> {
    const request: ForwardRequest = {
      method: exchange.method,
      path: target,
      rawHeaders: forwardedHeaders(exchange.rawHeaders, exchange),
      body: exchange.hasBody ? exchange.body() : null,
      signal: new AbortOf(exchange),
      longRunning: isLongRunningTarget(exchange.target),
    };
    const named = namedCaller(caller);
    if (named === undefined) return this.#upstream.forward(request);
    if (this.#impersonator === undefined) throw new Error('nobody may speak for a certificate');
    return this.#impersonator.forwardAs(request, named);
  }

  /** Moves bytes as the sink takes them; what is buffered meanwhile is the body's own bound. */
  #pump(body: Readable, sink: Sink, watch: PassedWatch | undefined): void {
    const move = (): void => {
      for (let chunk = nextOf(body, sink); chunk !== null; chunk = nextOf(body, sink)) {
        const bytes = watch === undefined ? chunk : watch.frames.push(chunk);
        if (bytes === undefined) continue;
        sink.write(bytes);
        if (watch !== undefined) watch.told = true;
      }
    };
    // A body that ends well is told to its last byte, whatever that is.
    const finish = (): void => {
      const rest = watch?.frames.rest();
      const last = (): void => {
        if (rest !== undefined) sink.write(rest);
        sink.end();
      };
      if (rest === undefined || sink.ready) last();
      else sink.onReady = last;
    };
    sink.onReady = move;
    sink.onClose = () => body.destroy();
    body.on('readable', move);
    body.once('end', finish);
    const brokenOff = (): void => {
      if (body.readableEnded || sink.closed) return;
      this.brokenOff++;
      if (watch === undefined) sink.destroy();
      else endWell(sink, watch);
    };
    if (body.closed) brokenOff();
    else body.once('close', brokenOff);
    if (sink.closed) body.destroy();
  }
}

/** What the sink would take now, if there is anything. */
function nextOf(body: Readable, sink: Sink): Buffer | null {
  if (!sink.ready) return null;
  const held = body.readableLength;
  return body.read(held > MAX_WRITE_BYTES ? MAX_WRITE_BYTES : undefined) as Buffer | null;
}

function startWatch(rawHeaders: readonly string[]): PassedWatch {
  const contentType = headerValue(rawHeaders, 'content-type') ?? '';
  return { startedAtMs: performance.now(), told: false, frames: new WholeFrames(contentType) };
}

/** Cleanly, and not so soon that the client would list anew. */
function endWell(sink: Sink, { told, startedAtMs }: PassedWatch): void {
  const leftMs = told ? 0 : startedAtMs + LEAST_WATCH_MS - performance.now();
  if (leftMs > 0) setTimeout(() => sink.end(), leftMs);
  else sink.end();
}

/** What a client is told when upstream does not answer. */
export function unreachable(target: string): StatusResponse {
  const message = 'the upstream apiserver did not answer';
  return isWatchTarget(target)
    ? tooManyRequests(message)
    : serviceUnavailable(message, RETRY_AFTER_SECONDS);
}

/** What is said in place of an answer. */
function failure(error: unknown, target: string): StatusResponse {
  const code = error instanceof UpstreamError ? error.code : undefined;
  if (code === 'body-too-large') return requestEntityTooLarge(`limit is ${UPSTREAM_BODY_LIMIT}`);
  if (code === 'bad-request') return badRequest('the request cannot be forwarded');
  if (code === 'overloaded') return tooManyRequests(OVERLOADED);
  return unreachable(target);
}

/** The client went away, as a request upstream asks about it. */
class AbortOf implements GiveUpSignal {
  readonly #exchange: Exchange;
  #listener: (() => void) | undefined;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  get aborted(): boolean {
    return this.#exchange.aborted;
  }

  /** One at a time: a request that is sent again has let go of the first. */
  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listener = listener;
    this.#exchange.onAbort(() => {
      if (this.#listener === listener) listener();
    });
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    if (this.#listener === listener) this.#listener = undefined;
  }
}

function ignore(): void {
  // 'close' without 'end' tells it.
}
