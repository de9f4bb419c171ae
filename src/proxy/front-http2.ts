/**
 * The HTTP/2 half of the client port: sessions on sockets that finished their handshake, and the
 * limits of each. Sessions that never ask anything, idle ones, ones that do not finish their headers
 * and ones that flood are cut (auth.md 4.1); a drain says GOAWAY twice, as RFC 9113 6.8 asks.
 */
import type { TLSSocket } from 'node:tls';
import { MAX_STREAM_ID } from '../http2/frame.ts';
import { ServerSession } from '../http2/server-session.ts';
import type { ServerStream } from '../http2/server-stream.ts';
import type { SessionTurns } from '../http2/session-options.ts';
import type { WriteTurn } from '../http2/write-turn.ts';
import { badRequest } from '../k8s/status.ts';
import { ExchangeHttp2 } from './exchange-http2.ts';
import type { ConnectionUse, Exchange } from './exchange.ts';
import { FloodMeter } from './flood-meter.ts';
import { refusal } from './headers.ts';
import type { ServerLimits, ServerStats } from './limits.ts';
import { loopBudget } from './loop-budget.ts';
import { HEADERS_TOO_LARGE } from './raw-answer.ts';
import { StartQueue } from './start-queue.ts';

export interface FrontHttp2Options {
  readonly limits: ServerLimits;
  readonly stats: ServerStats;
  readonly handle: (exchange: Exchange) => void;
  readonly writes: WriteTurn;
  readonly starts: StartQueue<object>;
}

interface Connection {
  readonly use: ConnectionUse;
  readonly session: ServerSession;
  readonly socket: TLSSocket;
  readonly resets: FloodMeter;
  readonly controlFrames: FloodMeter;
}

/** Our own limit is answered by 431; what is this much larger is not even looked at. */
const HEADER_SLACK = 2;
/** Slices of frames in one turn of the loop, of all connections: a millisecond or two. */
const READS_PER_TURN = 8;

export class FrontHttp2 {
  readonly #limits: ServerLimits;
  readonly #stats: ServerStats;
  readonly #handle: (exchange: Exchange) => void;
  readonly #turns: SessionTurns;
  readonly #connections = new Set<Connection>();
  readonly #reaper: NodeJS.Timeout;

  constructor(options: FrontHttp2Options) {
    this.#limits = options.limits;
    this.#stats = options.stats;
    this.#handle = options.handle;
    const { writes, starts } = options;
    this.#turns = {
      write: writes,
      begin: starts,
      read: new StartQueue<object>(READS_PER_TURN, loopBudget),
    };
    this.#reaper = setInterval(() => this.#reap(), options.limits.reapIntervalMs);
    this.#reaper.unref();
  }

  get openConnections(): number {
    return this.#connections.size;
  }

  accept(socket: TLSSocket, use: ConnectionUse): void {
    const stats = this.#stats;
    const limits = this.#limits;
    const { maxConcurrentStreams, maxConcurrentStreamsUnvouched, resetWindowMs } = limits;
    const nowMs = Date.now();
    const session = new ServerSession(
      socket,
      {
        maxConcurrentStreams: Math.min(maxConcurrentStreamsUnvouched, maxConcurrentStreams),
        maxHeaderListBytes: HEADER_SLACK * limits.maxHeaderBytes,
        streamWindowBytes: limits.streamWindowBytes,
        sessionWindowBytes: limits.sessionWindowBytes,
      },
      this.#turns,
      {
        onStream: (stream) => this.#onStream(connection, stream),
        onStreamClose: () => stats.openStreams--,
        onControlFrame: () => this.#onControlFrame(connection),
        onReset: () => this.#onReset(connection),
        onError: () => stats.sessionErrors++,
      },
    );
    const connection: Connection = {
      use,
      session,
      socket,
      resets: new FloodMeter(resetWindowMs, nowMs),
      controlFrames: new FloodMeter(resetWindowMs, nowMs),
    };
    use.onVouched = () => session.setMaxConcurrentStreams(maxConcurrentStreams);
    this.#connections.add(connection);
    stats.sessions++;
    stats.openSessions++;
    // The port allows half-open sockets for upgrades; HTTP/2 has no use for one (Go cuts it too).
    socket.once('end', () => socket.destroy());
    socket.once('close', () => {
      this.#connections.delete(connection);
      stats.openSessions--;
    });
  }

  /** GOAWAY for everything that is not yet sent; streams that are under way are still taken. */
  announceDrain(): void {
    for (const { session } of this.#connections) session.announceEnd(MAX_STREAM_ID);
  }

  /** Final GOAWAY: no more streams; each session closes behind its last one. */
  startDrain(): void {
    for (const { session } of this.#connections) session.close();
  }

  /** Cuts everything: a connection that is lost without a word is no reset of its streams. */
  destroy(): void {
    clearInterval(this.#reaper);
    for (const { socket } of this.#connections) socket.destroy();
  }

  #onStream({ use }: Connection, stream: ServerStream): void {
    this.#stats.streams++;
    this.#stats.openStreams++;
    const exchange = new ExchangeHttp2(stream, use, this.#limits.stallMs);
    const { head } = stream;
    if (head.listBytes > this.#limits.maxHeaderBytes) {
      this.#stats.rejected++;
      this.#stats.limits.header_bytes++;
      const { code, contentType, body } = HEADERS_TOO_LARGE;
      exchange.respondBytes(code, contentType, body);
      return;
    }
    const { method, path, rawHeaders, authority } = head;
    const refused = refusal({ method, target: path, rawHeaders, authority, hostRequired: false });
    if (refused === undefined) {
      this.#handle(exchange);
      return;
    }
    this.#stats.rejected++;
    exchange.respondStatus(badRequest(refused));
  }

  /** The client gave a stream up. Watches do that now and then; thousands at once are an attack. */
  #onReset(connection: Connection): void {
    this.#stats.resets++;
    const { maxResets, maxResetsUnvouched } = this.#limits;
    const most = connection.use.vouched ? maxResets : maxResetsUnvouched;
    if (connection.resets.add(Date.now()) > most) this.#cut(connection, 'stream_resets');
  }

  #onControlFrame(connection: Connection): void {
    if (connection.controlFrames.add(Date.now()) > this.#limits.maxControlFrames) {
      this.#cut(connection, 'control_frames');
    }
  }

  #reap(): void {
    const nowMs = Date.now();
    const { headersTimeoutMs, idleTimeoutMs, lingerMs } = this.#limits;
    for (const connection of this.#connections) {
      const { session, socket } = connection;
      const idleMs = session.idleMs(nowMs);
      if (session.ended) {
        // All was said, to a peer that does not read.
        socket.destroy();
      } else if (session.requests === 0 && idleMs > headersTimeoutMs) {
        this.#cut(connection, 'silent_connections');
      } else if (session.blockAgeMs(nowMs) > headersTimeoutMs) {
        this.#cut(connection, 'silent_connections');
      } else if (idleMs > idleTimeoutMs + lingerMs) {
        this.#cut(connection, 'silent_connections');
      } else if (idleMs > idleTimeoutMs) {
        session.close();
      }
    }
  }

  #cut({ socket }: Connection, limit: keyof ServerStats['limits']): void {
    this.#stats.cutSessions++;
    this.#stats.limits[limit]++;
    socket.destroy();
  }
}
