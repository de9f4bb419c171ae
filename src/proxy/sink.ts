/**
 * Sink: where the bytes of one response body go, the same for an HTTP/1.1 chunked body and an HTTP/2
 * stream.
 *
 * It takes at most one write at a time and queues nothing: whoever feeds it keeps a position in a log
 * and asks for more when `ready` is true again. So a stalled client costs the bytes of one write.
 * The chunk must stay untouched until then (it may be encrypted or copied late).
 */
export interface Sink {
  /** True when a write would be taken: none is in flight, not ended, not closed. */
  readonly ready: boolean;
  /** Bytes of the write in flight; 0 when there is none. */
  readonly bytesInFlight: number;
  /** True once nothing more can reach the client, for whatever reason. */
  readonly closed: boolean;
  /** Called each time the write in flight was taken; never inside `write`. */
  onReady: (() => void) | null;
  /** Called once when the sink closes: ended and delivered, or the client went away. */
  onClose: (() => void) | null;
  /**
   * Calls `go` as soon as the client takes bytes: at once when nothing is known to hold them up, not at all once the sink is
   * closed. Whoever would fill a buffer of its own asks first, or many answers to one who does not read hold one each.
   */
  awaitRoom(go: () => void): void;
  /** Sends `chunk` without delay; false (and nothing taken) when not `ready`. */
  write(chunk: Uint8Array): boolean;
  /** Ends the body cleanly (END_STREAM, last chunk) behind the write in flight. Never a reset. */
  end(): void;
  /** Breaks the body off so that the client sees it is incomplete. */
  destroy(): void;
}
