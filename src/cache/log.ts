/**
 * The log of one lane: a ring of fixed-size records, one per event, in the order upstream sent them. Position = sequence
 * number of a record; "at position p" means every record up to p is applied.
 *
 *   floor                                   head
 *     |  dropped  | page | page | page | page |  ->
 *                   ^ 4,096 records each; pages go back to a free list when the floor passes them
 *
 * A record never changes after it is appended. Its revision column never falls, so a revision is found by bisection; the
 * record also says which entry it replaced and which record did that, and so every state inside the window can be read
 * back without a copy (cache-measurements 0.3). One writer appends and moves the floor; everybody reads.
 */
import type { Place } from './arena.ts';

export const ADDED = 1;
export const MODIFIED = 2;
export const DELETED = 3;
/** Upstream proved a revision without a change: a bookmark. */
export const BOOKMARK = 4;
/** Cleaning copied a live object: same object, other place. */
export const MOVE = 5;

export type RecordType =
  typeof ADDED | typeof MODIFIED | typeof DELETED | typeof BOOKMARK | typeof MOVE;

const PAGE_RECORDS = 4096;
/** Bytes of one record: a double, six 32-bit columns and a byte (see RecordPage). */
export const RECORD_BYTES = 33;
/** "The record before is more than 2^32 records away": always outside the window. */
const FAR = 0xffffffff;

/** The columns of 4,096 records. */
class RecordPage {
  readonly revisions: Float64Array;
  readonly places: Uint32Array;
  readonly replacedPlaces: Uint32Array;
  /** Distance to the record this one replaced; 0 = the key was never seen before. */
  readonly replacedDistances: Uint32Array;
  readonly hashes: Uint32Array;
  /** Bytes of entries that are kept for this record alone; here, so that dropping it touches no old slab. */
  readonly deadBytes: Uint32Array;
  /** Seconds/10 since the log was made. */
  readonly times: Uint32Array;
  readonly types: Uint8Array;

  constructor() {
    const memory = new SharedArrayBuffer(PAGE_RECORDS * RECORD_BYTES);
    const column = (n: number): number => PAGE_RECORDS * n;
    this.revisions = new Float64Array(memory, 0, PAGE_RECORDS);
    this.places = new Uint32Array(memory, column(8), PAGE_RECORDS);
    this.replacedPlaces = new Uint32Array(memory, column(12), PAGE_RECORDS);
    this.replacedDistances = new Uint32Array(memory, column(16), PAGE_RECORDS);
    this.hashes = new Uint32Array(memory, column(20), PAGE_RECORDS);
    this.times = new Uint32Array(memory, column(24), PAGE_RECORDS);
    this.deadBytes = new Uint32Array(memory, column(28), PAGE_RECORDS);
    this.types = new Uint8Array(memory, column(32), PAGE_RECORDS);
  }
}

/** One record about to be appended; reused by the writer. */
export interface NewRecord {
  type: RecordType;
  revision: number;
  hash: number;
  place: Place;
  replacedPlace: Place;
  /** Sequence number of the record that was replaced, or 0. */
  replacedSequence: number;
  /** Bytes of the entries that die with this record: what it replaced, and a deletion's own last state. */
  deadBytes: number;
  timeMs: number;
}

export class Log {
  #pages: RecordPage[] = [new RecordPage()];
  readonly #freePages: RecordPage[] = [];
  /** Number of the first page held (sequence / 4096). */
  #firstPage = 0;
  #head = 0;
  #floor = 1;
  #headRevision = 0;
  #floorRevision = 0;

  /** Newest record; 0 before the first. */
  get head(): number {
    return this.#head;
  }

  /** Oldest record held; head + 1 when the window is empty. */
  get floor(): number {
    return this.#floor;
  }

  /** Revision of the newest record: the frontier of the lane. */
  get headRevision(): number {
    return this.#headRevision;
  }

  /** Every event with a revision above this one is in the window. A watch from below it is Expired. */
  get floorRevision(): number {
    return this.#floorRevision;
  }

