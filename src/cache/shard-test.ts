/** Whether stored objects lie in the shard that a reader wants: by the namespace in their key, or by their UID. */
import { StoredObject } from '../k8s/encoding.ts';
import type { ShardSelector } from '../k8s/shard-selector.ts';
import type { UidSpan } from '../k8s/uid-span.ts';
import type { Arena, Place } from './arena.ts';

export class ShardTest {
  readonly #shards: ShardSelector;
  readonly #uid: UidSpan;
  readonly #object = new StoredObject();

  constructor(shards: ShardSelector, uid: UidSpan) {
    this.#shards = shards;
    this.#uid = uid;
  }

  matches(arena: Arena, place: Place): boolean {
    const { bytes } = arena.slabOf(place);
    if (this.#shards.field === 'namespace') {
      const key = arena.keyStart(place);
      return this.#shards.contains(bytes, key, key + arena.namespaceLength(place));
    }
    this.#uid.find(arena.describe(place, this.#object));
    return this.#shards.contains(bytes, this.#uid.start, this.#uid.end);
  }
}
