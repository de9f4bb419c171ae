/**
 * How long to wait before trying again.
 *
 * Exponential with jitter: 0.8 s doubled per failure up to 30 s (client-go's reflector has the same ends), then a random
 * point in the upper half, so that the lanes of one proxy do not all come back in the same moment. What upstream asks for
 * with Retry-After is a lower bound, itself bounded, and near its upper bound too: who names a time is there, and says how
 * much load it wants. A kube-apiserver that initializes its storage says one second for a few seconds, and lanes that stay
 * away for thirty would send their readers to it. When to forget earlier failures is the reflector's decision.
 */

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Retry-After beyond this is not believed. */
  readonly maxRetryAfterMs: number;
}

export const DEFAULT_BACKOFF: BackoffOptions = Object.freeze({
  firstMs: 800,
  maxMs: 30_000,
  maxRetryAfterMs: 60_000,
});

/** The longest wait, in times of what upstream asked for. */
const MAX_TIMES_ASKED = 5;

/**
 * @param failures how many attempts in a row have failed, at least 1.
 * @param atLeastMs what upstream asked for, 0 when it did not.
 * @param random a number in [0, 1).
 */
export function backoffMs(
  failures: number,
  atLeastMs: number,
  random: number,
  options: BackoffOptions = DEFAULT_BACKOFF,
): number {
  // Beyond 2^30 the product could lose its meaning; the bound is reached long before.
  const doublings = Math.min(Math.max(failures, 1) - 1, 30);
  const askedMs = Math.min(atLeastMs, options.maxRetryAfterMs);
  const longestMs = Math.min(options.maxMs, askedMs > 0 ? askedMs * MAX_TIMES_ASKED : Infinity);
  const ceilingMs = Math.min(longestMs, options.firstMs * 2 ** doublings);
  const ownMs = ceilingMs / 2 + (random * ceilingMs) / 2;
  // A fifth of spread on top of what was asked: everybody else was told the same second.
  return Math.round(Math.max(ownMs, askedMs * (1 + random / 5)));
}

/** Retry-After in milliseconds; only the form in seconds, which is what Kubernetes sends. 0 when there is none. */
export function retryAfterMs(value: string | undefined): number {
  return value !== undefined && /^[0-9]{1,6}$/.test(value) ? Number(value) * 1000 : 0;
}
