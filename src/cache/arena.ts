/**
 * The slabs of one lane, and the entries in them. An entry describes itself, so a place is all anybody has to keep:
 *
 *   word 0  object length                    word 4  metadata start     (relative to the object)
 *   word 1  key length | namespace << 16     word 5  metadata length
 *   word 2  revision (double, words 2-3)     word 6  labels start
 *   word 3                                   word 7  labels length      (0: no labels)
 *                                            word 8  revision text start
 *                                            word 9  revision text length | flags << 16
 *   then 2 words per selectable field: start (ABSENT when the object has none) and length
 *   then the key bytes ("namespace/name", or "name" for cluster-scoped objects, unescaped)
 *   then the object bytes, verbatim; padded to 8
 *
 * Written by the lane's writer only; an entry never changes. A slab goes back to the pool when it is not open, holds no
 * live object and no record of the window points into it.
 */
import type { StoredObject } from '../k8s/encoding.ts';
import { AS_STORED } from '../k8s/encoding.ts';
import type { SlabPool } from './slab.ts';
import { Slab } from './slab.ts';

/** Where an entry lies: slab number << 19 | offset / 8, as an unsigned 32-bit number (8,192 slabs, 32 GiB a lane). */
export type Place = number;

export const NO_PLACE: Place = 0xffffffff;
const OFFSET_BITS = 19;
const OFFSET_MASK = (1 << OFFSET_BITS) - 1;
const MAX_SLABS = 8191;
const FIXED_WORDS = 10;
const ABSENT = 0xffffffff;

/** Lengths beyond this do not fit their 16 bits; Kubernetes names end at 253 bytes. */
const MAX_KEY_BYTES = 0xffff;

/** The offsets a scanner found in `bytes`; what an entry is made from. */
export interface ScannedObject {
  readonly objectStart: number;
  readonly objectEnd: number;
  readonly metadataStart: number;
  readonly metadataEnd: number;
  readonly labelsStart: number;
  readonly labelsEnd: number;
  readonly revisionStart: number;
  readonly revisionEnd: number;
  readonly fieldStarts: ArrayLike<number>;
  readonly fieldEnds: ArrayLike<number>;
}

export class ArenaFullError extends Error {
  readonly code = 'ARENA_FULL';
}

export class Arena {
  readonly #pool: SlabPool;
  readonly #slabs: (Slab | undefined)[] = [];
  readonly #freeNumbers: number[] = [];
  readonly #headerBytes: number;
  readonly fieldCount: number;
  #open: Slab;
  #openNumber: number;
  slabCount = 0;
  /** Bytes of all slabs. */
  allocatedBytes = 0;
  /** Bytes of slabs that hold live objects or are open; the others only wait for the window. */
  occupiedBytes = 0;
  /** Bytes of live entries. */
  liveBytes = 0;
  /** Slabs opened so far. */
  opened = 0;

  constructor(pool: SlabPool, fieldCount: number) {
    this.#pool = pool;
    this.fieldCount = fieldCount;
    this.#headerBytes = FIXED_WORDS * 4 + fieldCount * 8;
    this.#open = pool.take(0);
    this.#openNumber = this.#number(this.#open);
  }

  /**
   * Writes an entry whose object is `prefix` (inserted after the first byte) + the scanned object, and returns its place.
   * `prefix` is empty for watch events; list items of built-ins get `"kind":…,"apiVersion":…,` back this way.
   * Throws ArenaFullError at 8,192 slabs.
   */
  write(
    bytes: Uint8Array,
    scan: ScannedObject,
    prefix: Uint8Array,
    key: EntryKey,
    revision: number,
  ): Place {
    const objectLength = scan.objectEnd - scan.objectStart + prefix.length;
    if (key.length > MAX_KEY_BYTES)
      throw new ArenaFullError('object key is longer than 65535 bytes');
    const size = this.#headerBytes + key.length + objectLength;
    const place = this.#reserve((size + 7) & ~7);
    const slab = this.#open;
    const start = (place & OFFSET_MASK) << 3;
    this.#writeHeader(slab, start >> 2, scan, prefix.length);
    const words = slab.words;
    const w = start >> 2;
    words[w] = objectLength;
    words[w + 1] = key.length | (key.namespaceLength << 16);
    slab.doubles[(w + 2) >> 1] = revision;
    let at = start + this.#headerBytes;
    // Keys are short: a loop beats a call into the runtime.
    const source = key.bytes;
    const target = slab.bytes;
    for (let i = 0; i < key.length; i++) target[at++] = source[i];
    copyObject(bytes, scan, prefix, slab.bytes, at);
    return place;
  }

