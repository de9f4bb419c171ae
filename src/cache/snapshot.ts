/**
 * An ordered walk over the objects of a lane as they were at one position, without a clone: each slot's newest entry that
 * is not newer than the position. A walk may pause between steps while the writer goes on; it finds its place again by
 * key when the order changed. It fails (`expired`) when the window's floor passes its position: it never skips silently.
 */
import type { Arena, Place } from './arena.ts';
import { NO_PLACE } from './arena.ts';
import { compareRanges } from './byte-map.ts';
import type { Log } from './log.ts';
import { ADDED, DELETED } from './log.ts';
import type { ObjectIndex } from './object-index.ts';
import type { OrderPosition } from './order.ts';

/** "Serve the snapshot at this position and call it this revision." */
export interface View {
  readonly position: number;
  readonly revision: number;
}

/** What a walk reads. */
export interface SnapshotSource {
  readonly arena: Arena;
  readonly log: Log;
  readonly index: ObjectIndex;
}

/** A range of keys: all keys with `prefix`, from `from` (inclusive) on. */
export interface KeyRange {
  /** `namespace/` or empty. */
  readonly prefix: Buffer;
  /** First key to look at, or empty for the start of the prefix. */
  readonly from: Buffer;
}

/** An ordered run over visible objects that may pause. */
export interface ObjectWalk {
  /** The object `next` found. */
  readonly place: Place;
  /** True once the window no longer reaches back to the walk's position: the walk cannot go on. */
  readonly expired: boolean;
  /** Moves to the next visible object; false at the end. Check `expired` after every pause. */
  next(): boolean;
  /** Call before giving the loop back to others: `place` is not valid afterwards. */
  pause(): void;
  /** Like pause, but the object at hand comes again. */
  unread(): void;
}

export class SnapshotWalk implements ObjectWalk {
  readonly #source: SnapshotSource;
  readonly #position: number;
  readonly #prefix: Buffer;
  #block = 0;
  #index = 0;
  #version = -1;
  /** Key to seek when the order changed, and whether it was already given out. */
  #key: Buffer;
  #keyLength: number;
  #keyGiven = false;
  /** The object `next` found. */
  place: Place = NO_PLACE;

  constructor(source: SnapshotSource, position: number, range: KeyRange) {
    this.#source = source;
    this.#position = position;
    this.#prefix = range.prefix;
    const from = compareRangesWhole(range.from, range.prefix) > 0 ? range.from : range.prefix;
    this.#key = Buffer.alloc(Math.max(512, from.length));
    this.#keyLength = from.copy(this.#key);
  }

  /** True once the window no longer reaches back to the position: the walk cannot go on. */
  get expired(): boolean {
    return this.#position < this.#source.log.floor - 1;
  }

