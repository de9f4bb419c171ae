/**
 * Key -> slot, by a hash of the key's bytes: no string is made per event. 256 sub-tables grow one at a time, because one
 * big table's rehash is a stall of 34-66 ms at a million keys (cache-measurements 2).
 *
 * The table holds slot numbers only; the bytes to compare with lie in the slabs, and the owner of the slots compares them.
 */

/** What the table asks of the owner of the slots. */
export interface SlotKeys {
  hashOf(slot: number): number;
  /** Does this slot's key equal `length` bytes at `start`? */
  keyEquals(slot: number, bytes: Uint8Array, start: number, length: number): boolean;
}

const SUB_TABLES = 256;
const EMPTY = -1;
const REMOVED = -2;
const FIRST_CAPACITY = 8;

/**
 * Seven bits of the hash stand beside each slot, so that a probe seldom looks at a slot that is not the one: a look is a
 * cache miss, and tables at three quarters have two strangers before the key. They leave room for 16.7M slots.
 */
const SLOT_BITS = 24;
const SLOT_MASK = (1 << SLOT_BITS) - 1;

function tagOf(hash: number): number {
  return ((hash >>> 17) & 0x7f) << SLOT_BITS;
}

interface SubTable {
  /** Tag << 24 | slot, EMPTY or REMOVED. */
  cells: Int32Array;
  /** Cells that are not EMPTY (live and removed): probes end at EMPTY only. */
  used: number;
  live: number;
}

/** 32-bit hash of key bytes: FNV-1a with a final mix, since the top byte picks the sub-table. */
export function hashBytes(bytes: Uint8Array, start: number, length: number): number {
  let h = 0x811c9dc5;
  for (let i = start, end = start + length; i < end; i++) h = Math.imul(h ^ bytes[i], 0x01000193);
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  return h >>> 0;
}

export class KeyTable {
  readonly #keys: SlotKeys;
  readonly #tables: SubTable[] = [];

  constructor(keys: SlotKeys) {
    this.#keys = keys;
    for (let i = 0; i < SUB_TABLES; i++) {
      this.#tables.push({ cells: new Int32Array(FIRST_CAPACITY).fill(EMPTY), used: 0, live: 0 });
    }
  }

  /** The slot of a key, or -1. */
  find(hash: number, bytes: Uint8Array, start: number, length: number): number {
    const { cells } = this.#tables[hash >>> 24];
    const mask = cells.length - 1;
    const tag = tagOf(hash);
    for (let i = hash & mask; ; i = (i + 1) & mask) {
      const cell = cells[i];
      if (cell === EMPTY) return -1;
      if (cell < 0 || (cell & ~SLOT_MASK) !== tag) continue;
      const slot = cell & SLOT_MASK;
      if (this.#keys.hashOf(slot) === hash && this.#keys.keyEquals(slot, bytes, start, length)) {
        return slot;
      }
    }
  }

  /** Adds a slot whose key is not in the table. */
  insert(hash: number, slot: number): void {
    if (slot > SLOT_MASK) throw new RangeError('a lane holds 16,777,216 keys at most');
    const table = this.#tables[hash >>> 24];
    if ((table.used + 1) * 4 > table.cells.length * 3) this.#rebuild(table);
    const { cells } = table;
    const mask = cells.length - 1;
    let i = hash & mask;
    while (cells[i] >= 0) i = (i + 1) & mask;
    if (cells[i] === EMPTY) table.used++;
    cells[i] = tagOf(hash) | slot;
    table.live++;
  }

  remove(hash: number, slot: number): void {
    const table = this.#tables[hash >>> 24];
    const { cells } = table;
    const mask = cells.length - 1;
    const cell = tagOf(hash) | slot;
    let i = hash & mask;
    while (cells[i] !== cell) {
      if (cells[i] === EMPTY) throw new Error('key table does not hold this slot');
      i = (i + 1) & mask;
    }
    cells[i] = REMOVED;
    table.live--;
  }

  get allocatedBytes(): number {
    let sum = 0;
    for (const table of this.#tables) sum += table.cells.byteLength;
    return sum;
  }

  #rebuild(table: SubTable): void {
    const old = table.cells;
    const capacity = table.live * 2 >= old.length ? old.length * 2 : old.length;
    const cells = new Int32Array(capacity).fill(EMPTY);
    const mask = capacity - 1;
    for (const cell of old) {
      if (cell < 0) continue;
      let i = this.#keys.hashOf(cell & SLOT_MASK) & mask;
      while (cells[i] !== EMPTY) i = (i + 1) & mask;
      cells[i] = cell;
    }
    table.cells = cells;
    table.used = table.live;
  }
}
