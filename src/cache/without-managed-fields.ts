/**
 * A lane, or a view of one, whose objects are shown without metadata.managedFields. It holds nothing of its own: what is
 * counted and noted of its use is that of the lane behind it.
 */
import type { ObjectForm } from '../k8s/encoding.ts';
import type { LaneEntry } from './lanes.ts';

export class WithoutManagedFields implements LaneEntry {
  readonly #entry: LaneEntry;

  constructor(entry: LaneEntry) {
    this.#entry = entry;
  }

  get objects(): ObjectForm {
    return this.#entry.objects.withoutManagedFields;
  }

  get lane(): LaneEntry['lane'] {
    return this.#entry.lane;
  }

  get source(): LaneEntry['source'] {
    return this.#entry.source;
  }

  get openedAt(): number {
    return this.#entry.openedAt;
  }

  get watches(): number {
    return this.#entry.watches;
  }

  set watches(count: number) {
    this.#entry.watches = count;
  }

  get usedAt(): number {
    return this.#entry.usedAt;
  }

  set usedAt(atMs: number) {
    this.#entry.usedAt = atMs;
  }

  get pinned(): boolean {
    return this.#entry.pinned;
  }

  set pinned(isPinned: boolean) {
    this.#entry.pinned = isPinned;
  }
}
