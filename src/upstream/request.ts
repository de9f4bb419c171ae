/**
 * One request and its response over a dispatcher: the only place that maps network errors.
 *
 * Raw header pairs in, raw header pairs out; the path goes on the wire as given, never through a
 * URL parser. The response body is a Readable under back-pressure: when it is full the socket is
 * paused. Destroying the body, or the caller's signal, ends the exchange and its stream or socket.
 * Interim (1xx) responses and trailers are ignored; redirects are answers like any other.
 */

import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { UpstreamError } from './upstream-error.ts';
import type { UpstreamErrorCode } from './upstream-error.ts';

/** What is needed of an `AbortSignal`: one for each request, with its controller, is much of what a short request costs. */
export interface GiveUpSignal {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void, options?: { once: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

export interface ExchangeRequest {
  readonly method: string;
  /** Starts with `/`; bytes as received, in latin1. */
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: Readable | Buffer | null;
  readonly signal?: GiveUpSignal;
  /** 0 means no limit. */
  readonly headersTimeoutMs: number;
  /** Longest silence inside the body while the reader is not paused; 0 means no limit. */
  readonly bodyTimeoutMs: number;
}

export interface UpstreamResponse {
  readonly status: number;
  /** name, value, name, value ... with upstream's casing and duplicates. */
  readonly rawHeaders: readonly string[];
  readonly body: Readable;
}

/** What an exchange needs of a pool. acquire() throws UpstreamError when the pool is full. */
export interface Dispatching {
  acquire(): void;
  release(): void;
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean;
}

/** Bytes a response body holds before its socket is paused. */
const BODY_BUFFER_BYTES = 256 * 1024;

/** Sends one request. Rejects with UpstreamError; the body's errors are UpstreamErrors too. */
export function exchange(pool: Dispatching, request: ExchangeRequest): Promise<UpstreamResponse> {
  return new Promise((resolve, reject) => {
    try {
      if (request.signal?.aborted) {
        throw new UpstreamError('aborted', 'the request was given up before it was sent');
      }
      pool.acquire();
    } catch (error) {
      destroyBody(request.body);
      reject(error);
      return;
    }
    const handler = new ExchangeHandler(pool, request, resolve, reject);
    pool.dispatch(
      {
        method: request.method,
        path: request.path,
        headers: request.headers as string[],
        body: request.body,
        headersTimeout: request.headersTimeoutMs,
        bodyTimeout: request.bodyTimeoutMs,
        // DELETE carries DeleteOptions; undici would otherwise give up the connection after it.
        reset: request.method === 'DELETE' ? false : undefined,
      },
      handler,
    );
  });
}

class ExchangeHandler implements Dispatcher.DispatchHandler {
  readonly #pool: Dispatching;
  readonly #request: ExchangeRequest;
  readonly #resolve: (response: UpstreamResponse) => void;
  readonly #reject: (error: UpstreamError) => void;
  readonly #onAbort = (): void => {
    this.#giveUp(new UpstreamError('aborted', 'the caller gave up the request'));
  };
  #controller: Dispatcher.DispatchController | undefined;
  #body: Readable | undefined;
  #givenUp: UpstreamError | undefined;
  #finished = false;

  constructor(
    pool: Dispatching,
    request: ExchangeRequest,
    resolve: (response: UpstreamResponse) => void,
    reject: (error: UpstreamError) => void,
  ) {
    this.#pool = pool;
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
    request.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#givenUp !== undefined) {
      controller.abort(this.#givenUp);
    }
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status < 200) {
      return;
    }
    const body = new Readable({
      highWaterMark: BODY_BUFFER_BYTES,
      read: () => controller.resume(),
      destroy: (error, done) => {
        if (!this.#finished) {
          controller.abort(error ?? new UpstreamError('aborted', 'the response was given up'));
        }
        done(error);
      },
    });
    // An error between the head and the reader's first listener must not end the process.
    body.on('error', ignore);
    this.#body = body;
    this.#resolve({ status, rawHeaders: rawPairs(controller.rawHeaders), body });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#body?.push(chunk) === false) {
      controller.pause();
    }
  }

  onResponseEnd(): void {
    this.#finish();
    this.#body?.push(null);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const mapped = exchangeError(error);
    this.#finish();
    destroyBody(this.#request.body);
    if (this.#body === undefined) {
      this.#reject(mapped);
    } else {
      this.#body.destroy(mapped);
    }
  }

  #giveUp(error: UpstreamError): void {
    if (this.#body !== undefined) {
      this.#body.destroy(error);
      return;
    }
    this.#givenUp = error;
    this.#reject(error);
    destroyBody(this.#request.body);
    this.#controller?.abort(error);
  }

  #finish(): void {
    if (!this.#finished) {
      this.#finished = true;
      this.#pool.release();
    }
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
  }
}

function ignore(): void {}

function destroyBody(body: Readable | Buffer | null): void {
  if (body instanceof Readable) {
    body.destroy();
  }
}

type RawHeaders = Dispatcher.DispatchController['rawHeaders'];

/** Values are latin1, as node:http expects them, so bytes survive whatever they mean. */
function rawPairs(raw: RawHeaders): string[] {
  const parts: readonly (string | Buffer)[] = Array.isArray(raw) ? raw : [];
  return parts.map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
}

/** An error from inside an exchange, by its code; UpstreamErrors pass unchanged. */
export function exchangeError(error: unknown): UpstreamError {
  if (error instanceof UpstreamError) {
    return error;
  }
  const code = codeOf(error);
  const known = EXCHANGE_CODES[code];
  if (known !== undefined) {
    return new UpstreamError(
      known,
      `${EXCHANGE_TEXTS[known] ?? 'upstream failed'} (${code})`,
      error,
    );
  }
  if (code === 'HTTPParserError' || code.startsWith('HPE_')) {
    // No cause: this error carries the bytes that were received.
    const { message } = error as Error;
    return new UpstreamError(
      'protocol',
      `upstream answered something that is not HTTP: ${message}`,
    );
  }
  return new UpstreamError('reset', `the connection to upstream broke (${code})`, error);
}

const EXCHANGE_CODES: Readonly<Record<string, UpstreamErrorCode>> = {
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_OVERFLOW: 'protocol',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'protocol',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'protocol',
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: 'bad-request',
  UND_ERR_INVALID_ARG: 'bad-request',
  UND_ERR_NOT_SUPPORTED: 'bad-request',
  UND_ERR_ABORTED: 'aborted',
  ABORT_ERR: 'aborted',
  UND_ERR_CLOSED: 'closed',
  UND_ERR_DESTROYED: 'closed',
  UND_ERR_CONNECT_TIMEOUT: 'unreachable',
};

const EXCHANGE_TEXTS: Readonly<Partial<Record<UpstreamErrorCode, string>>> = {
  timeout: 'upstream did not answer in time',
  protocol: 'upstream broke the HTTP protocol',
  'bad-request': 'the request cannot be sent',
  aborted: 'the request was given up',
  closed: 'the connection to upstream was closed',
  unreachable: 'upstream cannot be reached',
};

/** An error while connecting: before TCP stood it is 'unreachable', in the handshake 'tls'. */
export function connectError(error: unknown, target: string, tcpStood: boolean): UpstreamError {
  if (error instanceof UpstreamError) {
    return error;
  }
  const code = codeOf(error);
  const text = (error as Error).message;
  if (!tcpStood) {
    return new UpstreamError('unreachable', `cannot connect to ${target} (${code})`, error);
  }
  return new UpstreamError('tls', `TLS handshake with ${target} failed: ${text} (${code})`, error);
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : ((error as Error | null)?.name ?? 'unknown');
}
