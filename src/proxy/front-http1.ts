/**
 * The HTTP/1.1 half of the client port: node:http fed with sockets that finished their handshake.
 *
 * Strict parsing is llhttp's. Added here: one request at a time per connection (pipelined ones wait,
 * a bounded number of them), what must not be forwarded is refused, an answer is given as a Status
 * where node:http would send an empty one, and connections end with the drain.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { badRequest } from '../k8s/status.ts';
import { ExchangeHttp1 } from './exchange-http1.ts';
import type { ConnectionUse, Exchange } from './exchange.ts';
import { headerValue, refusal } from './headers.ts';
import type { ServerLimits, ServerStats } from './limits.ts';
import { answerStatusAndClose, answerTooLargeAndClose } from './raw-answer.ts';

/** A request to leave HTTP (exec, attach, port-forward, watch over WebSocket). */
export interface UpgradeRequest {
  readonly method: string;
  readonly target: string;
  readonly rawHeaders: readonly string[];
  readonly connection: ConnectionUse;
  /** `websocket` or `SPDY/3.1`, as the client spelled it. */
  readonly protocol: string;
}

export interface FrontHttp1Options {
  readonly limits: ServerLimits;
  readonly stats: ServerStats;
  readonly handle: (exchange: Exchange) => void;
  readonly upgrade: (request: UpgradeRequest, socket: Duplex, head: Buffer) => void;
}

/** One client connection: what is being answered and what waits behind it. */
interface Connection {
  readonly use: ConnectionUse;
  readonly socket: TLSSocket;
  /** The answer being given, null between requests. */
  current: ServerResponse | null;
  /** Upgraded: no longer HTTP. */
  upgraded: boolean;
  readonly waiting: (() => void)[];
}

export class FrontHttp1 {
  readonly #server: Server;
  readonly #limits: ServerLimits;
  readonly #stats: ServerStats;
  readonly #handle: (exchange: Exchange) => void;
  readonly #upgrade: FrontHttp1Options['upgrade'];
  readonly #connections = new Map<Duplex, Connection>();
  #draining = false;

