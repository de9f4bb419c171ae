import { describe, expect, test } from 'vitest';
import { Arena, NO_PLACE } from '../../src/cache/arena.ts';
import { ScratchKey } from '../../src/cache/scratch-key.ts';
import { SLAB_BYTES, SlabPool } from '../../src/cache/slab.ts';
import { JsonScanner } from '../../src/k8s/scan-json.ts';
import { FIELDS, podText } from './support.ts';

function writer(arena: Arena): (text: string, prefix?: string) => number {
  const scanner = new JsonScanner(FIELDS);
  const key = new ScratchKey();
  return (text, prefix = '') => {
    const bytes = Buffer.from(`  ${text}`);
    if (!scanner.scanObject(bytes, 0, bytes.length)) throw new Error(scanner.problem);
    key.set(bytes, scanner);
    return arena.write(bytes, scanner, Buffer.from(prefix), key, 123);
  };
}

function part(arena: Arena, place: number, start: number, length: number): string {
  const at = arena.objectStart(place) + start;
  return arena.slabOf(place).bytes.toString('utf8', at, at + length);
}

describe('an arena', () => {
  const pod = { namespace: 'a', name: 'x', revision: 123, labels: { app: 'y' }, nodeName: 'n1' };

  test.each([
    ['as it came', podText(pod), ''],
    ['with its kind put back', podText(pod).replace('"kind":"Pod",', ''), '"kind":"Pod",'],
  ])('keeps an object %s and the places of its parts', (_, text, prefix) => {
    const arena = new Arena(new SlabPool(), FIELDS.length);
    const place = writer(arena)(text, prefix);
    expect(part(arena, place, 0, arena.objectLength(place))).toBe(podText(pod));
    const word = (index: number): number => arena.headerWord(place, index);
    expect(part(arena, place, word(4), word(5))).toMatch(/^\{"name":"x".*\}$/);
    expect(part(arena, place, word(6), word(7))).toBe('{"app":"y"}');
    expect(part(arena, place, word(8), word(9))).toBe('123');
    expect(part(arena, place, arena.fieldStart(place, 0), arena.fieldLength(place, 0))).toBe('n1');
    expect(arena.fieldStart(place, 1)).toBe(-1);
    expect(arena.revision(place)).toBe(123);
    expect(arena.namespaceLength(place)).toBe(1);
    expect(arena.keyLength(place)).toBe(3);
  });

  test('gives a slab back when it is closed, holds nothing live and no record points into it', () => {
    const pool = new SlabPool({ maxSpareSlabs: 0 });
    const arena = new Arena(pool, FIELDS.length);
    const write = writer(arena);
    const large = podText({ ...pod, bytes: SLAB_BYTES - 4096 });
    const first = write(large);
    arena.addLive(first);
    arena.pin(first);
    arena.addLive(write(large));
    expect(arena.slabCount).toBe(2);
    arena.dropLive(first);
    expect(arena.slabCount).toBe(2);
    expect(arena.occupiedBytes).toBe(SLAB_BYTES);
    arena.unpin(first);
    expect(arena.slabCount).toBe(1);
    expect(pool.allocatedBytes).toBe(SLAB_BYTES);
  });

  test('lists the entries of a slab one behind the other', () => {
    const arena = new Arena(new SlabPool(), FIELDS.length);
    const write = writer(arena);
    const places = [1, 2, 3].map((i) => write(podText({ ...pod, name: 'x'.repeat(i) })));
    const listed: number[] = [];
    for (let p = arena.firstEntry(0); p !== NO_PLACE; p = arena.nextEntry(p)) listed.push(p);
    expect(listed).toEqual(places);
  });

  test('moves an entry byte for byte', () => {
    const arena = new Arena(new SlabPool(), FIELDS.length);
    const place = writer(arena)(podText(pod));
    const to = arena.move(place);
    expect(to).not.toBe(place);
    expect(part(arena, to, 0, arena.objectLength(to))).toBe(podText(pod));
    expect(arena.entryBytes(to)).toBe(arena.entryBytes(place));
  });

  test('knows which entries are live', () => {
    const arena = new Arena(new SlabPool(), FIELDS.length);
    const write = writer(arena);
    const places = Array.from({ length: 100 }, () => write(podText(pod)));
    for (const [i, place] of places.entries()) if (i % 3 === 0) arena.addLive(place);
    expect(places.map((place) => arena.isLive(place))).toEqual(places.map((_, i) => i % 3 === 0));
    arena.dropLive(places[3]);
    expect(arena.isLive(places[3])).toBe(false);
  });
});

describe('a slab pool', () => {
  test('hands a slab that was full of live objects out empty', () => {
    const pool = new SlabPool();
    const arena = new Arena(pool, FIELDS.length);
    const place = writer(arena)(podText({ namespace: 'a', name: 'x', revision: 1 }));
    arena.addLive(place);
    arena.close();
    const next = new Arena(pool, FIELDS.length);
    expect(next.slabOf(0).isLive(0)).toBe(false);
    expect(next.liveBytes).toBe(0);
    expect(pool.allocatedBytes).toBe(SLAB_BYTES);
  });

  test('keeps no more spare slabs than it may', () => {
    const pool = new SlabPool({ maxSpareSlabs: 1 });
    const slabs = [pool.take(0), pool.take(0), pool.take(SLAB_BYTES)];
    for (const slab of slabs) pool.give(slab);
    expect(pool.allocatedBytes).toBe(SLAB_BYTES);
    expect(pool.take(0)).toBe(slabs[0]);
  });
});
