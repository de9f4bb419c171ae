/**
 * The HTTP/2 half of the client port: server sessions on sockets that finished their handshake,
 * without Node's compatibility layer and without its Http2SecureServer, so limits and reaping are ours.
 *
 * nghttp2 frames, answers PING and SETTINGS and bounds their floods. Added here: sessions that never
 * ask anything, idle ones, ones that reset streams in bulk and ones nghttp2 gave up (auth.md 4.1: they
 * may keep their socket) are cut; a drain says GOAWAY twice, as RFC 9113 6.8 asks.
 */
import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type SecureServerSessionOptions,
} from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { badRequest } from '../k8s/status.ts';
import { ExchangeHttp2, requestHeadHttp2 } from './exchange-http2.ts';
import type { ConnectionUse, Exchange } from './exchange.ts';
import { headerListBytes, refusal } from './headers.ts';
import { FloodMeter } from './flood-meter.ts';
import type { ServerLimits, ServerStats } from './limits.ts';
import { HEADERS_TOO_LARGE } from './raw-answer.ts';

export interface FrontHttp2Options {
  readonly limits: ServerLimits;
  readonly stats: ServerStats;
  readonly handle: (exchange: Exchange) => void;
}

interface Connection {
  readonly use: ConnectionUse;
  readonly session: ServerHttp2Session;
  readonly socket: TLSSocket;
  /** Since when there is no open stream; also the birth of a session without any. */
  idleSinceMs: number;
  openStreams: number;
  streams: number;
  readonly resets: FloodMeter;
  readonly controlFrames: FloodMeter;
}

/** The stream id that announces an end without refusing anything yet (RFC 9113 6.8). */
const LAST_STREAM_ID = 2 ** 31 - 1;
/** About 10 ms of making and unmaking streams. Controllers that stop give up as many watches at once. */
const RESETS_IN_A_PACKET = 200;

/** The types do not know this option. */
const WITH_WHITE_SPACE = {
  strictFieldWhitespaceValidation: false,
} as SecureServerSessionOptions;

/** nghttp2's own limit is wider than ours, so that ours answers 431 instead of a reset. */
const HEADER_SLACK = 2;

export class FrontHttp2 {
  readonly #limits: ServerLimits;
  readonly #stats: ServerStats;
  readonly #handle: (exchange: Exchange) => void;
  readonly #connections = new Set<Connection>();
  readonly #reaper: NodeJS.Timeout;

  constructor(options: FrontHttp2Options) {
    this.#limits = options.limits;
    this.#stats = options.stats;
    this.#handle = options.handle;
    this.#reaper = setInterval(() => this.#reap(), options.limits.reapIntervalMs);
    this.#reaper.unref();
  }

  get openConnections(): number {
    return this.#connections.size;
  }

