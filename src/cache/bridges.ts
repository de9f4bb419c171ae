/**
 * Where bridges lie in a lane's log (semantics 9.5). A bridge deletes what had vanished under the revision that was sent
 * last, so this revision no longer says alone what a client has seen: who is at it has not seen those deletions for
 * certain.
 */
import type { Log } from './log.ts';

export class Bridges {
  /** Revision of the deletions, and the position before the first of them. As many as the window holds. */
  readonly #before = new Map<number, number>();

  /** Deletions under `revision`, the newest of the log, follow. */
  begin(revision: number, log: Log): void {
    for (const old of this.#before.keys()) if (old < log.floorRevision) this.#before.delete(old);
    if (!this.#before.has(revision)) this.#before.set(revision, log.head);
  }

  /** The state that a client at `revision` has seen, when that is not the newest one of that revision. */
  positionAt(revision: number): number | undefined {
    return this.#before.get(revision);
  }

  /** Is this record a deletion of a bridge? Nothing else follows under the same revision. */
  deleted(sequence: number, log: Log): boolean {
    const before = this.#before.get(log.revision(sequence));
    return before !== undefined && sequence > before;
  }

  clear(): void {
    this.#before.clear();
  }
}
