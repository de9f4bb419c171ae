/**
 * Upstream: the one apiserver (or load balancer) this process talks to.
 *
 * open() sends the proxy's own requests with the proxy's own credential; forward() sends a caller's
 * request with the caller's headers and nothing of ours; connectRaw() gives a bare socket for
 * upgrades. forwardAs() and connectAs() send a caller's request in its name with the credential of this
 * account, and are for an account that may do nothing but impersonate. The three kinds never share a
 * connection. A 401 on open() renews the credential and is
 * tried once more; changed certificate files rebuild the connections. Every failure is an
 * UpstreamError with a code.
 */

import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { authorityOf } from './cluster-config.ts';
import type { ClusterConfig } from './cluster-config.ts';
import { Connections } from './connection.ts';
import type { PoolName } from './connection.ts';
import { Credentials } from './credentials.ts';
import { Dialer } from './dialer.ts';
import { endToEndHeaders, forwardableHeaders, headerValue, withoutIdentity } from './headers.ts';
import { limitedBody, tooLarge } from './request-body.ts';
import { exchange } from './request.ts';
import type { ExchangeRequest, GiveUpSignal, UpstreamResponse } from './request.ts';
import { TlsContexts } from './tls-contexts.ts';
import { UpstreamError } from './upstream-error.ts';
import { DEFAULT_UPSTREAM_OPTIONS } from './upstream-options.ts';
import type { UpstreamOptions } from './upstream-options.ts';

export interface OpenRequest {
  readonly method?: string;
  /** `accept` defaults to application/json. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | null;
  readonly signal?: AbortSignal;
  /** Long-running requests use the watch pool; when absent, the query's `watch` decides. */
  readonly longRunning?: boolean;
}

export interface OpenResponse {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: Readable;
}

export interface ForwardRequest {
  readonly method: string;
  /** The caller's raw request target, starting with `/`. */
  readonly path: string;
  readonly rawHeaders: readonly string[];
  /** null when the request has no body. */
  readonly body: Readable | Buffer | null;
  readonly signal?: GiveUpSignal;
  readonly longRunning?: boolean;
  /** A question about the caller with its own token. */
  readonly isReview?: boolean;
}

export class Upstream {
  /** What stands in front of every path; '' unless the server URL has a path. Upgrades need it. */
  readonly basePath: string;
  /** host:port, for the Host header of upgrades. */
  readonly authority: string;
  /** `https://host:port/prefix`, for people. */
  readonly url: string;
  /** Where the configuration came from, for logs. */
  readonly origin: string;
  /** Plain numbers, read at scrape time. */
  readonly counters = {
    opened: 0,
    forwarded: 0,
    impersonated: 0,
    rawConnections: 0,
    renewals: 0,
    rotations: 0,
    repeated: 0,
    errors: 0,
  };
  /** Own requests by verb and status (0: no answer); a dozen rows at most. */
  readonly requests = new Map<string, { verb: string; code: number; count: number }>();
  readonly #options: UpstreamOptions;
  readonly #credentials: Credentials;
  readonly #contexts: TlsContexts;
  readonly #dialer: Dialer;
  readonly #connections: Connections;
  readonly #refreshTimer: NodeJS.Timeout;