  accept(socket: TLSSocket, use: ConnectionUse): void {
    const session = performServerHandshake(socket, this.#sessionOptions());
    const nowMs = Date.now();
    const { resetWindowMs } = this.#limits;
    const connection: Connection = {
      use,
      session,
      socket,
      idleSinceMs: nowMs,
      openStreams: 0,
      streams: 0,
      resets: new FloodMeter(resetWindowMs, nowMs),
      controlFrames: new FloodMeter(resetWindowMs, nowMs),
    };
    use.onVouched = () => {
      const { maxConcurrentStreams } = this.#limits;
      if (!session.destroyed && !session.closed) session.settings({ maxConcurrentStreams });
    };
    this.#connections.add(connection);
    this.#stats.sessions++;
    this.#stats.openSessions++;
    session.once('connect', () => {
      if (!session.destroyed) session.setLocalWindowSize(this.#limits.sessionWindowBytes);
    });
    session.on('stream', (stream, _headers, _flags, rawHeaders) =>
      this.#onStream(connection, stream, rawHeaders),
    );
    // nghttp2 answers these by itself, as fast as they come; it only minds a client that does not read.
    session.on('ping', () => this.#onControlFrame(connection));
    session.on('remoteSettings', () => this.#onControlFrame(connection));
    session.on('error', () => {
      // Reset floods, frames out of order, GOAWAY codes of Go clients (golang/go#80759): the peer's.
      this.#stats.sessionErrors++;
      socket.destroy();
    });
    // The port allows half-open sockets for upgrades; HTTP/2 has no use for one (Go cuts it too).
    socket.once('end', () => socket.destroy());
    socket.once('close', () => {
      this.#connections.delete(connection);
      this.#stats.openSessions--;
    });
  }

  /** GOAWAY for everything that is not yet sent; streams that are under way are still taken. */
  announceDrain(): void {
    for (const { session } of this.#connections) {
      if (!session.destroyed && !session.closed) session.goaway(0, LAST_STREAM_ID);
    }
  }

  /** Final GOAWAY: no more streams; each session closes behind its last one. */
  startDrain(): void {
    for (const { session } of this.#connections) {
      if (!session.destroyed) session.close();
    }
  }

  /** Cuts everything. */
  destroy(): void {
    clearInterval(this.#reaper);
    for (const connection of this.#connections) cut(connection);
  }

  #sessionOptions(): SecureServerSessionOptions {
    const limits = this.#limits;
    const { maxConcurrentStreams, maxConcurrentStreamsUnvouched } = limits;
    return {
      // Else Node drops a header with white space around its value in silence, and a request that says whom
      // it impersonates runs as its sender. `refusal` sees it this way.
      ...WITH_WHITE_SPACE,
      maxHeaderListPairs: Math.max(128, Math.floor(limits.maxHeaderBytes / 32)),
      maxSessionMemory: limits.maxSessionMemoryMb,
      // The same rate as ours; nghttp2's count also sees streams that never reach us, and is the only one that is kept
      // within a packet, which can hold hundreds.
      streamResetBurst: Math.min(limits.maxResets, RESETS_IN_A_PACKET),
      streamResetRate: Math.max(1, Math.floor((limits.maxResets * 1_000) / limits.resetWindowMs)),
      settings: {
        maxConcurrentStreams: Math.min(maxConcurrentStreamsUnvouched, maxConcurrentStreams),
        initialWindowSize: limits.streamWindowBytes,
        maxHeaderListSize: HEADER_SLACK * limits.maxHeaderBytes,
        enableConnectProtocol: false,
      },
    };
  }

  #onStream(
    connection: Connection,
    stream: ServerHttp2Stream,
    rawHeaders: readonly string[],
  ): void {
    connection.streams++;
    connection.openStreams++;
    this.#stats.streams++;
    this.#stats.openStreams++;
    stream.once('close', () => this.#onStreamClose(connection));
    stream.once('aborted', () => {
      // INTERNAL_ERROR is what we send ourselves; nghttp2 counts those of the client.
      if (stream.rstCode !== constants.NGHTTP2_INTERNAL_ERROR) this.#onReset(connection);
    });
    const head = requestHeadHttp2(rawHeaders);
    const exchange = new ExchangeHttp2(stream, head, connection.use, this.#limits.stallMs);
    if (stream.destroyed) return;
    if (headerListBytes(rawHeaders) > this.#limits.maxHeaderBytes) {
      this.#stats.rejected++;
      this.#stats.limits.header_bytes++;
      const { code, contentType, body } = HEADERS_TOO_LARGE;
      exchange.respondBytes(code, contentType, body);
      return;
    }
    const refused = refusal({ ...head, hostRequired: false });
    if (refused === undefined) {
      this.#handle(exchange);
      return;
    }
    this.#stats.rejected++;
    exchange.respondStatus(badRequest(refused));
  }

  #onStreamClose(connection: Connection): void {
    this.#stats.openStreams--;
    connection.openStreams--;
    if (connection.openStreams === 0) connection.idleSinceMs = Date.now();
  }

  /** The client gave a stream up. Watches do that now and then; thousands at once are an attack. */
  #onReset(connection: Connection): void {
    // A connection that closes aborts its streams too; those are no resets.
    if (connection.socket.destroyed) return;
    this.#stats.resets++;
    const { maxResets, maxResetsUnvouched } = this.#limits;
    const most = connection.use.vouched ? maxResets : maxResetsUnvouched;
    if (connection.resets.add(Date.now()) > most) this.#cut(connection, 'stream_resets');
  }

  #onControlFrame(connection: Connection): void {
    if (connection.socket.destroyed) return;
    if (connection.controlFrames.add(Date.now()) > this.#limits.maxControlFrames) {
      this.#cut(connection, 'control_frames');
    }
  }

  #reap(): void {
    const nowMs = Date.now();
    const { headersTimeoutMs, idleTimeoutMs, lingerMs } = this.#limits;
    for (const connection of this.#connections) {
      const { session, socket, openStreams, streams } = connection;
      const idleMs = openStreams === 0 ? nowMs - connection.idleSinceMs : 0;
      if (session.destroyed) {
        // nghttp2 gave up, but the socket waits for a peer that does not read.
        socket.destroy();
      } else if (streams === 0 && idleMs > headersTimeoutMs) {
        this.#cut(connection, 'silent_connections');
      } else if (idleMs > idleTimeoutMs + lingerMs) {
        this.#cut(connection, 'silent_connections');
      } else if (idleMs > idleTimeoutMs) {
        session.close();
      }
    }
  }

  #cut(connection: Connection, limit: keyof ServerStats['limits']): void {
    this.#stats.cutSessions++;
    this.#stats.limits[limit]++;
    cut(connection);
  }
}

/** The socket first: a session that can still write resets its streams with NO_ERROR, which is no way to lose a connection. */
function cut(connection: Connection): void {
  connection.socket.destroy();
  connection.session.destroy();
}
