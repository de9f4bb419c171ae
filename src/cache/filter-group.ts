/**
 * All cursors of a lane with the same filter share one group: an event is matched once per group, not once per watcher.
 * The group keeps which records matched, 9 bytes each, as a queue that the window's floor trims; a cursor is a number in
 * that queue. Events themselves wait in the log.
 *
 *   matches   [ seq,type | seq,type | seq,type | ... ]
 *               ^first     ^cursor A            ^next = a cursor with nothing to send
 *
 * Written by the lane as it follows the log. A cursor whose number falls below `first` has left the window.
 */
import type { Arena } from './arena.ts';
import { NO_PLACE } from './arena.ts';
import type { Filter } from './filter.ts';
import type { Log } from './log.ts';
import { ADDED, DELETED, MODIFIED } from './log.ts';

/** What a matched record becomes for the readers of the group (semantics 4.7). */
export const SEND_ADDED = 1;
export const SEND_MODIFIED = 2;
/** The object was deleted: its last state, as upstream sent it. */
export const SEND_DELETED = 3;
/** The object left the selector: the previous content under the new revision, as a DELETED event. */
export const SEND_LEFT = 4;

const FIRST_CAPACITY = 16;

export class FilterGroup {
  readonly filter: Filter;
  readonly #arena: Arena;
  readonly #log: Log;
  #sequences = new Float64Array(FIRST_CAPACITY);
  #sends = new Uint8Array(FIRST_CAPACITY);
  /** Queue numbers: [first, next) are held, at index (number - #base). */
  #base = 0;
  first = 0;
  next = 0;
  /** Complete from here on: every matching record with a sequence above this one is in the queue. */
  from: number;
  readonly cursors: Cursor[] = [];
  /** In the lane's list of groups that have something new. */
  dirty = false;
  /** Selector evaluations, for metrics. */
  evaluations = 0;

  constructor(filter: Filter, arena: Arena, log: Log) {
    this.filter = filter;
    this.#arena = arena;
    this.#log = log;
    this.from = log.head;
  }

  /** Matches one record and queues it; true when it concerns the group. */
  offer(sequence: number): boolean {
    const send = this.#decide(sequence);
    if (send === 0) return false;
    this.#push(sequence, send);
    return true;
  }

  /** A cursor that will see every match after `position`, which the group reaches back to. */
  join(position: number): Cursor {
    const cursor = new Cursor(this, this.#numberAfter(position));
    cursor.place = this.cursors.length;
    this.cursors.push(cursor);
    return cursor;
  }

  /**
   * Matches the records in (position, from] as well: a reader resumes from before the group existed. `candidates` are
   * those of them that may concern the group, oldest first; undefined for all.
   */
  reachBack(position: number, candidates: readonly number[] | undefined): void {
    const found: number[] = [];
    const sends: number[] = [];
    const count = candidates?.length ?? this.from - position;
    for (let i = 0; i < count; i++) {
      const sequence = candidates === undefined ? position + 1 + i : candidates[i];
      const send = this.#decide(sequence);
      if (send === 0) continue;
      found.push(sequence);
      sends.push(send);
    }
    this.#makeRoom(0, found.length);
    for (let i = 0; i < found.length; i++) {
      this.#sequences[i] = found[i];
      this.#sends[i] = sends[i];
    }
    this.first -= found.length;
    this.from = position;
  }

  /** Leaving twice is once: a watch may be ended by its client and by the lane in the same turn. */
  leave(cursor: Cursor): void {
    if (this.cursors[cursor.place] !== cursor) return;
    const last = this.cursors.pop()!;
    if (last === cursor) return;
    this.cursors[cursor.place] = last;
    last.place = cursor.place;
  }

  sequence(number: number): number {
    return this.#sequences[number - this.#base];
  }

  /** Is this match still in the window? The log may have been trimmed since this group was. */
  holds(number: number): boolean {
    return number >= this.first && this.sequence(number) >= this.#log.floor;
  }

  send(number: number): number {
    return this.#sends[number - this.#base];
  }

  /** Forgets matches below the window's floor. */
  trim(floor: number): void {
    while (this.first < this.next && this.sequence(this.first) < floor) this.first++;
    if (this.from < floor - 1) this.from = floor - 1;
  }

  get bytes(): number {
    return this.#sequences.length * 9;
  }

  #decide(sequence: number): number {
    const log = this.#log;
    const arena = this.#arena;
    const type = log.type(sequence);
    if (type !== ADDED && type !== MODIFIED && type !== DELETED) return 0;
    const place = log.place(sequence);
    if (!this.filter.inScope(arena, place)) return 0;
    const replaced = log.replacedPlace(sequence);
    if (this.filter.unselective) return type;
    this.evaluations++;
    const before = replaced !== NO_PLACE && this.filter.selects(arena, replaced);
    if (type === DELETED) return before ? SEND_DELETED : 0;
    const now = this.filter.selects(arena, place);
    if (now) return before ? SEND_MODIFIED : SEND_ADDED;
    return before ? SEND_LEFT : 0;
  }

  #push(sequence: number, send: number): void {
    if (this.next - this.#base === this.#sequences.length) this.#makeRoom(1, 0);
    const i = this.next - this.#base;
    this.#sequences[i] = sequence;
    this.#sends[i] = send;
    this.next++;
  }

  /** Room for `back` more at the end and `front` more before the first: moves to the middle of a fit array. */
  #makeRoom(back: number, front: number): void {
    const held = this.next - this.first;
    const needed = held + back + front;
    let capacity = this.#sequences.length;
    while (capacity < needed * 2) capacity *= 2;
    const sequences = new Float64Array(capacity);
    const sends = new Uint8Array(capacity);
    const from = this.first - this.#base;
    sequences.set(this.#sequences.subarray(from, from + held), front);
    sends.set(this.#sends.subarray(from, from + held), front);
    this.#sequences = sequences;
    this.#sends = sends;
    this.#base = this.first - front;
  }

  /** Queue number of the first match after a position. */
  #numberAfter(position: number): number {
    let low = this.first;
    let high = this.next;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.sequence(middle) <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** One watcher's position in its group. Costs no memory for what it has not read: that waits in the log. */
export class Cursor {
  readonly group: FilterGroup;
  /** Queue number of the next match to send. */
  next: number;
  /** Index in group.cursors. */
  place = 0;
  /** Set by the watch that owns the cursor; the flush calls it. */
  reader: CursorReader | undefined;

  constructor(group: FilterGroup, next: number) {
    this.group = group;
    this.next = next;
  }

  get pending(): boolean {
    return this.next < this.group.next;
  }

  /** The next event to send is no longer in the window: the watch must end with 410. */
  get fallenOut(): boolean {
    return this.next < this.group.next && !this.group.holds(this.next);
  }
}

/** Writes of the readers of one identity in a pass of the flush. */
export interface WriteShare {
  pass: number;
  writes: number;
}

/** What the flush and the lane tell the owner of a cursor. */
export interface CursorReader {
  /** May take bytes now: nothing in flight, initial objects sent. */
  readonly ready: boolean;
  /** A revision ahead of the lane at which its client came from elsewhere; 0 when it began with a state of this lane. */
  readonly aheadRevision: number;
  /** Of its identity; counted by the flush. */
  readonly share: WriteShare;
  /** It waits behind the readers of others in the flush. */
  deferred: boolean;
  /** Takes pending events; called in a flush. */
  flush(): void;
  /** The cursor left the window or the lane was listed anew (`expired`: 410), or the lane is gone: end the watch. */
  expire(reason: EndReason): void;
}

export type EndReason = 'expired' | 'closed';
