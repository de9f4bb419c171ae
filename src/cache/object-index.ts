/**
 * The index of one lane: key -> slot, slot -> newest record and entry, slots in key order, field values -> slots. It is
 * made by following the log and by nothing else, so it can be rebuilt, checked and replicated from the log (design 3).
 *
 * A slot outlives its object: a deleted object's slot stays as a tombstone, in its place in the order, until the record of
 * the deletion leaves the window, because a snapshot inside the window still finds the object through it.
 */
import type { Arena, Place } from './arena.ts';
import { NO_PLACE } from './arena.ts';
import { compareRanges } from './byte-map.ts';
import { FieldIndex } from './field-index.ts';
import { hashBytes, KeyTable } from './key-table.ts';
import type { Log } from './log.ts';
import { ADDED, DELETED, MODIFIED, MOVE } from './log.ts';
import { Order } from './order.ts';

const PAGE_BITS = 12;
const PAGE_SLOTS = 1 << PAGE_BITS;
const PAGE_MASK = PAGE_SLOTS - 1;

/** Columns of 4,096 slots: pages, because doubling one flat column is a stall. */
class SlotPage {
  readonly places = new Uint32Array(PAGE_SLOTS);
  readonly hashes = new Uint32Array(PAGE_SLOTS);
  /** Newest ADDED, MODIFIED or DELETED record of the key (never a MOVE). */
  readonly sequences = new Float64Array(PAGE_SLOTS);
  readonly live = new Uint8Array(PAGE_SLOTS);
}

/** Bytes of the columns per slot. */
export const SLOT_BYTES = 17;

export class ObjectIndex {
  readonly #arena: Arena;
  readonly #pages: SlotPage[] = [];
  readonly #free: number[] = [];
  readonly #table: KeyTable;
  /** One index per selectable field, undefined for fields that are not indexed. */
  readonly fieldIndexes: readonly (FieldIndex | undefined)[];
  readonly order: Order;
  #slots = 0;
  /** Live objects. */
  objects = 0;
  /** Position followed to. */
  position = 0;

  constructor(arena: Arena, indexedFields: readonly boolean[]) {
    this.#arena = arena;
    this.#table = new KeyTable(this);
    this.order = new Order(this);
    this.fieldIndexes = indexedFields.map((indexed) => (indexed ? new FieldIndex() : undefined));
  }

  /** The slot of a key, live or tombstone, or -1. */
  find(hash: number, bytes: Uint8Array, start: number, length: number): number {
    return this.#table.find(hash, bytes, start, length);
  }

  /** The slot of a key whose hash is not at hand. */
  findKey(bytes: Uint8Array, start: number, length: number): number {
    return this.#table.find(hashBytes(bytes, start, length), bytes, start, length);
  }

  /** Applies one record. Records must come in order. */
  follow(log: Log, sequence: number): void {
    const type = log.type(sequence);
    this.position = sequence;
    if (type === ADDED || type === MODIFIED)
      this.#put(log.hash(sequence), log.place(sequence), sequence);
    else if (type === DELETED) this.#delete(log.hash(sequence), log.place(sequence), sequence);
    else if (type === MOVE) this.#move(log.hash(sequence), log.place(sequence));
  }

  /** The record leaves the window: a tombstone that nothing newer replaced goes with it. */
  forget(log: Log, sequence: number): void {
    if (log.type(sequence) !== DELETED) return;
    const place = log.place(sequence);
    const bytes = this.#arena.slabOf(place).bytes;
    const start = this.#arena.keyStart(place);
    const length = this.#arena.keyLength(place);
    const slot = this.#table.find(log.hash(sequence), bytes, start, length);
    if (slot < 0 || this.isLive(slot) || this.sequenceOf(slot) !== sequence) return;
    this.order.remove(slot, bytes, start, length);
    this.#table.remove(log.hash(sequence), slot);
    this.#free.push(slot);
  }

  placeOf(slot: number): Place {
    return this.#pages[slot >> PAGE_BITS].places[slot & PAGE_MASK];
  }

  sequenceOf(slot: number): number {
    return this.#pages[slot >> PAGE_BITS].sequences[slot & PAGE_MASK];
  }

  isLive(slot: number): boolean {
    return this.#pages[slot >> PAGE_BITS].live[slot & PAGE_MASK] === 1;
  }

  hashOf(slot: number): number {
    return this.#pages[slot >> PAGE_BITS].hashes[slot & PAGE_MASK];
  }

