/**
 * What watch/ needs of a lane: the writing side only. The cache's Lane satisfies it by shape; nothing of the cache is
 * imported here.
 *
 * One writer per lane: only the reflector of that lane and its freshness proofs call these methods, from one thread.
 */

import type { Codec, Scanner } from '../k8s/encoding.ts';

/** What the lane tells its readers about where its events come from. */
export type LaneState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'live' }
  /** `since` in milliseconds of the clock handed to the reflector. */
  | { readonly kind: 'disconnected'; readonly since: number; readonly reason: string }
  | { readonly kind: 'closed'; readonly reason: string };

export interface LaneWriter {
  /** Highest revision up to which the lane is proven to hold everything. */
  readonly frontier: number;
  /** Live objects. */
  readonly objects: number;
  readonly liveBytes: number;
  /** The encoding of the lane's objects: what upstream is asked for, and how its answers are read. */
  readonly codec: Codec;
  /** Position (sequence number) of the newest record. */
  readonly head: number;

  /** Applies a scanned ADDED, MODIFIED or DELETED event; one that is not newer than the frontier is dropped. */
  append(type: number, bytes: Uint8Array, scan: Scanner): void;
  /** Everything up to `revision` has been appended. */
  progress(revision: number): void;
  /** Set when the lane at a position was found to be upstream's state at a revision beyond the frontier. */
  proven: { readonly position: number; readonly revision: number };
  /** A real upstream bookmark, to take as the template of ours. */
  learnBookmark(bytes: Uint8Array, scan: Scanner): void;
  /** Starts an initial list or a relist; append() is ignored until it is finished or abandoned. */
  beginLoad(): LaneLoad;
  /** The scanned object is live here at this very revision. */
  contains(bytes: Uint8Array, scan: Scanner): boolean;
  setState(state: LaneState): void;
}

export interface LaneLoad {
  /** One object, in watch form or as a list item without kind and apiVersion. */
  add(bytes: Uint8Array, scan: Scanner): void;
  /** The list is complete and consistent at `revision`. */
  finish(revision: number): void;
  /** The list broke off; the lane keeps what it had. */
  abandon(): void;
}
