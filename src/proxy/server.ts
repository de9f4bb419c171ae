/**
 * ProxyServer: the client port. One TLS listener, HTTP/2 and HTTP/1.1 by ALPN, every request handed to
 * one function as an Exchange with its raw target and headers.
 *
 *   TCP listener -> handshake, in turn -> ALPN -> front-http2 | front-http1 -> Exchange -> handle
 *                                                     `-> UpgradeRequest + socket -> upgrade
 *
 * It refuses what must not even be forwarded (400, 431), keeps the bounds of `limits.ts`, counts in
 * `stats`, and never lets a client's error reach the process. Client certificates are asked for where an
 * authority for them is given, and never required: who shows none is known by its token. Sessions are
 * not resumed then, as a resumed one would keep an identity that its authority no longer vouches for
 * (auth.md 0, decision 12); for the same reason a change of the authority ends the connections of all
 * who showed a certificate.
 */
import { constants } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import {
  createServer as createTlsServer,
  type SecureContextOptions,
  type Server as TlsServer,
  type TLSSocket,
} from 'node:tls';
import type { Duplex } from 'node:stream';
import { NO_PEER, peerOf, type Peer } from '../auth/certificate.ts';
import { WriteTurn } from '../http2/write-turn.ts';
import { internalError } from '../k8s/status.ts';
import { drain, type DrainResult, type EndableWatches } from './drain.ts';
import type { Exchange } from './exchange.ts';
import { FrontHttp1, type UpgradeRequest } from './front-http1.ts';
import { FrontHttp2 } from './front-http2.ts';
import { loopBudget } from './loop-budget.ts';
import { Shares } from './shares.ts';
import { StartQueue } from './start-queue.ts';
import { DEFAULT_SERVER_LIMITS, ServerStats, type ServerLimits } from './limits.ts';

/** The certificate to show; `ServingCertificate` is one. */
export interface CertificateProvider {
  readonly context: SecureContextOptions;
  /** Called with a function to call after each change. */
  onChange(callback: () => void): void;
}

/** What client certificates are verified against; `ClientAuthority` is one. */
export interface AuthorityProvider {
  readonly bundle: Buffer;
  onChange(callback: () => void): void;
}

export interface ProxyServerOptions {
  readonly certificate: CertificateProvider;
  /** Absent: clients are not asked for a certificate. */
  readonly clientAuthority?: AuthorityProvider;
  readonly limits?: Partial<ServerLimits>;
  /** What HTTP/2 connections write in; to be run at the end of a flush. */
  readonly writes?: WriteTurn;
  /** Answers the exchange, now or later. A throw or rejection becomes a 500 and `onFailure`. */
  readonly handle: (exchange: Exchange) => void | Promise<void>;
  /** Takes the socket over; `head` holds bytes that came with the request. */
  readonly upgrade: (request: UpgradeRequest, socket: Duplex, head: Buffer) => void;
  /** A handler failed: for the log. */
  readonly onFailure?: (error: unknown, exchange: Exchange) => void;
}

/** Time a GOAWAY needs to reach clients before streams are refused (Go's server waits as long). */
const ANNOUNCE_MS = 1_000;
const DRAIN_STEP_MS = 100;
/** Requests begun in one turn of the loop: one or two milliseconds. */
const STARTS_PER_TURN = 16;
/** Handshakes begun in one turn, each about as long: a crowd that comes at once must not hold up who is here. */
const HANDSHAKES_PER_TURN = 1;
const NO_WATCHES: EndableWatches = { openWatches: 0, endWatches: () => {} };

export class ProxyServer {
  readonly stats = new ServerStats();
  readonly #options: ProxyServerOptions;
  readonly #limits: ServerLimits;
  readonly #listener: Server;
  readonly #tls: TlsServer;
  readonly #http1: FrontHttp1;
  readonly #http2: FrontHttp2;
  /** Connections whose peer showed a certificate, good or bad. */
  readonly #certified = new Set<TLSSocket>();
  /** Handshakes under way by their peer, with the authority they began under and are verified with. */
  readonly #handshakes = new Map<string, Buffer>();
  readonly #addresses: Shares;
  readonly #starts = new StartQueue<object>(STARTS_PER_TURN, loopBudget);
  readonly #beginnings = new StartQueue<string>(HANDSHAKES_PER_TURN, loopBudget);
  #nextConnectionId = 1;