  get length(): number {
    return this.#head - this.#floor + 1;
  }

  get allocatedBytes(): number {
    return (this.#pages.length + this.#freePages.length) * PAGE_RECORDS * RECORD_BYTES;
  }

  /** Appends and returns the sequence number. The revision must not be below the newest one. */
  append(record: NewRecord): number {
    if (record.revision < this.#headRevision) {
      throw new RangeError(
        `log revision would fall from ${this.#headRevision} to ${record.revision}`,
      );
    }
    const sequence = this.#head + 1;
    const pageNumber = Math.floor(sequence / PAGE_RECORDS) - this.#firstPage;
    if (pageNumber === this.#pages.length)
      this.#pages.push(this.#freePages.pop() ?? new RecordPage());
    const page = this.#pages[pageNumber];
    const i = sequence % PAGE_RECORDS;
    page.revisions[i] = record.revision;
    page.places[i] = record.place;
    page.replacedPlaces[i] = record.replacedPlace;
    page.replacedDistances[i] =
      record.replacedSequence === 0 ? 0 : Math.min(sequence - record.replacedSequence, FAR);
    page.hashes[i] = record.hash;
    page.deadBytes[i] = record.deadBytes;
    page.times[i] = Math.floor(record.timeMs / 100);
    page.types[i] = record.type;
    this.#headRevision = record.revision;
    this.#head = sequence;
    return sequence;
  }

  /** Forgets the oldest record. */
  dropOldest(): void {
    const type = this.type(this.#floor);
    // Bookmarks and moves change no object: without them the window reaches back just as far.
    if (type !== BOOKMARK && type !== MOVE) this.#floorRevision = this.revision(this.#floor);
    this.#floor++;
    this.#freeBefore();
  }

  /** Forgets everything up to the head and starts a window at `revision` (after an initial list). */
  startWindow(revision: number): void {
    this.#floor = this.#head + 1;
    this.#floorRevision = revision;
    this.#headRevision = revision;
    this.#freeBefore();
  }

  type(sequence: number): RecordType {
    return this.#page(sequence).types[sequence % PAGE_RECORDS] as RecordType;
  }

  revision(sequence: number): number {
    return this.#page(sequence).revisions[sequence % PAGE_RECORDS];
  }

  place(sequence: number): Place {
    return this.#page(sequence).places[sequence % PAGE_RECORDS];
  }

  /** Entry that was live before this record, or NO_PLACE. */
  replacedPlace(sequence: number): Place {
    return this.#page(sequence).replacedPlaces[sequence % PAGE_RECORDS];
  }

  /** Record of the same key before this one, 0 when there was none. May lie below the floor. */
  replacedSequence(sequence: number): number {
    const distance = this.#page(sequence).replacedDistances[sequence % PAGE_RECORDS];
    return distance === 0 ? 0 : Math.max(sequence - distance, -1);
  }

  hash(sequence: number): number {
    return this.#page(sequence).hashes[sequence % PAGE_RECORDS];
  }

  deadBytes(sequence: number): number {
    return this.#page(sequence).deadBytes[sequence % PAGE_RECORDS];
  }

  timeMs(sequence: number): number {
    return this.#page(sequence).times[sequence % PAGE_RECORDS] * 100;
  }

  /**
   * The last position whose records are all <= `revision`: what a reader "at revision N" sees.
   * Only meaningful for floorRevision <= revision. O(log window).
   */
  positionOf(revision: number): number {
    let low = this.#floor;
    let high = this.#head + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.revision(middle) <= revision) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #page(sequence: number): RecordPage {
    return this.#pages[Math.floor(sequence / PAGE_RECORDS) - this.#firstPage];
  }

  #freeBefore(): void {
    const keep = Math.floor(this.#floor / PAGE_RECORDS);
    while (this.#firstPage < keep && this.#pages.length > 1) {
      const page = this.#pages.shift()!;
      if (this.#freePages.length < 4) this.#freePages.push(page);
      this.#firstPage++;
    }
  }
}