  /** Moves to the next visible object of the range; false at the end. Check `expired` after every pause. */
  next(): boolean {
    const { index, log } = this.#source;
    const order = index.order;
    if (this.#version !== order.version) this.#seek();
    for (;;) {
      const block = order.blocks[this.#block];
      if (this.#index >= block.length) {
        if (this.#block + 1 >= order.blocks.length) return false;
        this.#block++;
        this.#index = 0;
        continue;
      }
      const slot = block.slots[this.#index];
      if (!this.#inRange(slot)) return false;
      this.#index++;
      const place = index.visible(slot, this.#position, log);
      if (place === NO_PLACE) continue;
      this.place = place;
      return true;
    }
  }

  pause(): void {
    this.#remember(true);
  }

  unread(): void {
    if (this.place !== NO_PLACE) this.#index--;
    this.#remember(false);
  }

  #remember(given: boolean): void {
    if (this.place === NO_PLACE) return;
    const { arena } = this.#source;
    const length = arena.keyLength(this.place);
    if (length > this.#key.length) this.#key = Buffer.alloc(length * 2);
    const start = arena.keyStart(this.place);
    this.#keyLength = arena.slabOf(this.place).bytes.copy(this.#key, 0, start, start + length);
    this.#keyGiven = given;
    this.place = NO_PLACE;
  }

  #seek(): void {
    const order = this.#source.index.order;
    const at = order.seek(this.#key, 0, this.#keyLength);
    this.#block = at.block;
    this.#index = at.index;
    this.#version = order.version;
    if (!this.#keyGiven) return;
    const block = order.blocks[at.block];
    const here = at.index < block.length ? block.slots[at.index] : -1;
    if (here < 0) return;
    if (this.#source.index.compareKey(here, this.#key, 0, this.#keyLength) === 0) this.#index++;
  }

  #inRange(slot: number): boolean {
    const prefix = this.#prefix;
    if (prefix.length === 0) return true;
    const { arena, index } = this.#source;
    const place = index.placeOf(slot);
    if (arena.keyLength(place) < prefix.length) return false;
    const bytes = arena.slabOf(place).bytes;
    const start = arena.keyStart(place);
    for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix[i]) return false;
    return true;
  }
}

/**
 * A walk over slots known beforehand (one key, or the holders of an indexed value), in the order given. A slot is not
 * reused while the window reaches back to the position, so slots may be kept across pauses where places may not.
 */
export class SlotWalk implements ObjectWalk {
  readonly #source: SnapshotSource;
  readonly #position: number;
  readonly #slots: Int32Array;
  #index = 0;
  place: Place = NO_PLACE;

  constructor(source: SnapshotSource, position: number, slots: Int32Array) {
    this.#source = source;
    this.#position = position;
    this.#slots = slots;
  }

  get expired(): boolean {
    return this.#position < this.#source.log.floor - 1;
  }

  next(): boolean {
    while (this.#index < this.#slots.length) {
      const slot = this.#slots[this.#index++];
      this.place = this.#source.index.visible(slot, this.#position, this.#source.log);
      if (this.place !== NO_PLACE) return true;
    }
    return false;
  }

  pause(): void {
    this.place = NO_PLACE;
  }

  unread(): void {
    if (this.place !== NO_PLACE) this.#index--;
    this.place = NO_PLACE;
  }
}

/**
 * How many objects the range held at `position`: live ones now, corrected by the records since. O(blocks + records since).
 */
export function countAt(source: SnapshotSource, position: number, range: KeyRange): number {
  const { arena, index, log } = source;
  const order = index.order;
  const from = compareRangesWhole(range.from, range.prefix) > 0 ? range.from : range.prefix;
  const end = endOfPrefix(range.prefix);
  if (end !== undefined && compareRangesWhole(from, end) >= 0) return 0;
  const start = order.seek(from, 0, from.length);
  const stop: OrderPosition = end === undefined ? order.end : order.seek(end, 0, end.length);
  let count = order.liveBetween(start, stop);
  for (let sequence = position + 1; sequence <= log.head; sequence++) {
    const type = log.type(sequence);
    if (type !== ADDED && type !== DELETED) continue;
    const place = log.place(sequence);
    const bytes = arena.slabOf(place).bytes;
    const key = arena.keyStart(place);
    const length = arena.keyLength(place);
    if (compareRanges(bytes, key, length, from, 0, from.length) < 0) continue;
    if (end !== undefined && compareRanges(bytes, key, length, end, 0, end.length) >= 0) continue;
    count += type === ADDED ? -1 : 1;
  }
  return count;
}

/** The smallest key above every key with this prefix (`ns/` -> `ns0`), or undefined for the empty prefix. */
function endOfPrefix(prefix: Buffer): Buffer | undefined {
  if (prefix.length === 0) return undefined;
  const end = Buffer.from(prefix);
  end[end.length - 1]++;
  return end;
}

function compareRangesWhole(a: Buffer, b: Buffer): number {
  return compareRanges(a, 0, a.length, b, 0, b.length);
}