  private constructor(cluster: ClusterConfig, options: UpstreamOptions) {
    this.basePath = cluster.basePath;
    this.authority = authorityOf(cluster);
    this.url = `${cluster.scheme}://${this.authority}${cluster.basePath}`;
    this.origin = cluster.origin;
    this.#options = options;
    this.#credentials = new Credentials(cluster.reader, {
      refreshMs: options.credentialRefreshMs,
      execTimeoutMs: options.execTimeoutMs,
      clusterInfo: { server: `${cluster.scheme}://${this.authority}${cluster.basePath}` },
    });
    this.#contexts = new TlsContexts(cluster, this.#credentials);
    this.#dialer = new Dialer(cluster, this.#contexts, options);
    this.#connections = new Connections(cluster, this.#dialer, options);
    this.#refreshTimer = setInterval(
      () => void this.#rotateWhenChanged(),
      options.credentialRefreshMs,
    ).unref();
  }

  /** Opens no connection yet: an apiserver that is down now may be up at the first request. */
  static connect(cluster: ClusterConfig, options: Partial<UpstreamOptions> = {}): Upstream {
    return new Upstream(cluster, { ...DEFAULT_UPSTREAM_OPTIONS, ...options });
  }

  /** One of the proxy's own requests, with the proxy's own credential. */
  async open(path: string, request: OpenRequest = {}): Promise<OpenResponse> {
    this.counters.opened += 1;
    return this.#counted(async () => {
      const credential = await this.#credentials.headers();
      let response = await this.#openOnce(path, request, credential);
      if (response.status === 401 && (await this.#renew(credential))) {
        response.body.destroy();
        response = await this.#openOnce(path, request, await this.#credentials.headers());
      }
      return { status: response.status, headers: response.rawHeaders, body: response.body };
    });
  }

  /** A caller's request under the caller's identity; nothing of ours is added to it. */
  async forward(request: ForwardRequest): Promise<UpstreamResponse> {
    this.counters.forwarded += 1;
    return this.#counted(() => {
      const calls = request.isReview === true ? 'forwardedReviews' : 'forwardedCalls';
      const pool = request.longRunning === true ? 'forwardedStreams' : calls;
      return this.#forward(pool, request, forwardable(request.rawHeaders));
    });
  }

  /**
   * A caller's request in the name that `impersonation` gives (raw pairs, the user first) and with this
   * account's credential; what the caller itself said about its identity is left out. Rejects with
   * `credentials` when upstream does not know this account: a 401 would be taken for the caller's.
   */
  async forwardAs(
    request: ForwardRequest,
    impersonation: readonly string[],
  ): Promise<UpstreamResponse> {
    this.counters.impersonated += 1;
    return this.#counted(async () => {
      const vouched = await this.#vouchedHeaders(request.rawHeaders, impersonation);
      const pool = request.longRunning === true ? 'impersonatedStreams' : 'impersonatedCalls';
      const response = await this.#forward(pool, request, vouched.headers);
      if (response.status !== 401) return response;
      response.body.destroy();
      void this.#renew(vouched.credential);
      throw new UpstreamError('credentials', 'upstream does not know the impersonating account');
    });
  }

  /**
   * A connected socket (TLS unless the server is http), without credential, speaking HTTP/1.1. It is
   * half-open capable and the caller's alone; paths on it need `basePath` in front.
   */
  connectRaw(): Promise<Socket> {
    this.counters.rawConnections += 1;
    return this.#counted(() => this.#dialer.dial('bare', true));
  }

  /** The same for a caller in the name that `impersonation` gives: the headers to send, and a socket. */
  connectAs(
    rawHeaders: readonly string[],
    impersonation: readonly string[],
  ): Promise<{ readonly socket: Socket; readonly headers: readonly string[] }> {
    this.counters.rawConnections += 1;
    return this.#counted(async () => {
      const { headers } = await this.#vouchedHeaders(rawHeaders, impersonation);
      return { headers, socket: await this.#dialer.dial('reader', true) };
    });
  }

  /** Requests under way or waiting, per pool; for metrics and limits. */
  inFlight(pool: PoolName): number {
    return this.#connections.inFlight(pool);
  }

  /** Plain counters of connecting and credentials, read at scrape time. */
  get connectionCounters(): Readonly<Record<'dials' | 'dialFailures' | 'credentialReads', number>> {
    return {
      dials: this.#dialer.dials,
      dialFailures: this.#dialer.failures,
      credentialReads: this.#credentials.reads,
    };
  }

  /** Ends all requests and connections. */
  async close(): Promise<void> {
    clearInterval(this.#refreshTimer);
    await this.#connections.close();
  }

  async #forward(
    pool: PoolName,
    request: ForwardRequest,
    headers: readonly string[],
  ): Promise<UpstreamResponse> {
    const options = this.#options;
    const longRunning = request.longRunning === true;
    const response = await this.#send(pool, {
      method: request.method,
      path: request.path,
      headers,
      body: this.#limited(request),
      signal: request.signal,
      headersTimeoutMs: longRunning ? 0 : options.callHeadersTimeoutMs,
      bodyTimeoutMs: longRunning ? 0 : options.callBodyTimeoutMs,
    });
    return { ...response, rawHeaders: endToEndHeaders(response.rawHeaders) };
  }

  /** Without a name the request would run as this account itself, so there is none without. */
  async #vouchedHeaders(
    rawHeaders: readonly string[],
    impersonation: readonly string[],
  ): Promise<{ readonly headers: readonly string[]; readonly credential: readonly string[] }> {
    const [name, user = ''] = impersonation;
    if (name !== 'Impersonate-User' || user === '') {
      throw new UpstreamError('bad-request', 'nobody is named to impersonate');
    }
    const kept = withoutIdentity(forwardable(rawHeaders));
    const credential = await this.#credentials.headers();
    return { headers: [...kept, ...credential, ...impersonation], credential };
  }

  #openOnce(
    path: string,
    request: OpenRequest,
    credential: readonly string[],
  ): Promise<UpstreamResponse> {
    const options = this.#options;
    const longRunning = request.longRunning ?? isWatch(path);
    const headers = ['user-agent', options.userAgent, ...credential];
    for (const [name, value] of Object.entries({ accept: JSON_TYPE, ...request.headers })) {
      headers.push(name, value);
    }
    const method = request.method ?? 'GET';
    const sent = this.#send(longRunning ? 'readerWatches' : 'readerCalls', {
      method,
      path,
      headers,
      body: request.body ?? null,
      signal: request.signal,
      headersTimeoutMs: longRunning ? options.watchHeadersTimeoutMs : options.callHeadersTimeoutMs,
      bodyTimeoutMs: longRunning ? 0 : options.callBodyTimeoutMs,
    });
    const verb = longRunning ? 'watch' : method.toLowerCase();
    sent.then(
      ({ status }) => this.#tally(verb, status),
      () => this.#tally(verb, 0),
    );
    return sent;
  }

  #tally(verb: string, code: number): void {
    const key = `${verb} ${code}`;
    const row = this.requests.get(key);
    if (row === undefined) this.requests.set(key, { verb, code, count: 1 });
    else row.count += 1;
  }

  async #send(pool: PoolName, request: ExchangeRequest): Promise<UpstreamResponse> {
    if (!request.path.startsWith('/')) {
      throw new UpstreamError('bad-request', 'the request target must start with /');
    }
    const sent = { ...request, path: this.basePath + request.path };
    try {
      return await exchange(this.#connections.pool(pool), sent);
    } catch (error) {
      // An idle connection may have been closed while the request was on its way. Go's transport
      // repeats such requests too; clients behind us expect no less.
      if (!isRepeatable(request) || (error as UpstreamError).code !== 'reset') {
        throw error;
      }
      this.counters.repeated += 1;
      return exchange(this.#connections.pool(pool), sent);
    }
  }

  #limited(request: ForwardRequest): Readable | Buffer | null {
    const { maxRequestBodyBytes } = this.#options;
    const { body } = request;
    const length = headerValue(request.rawHeaders, 'content-length');
    if (body === null || length === '0') {
      return null;
    }
    const declared = Buffer.isBuffer(body) ? body.length : Number(length ?? 0);
    if (declared > maxRequestBodyBytes) {
      throw tooLarge(maxRequestBodyBytes);
    }
    return Buffer.isBuffer(body) ? body : limitedBody(body, maxRequestBodyBytes);
  }

  async #renew(refused: readonly string[]): Promise<boolean> {
    this.counters.renewals += 1;
    const newToken = await this.#credentials.renew(refused);
    return (await this.#rotateWhenChanged()) || newToken;
  }

  /** Files that cannot be read right now keep the old connections; the next request may say why. */
  async #rotateWhenChanged(): Promise<boolean> {
    try {
      if (!(await this.#contexts.reload())) {
        return false;
      }
    } catch {
      this.counters.errors += 1;
      return false;
    }
    this.counters.rotations += 1;
    this.#connections.rotate();
    return true;
  }

  async #counted<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.counters.errors += 1;
      throw error;
    }
  }
}

function forwardable(rawHeaders: readonly string[]): readonly string[] {
  const checked = forwardableHeaders(rawHeaders);
  if (checked.kind === 'refused') throw new UpstreamError('bad-request', checked.reason);
  return checked.headers;
}

const JSON_TYPE = 'application/json';

/** Nothing of it can have taken effect twice, and it can be sent again as it was. */
function isRepeatable(request: ExchangeRequest): boolean {
  return request.body === null && (request.method === 'GET' || request.method === 'HEAD');
}

function isWatch(path: string): boolean {
  return /[?&]watch=(1|true)(&|$)/.test(path);
}
