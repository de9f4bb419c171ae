/**
 * The bounds of the proofs of one lane, and the words for how a read was answered.
 */

import { DEFAULT_PACE, type PaceLimits } from './call-pace.ts';

export interface FreshnessLimits {
  /** How long a busy lane's own events are waited for before a costlier proof is started. */
  readonly patienceMs: number;
  /** The same on a lane that rests: the event of a write that was just made is on its way. */
  readonly graceMs: number;
  /** Lanes up to this many objects are proven by a list of metadata, larger ones by a short watch. */
  readonly validateMaxObjects: number;
  readonly validateMaxBytes: number;
  /** How often upstream is asked, where the lane does not share an UpstreamRevision. */
  readonly pace: PaceLimits;
  /** Longest wait for one answer from upstream. */
  readonly callTimeoutMs: number;
  /** Readers waiting at one time; further ones are 'unproven' at once. */
  readonly maxWaiters: number;
  readonly maxFrameBytes: number;
}

export const DEFAULT_FRESHNESS_LIMITS: FreshnessLimits = Object.freeze({
  patienceMs: 100,
  graceMs: 10,
  validateMaxObjects: 100_000,
  validateMaxBytes: 64 * 1024 * 1024,
  pace: DEFAULT_PACE,
  callTimeoutMs: 3_000,
  maxWaiters: 10_000,
  maxFrameBytes: 16 * 1024 * 1024,
});

/**
 * How a consistent read was answered: the lane was there when the probe came back; its own events brought it there; a
 * list of metadata was equal; a short watch said so; upstream answers this one sooner; there was no proof in time.
 */
export type ProofPath = 'probe' | 'wait' | 'validate' | 'delta' | 'forward' | 'unproven';

/** Consistent reads by how they were answered; plain numbers, read at scrape time. */
export interface FreshnessCounters {
  readonly paths: Record<ProofPath, number>;
  /** Milliseconds that readers waited, all together. */
  waitedMs: number;
}

/** Serve the snapshot at this position and call it this revision. */
export interface View {
  readonly position: number;
  readonly revision: number;
}

export type ViewOutcome =
  | { readonly kind: 'view'; readonly view: View }
  | { readonly kind: 'unproven'; readonly reason: string };

export function unproven(reason: string): ViewOutcome {
  return { kind: 'unproven', reason };
}
