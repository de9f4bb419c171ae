import { describe, expect, test } from 'vitest';
import { hashBytes, KeyTable } from '../../src/cache/key-table.ts';

/** Slots whose keys are texts; the hash may be forced, to make keys collide. */
class Keys {
  readonly table = new KeyTable(this);
  readonly #keys: { text: Buffer; hash: number }[] = [];

  hashOf(slot: number): number {
    return this.#keys[slot].hash;
  }

  keyEquals(slot: number, bytes: Uint8Array, start: number, length: number): boolean {
    return this.#keys[slot].text.equals(bytes.subarray(start, start + length));
  }

  add(text: string, hash = hashBytes(Buffer.from(text), 0, Buffer.byteLength(text))): number {
    const slot = this.#keys.push({ text: Buffer.from(text), hash }) - 1;
    this.table.insert(hash, slot);
    return slot;
  }

  find(text: string, hash = hashBytes(Buffer.from(text), 0, Buffer.byteLength(text))): number {
    const bytes = Buffer.from(`..${text}..`);
    return this.table.find(hash, bytes, 2, bytes.length - 4);
  }
}

describe('a key table', () => {
  test('finds thousands of keys while its sub-tables grow, and none that is not there', () => {
    const keys = new Keys();
    for (let i = 0; i < 20_000; i++) expect(keys.add(`ns/name-${i}`)).toBe(i);
    for (let i = 0; i < 20_000; i += 7) expect(keys.find(`ns/name-${i}`)).toBe(i);
    expect(keys.find('ns/name-20000')).toBe(-1);
  });

  test('tells keys with one hash apart', () => {
    const keys = new Keys();
    const slots = ['a', 'b', 'c'].map((text) => keys.add(text, 42));
    expect(['a', 'b', 'c', 'd'].map((text) => keys.find(text, 42))).toEqual([...slots, -1]);
  });

  test('finds what lies behind a removed key', () => {
    const keys = new Keys();
    const [first, second] = ['a', 'b'].map((text) => keys.add(text, 42));
    keys.table.remove(42, first);
    expect(keys.find('a', 42)).toBe(-1);
    expect(keys.find('b', 42)).toBe(second);
    expect(() => keys.table.remove(42, first)).toThrow('does not hold');
  });

  test('does not grow when keys come and go', () => {
    const keys = new Keys();
    for (let i = 0; i < 1000; i++) keys.add(`stays-${i}`);
    const before = keys.table.allocatedBytes;
    for (let i = 0; i < 50_000; i++) {
      const slot = keys.add(`goes-${i}`);
      keys.table.remove(keys.hashOf(slot), slot);
    }
    expect(keys.table.allocatedBytes).toBeLessThanOrEqual(before * 4);
    expect(keys.find('stays-999')).toBe(999);
  });

  test('refuses a slot that does not fit beside the tag', () => {
    const table = new KeyTable(new Keys());
    expect(() => table.insert(1, 1 << 24)).toThrow(RangeError);
  });
});