  constructor(options: ProxyServerOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_SERVER_LIMITS, ...options.limits };
    this.#addresses = new Shares(this.#limits.maxConnectionsPerAddress);
    const shared = { limits: this.#limits, stats: this.stats };
    this.#http1 = new FrontHttp1({
      ...shared,
      handle: (exchange) => this.#starts.add(exchange.connection, () => this.#start(exchange)),
      upgrade: options.upgrade,
    });
    this.#http2 = new FrontHttp2({
      ...shared,
      handle: (exchange) => this.#handle(exchange),
      starts: this.#starts,
      writes: options.writes ?? new WriteTurn(),
    });
    this.#tls = this.#createTls(options);
    this.#listener = this.#createListener();
  }

  /** Connections in any state behind the handshake. */
  get openConnections(): number {
    return this.#http1.openConnections + this.#http2.openConnections;
  }

  /** Port 0 picks a free one. */
  listen(host: string, port: number): Promise<{ port: number }> {
    return new Promise((resolve, reject) => {
      this.#listener.once('error', reject);
      this.#listener.listen({ host, port }, () => {
        this.#listener.removeListener('error', reject);
        this.#listener.on('error', ignore);
        resolve({ port: (this.#listener.address() as AddressInfo).port });
      });
    });
  }

  /** Stops gracefully within `graceMs`; `watches` are asked to end theirs over that time. */
  async drain(graceMs: number, watches: EndableWatches = NO_WATCHES): Promise<DrainResult> {
    const result = await drain(this, watches, {
      graceMs,
      announceMs: ANNOUNCE_MS,
      stepMs: DRAIN_STEP_MS,
    });
    this.destroy();
    return result;
  }

  announceDrain(): void {
    this.#listener.close();
    this.#http1.announceDrain();
    this.#http2.announceDrain();
  }

  startDrain(): void {
    this.#http1.startDrain();
    this.#http2.startDrain();
  }

  /** Closes the port and cuts every connection. */
  destroy(): void {
    this.#listener.close();
    this.#http1.destroy();
    this.#http2.destroy();
  }

  #createListener(): Server {
    const limits = this.#limits;
    const listener = createServer({
      // Upgraded connections (port-forward) end their two directions one by one.
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: limits.keepAliveDelayMs,
      // Nothing is read before the handshake begins: until then a connection costs a descriptor.
      pauseOnConnect: true,
    });
    listener.maxConnections = limits.maxConnections;
    listener.on('connection', (socket) => this.#admit(socket));
    listener.on('drop', () => {
      this.stats.droppedConnections++;
      this.stats.limits.connections++;
    });
    return listener;
  }

  /** Handshakes of connections that the listener hands over. */
  #createTls({ certificate, clientAuthority }: ProxyServerOptions): TlsServer {
    const context = (): SecureContextOptions => ({
      ...certificate.context,
      ...(clientAuthority && clientContext(clientAuthority)),
      minVersion: 'TLSv1.2',
    });
    const tls = createTlsServer({
      ...context(),
      ALPNProtocols: ['h2', 'http/1.1'],
      requestCert: clientAuthority !== undefined,
      rejectUnauthorized: false,
      handshakeTimeout: this.#limits.handshakeTimeoutMs,
    });
    tls.on('secureConnection', (socket) => this.#accept(socket));
    tls.on('tlsClientError', (_error, socket) => {
      this.stats.handshakeFailures++;
      socket.destroy();
    });
    certificate.onChange(() => tls.setSecureContext(context()));
    if (clientAuthority === undefined) return tls;
    tls.on('connection', (socket) => this.#rememberAuthority(socket, clientAuthority));
    clientAuthority.onChange(() => {
      tls.setSecureContext(context());
      for (const socket of this.#certified) socket.destroy();
    });
    return tls;
  }

  #rememberAuthority(socket: Socket, { bundle }: AuthorityProvider): void {
    const key = addressOf(socket);
    this.#handshakes.set(key, bundle);
    socket.once('close', () => this.#handshakes.delete(key));
  }

  /** A handshake that outlived its authority was verified with one that vouches for nobody any more. */
  #peerOf(socket: TLSSocket): Peer | undefined {
    const { clientAuthority } = this.#options;
    if (clientAuthority === undefined) return NO_PEER;
    const key = addressOf(socket);
    const isCurrent = this.#handshakes.get(key) === clientAuthority.bundle;
    this.#handshakes.delete(key);
    const peer = peerOf(socket);
    return isCurrent || peer.kind === 'none' ? peer : undefined;
  }

  /** Counts connections of one address, those still in their handshake included, and has each begin it in its turn. */
  #admit(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress ?? '');
    if (this.#addresses.isFull(address)) {
      this.stats.droppedConnections++;
      this.stats.limits.connections_per_address++;
      socket.destroy();
      return;
    }
    this.#addresses.add(address);
    socket.once('close', () => this.#addresses.give(address));
    socket.on('error', ignore);
    this.#beginnings.add(address, () => this.#beginHandshake(socket));
  }

  #beginHandshake(socket: Socket): boolean {
    if (socket.destroyed) return false;
    this.#tls.emit('connection', socket);
    return true;
  }

  #accept(socket: TLSSocket): void {
    socket.on('error', ignore);
    const peer = this.#peerOf(socket);
    if (peer === undefined) {
      socket.destroy();
      return;
    }
    const use = {
      id: this.#nextConnectionId++,
      peer,
      remoteAddress: plainAddress(socket.remoteAddress ?? ''),
      inFlight: 0,
      vouched: false,
    };
    // No address: the peer is gone already.
    if (!this.#listener.listening || use.remoteAddress === '') {
      socket.destroy();
      return;
    }
    this.stats.connections++;
    this.stats.openConnections++;
    if (peer.kind !== 'none') this.#certified.add(socket);
    socket.once('close', () => {
      this.stats.openConnections--;
      this.#certified.delete(socket);
    });
    if (socket.alpnProtocol === 'h2') this.#http2.accept(socket, use);
    else this.#http1.accept(socket, use);
  }

  #start(exchange: Exchange): boolean {
    if (exchange.aborted) return false;
    this.#handle(exchange);
    return true;
  }

  #handle(exchange: Exchange): void {
    try {
      const pending = this.#options.handle(exchange);
      if (pending instanceof Promise) pending.catch((error) => this.#failed(error, exchange));
    } catch (error) {
      this.#failed(error, exchange);
    }
  }

  #failed(error: unknown, exchange: Exchange): void {
    this.stats.handlerFailures++;
    this.#options.onFailure?.(error, exchange);
    if (exchange.status === 0) exchange.respondStatus(internalError('the request failed'));
    else exchange.destroy();
  }
}

/** Every certificate of the bundle is an anchor, as in Go, self-signed or not. */
function clientContext({ bundle }: AuthorityProvider): SecureContextOptions {
  return {
    ca: bundle,
    allowPartialTrustChain: true,
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/** No two open connections of one port share it. */
function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** An IPv4 peer of a dual-stack listener, written as Go writes it. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}

function ignore(): void {
  // Told by 'close'; the error itself is the client's network.
}
