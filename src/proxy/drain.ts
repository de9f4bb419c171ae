/**
 * Graceful stop of the client port, in the order clients survive best (semantics 9.4 rule 11):
 *
 *   stop accepting; GOAWAY(NO_ERROR) and `Connection: close`   -> clients open their next requests elsewhere
 *   watches end cleanly, a few at a time                        -> no herd at the other replicas
 *   unary answers finish                                        -> each connection closes behind its last
 *   grace over: what is left is cut                             -> a cut connection does not make client-go relist
 */

/** The port, as far as a drain needs it. */
export interface Drainable {
  /** Connections that are still open. */
  readonly openConnections: number;
  /** No new connections; tells those that exist that the end is near. Requests are still taken. */
  announceDrain(): void;
  /** No new requests; idle connections close, busy ones behind their last answer. */
  startDrain(): void;
  /** Cuts everything. */
  destroy(): void;
}

/** Whoever holds open watches (the watch server). */
export interface EndableWatches {
  readonly openWatches: number;
  /** Ends `count` of them cleanly: a last bookmark where asked for, then the end of the body. */
  endWatches(count: number): void;
}

export interface DrainOptions {
  /** All of it; a drain that is done earlier resolves earlier. */
  readonly graceMs: number;
  /** Between announcement and refusal: the time a GOAWAY needs to reach clients. Go waits 1 s. */
  readonly announceMs: number;
  /** Between two batches of ended watches. */
  readonly stepMs: number;
}

/** Part of the grace over which watches end; the rest is for the last unary answers. */
const WATCH_SHARE = 0.8;

/** How a drain ended: every connection closed by itself, or some were cut. */
export type DrainResult = 'finished' | 'cut';

/** Runs the whole drain once. */
export async function drain(
  port: Drainable,
  watches: EndableWatches,
  options: DrainOptions,
): Promise<DrainResult> {
  const { graceMs, stepMs } = options;
  const startMs = performance.now();
  const atStart = watches.openWatches;
  const announceMs = Math.min(options.announceMs, graceMs / 10);
  let refusing = false;
  port.announceDrain();
  for (;;) {
    const elapsedMs = performance.now() - startMs;
    if (!refusing && elapsedMs >= announceMs) {
      refusing = true;
      port.startDrain();
    }
    endDue(watches, atStart, elapsedMs / (WATCH_SHARE * graceMs));
    if (port.openConnections === 0) return 'finished';
    if (elapsedMs >= graceMs) {
      port.destroy();
      return 'cut';
    }
    await sleep(Math.min(stepMs, graceMs - elapsedMs));
  }
}

/** Ends as many watches as are due at this `share` of their time, those that came late too. */
function endDue(watches: EndableWatches, atStart: number, share: number): void {
  const mayRemain = Math.floor(atStart * Math.max(0, 1 - share));
  const due = watches.openWatches - mayRemain;
  if (due > 0) watches.endWatches(due);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(1, ms)));
}
