/**
 * Which filter groups may care about an event. Groups that pin a name, an indexed field or a namespace are filed under
 * that value, so an event finds them by a lookup: its cost does not depend on how many groups do not match (design P5;
 * two lookups cost 0.1-0.2 us where asking 20,000 selectors costs 107 us: cache-measurements 3). Only groups that pin
 * nothing are asked one by one. Both the new and the replaced version are looked up: leaving a value is an event too.
 */
import type { Arena, Place } from './arena.ts';
import { NO_PLACE } from './arena.ts';
import { ByteMap } from './byte-map.ts';
import type { Filter } from './filter.ts';
import type { FilterGroup } from './filter-group.ts';
import { NAME_FIELD, NAMESPACE_FIELD } from './filter.ts';
import { pinOf, PinSpan } from './pin.ts';

type Shelf = ByteMap<FilterGroup[]>;

export class InterestTable {
  readonly #arena: Arena;
  readonly #span = new PinSpan();
  readonly #byName: Shelf = new ByteMap();
  readonly #byNamespace: Shelf = new ByteMap();
  /** Per indexed field, by value. */
  readonly #byField: readonly (Shelf | undefined)[];
  readonly #broad: FilterGroup[] = [];
  readonly #indexedFields: readonly boolean[];

  constructor(arena: Arena, indexedFields: readonly boolean[]) {
    this.#arena = arena;
    this.#indexedFields = indexedFields;
    this.#byField = indexedFields.map((indexed) => (indexed ? new ByteMap() : undefined));
  }

  add(group: FilterGroup): void {
    const home = this.#homeOf(group.filter);
    if (home === undefined) {
      this.#broad.push(group);
      return;
    }
    const groups = home.shelf.get(home.value, 0, home.value.length);
    if (groups === undefined) home.shelf.set(home.value, [group]);
    else groups.push(group);
  }

  remove(group: FilterGroup): void {
    const home = this.#homeOf(group.filter);
    if (home === undefined) {
      removeFrom(this.#broad, group);
      return;
    }
    const groups = home.shelf.get(home.value, 0, home.value.length)!;
    removeFrom(groups, group);
    if (groups.length === 0) home.shelf.delete(home.value);
  }

  /** Calls `visit.offer` once for every group that an event of these two versions may concern. */
  visit(place: Place, replaced: Place, visit: (group: FilterGroup) => void): void {
    for (const group of this.#broad) visit(group);
    if (this.#byName.size > 0) visitAll(this.#groupsOf(this.#byName, place, NAME_FIELD), visit);
    if (this.#byNamespace.size > 0) {
      visitAll(this.#groupsOf(this.#byNamespace, place, NAMESPACE_FIELD), visit);
    }
    for (let field = 0; field < this.#byField.length; field++) {
      const shelf = this.#byField[field];
      if (shelf === undefined || shelf.size === 0) continue;
      const now = this.#groupsOf(shelf, place, field);
      visitAll(now, visit);
      if (replaced === NO_PLACE) continue;
      const before = this.#groupsOf(shelf, replaced, field);
      if (before !== now) visitAll(before, visit);
    }
  }

  #groupsOf(shelf: Shelf, place: Place, field: number): FilterGroup[] | undefined {
    const span = this.#span;
    span.read(this.#arena, place, field);
    return shelf.get(span.bytes, span.start, span.length);
  }

  #homeOf(filter: Filter): { shelf: Shelf; value: Buffer } | undefined {
    const pin = pinOf(filter, this.#indexedFields);
    if (pin === undefined) return undefined;
    const { field, value } = pin;
    if (field === NAME_FIELD) return { shelf: this.#byName, value };
    if (field === NAMESPACE_FIELD) return { shelf: this.#byNamespace, value };
    return { shelf: this.#byField[field]!, value };
  }
}

function visitAll(groups: FilterGroup[] | undefined, visit: (group: FilterGroup) => void): void {
  if (groups === undefined) return;
  for (const group of groups) visit(group);
}

function removeFrom(groups: FilterGroup[], group: FilterGroup): void {
  const at = groups.indexOf(group);
  groups[at] = groups[groups.length - 1];
  groups.pop();
}
