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

interface SubTable {
  slots: Int32Array;
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
      this.#tables.push({ slots: new Int32Array(FIRST_CAPACITY).fill(EMPTY), used: 0, live: 0 });
    }
  }

  /** The slot of a key, or -1. */
  find(hash: number, bytes: Uint8Array, start: number, length: number): number {
    const { slots } = this.#tables[hash >>> 24];
    const mask = slots.length - 1;
    for (let i = hash & mask; ; i = (i + 1) & mask) {
      const slot = slots[i];
      if (slot === EMPTY) return -1;
      if (
        slot >= 0 &&
        this.#keys.hashOf(slot) === hash &&
        this.#keys.keyEquals(slot, bytes, start, length)
      ) {
        return slot;
      }
    }
  }

  /** Adds a slot whose key is not in the table. */
  insert(hash: number, slot: number): void {
    const table = this.#tables[hash >>> 24];
    if ((table.used + 1) * 4 > table.slots.length * 3) this.#rebuild(table);
    const mask = table.slots.length - 1;
    let i = hash & mask;
    while (table.slots[i] >= 0) i = (i + 1) & mask;
    if (table.slots[i] === EMPTY) table.used++;
    table.slots[i] = slot;
    table.live++;
  }

  remove(hash: number, slot: number): void {
    const table = this.#tables[hash >>> 24];
    const mask = table.slots.length - 1;
    let i = hash & mask;
    while (table.slots[i] !== slot) {
      if (table.slots[i] === EMPTY) throw new Error('key table does not hold this slot');
      i = (i + 1) & mask;
    }
    table.slots[i] = REMOVED;
    table.live--;
  }

  get allocatedBytes(): number {
    let sum = 0;
    for (const table of this.#tables) sum += table.slots.byteLength;
    return sum;
  }

  #rebuild(table: SubTable): void {
    const capacity =
      table.live * 2 >= table.slots.length ? table.slots.length * 2 : table.slots.length;
    const old = table.slots;
    const slots = new Int32Array(capacity).fill(EMPTY);
    const mask = capacity - 1;
    for (const slot of old) {
      if (slot < 0) continue;
      let i = this.#keys.hashOf(slot) & mask;
      while (slots[i] !== EMPTY) i = (i + 1) & mask;
      slots[i] = slot;
    }
    table.slots = slots;
    table.used = table.live;
  }
}
