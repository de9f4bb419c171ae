import { describe, expect, test } from 'vitest';
import { ByteMap, compareRanges } from '../../src/cache/byte-map.ts';
import { FieldIndex } from '../../src/cache/field-index.ts';

describe('a byte map', () => {
  test('finds values by a range of other bytes', () => {
    const map = new ByteMap<number>();
    for (let i = 0; i < 1000; i++) map.set(Buffer.from(`node-${i}`), i);
    map.set(Buffer.from('node-7'), 70);
    expect(map.size).toBe(1000);
    expect(map.get(Buffer.from('<node-7>'), 1, 6)).toBe(70);
    expect(map.get(Buffer.from('node-1000'), 0, 9)).toBeUndefined();
  });

  test('forgets and takes again', () => {
    const map = new ByteMap<number>();
    for (const text of ['a', 'b', '']) map.set(Buffer.from(text), 1);
    map.delete(Buffer.from('a'));
    map.delete(Buffer.from('never'));
    expect(map.size).toBe(2);
    expect(map.get(Buffer.from('a'), 0, 1)).toBeUndefined();
    expect(map.get(Buffer.from('a'), 0, 0)).toBe(1);
  });

  test('keeps its own copy of a key', () => {
    const map = new ByteMap<number>();
    const key = Buffer.from('abc');
    map.set(key, 1);
    key.fill(0);
    expect(map.get(Buffer.from('abc'), 0, 3)).toBe(1);
  });
});

test('ranges compare as bytes, a prefix before what it begins', () => {
  const compare = (a: string, b: string): number => {
    const [x, y] = [Buffer.from(a), Buffer.from(b)];
    return Math.sign(compareRanges(x, 0, x.length, y, 0, y.length));
  };
  expect([
    compare('a', 'a'),
    compare('a', 'ab'),
    compare('a-b/', 'a/'),
    compare('\xff', 'a'),
  ]).toEqual([0, -1, -1, 1]);
});

describe('a field index', () => {
  const value = (text: string): [Buffer, number, number] => [Buffer.from(text), 0, text.length];

  test('lists the slots of a value, whichever is taken out first', () => {
    for (const gone of [1, 5000, 3]) {
      const index = new FieldIndex();
      for (const slot of [1, 5000, 3]) index.add(slot, ...value('n1'));
      index.add(2, ...value('n2'));
      index.remove(gone, ...value('n1'));
      const left = [1, 3, 5000].filter((slot) => slot !== gone);
      expect([...index.slots(Buffer.from('n1'))].sort((a, b) => a - b)).toEqual(left);
      expect(index.count(Buffer.from('n1'))).toBe(2);
      expect([...index.slots(Buffer.from('n2'))]).toEqual([2]);
    }
  });

  test('forgets a value that nobody holds, and refuses to take it out again', () => {
    const index = new FieldIndex();
    index.add(1, ...value('n1'));
    index.remove(1, ...value('n1'));
    expect(index.count(Buffer.from('n1'))).toBe(0);
    expect(() => index.remove(1, ...value('n1'))).toThrow('does not hold');
  });
});
