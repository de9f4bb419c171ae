/**
 * Which objects a filter has to be asked about: one key, the holders of an indexed value, or a range of the order. The
 * shortest way to the same answer; the reader still asks the filter about each.
 */
import type { Filter } from './filter.ts';
import type { ObjectWalk, SnapshotSource } from './snapshot.ts';
import { SlotWalk, SnapshotWalk } from './snapshot.ts';

const SLASH = Buffer.from('/');
const NOTHING = Buffer.alloc(0);

/** Candidates at a position, in key order, from a key on. `namespaced`: keys begin with a namespace. */
export function candidatesOf(
  source: SnapshotSource,
  filter: Filter,
  at: { readonly position: number; readonly from: Buffer; readonly namespaced: boolean },
): ObjectWalk {
  const { position, from } = at;
  const slots = from.length === 0 ? pinnedSlots(source, filter, at) : undefined;
  if (slots !== undefined) return new SlotWalk(source, position, slots);
  return new SnapshotWalk(source, position, { prefix: prefixOf(filter), from });
}

/** Key prefix of a filter's namespace: `namespace/` or empty. */
export function prefixOf(filter: Filter): Buffer {
  return filter.namespace.length === 0 ? NOTHING : Buffer.concat([filter.namespace, SLASH]);
}

function pinnedSlots(
  source: SnapshotSource,
  filter: Filter,
  at: { readonly position: number; readonly namespaced: boolean },
): Int32Array | undefined {
  const { index, log } = source;
  if (filter.name.length > 0 && (filter.namespace.length > 0 || !at.namespaced)) {
    const key = Buffer.concat([prefixOf(filter), filter.name]);
    const slot = index.findKey(key, 0, key.length);
    return slot < 0 ? new Int32Array(0) : Int32Array.of(slot);
  }
  // The field index knows the newest state only.
  if (at.position !== log.head) return undefined;
  for (const term of filter.terms) {
    if (term.field < 0 || term.negated || term.value.equals(term.missing)) continue;
    const slots = index.fieldIndexes[term.field]?.slots(term.value);
    if (slots !== undefined) return slots.sort((a, b) => compareSlots(source, a, b));
  }
  return undefined;
}

function compareSlots({ arena, index }: SnapshotSource, a: number, b: number): number {
  const place = index.placeOf(b);
  const bytes = arena.slabOf(place).bytes;
  return index.compareKey(a, bytes, arena.keyStart(place), arena.keyLength(place));
}
