import { describe, expect, test } from 'vitest';
import { compareRanges } from '../../src/cache/byte-map.ts';
import { Order } from '../../src/cache/order.ts';

class Owner {
  readonly order = new Order(this);
  readonly keys: Buffer[] = [];
  readonly dead = new Set<number>();

  compareKey(slot: number, bytes: Uint8Array, start: number, length: number): number {
    const key = this.keys[slot];
    return compareRanges(key, 0, key.length, bytes, start, length);
  }

  isLive(slot: number): boolean {
    return !this.dead.has(slot);
  }

  insert(text: string): number {
    const key = Buffer.from(text);
    const slot = this.keys.push(key) - 1;
    this.order.insert(slot, key, 0, key.length);
    return slot;
  }

  remove(slot: number): void {
    const key = this.keys[slot];
    this.order.remove(slot, key, 0, key.length);
  }

  texts(): string[] {
    return this.order.blocks.flatMap((block) =>
      [...block.slots.subarray(0, block.length)].map((slot) => this.keys[slot].toString()),
    );
  }
}

const padded = (i: number): string => String(i).padStart(6, '0');

describe('an order', () => {
  test('keeps keys that come in any order sorted', () => {
    const owner = new Owner();
    for (let i = 0; i < 5000; i++) owner.insert(padded((i * 7919) % 5003));
    expect(owner.texts()).toEqual(owner.keys.map(String).sort());
    expect(owner.order.length).toBe(5000);
  });

  test('fills its blocks when keys come sorted', () => {
    const owner = new Owner();
    for (let i = 0; i < 48_000; i++) owner.insert(padded(i));
    expect(owner.order.blocks.length).toBeLessThanOrEqual(101);
  });

  test('stays sorted and counts its live slots while keys come and go', () => {
    const owner = new Owner();
    let held: number[] = [];
    for (let i = 0; i < 6000; i++) held.push(owner.insert(padded((i * 7919) % 6007)));
    for (const slot of held) if (slot % 3 !== 0) owner.remove(slot);
    held = held.filter((slot) => slot % 3 === 0);
    expect(owner.texts()).toEqual(held.map((slot) => owner.keys[slot].toString()).sort());
    for (const { length, live } of owner.order.blocks) expect(live).toBe(length);
    expect(owner.order.liveBetween({ block: 0, index: 0 }, owner.order.end)).toBe(held.length);
  });

  test('counts live slots between any two keys', () => {
    const owner = new Owner();
    for (let i = 0; i < 2000; i++) owner.insert(padded(i));
    for (let i = 0; i < 2000; i += 2) {
      const key = owner.keys[i];
      owner.dead.add(i);
      owner.order.countLive(-1, key, 0, key.length);
    }
    const at = (i: number): { block: number; index: number } =>
      owner.order.seek(Buffer.from(padded(i)), 0, 6);
    for (const [from, to] of [
      [0, 2000],
      [1, 2],
      [10, 1500],
      [511, 513],
    ]) {
      const expected = Array.from({ length: to - from }, (_, i) => from + i).filter((i) => i % 2);
      expect(owner.order.liveBetween(at(from), at(to))).toBe(expected.length);
    }
  });

  test('says so when a key is not the slot it is said to be', () => {
    const owner = new Owner();
    owner.insert('a');
    expect(() => owner.order.remove(5, Buffer.from('a'), 0, 1)).toThrow('does not hold');
  });
});
