/**
 * What a lane keeps beyond its live objects, and for how long: the window. Limits are time, bytes and records; a minimum
 * number of records is kept whatever their age, so that a quiet resource accepts the old revisions of quiet clients.
 * Cleaning copies the last live objects out of nearly dead slabs so that the slabs can be reused.
 */
import type { Arena } from './arena.ts';
import { NO_PLACE } from './arena.ts';
import { hashBytes } from './key-table.ts';
import type { Log, NewRecord } from './log.ts';
import { ADDED, DELETED, MODIFIED, MOVE } from './log.ts';
import type { ObjectIndex } from './object-index.ts';
import { SLAB_BYTES } from './slab.ts';

export interface WindowLimits {
  /** Records older than this are dropped. */
  readonly durationMs: number;
  /** Bytes of replaced and deleted objects kept for the window. */
  readonly maxBytes: number;
  /** Events kept whatever their age (never beyond maxBytes). */
  readonly minEvents: number;
  /** Kept at most, bookmarks and moves included. */
  readonly maxRecords: number;
  /** Slab bytes beyond the live share that cleaning never minds; default 16 MiB. */
  readonly spreadSlackBytes?: number;
}

/** At leisure, a slab whose live share is below this is cleaned: 70-85 % cost too much copying, 50 % almost none. */
const CLEAN_BELOW = 0.5;

/**
 * Slabs with live objects may take this many times the live bytes before writes are made to clean. Updates in random
 * order leave a few live objects in every slab: without this, 100,000 objects took 9 times their size after 8 rounds.
 */
const MAX_SPREAD = 1.5;
/** Below this nothing is cleaned: renewals in order empty whole slabs by themselves. */
const LEISURE_SPREAD = 1.2;
/** Spread that is never worth cleaning: four slabs. */
const SPREAD_SLACK_BYTES = 4 * SLAB_BYTES;
/** Cleaned at most when a slab was opened; each gives more back than half a slab on average, so two keep pace. */
const CLEANS_PER_SLAB = 2;

export class Retention {
  readonly #limits: WindowLimits;
  readonly #arena: Arena;
  readonly #log: Log;
  readonly #index: ObjectIndex;
  /** Bytes of entries that only the window needs. */
  windowBytes = 0;
  /** Added, modified and deleted records in the window. */
  events = 0;
  cleanedSlabs = 0;
  cleanedBytes = 0;
  #openedSeen = 0;

  constructor(limits: WindowLimits, arena: Arena, log: Log, index: ObjectIndex) {
    this.#limits = limits;
    this.#arena = arena;
    this.#log = log;
    this.#index = index;
  }

  /** A record entered the window: the entries it names stay until it leaves. */
  enter(sequence: number): void {
    const place = this.#log.place(sequence);
    const replaced = this.#log.replacedPlace(sequence);
    if (place !== NO_PLACE) this.#arena.pin(place);
    if (replaced !== NO_PLACE) this.#arena.pin(replaced);
    this.windowBytes += this.#log.deadBytes(sequence);
    if (isEvent(this.#log.type(sequence))) this.events++;
  }

  /** Drops records beyond the limits; true when the floor moved. */
  trim(nowMs: number): boolean {
    const log = this.#log;
    const before = log.floor;
    while (log.length > 0 && this.#beyond(nowMs)) this.#dropOldest();
    return log.floor !== before;
  }

  /** Drops the oldest records until `bytes` less are kept for the window. */
  release(bytes: number): void {
    const target = this.windowBytes - bytes;
    while (this.#log.length > 0 && this.windowBytes > target) this.#dropOldest();
  }

  /** Drops the whole window. */
  clear(): void {
    while (this.#log.length > 0) this.#dropOldest();
  }

  /** A slab was opened since `keepDense` was called. */
  get cleanDue(): boolean {
    return this.#arena.opened !== this.#openedSeen;
  }

  /**
   * For writers, when `cleanDue`: where live objects are spread too thin, copies those of the
   * sparsest slabs together. Two slabs at most, so the stall is about two milliseconds.
   */
  keepDense(append: (record: NewRecord) => void, record: NewRecord): void {
    for (let i = 0; i < CLEANS_PER_SLAB && this.#spreadBeyond(MAX_SPREAD); i++) {
      if (!this.#cleanSparsest(append, record, 1)) break;
    }
    this.#openedSeen = this.#arena.opened;
  }

  /** For the sweep: one slab, and only where it is cheap. True when one was cleaned. */
  clean(append: (record: NewRecord) => void, record: NewRecord): boolean {
    return this.#spreadBeyond(LEISURE_SPREAD) && this.#cleanSparsest(append, record, CLEAN_BELOW);
  }

  /** Copies the live objects of the sparsest slab to the open one, with a MOVE record for each. */
  #cleanSparsest(append: (record: NewRecord) => void, record: NewRecord, below: number): boolean {
    const arena = this.#arena;
    const number = arena.sparseSlab(below);
    if (number < 0) return false;
    let place = arena.firstEntry(number);
    while (place !== NO_PLACE && arena.holdsLive(number)) {
      const next = arena.nextEntry(place);
      if (arena.isLive(place)) {
        const { bytes } = arena.slabOf(place);
        record.hash = hashBytes(bytes, arena.keyStart(place), arena.keyLength(place));
        const to = arena.move(place);
        record.type = MOVE;
        record.place = to;
        record.replacedPlace = NO_PLACE;
        record.replacedSequence = 0;
        record.deadBytes = 0;
        record.revision = this.#log.headRevision;
        this.cleanedBytes += arena.entryBytes(to);
        arena.addLive(to);
        append(record);
        arena.dropLive(place);
      }
      place = next;
    }
    this.cleanedSlabs++;
    return true;
  }

  #spreadBeyond(factor: number): boolean {
    const { occupiedBytes, liveBytes } = this.#arena;
    return (
      occupiedBytes > liveBytes * factor + (this.#limits.spreadSlackBytes ?? SPREAD_SLACK_BYTES)
    );
  }

  #beyond(nowMs: number): boolean {
    const { durationMs, maxBytes, minEvents, maxRecords } = this.#limits;
    const log = this.#log;
    if (this.windowBytes > maxBytes || log.length > maxRecords) return true;
    if (nowMs - log.timeMs(log.floor) <= durationMs) return false;
    return this.events > minEvents || !isEvent(log.type(log.floor));
  }

  #dropOldest(): void {
    const log = this.#log;
    const sequence = log.floor;
    const place = log.place(sequence);
    const replaced = log.replacedPlace(sequence);
    this.windowBytes -= log.deadBytes(sequence);
    if (isEvent(log.type(sequence))) this.events--;
    this.#index.forget(log, sequence);
    log.dropOldest();
    if (place !== NO_PLACE) this.#arena.unpin(place);
    if (replaced !== NO_PLACE) this.#arena.unpin(replaced);
  }
}

function isEvent(type: number): boolean {
  return type === ADDED || type === MODIFIED || type === DELETED;
}
