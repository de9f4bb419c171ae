/**
 * The filter groups of one lane: who watches, by filter. The lane offers each event once; the groups that it may concern
 * match it, and those it does concern are put on the list that the next flush works off. A lane has a bounded number of
 * groups; an empty one is forgotten at the next sweep, so that a client that comes right back finds its matches kept.
 */
import type { Arena, Place } from './arena.ts';
import type { Bridges } from './bridges.ts';
import type { Filter } from './filter.ts';
import type { Cursor, EndReason } from './filter-group.ts';
import { FilterGroup } from './filter-group.ts';
import { InterestTable } from './interest-table.ts';
import type { Log } from './log.ts';
import { pinOf } from './pin.ts';
import { WindowIndex } from './window-index.ts';

export class LaneGroups {
  readonly #arena: Arena;
  readonly #log: Log;
  readonly #interest: InterestTable;
  readonly #indexed: readonly boolean[];
  /** Finds what a resuming reader has missed. */
  readonly past: WindowIndex;
  readonly #max: number;
  readonly #groups = new Map<string, FilterGroup>();
  /** Groups with matches that no flush has looked at yet. */
  readonly dirty: FilterGroup[] = [];
  /** Called when `dirty` stops being empty. */
  onDirty: (() => void) | undefined;
  #offered = 0;
  #pastEvaluations = 0;

  constructor(arena: Arena, log: Log, indexed: readonly boolean[], max: number) {
    this.#arena = arena;
    this.#log = log;
    this.#interest = new InterestTable(arena, indexed);
    this.#indexed = indexed;
    this.past = new WindowIndex(arena, log);
    this.#max = max;
  }

  get size(): number {
    return this.#groups.size;
  }

  /** Selector evaluations of all groups, past and present. */
  get evaluations(): number {
    let sum = this.#pastEvaluations;
    for (const group of this.#groups.values()) sum += group.evaluations;
    return sum;
  }

  /** How many matches the slowest cursor has not taken. */
  get lag(): number {
    let lag = 0;
    for (const group of this.#groups.values()) {
      for (const cursor of group.cursors) lag = Math.max(lag, group.next - cursor.next);
    }
    return lag;
  }

  /** A cursor behind `position`, which must be inside the window; undefined when there are too many groups. */
  join(filter: Filter, position: number): Cursor | undefined {
    let group = this.#groups.get(filter.identity);
    if (group === undefined) {
      if (this.#groups.size >= this.#max) return undefined;
      group = new FilterGroup(filter, this.#arena, this.#log);
      this.#groups.set(filter.identity, group);
      this.#interest.add(group);
    }
    group.trim(this.#log.floor);
    if (position < group.from) {
      const pin = pinOf(filter, this.#indexed);
      group.reachBack(position, this.past.find(pin, position, group.from));
    }
    const cursor = group.join(position);
    if (cursor.pending) this.#markDirty(group);
    return cursor;
  }

  leave(cursor: Cursor): void {
    const { group } = cursor;
    group.leave(cursor);
    // Another cursor took its place in the list; a flush under way may have passed that place already.
    if (group.cursors.length > 0 && group.first < group.next) this.#markDirty(group);
  }

  /** Matches the newest record with every group that the two versions may concern. */
  offer(sequence: number, place: Place, replaced: Place): void {
    this.#offered = sequence;
    this.#interest.visit(place, replaced, this.#offer);
  }

  /** Matches below the floor are gone. */
  trim(): void {
    for (const group of this.#groups.values()) group.trim(this.#log.floor);
  }

  /** Forgets empty groups, ends the cursors that left the window. */
  sweep(): void {
    this.trim();
    this.past.sweep();
    for (const group of this.#groups.values()) {
      if (group.cursors.length === 0) this.#drop(group);
      else endCursors(group, 'expired', hasFallenOut);
    }
  }

  /** Ends every watch. */
  end(reason: EndReason): void {
    for (const group of this.#groups.values()) endCursors(group, reason, isAny);
  }

  /** Ends the watches that began ahead of the lane where a bridge now passes. */
  endPassed(bridges: Bridges): void {
    const isPassed = (cursor: Cursor): boolean => bridges.passes(cursor.reader?.aheadRevision ?? 0);
    for (const group of this.#groups.values()) endCursors(group, 'expired', isPassed);
  }

  clear(): void {
    this.#groups.clear();
    this.dirty.length = 0;
  }

  readonly #offer = (group: FilterGroup): void => {
    if (group.offer(this.#offered)) this.#markDirty(group);
  };

  #markDirty(group: FilterGroup): void {
    if (group.dirty) return;
    group.dirty = true;
    this.dirty.push(group);
    if (this.dirty.length === 1) this.onDirty?.();
  }

  #drop(group: FilterGroup): void {
    this.#groups.delete(group.filter.identity);
    this.#pastEvaluations += group.evaluations;
    this.#interest.remove(group);
  }
}

/** Backwards: a cursor that leaves is replaced by the last one. */
function endCursors(
  group: FilterGroup,
  reason: EndReason,
  concerns: (cursor: Cursor) => boolean,
): void {
  for (let i = group.cursors.length - 1; i >= 0; i--) {
    const cursor = group.cursors[i];
    if (cursor !== undefined && concerns(cursor)) cursor.reader?.expire(reason);
  }
}

const isAny = (): boolean => true;
const hasFallenOut = (cursor: Cursor): boolean => cursor.fallenOut;
