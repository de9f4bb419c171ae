// How late something may be seen after a revocation was acknowledged: what the configuration promises,
// what upstream's own authorizer took to hear of it, and how long this machine stood still.

/** src/auth/recheck.ts: two refusals this far apart end a watch. */
const confirmDenialMs = 5_000;
/** The spread of the interval there. */
const jitter = 1.2;
/** Due questions are looked for once per tick; a watch may wait for three: first, narrower, confirmed. */
const tickMs = 1_000;
const ticks = 3;
/** freshness.barrierTimeout: a read that was allowed may wait so long for proof. */
const barrierMs = 3_000;
const leastSlackMs = 500;

export interface Configured {
  readonly allowTtlMs: number;
  readonly recheckIntervalMs: number;
}

export interface Bounds {
  /** From the acknowledged revocation to when a granted request was sent. */
  readonly sentMs: number;
  /** To when its answer came, and when a watch began. */
  readonly cameMs: number;
  /** To the last byte of a watch. */
  readonly watchMs: number;
  readonly upstreamLagMs: number;
  readonly slackMs: number;
}

/** `stallMs`: the longest that a question to either server, or this process itself, was seen to take. */
export function boundsOf(
  { allowTtlMs, recheckIntervalMs }: Configured,
  upstreamLagMs: number,
  stallMs: number,
): Bounds {
  // A review, its answer and what is seen of it may each meet a machine that stands still.
  const slackMs = leastSlackMs + 3 * stallMs;
  const sentMs = upstreamLagMs + allowTtlMs + slackMs;
  const recheckMs = jitter * recheckIntervalMs + confirmDenialMs + ticks * tickMs;
  return {
    sentMs,
    cameMs: sentMs + barrierMs,
    watchMs: sentMs + recheckMs,
    upstreamLagMs,
    slackMs,
  };
}
