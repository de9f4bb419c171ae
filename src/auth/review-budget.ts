/**
 * How many reviews one credential may cause per second, so that one caller with many distinct
 * questions, or one revoked token in a loop, neither floods upstream nor empties the cache of others.
 * Token buckets in an LRU: a forgotten bucket starts full again.
 */

import { LRUCache } from 'lru-cache';

/** A controller manager with one credential starts with a list and a watch of some eighty resources. */
const BURST_SECONDS = 10;

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

export class ReviewBudget {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #buckets: LRUCache<string, Bucket>;

  constructor(perSecond: number, maxCredentials: number) {
    this.#perSecond = perSecond;
    this.#burst = perSecond * BURST_SECONDS;
    this.#buckets = new LRUCache({ max: maxCredentials });
  }

  /** Takes one review; false when there is none left now. */
  take(credentialDigest: string, nowMs: number): boolean {
    let bucket = this.#buckets.get(credentialDigest);
    if (bucket === undefined) {
      bucket = { tokens: this.#burst, filledAtMs: nowMs };
      this.#buckets.set(credentialDigest, bucket);
    }
    const earned = ((nowMs - bucket.filledAtMs) / 1000) * this.#perSecond;
    bucket.tokens = Math.min(this.#burst, bucket.tokens + earned);
    bucket.filledAtMs = nowMs;
    if (bucket.tokens < 1) {
      return false;
    }
    bucket.tokens -= 1;
    return true;
  }
}