  /** Copies an entry to the open slab unchanged (cleaning). */
  move(place: Place): Place {
    const from = this.slabOf(place);
    const start = this.offsetOf(place);
    const size = this.entryBytes(place);
    const to = this.#reserve(size);
    from.bytes.copy(this.#open.bytes, (to & OFFSET_MASK) << 3, start, start + size);
    return to;
  }

  slabOf(place: Place): Slab {
    return this.#slabs[place >>> OFFSET_BITS]!;
  }

  offsetOf(place: Place): number {
    return (place & OFFSET_MASK) << 3;
  }

  /** Whole entry, header to padding. */
  entryBytes(place: Place): number {
    const words = this.slabOf(place).words;
    const w = (place & OFFSET_MASK) << 1;
    return (this.#headerBytes + (words[w + 1] & 0xffff) + words[w] + 7) & ~7;
  }

  objectLength(place: Place): number {
    return this.slabOf(place).words[(place & OFFSET_MASK) << 1];
  }

  /** Offset of the object inside its slab's bytes. */
  objectStart(place: Place): number {
    const words = this.slabOf(place).words;
    const w = (place & OFFSET_MASK) << 1;
    return (w << 2) + this.#headerBytes + (words[w + 1] & 0xffff);
  }

  keyStart(place: Place): number {
    return ((place & OFFSET_MASK) << 3) + this.#headerBytes;
  }

  keyLength(place: Place): number {
    return this.slabOf(place).words[((place & OFFSET_MASK) << 1) + 1] & 0xffff;
  }

  /** 0 for cluster-scoped objects. */
  namespaceLength(place: Place): number {
    return this.slabOf(place).words[((place & OFFSET_MASK) << 1) + 1] >>> 16;
  }

  revision(place: Place): number {
    return this.slabOf(place).doubles[(place & OFFSET_MASK) + 1];
  }

  /** Points `object` at an entry; valid until the loop is given back. */
  describe(place: Place, object: StoredObject): StoredObject {
    const start = this.objectStart(place);
    object.bytes = this.slabOf(place).bytes;
    object.start = start;
    object.end = start + this.objectLength(place);
    object.metadataStart = start + this.headerWord(place, 4);
    object.metadataEnd = object.metadataStart + this.headerWord(place, 5);
    object.revisionStart = start + this.headerWord(place, 8);
    object.revisionEnd = object.revisionStart + this.headerWord(place, 9);
    object.revision = AS_STORED;
    return object;
  }

  /** Word `index` (4..9) of the header: metadata, labels and revision text places, relative to the object. */
  headerWord(place: Place, index: number): number {
    return this.slabOf(place).words[((place & OFFSET_MASK) << 1) + index];
  }

  /** Start of a selectable field's text relative to the object, or -1 when the object has none. */
  fieldStart(place: Place, field: number): number {
    const start =
      this.slabOf(place).words[((place & OFFSET_MASK) << 1) + FIXED_WORDS + (field << 1)];
    return start === ABSENT ? -1 : start;
  }

  fieldLength(place: Place, field: number): number {
    return this.slabOf(place).words[((place & OFFSET_MASK) << 1) + FIXED_WORDS + (field << 1) + 1];
  }

  // ---- who still needs what -------------------------------------------------------------------------------------

  addLive(place: Place): void {
    const slab = this.slabOf(place);
    const bytes = this.entryBytes(place);
    if (slab.liveBytes === 0 && slab !== this.#open) this.occupiedBytes += slab.capacityBytes;
    slab.markLive(this.offsetOf(place));
    slab.liveBytes += bytes;
    this.liveBytes += bytes;
  }

  dropLive(place: Place): void {
    const slab = this.slabOf(place);
    const bytes = this.entryBytes(place);
    slab.markDead(this.offsetOf(place));
    slab.liveBytes -= bytes;
    this.liveBytes -= bytes;
    if (slab.liveBytes > 0 || slab === this.#open) return;
    this.occupiedBytes -= slab.capacityBytes;
    this.#release(place >>> OFFSET_BITS);
  }

  /** Is this entry the newest state of a live object? */
  isLive(place: Place): boolean {
    return this.slabOf(place).isLive(this.offsetOf(place));
  }

  pin(place: Place): void {
    this.slabOf(place).windowReferences++;
  }

  unpin(place: Place): void {
    this.slabOf(place).windowReferences--;
    this.#release(place >>> OFFSET_BITS);
  }

  /**
   * Number of the closed slab with the smallest live share below `share`, or -1. Records of the window may point into it:
   * they keep the slab until they leave, but not its live objects from being moved.
   */
  sparseSlab(share: number): number {
    let best = -1;
    let bestShare = share;
    for (let n = 0; n < this.#slabs.length; n++) {
      const slab = this.#slabs[n];
      if (slab === undefined || slab.liveBytes === 0 || n === this.#openNumber) continue;
      const live = slab.liveBytes / slab.capacityBytes;
      if (live < bestShare) {
        best = n;
        bestShare = live;
      }
    }
    return best;
  }

  /** First entry of a slab; follow with `nextEntry` until NO_PLACE. Entries lie one behind the other. */
  firstEntry(slabNumber: number): Place {
    const slab = this.#slabs[slabNumber];
    return slab === undefined || slab.used === 0 ? NO_PLACE : (slabNumber << OFFSET_BITS) >>> 0;
  }

  nextEntry(place: Place): Place {
    const next = this.offsetOf(place) + this.entryBytes(place);
    const number = place >>> OFFSET_BITS;
    if (next >= this.slabOf(place).used) return NO_PLACE;
    return ((number << OFFSET_BITS) | (next >> 3)) >>> 0;
  }

  holdsLive(slabNumber: number): boolean {
    const slab = this.#slabs[slabNumber];
    return slab !== undefined && slab.liveBytes > 0;
  }

  /** Gives every slab back. The arena must not be used afterwards. */
  close(): void {
    for (const slab of this.#slabs) if (slab !== undefined) this.#pool.give(slab);
    this.#slabs.length = 0;
    this.slabCount = 0;
    this.allocatedBytes = 0;
    this.occupiedBytes = 0;
    this.liveBytes = 0;
  }

  #writeHeader(slab: Slab, w: number, scan: ScannedObject, shift: number): void {
    const words = slab.words;
    const base = scan.objectStart - shift;
    words[w + 4] = scan.metadataStart - base;
    words[w + 5] = scan.metadataEnd - scan.metadataStart;
    words[w + 6] = scan.labelsStart - base;
    words[w + 7] = scan.labelsEnd - scan.labelsStart;
    words[w + 8] = scan.revisionStart - base;
    words[w + 9] = scan.revisionEnd - scan.revisionStart;
    for (let i = 0; i < this.fieldCount; i++) {
      const start = scan.fieldStarts[i];
      const end = scan.fieldEnds[i];
      // An empty range is "no such field"; an empty string reads the same, since text fields default to ''.
      words[w + FIXED_WORDS + (i << 1)] = end <= start ? ABSENT : start - base;
      words[w + FIXED_WORDS + (i << 1) + 1] = end <= start ? 0 : end - start;
    }
  }

  #reserve(size: number): Place {
    if (!this.#open.fits(size)) {
      const full = this.#openNumber;
      const closed = this.#open;
      const slab = this.#pool.take(size);
      this.#openNumber = this.#number(slab);
      this.#open = slab;
      if (closed.liveBytes === 0) this.occupiedBytes -= closed.capacityBytes;
      this.#release(full);
    }
    const place = ((this.#openNumber << OFFSET_BITS) | (this.#open.used >> 3)) >>> 0;
    this.#open.used += size;
    return place;
  }

  #number(slab: Slab): number {
    const number = this.#freeNumbers.pop() ?? this.#slabs.length;
    if (number >= MAX_SLABS) {
      this.#pool.give(slab);
      throw new ArenaFullError('lane holds 8191 slabs (32 GiB)');
    }
    this.#slabs[number] = slab;
    this.slabCount++;
    this.opened++;
    this.allocatedBytes += slab.capacityBytes;
    this.occupiedBytes += slab.capacityBytes;
    return number;
  }

  #release(number: number): void {
    const slab = this.#slabs[number]!;
    if (number === this.#openNumber || slab.liveBytes > 0 || slab.windowReferences > 0) return;
    this.#slabs[number] = undefined;
    this.#freeNumbers.push(number);
    this.slabCount--;
    this.allocatedBytes -= slab.capacityBytes;
    this.#pool.give(slab);
  }
}

/** Buffer's copy works on any byte view and, unlike `set(subarray())`, allocates nothing. */
const copyBytes = Buffer.prototype.copy as (
  this: Uint8Array,
  target: Uint8Array,
  at: number,
  start: number,
  end: number,
) => number;

/** A key under construction or asked for: reused, never kept. */
export interface EntryKey {
  readonly bytes: Buffer;
  readonly length: number;
  readonly namespaceLength: number;
}

function copyObject(
  bytes: Uint8Array,
  scan: ScannedObject,
  prefix: Uint8Array,
  target: Buffer,
  at: number,
): void {
  if (prefix.length === 0) {
    copyBytes.call(bytes, target, at, scan.objectStart, scan.objectEnd);
    return;
  }
  target[at] = bytes[scan.objectStart];
  copyBytes.call(prefix, target, at + 1, 0, prefix.length);
  copyBytes.call(bytes, target, at + 1 + prefix.length, scan.objectStart + 1, scan.objectEnd);
}
