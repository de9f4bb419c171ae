/** What the owner of a session decides, and what it is told. */

import type { Turns } from './frame-reader.ts';
import type { ConnectionError } from './frame.ts';
import type { ServerStream } from './server-stream.ts';
import type { WriteTurn } from './write-turn.ts';

export interface SessionLimits {
  /** Streams open at once. */
  readonly maxConcurrentStreams: number;
  /** Of one header list, compressed or not; more in a block ends the connection, more behind it only the request. */
  readonly maxHeaderListBytes: number;
  /** What a client may send before it is read. */
  readonly streamWindowBytes: number;
  readonly sessionWindowBytes: number;
}

/** Of all sessions of a port. */
export interface SessionTurns {
  readonly write: WriteTurn;
  readonly read: Turns;
  /** Requests are begun in it. */
  readonly begin: Turns;
}

export interface SessionEvents {
  onStream(stream: ServerStream): void;
  onStreamClose(): void;
  /** A frame that asks for nothing but an answer of a few bytes, or for nothing at all. */
  onControlFrame(): void;
  /** The client gave a stream up, or one was refused. */
  onReset(): void;
  /** The connection cannot go on: what its peer did. */
  onError(error: ConnectionError): void;
}