  constructor(options: FrontHttp1Options) {
    const { limits } = options;
    this.#limits = limits;
    this.#stats = options.stats;
    this.#handle = options.handle;
    this.#upgrade = options.upgrade;
    this.#server = createServer({
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      // A body may come slowly: `pods/proxy` uploads and upstream's own timeouts decide.
      requestTimeout: 0,
      keepAliveTimeout: limits.idleTimeoutMs,
      connectionsCheckingInterval: limits.reapIntervalMs,
      // Answered as a Status by `refusal`.
      requireHostHeader: false,
      // Node >= 24.9; older ones emit 'upgrade' for every protocol, which is answered 400 there.
      shouldUpgradeCallback: (request: IncomingMessage) => upgradeProtocol(request) !== undefined,
    } as Parameters<typeof createServer>[0]);
    // Node drops headers beyond 2000 in silence; their octets are bounded already.
    this.#server.maxHeadersCount = 0;
    this.#server.on('request', (request, response) => this.#onRequest(request, response));
    this.#server.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head));
    this.#server.on('connect', (_request, socket) =>
      this.#reject(socket, 'CONNECT is not supported'),
    );
    this.#server.on('clientError', (error, socket) => this.#onClientError(error, socket));
    // The server never listens itself; this starts its check of slow headers.
    this.#server.emit('listening');
  }

  get openConnections(): number {
    return this.#connections.size;
  }

  accept(socket: TLSSocket, use: ConnectionUse): void {
    const connection: Connection = { use, socket, current: null, upgraded: false, waiting: [] };
    this.#connections.set(socket, connection);
    socket.once('close', () => {
      this.#connections.delete(socket);
      connection.waiting.length = 0;
      if (connection.upgraded) this.#stats.openUpgrades--;
    });
    this.#server.emit('connection', socket);
  }

  /** Answers from now on say `Connection: close`, and their connections close behind them. */
  announceDrain(): void {
    this.#draining = true;
    for (const { current } of this.#connections.values()) {
      if (current !== null && !current.headersSent) current.shouldKeepAlive = false;
    }
  }

  /** Closes connections that are between two requests. */
  startDrain(): void {
    for (const connection of this.#connections.values()) {
      if (connection.current === null && !connection.upgraded) connection.socket.destroySoon();
    }
  }

  /** Cuts everything, upgraded sockets too. */
  destroy(): void {
    // Stops the interval that 'listening' started; the error about not listening has no receiver.
    this.#server.close();
    for (const connection of this.#connections.values()) connection.socket.destroy();
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.get(request.socket);
    if (connection === undefined || connection.socket.destroyed) return;
    if (connection.current === null) {
      this.#start(connection, request, response);
    } else if (connection.waiting.length < this.#limits.maxPipelined) {
      connection.waiting.push(() => this.#start(connection, request, response));
    } else {
      this.#stats.rejected++;
      this.#stats.limits.pipelined++;
      connection.socket.destroy();
    }
  }

  #start(connection: Connection, request: IncomingMessage, response: ServerResponse): void {
    connection.current = response;
    this.#stats.requestsHttp1++;
    this.#stats.openRequestsHttp1++;
    if (this.#draining) response.shouldKeepAlive = false;
    const exchange = new ExchangeHttp1(request, response, {
      connection: connection.use,
      lingerMs: this.#limits.lingerMs,
      stallMs: this.#limits.stallMs,
    });
    exchange.onClose(() => {
      this.#stats.openRequestsHttp1--;
      connection.current = null;
      if (connection.socket.destroyed) connection.waiting.length = 0;
      else if (this.#draining) connection.socket.destroySoon();
      else connection.waiting.shift()?.();
    });
    const refused = refusal({
      method: exchange.method,
      target: exchange.target,
      rawHeaders: exchange.rawHeaders,
      hostRequired: request.httpVersionMinor > 0,
    });
    if (refused === undefined) {
      this.#handle(exchange);
      return;
    }
    this.#stats.rejected++;
    response.shouldKeepAlive = false;
    exchange.respondStatus(badRequest(refused));
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const connection = this.#connections.get(socket);
    const protocol = upgradeProtocol(request);
    const refused =
      refusal({
        method: request.method ?? '',
        target: request.url ?? '',
        rawHeaders: request.rawHeaders,
        hostRequired: true,
      }) ?? refusedUpgrade(request.rawHeaders, protocol);
    if (connection === undefined || connection.current !== null || protocol === undefined) {
      this.#reject(socket, refused ?? 'an upgrade must not be pipelined');
    } else if (refused !== undefined) {
      this.#reject(socket, refused);
    } else {
      connection.upgraded = true;
      this.#stats.upgrades++;
      this.#stats.openUpgrades++;
      this.#upgrade(
        {
          method: request.method ?? '',
          target: request.url ?? '',
          rawHeaders: request.rawHeaders,
          connection: connection.use,
          protocol,
        },
        socket,
        head,
      );
    }
  }

  /** A message that does not parse, or one that came too slowly, or a broken socket. */
  #onClientError(error: Error & { code?: string }, socket: Duplex): void {
    const connection = this.#connections.get(socket);
    const answerable = socket.writable && connection?.current === null;
    if (answerable && error.code === 'HPE_HEADER_OVERFLOW') {
      this.#stats.rejected++;
      this.#stats.limits.header_bytes++;
      answerTooLargeAndClose(socket, this.#limits.lingerMs);
    } else if (answerable && error.code?.startsWith('HPE_') === true) {
      this.#reject(socket, 'malformed HTTP request');
    } else if (!socket.writableEnded) {
      if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') this.#stats.limits.silent_connections++;
      // Else an answer is under way already, and its own timer closes the socket.
      socket.destroy();
    }
  }

  #reject(socket: Duplex, reason: string): void {
    this.#stats.rejected++;
    answerStatusAndClose(socket, badRequest(reason), this.#limits.lingerMs);
  }
}

/** The protocol of an upgrade that is relayed; anything else is answered as a plain request. */
function upgradeProtocol(request: IncomingMessage): string | undefined {
  const value = headerValue(request.rawHeaders, 'upgrade')?.trim();
  const name = value?.toLowerCase();
  return name === 'websocket' || name === 'spdy/3.1' ? value : undefined;
}

/** An upgrade with a body could be read in two ways: as body, or as the new protocol. */
function refusedUpgrade(
  rawHeaders: readonly string[],
  protocol: string | undefined,
): string | undefined {
  if (protocol === undefined) return 'the upgrade protocol is not supported';
  const length = headerValue(rawHeaders, 'content-length')?.trim() ?? '0';
  if (length !== '0' || headerValue(rawHeaders, 'transfer-encoding') !== undefined) {
    return 'an upgrade request must not have a body';
  }
  return undefined;
}
