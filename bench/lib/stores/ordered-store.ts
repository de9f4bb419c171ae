/**
 * What the ordered stores under comparison can do: keys are bytes, as they come from the network, values are revisions.
 * A store that needs a string makes one per call, as a cache that decodes its input does. Run through the same contract
 * (test/contract) before anything about them is timed.
 */
export interface OrderedStore {
  readonly size: number;
  /** Inserts or replaces. Revisions must rise from call to call. */
  upsert(key: Buffer, revision: number): void;
  /** False when there was nothing to delete. `revision` is the deletion's own. */
  delete(key: Buffer, revision: number): boolean;
  /** Revision of a key, or -1. */
  get(key: Buffer): number;
  /** Visits at most `limit` keys with `prefix`, from `from` on, in byte order; returns how many. */
  scan(range: ScanRange, visit: (revision: number) => void): number;
  /** The state now, readable while the store goes on. */
  snapshot(): StoreSnapshot;
  /** Bytes outside the JavaScript heap. */
  readonly offHeapBytes: number;
}

export interface StoreSnapshot {
  scan(range: ScanRange, visit: (revision: number) => void): number;
}

export interface ScanRange {
  readonly prefix: Buffer;
  readonly from: Buffer;
  readonly limit: number;
}

export const NOTHING = Buffer.alloc(0);
export const WHOLE: ScanRange = { prefix: NOTHING, from: NOTHING, limit: Infinity };

export interface StoreKind {
  readonly name: string;
  readonly make: () => OrderedStore;
  /** Contract cases that do not hold, and why. */
  readonly skips: Readonly<Record<string, string>>;
}
