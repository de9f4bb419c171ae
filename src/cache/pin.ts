/**
 * The one value that every object of a filter must have, and by which the filter is therefore filed: its name, an indexed
 * field, or its namespace, in the order of how few objects share it. Read by whoever looks from events to filters
 * (interest table) or from a filter to events (window index).
 */
import type { Arena, Place } from './arena.ts';
import type { Filter } from './filter.ts';
import { NAME_FIELD, NAMESPACE_FIELD } from './filter.ts';

export interface Pin {
  /** A column of the lane, NAME_FIELD or NAMESPACE_FIELD. */
  readonly field: number;
  readonly value: Buffer;
}

/** Undefined when the filter pins nothing: any event may concern it. */
export function pinOf(filter: Filter, indexedFields: readonly boolean[]): Pin | undefined {
  if (filter.name.length > 0) return { field: NAME_FIELD, value: filter.name };
  for (const term of filter.terms) {
    if (term.field < 0 || term.negated || !indexedFields[term.field]) continue;
    return { field: term.field, value: term.value };
  }
  if (filter.namespace.length === 0) return undefined;
  return { field: NAMESPACE_FIELD, value: filter.namespace };
}

/** Where the value of a column lies in an entry; reused. An absent field reads as empty. */
export class PinSpan {
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  length = 0;

  read(arena: Arena, place: Place, field: number): void {
    this.bytes = arena.slabOf(place).bytes;
    if (field >= 0) {
      const relative = arena.fieldStart(place, field);
      this.start = relative < 0 ? 0 : arena.objectStart(place) + relative;
      this.length = relative < 0 ? 0 : arena.fieldLength(place, field);
      return;
    }
    const namespace = arena.namespaceLength(place);
    const key = arena.keyStart(place);
    if (field === NAMESPACE_FIELD) {
      this.start = key;
      this.length = namespace;
      return;
    }
    const nameStart = namespace === 0 ? 0 : namespace + 1;
    this.start = key + nameStart;
    this.length = arena.keyLength(place) - nameStart;
  }
}
