import { describe, expect, test } from 'vitest';
import type { NewRecord } from '../../src/cache/log.ts';
import { ADDED, BOOKMARK, Log, MODIFIED } from '../../src/cache/log.ts';

function record(revision: number, more: Partial<NewRecord> = {}): NewRecord {
  return {
    type: ADDED,
    revision,
    hash: 7,
    place: 1,
    replacedPlace: 2,
    replacedSequence: 0,
    deadBytes: 3,
    timeMs: 0,
    ...more,
  };
}

describe('a log', () => {
  test('reads every column back', () => {
    const log = new Log();
    log.append(record(10));
    const full = record(2 ** 53 - 1, {
      type: MODIFIED,
      hash: 0xffffffff,
      place: 0xfffffffe,
      replacedPlace: 0xffffffff,
      replacedSequence: 1,
      deadBytes: 0xfffffff8,
      timeMs: 12_345,
    });
    expect(log.append(full)).toBe(2);
    expect({
      type: log.type(2),
      revision: log.revision(2),
      hash: log.hash(2),
      place: log.place(2),
      replacedPlace: log.replacedPlace(2),
      replacedSequence: log.replacedSequence(2),
      deadBytes: log.deadBytes(2),
      timeMs: log.timeMs(2),
    }).toEqual({ ...full, timeMs: 12_300 });
    expect(log.replacedSequence(1)).toBe(0);
  });

  test('refuses a revision that falls', () => {
    const log = new Log();
    log.append(record(10));
    expect(() => log.append(record(9))).toThrow(RangeError);
    expect(log.head).toBe(1);
  });

  test('finds the position of every revision across pages', () => {
    const log = new Log();
    for (let i = 1; i <= 10_000; i++) log.append(record(i * 2));
    expect(log.positionOf(1)).toBe(0);
    expect(log.positionOf(2)).toBe(1);
    expect(log.positionOf(12_345)).toBe(6172);
    expect(log.positionOf(99_999)).toBe(10_000);
  });

  test('gives pages back as its floor passes them', () => {
    const log = new Log();
    for (let i = 1; i <= 100_000; i++) {
      log.append(record(i));
      if (log.length > 1000) log.dropOldest();
    }
    expect(log.length).toBe(1000);
    expect(log.revision(log.floor)).toBe(99_001);
    expect(log.allocatedBytes).toBeLessThan(8 * 4096 * 40);
  });

  test('reaches no less far back for a bookmark that was dropped', () => {
    const log = new Log();
    log.append(record(10));
    log.append(record(20, { type: BOOKMARK }));
    log.append(record(30));
    log.dropOldest();
    expect(log.floorRevision).toBe(10);
    log.dropOldest();
    expect(log.floorRevision).toBe(10);
    log.dropOldest();
    expect(log.floorRevision).toBe(30);
  });
});