  keyEquals(slot: number, bytes: Uint8Array, start: number, length: number): boolean {
    const place = this.placeOf(slot);
    if (this.#arena.keyLength(place) !== length) return false;
    const own = this.#arena.slabOf(place).bytes;
    const at = this.#arena.keyStart(place);
    for (let i = 0; i < length; i++) if (own[at + i] !== bytes[start + i]) return false;
    return true;
  }

  compareKey(slot: number, bytes: Uint8Array, start: number, length: number): number {
    const place = this.placeOf(slot);
    const arena = this.#arena;
    return compareRanges(
      arena.slabOf(place).bytes,
      arena.keyStart(place),
      arena.keyLength(place),
      bytes,
      start,
      length,
    );
  }

  /**
   * The entry a key's slot showed at `position`, or NO_PLACE when the object was not there then.
   * Hops back along replaced records; `position` must be inside the window (>= floor - 1).
   */
  visible(slot: number, position: number, log: Log): Place {
    const page = this.#pages[slot >> PAGE_BITS];
    const i = slot & PAGE_MASK;
    let sequence = page.sequences[i];
    let place = page.live[i] === 1 ? page.places[i] : NO_PLACE;
    while (sequence > position) {
      place = log.replacedPlace(sequence);
      const replaced = log.replacedSequence(sequence);
      if (replaced === 0) return NO_PLACE;
      sequence = replaced;
    }
    return place;
  }

  get allocatedBytes(): number {
    return (
      this.#pages.length * PAGE_SLOTS * SLOT_BYTES +
      this.#table.allocatedBytes +
      this.order.allocatedBytes
    );
  }

  #put(hash: number, place: Place, sequence: number): void {
    const arena = this.#arena;
    const bytes = arena.slabOf(place).bytes;
    const start = arena.keyStart(place);
    const length = arena.keyLength(place);
    let slot = this.#table.find(hash, bytes, start, length);
    if (slot < 0) {
      slot = this.#newSlot(hash, place, sequence);
      this.#table.insert(hash, slot);
      this.order.insert(slot, bytes, start, length);
      this.#indexFields(slot, NO_PLACE, place);
      this.objects++;
      return;
    }
    const page = this.#pages[slot >> PAGE_BITS];
    const i = slot & PAGE_MASK;
    const wasLive = page.live[i] === 1;
    this.#indexFields(slot, wasLive ? page.places[i] : NO_PLACE, place);
    page.places[i] = place;
    page.sequences[i] = sequence;
    if (!wasLive) {
      page.live[i] = 1;
      this.objects++;
      this.order.countLive(1, bytes, start, length);
    }
  }

  #delete(hash: number, place: Place, sequence: number): void {
    const arena = this.#arena;
    const bytes = arena.slabOf(place).bytes;
    const start = arena.keyStart(place);
    const length = arena.keyLength(place);
    const slot = this.#table.find(hash, bytes, start, length);
    if (slot < 0 || !this.isLive(slot)) throw new Error('log deletes an object that is not live');
    const page = this.#pages[slot >> PAGE_BITS];
    const i = slot & PAGE_MASK;
    this.#indexFields(slot, page.places[i], NO_PLACE);
    page.places[i] = place;
    page.sequences[i] = sequence;
    page.live[i] = 0;
    this.objects--;
    this.order.countLive(-1, bytes, start, length);
  }

  #move(hash: number, place: Place): void {
    const arena = this.#arena;
    const slot = this.#table.find(
      hash,
      arena.slabOf(place).bytes,
      arena.keyStart(place),
      arena.keyLength(place),
    );
    this.#pages[slot >> PAGE_BITS].places[slot & PAGE_MASK] = place;
  }

  #newSlot(hash: number, place: Place, sequence: number): number {
    const slot = this.#free.pop() ?? this.#slots++;
    if (slot >> PAGE_BITS === this.#pages.length) this.#pages.push(new SlotPage());
    const page = this.#pages[slot >> PAGE_BITS];
    const i = slot & PAGE_MASK;
    page.places[i] = place;
    page.hashes[i] = hash;
    page.sequences[i] = sequence;
    page.live[i] = 1;
    return slot;
  }

  #indexFields(slot: number, before: Place, after: Place): void {
    for (let field = 0; field < this.fieldIndexes.length; field++) {
      const index = this.fieldIndexes[field];
      if (index === undefined) continue;
      const had = before !== NO_PLACE && this.#arena.fieldStart(before, field) >= 0;
      const has = after !== NO_PLACE && this.#arena.fieldStart(after, field) >= 0;
      if (had && has && this.#sameField(before, after, field)) continue;
      if (had) {
        const start = this.#arena.objectStart(before) + this.#arena.fieldStart(before, field);
        index.remove(
          slot,
          this.#arena.slabOf(before).bytes,
          start,
          this.#arena.fieldLength(before, field),
        );
      }
      if (has) {
        const start = this.#arena.objectStart(after) + this.#arena.fieldStart(after, field);
        index.add(
          slot,
          this.#arena.slabOf(after).bytes,
          start,
          this.#arena.fieldLength(after, field),
        );
      }
    }
  }

  #sameField(a: Place, b: Place, field: number): boolean {
    const arena = this.#arena;
    const length = arena.fieldLength(a, field);
    if (length !== arena.fieldLength(b, field)) return false;
    const start = arena.objectStart(a) + arena.fieldStart(a, field);
    const key = arena.slabOf(a).bytes;
    const other = arena.slabOf(b).bytes;
    const at = arena.objectStart(b) + arena.fieldStart(b, field);
    for (let i = 0; i < length; i++) if (key[start + i] !== other[at + i]) return false;
    return true;
  }
}
