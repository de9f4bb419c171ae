/**
 * Bounds of the client port and what is counted there. Plain numbers: `observe` reads them when it is
 * asked, `config` sets them. Origins of the defaults: auth.md 4.5, fanout-measurements 2 and 6.
 */

export interface ServerLimits {
  /** TCP connections, those still in their handshake included; more are closed at once. */
  readonly maxConnections: number;
  /** The same from one address. */
  readonly maxConnectionsPerAddress: number;
  /** Octets of one request's line and headers; more is 431. */
  readonly maxHeaderBytes: number;
  /** Advertised to HTTP/2 clients; more streams are refused. */
  readonly maxConcurrentStreams: number;
  /** The same before upstream accepted the token of any request on the connection. */
  readonly maxConcurrentStreamsUnvouched: number;
  /** Streams an HTTP/2 client may abort per `resetWindowMs`; more cuts the connection. */
  readonly maxResets: number;
  /** The same before upstream accepted the token of any request on the connection (auth.md 4.1). */
  readonly maxResetsUnvouched: number;
  /** PING and SETTINGS frames of an HTTP/2 client per `resetWindowMs`; more cuts the connection. */
  readonly maxControlFrames: number;
  readonly resetWindowMs: number;
  /** HTTP/1.1 requests that may wait behind the one being answered; more cuts the connection. */
  readonly maxPipelined: number;
  /** TLS handshake. */
  readonly handshakeTimeoutMs: number;
  /** From the start of a connection or of a message to its last header. */
  readonly headersTimeoutMs: number;
  /** Connections without any request, after which they are let go. */
  readonly idleTimeoutMs: number;
  /** An answer that was handed over whole is broken off when the client has not taken it by then; they are short. */
  readonly stallMs: number;
  /** How long the rest of an unwanted body, or of a refused client's bytes, is read and dropped. */
  readonly lingerMs: number;
  /** How often connections are looked at for the three timeouts above. */
  readonly reapIntervalMs: number;
  /** Receive windows of HTTP/2 uploads (Go: 256 KiB a stream, 1 MiB a connection). */
  readonly streamWindowBytes: number;
  readonly sessionWindowBytes: number;
  /** First TCP keep-alive probe: a vanished peer frees its descriptor. */
  readonly keepAliveDelayMs: number;
}

export const DEFAULT_SERVER_LIMITS: ServerLimits = Object.freeze({
  maxConnections: 20_000,
  maxConnectionsPerAddress: 10_000,
  maxHeaderBytes: 128 * 1024,
  maxConcurrentStreams: 1_000,
  // What a Go client takes for granted, and older kube-apiservers allow.
  maxConcurrentStreamsUnvouched: 100,
  maxResets: 1_000,
  maxResetsUnvouched: 100,
  // Clients that measure the bandwidth ping ten times a second; client-go twice a minute.
  maxControlFrames: 1_000,
  resetWindowMs: 10_000,
  maxPipelined: 16,
  handshakeTimeoutMs: 10_000,
  headersTimeoutMs: 10_000,
  idleTimeoutMs: 90_000,
  stallMs: 60_000,
  lingerMs: 2_000,
  reapIntervalMs: 2_000,
  streamWindowBytes: 256 * 1024,
  sessionWindowBytes: 1024 * 1024,
  keepAliveDelayMs: 30_000,
});

/** Counters only rise; gauges are named `open...`. */
export class ServerStats {
  openConnections = 0;
  connections = 0;
  /** Closed at once: `maxConnections` or `maxConnectionsPerAddress` reached. */
  droppedConnections = 0;
  /** Times each limit was the reason for a refusal or a cut. */
  readonly limits = {
    connections: 0,
    connections_per_address: 0,
    stream_resets: 0,
    control_frames: 0,
    silent_connections: 0,
    pipelined: 0,
    header_bytes: 0,
  };
  handshakeFailures = 0;
  openSessions = 0;
  sessions = 0;
  /** Sessions cut for a limit (resets, silence, memory). */
  cutSessions = 0;
  /** Sessions that ended with a protocol error of either side. */
  sessionErrors = 0;
  openStreams = 0;
  streams = 0;
  /** Streams the client aborted, or that were refused before they began. */
  resets = 0;
  openRequestsHttp1 = 0;
  requestsHttp1 = 0;
  openUpgrades = 0;
  upgrades = 0;
  /** Answered 400 or 431 here, or not answerable at all. */
  rejected = 0;
  /** A handler threw: a bug. */
  handlerFailures = 0;
}
