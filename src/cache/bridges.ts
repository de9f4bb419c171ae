/**
 * Where bridges lie in a lane's log (semantics 9.5). A bridge lists upstream at `to` and shows how that differs from what
 * was sent up to `from`. What happened in between is unknown: an object may have come and gone. So the lane cannot answer
 * for the revisions between the two, nor for a client that has been told of them elsewhere.
 *
 * It deletes what had vanished under `under`: the highest revision that the state before it was called by, so that nobody
 * is led back. This revision no longer says alone what a client has seen: who is at it has not seen those deletions for
 * certain.
 */
import type { Log } from './log.ts';

export interface Bridge {
  readonly from: number;
  /** `from`, or a later revision at which the same state was proven. */
  readonly under: number;
  readonly to: number;
  /** The position before its deletions; undefined when nothing had vanished. */
  readonly before: number | undefined;
}

export class Bridges {
  /** As many as the window holds. */
  #bridges: readonly Bridge[] = [];

  /** Deletions under `under` follow, and then what upstream listed at `to`. */
  begin(bridge: Bridge, log: Log): void {
    this.#bridges = [...this.#bridges.filter(({ to }) => to > log.floorRevision), bridge];
  }

  /**
   * The state that a client at `revision` has seen, when that is not the newest one of that revision. One bridge at most
   * deletes under a revision; another may have led to it that found nothing gone.
   */
  positionAt(revision: number): number | undefined {
    return this.#bridges.find(({ under, before }) => under === revision && before !== undefined)
      ?.before;
  }

  /** A bridge leads over this revision: what was true at it is not known here. */
  passes(revision: number): boolean {
    return this.#bridges.some(
      ({ from, under, to }) => from < revision && revision < to && revision !== under,
    );
  }

  /** Is this record a deletion of a bridge? Nothing else follows under the same revision. */
  deleted(sequence: number, log: Log): boolean {
    const before = this.positionAt(log.revision(sequence));
    return before !== undefined && sequence > before;
  }

  clear(): void {
    this.#bridges = [];
  }
}
