/**
 * Connections: seven pools to one upstream, and the rule of what may travel where.
 *
 * readerWatches and readerCalls carry the proxy's own requests (with its client certificate);
 * forwardedCalls and forwardedStreams carry callers' requests and never a credential of ours: they
 * dial with the `bare` context. So does forwardedReviews, which is apart because callers who fill the other two with
 * slow requests would keep everybody from being judged. The impersonated ones carry requests of callers with certificates, in
 * their name and with the credential of an account that may do nothing else. Long and short requests never share a pool, so watches cannot
 * starve calls. Each pool refuses work beyond connections + maxQueued instead of queueing on.
 *
 * All speak HTTP/1.1, one request per connection at a time. HTTP/2 was tried and refused: after a
 * GOAWAY (kube-apiserver sends them on purpose) undici 8.12.4 holds new requests back until every
 * stream of the old session has ended, which for watches is minutes; a lane would share
 * flow control with all others; and it costs 10-30 % more CPU per byte of watch stream.
 */

import type { Socket } from 'node:net';
import { Pool } from 'undici';
import type { Dispatcher } from 'undici';
import { authorityOf } from './cluster-config.ts';
import type { ClusterConfig } from './cluster-config.ts';
import type { Dialer } from './dialer.ts';
import type { Dispatching } from './request.ts';
import type { ContextKind } from './tls-contexts.ts';
import { UpstreamError } from './upstream-error.ts';
import type { UpstreamOptions } from './upstream-options.ts';

export type PoolName =
  | 'readerWatches'
  | 'readerCalls'
  | 'forwardedCalls'
  | 'forwardedReviews'
  | 'forwardedStreams'
  | 'impersonatedCalls'
  | 'impersonatedStreams';

export class Connections {
  readonly #cluster: ClusterConfig;
  readonly #dialer: Dialer;
  readonly #options: UpstreamOptions;
  readonly #pools = new Map<PoolName, BoundedPool>();
  readonly #retired = new Set<BoundedPool>();
  #closed = false;

  constructor(cluster: ClusterConfig, dialer: Dialer, options: UpstreamOptions) {
    this.#cluster = cluster;
    this.#dialer = dialer;
    this.#options = options;
  }

  pool(name: PoolName): BoundedPool {
    let pool = this.#pools.get(name);
    if (pool === undefined) {
      if (this.#closed) {
        throw new UpstreamError('closed', 'the upstream was closed');
      }
      pool = this.#build(name);
      this.#pools.set(name, pool);
    }
    return pool;
  }

  /** Requests under way or waiting in one pool. */
  inFlight(name: PoolName): number {
    return this.#pools.get(name)?.inFlight ?? 0;
  }

  /** New requests use new connections; those under way may finish within rotationDrainMs. */
  rotate(): void {
    for (const [name, pool] of this.#pools) {
      this.#pools.delete(name);
      this.#retired.add(pool);
      const timer = setTimeout(() => void pool.destroy(), this.#options.rotationDrainMs).unref();
      void pool.close().finally(() => {
        clearTimeout(timer);
        this.#retired.delete(pool);
      });
    }
  }

  /** Ends everything at once; requests under way fail with 'closed'. */
  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#pools.values(), ...this.#retired];
    this.#pools.clear();
    await Promise.all(all.map((pool) => pool.destroy()));
  }

  #build(name: PoolName): BoundedPool {
    const options = this.#options;
    const bare = name.startsWith('forwarded');
    const pool = new Pool(`${this.#cluster.scheme}://${authorityOf(this.#cluster)}`, {
      connections: options[name],
      pipelining: 1,
      allowH2: false,
      maxHeaderSize: options.maxHeaderBytes,
      keepAliveTimeout: options.keepAliveMs,
      keepAliveMaxTimeout: options.keepAliveMs,
      maxResponseSize: -1,
      connect: this.#connector(bare ? 'bare' : 'reader'),
    });
    return new BoundedPool(pool, name, options[name] + options.maxQueued);
  }

  #connector(kind: ContextKind) {
    return (_options: unknown, done: (...result: ConnectResult) => void): void => {
      this.#dialer.dial(kind).then(
        (socket) => done(null, socket),
        (error: Error) => done(error, null),
      );
    };
  }
}

type ConnectResult = [null, Socket] | [Error, null];

/** An undici pool that counts what is under way and refuses what is too much. */
export class BoundedPool implements Dispatching {
  readonly #pool: Pool;
  readonly #name: PoolName;
  readonly #limit: number;
  inFlight = 0;

  constructor(pool: Pool, name: PoolName, limit: number) {
    this.#pool = pool;
    this.#name = name;
    this.#limit = limit;
  }

  acquire(): void {
    if (this.inFlight >= this.#limit) {
      throw new UpstreamError('overloaded', `all ${this.#limit} ${this.#name} are in use`);
    }
    this.inFlight += 1;
  }

  release(): void {
    this.inFlight -= 1;
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return this.#pool.dispatch(options, handler);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  destroy(): Promise<void> {
    return this.#pool.destroy(new UpstreamError('closed', 'the upstream was closed'));
  }
}
