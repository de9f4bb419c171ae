import { describe, expect, test } from 'vitest';
import { GrantIntervals } from './grant-intervals.ts';

function held(from: number, until: number): GrantIntervals {
  const intervals = new GrantIntervals();
  intervals.granted('k', from);
  intervals.revoked('k', until);
  return intervals;
}

describe('A right', () => {
  test('covers what is seen from the moment its grant was sent', () => {
    const intervals = new GrantIntervals();
    intervals.granted('k', 100);
    expect(intervals.saw('answer', 'k', 100, '')).toBe(0);
    expect(intervals.saw('answer', 'k', 1e9, '')).toBe(0);
    expect(intervals.worst('answer')).toBeUndefined();
  });

  test('covers what is seen until its revocation was acknowledged', () => {
    const intervals = held(100, 200);
    expect(intervals.saw('answer', 'k', 200, '')).toBe(0);
    expect(intervals.saw('answer', 'k', 201, '')).toBe(1);
  });

  test('that is granted again covers what is seen from then on', () => {
    const intervals = held(100, 200);
    expect(intervals.saw('answer', 'k', 900, '')).toBe(700);
    intervals.granted('k', 1_000);
    expect(intervals.saw('answer', 'k', 1_001, '')).toBe(0);
    expect(intervals.isHeld('k')).toBe(true);
    intervals.revoked('k', 2_000);
    expect(intervals.isHeld('k')).toBe(false);
    expect(intervals.saw('answer', 'k', 2_050, '')).toBe(50);
  });

  test('covers nothing of another one', () => {
    const intervals = held(100, 200);
    intervals.granted('other', 100);
    expect(intervals.saw('answer', 'k', 5_000, '')).toBe(4_800);
  });
});

describe('A planted fault is found:', () => {
  test('an answer to somebody who never had the right', () => {
    const intervals = new GrantIntervals();
    intervals.saw('answer', 'k', 50, 'early');
    expect(intervals.beyond('answer', 1e12)).toMatchObject([{ lateMs: Infinity, what: 'early' }]);
  });

  test('an answer later than the bound', () => {
    const intervals = held(100, 200);
    intervals.saw('answer', 'k', 1_200, 'in time');
    intervals.saw('answer', 'k', 1_201, 'late');
    expect(intervals.beyond('answer', 1_000)).toEqual([
      { key: 'k', what: 'late', atMs: 1_201, lateMs: 1_001 },
    ]);
  });

  test('bytes that go on long after, among many that are in time', () => {
    const intervals = held(100, 200);
    for (let at = 200; at < 9_000; at += 1) intervals.saw('bytes', 'k', at, 'one more');
    intervals.saw('bytes', 'k', 50_000, 'leak');
    for (let at = 50_001; at < 50_002; at += 1) intervals.saw('answer', 'k', at, 'another kind');
    expect(intervals.beyond('bytes', 10_000).map(({ what }) => what)).toEqual(['leak']);
    expect(intervals.worst('bytes')).toMatchObject({ lateMs: 49_800 });
    expect(intervals.count('bytes')).toBe(8_801);
  });

  test('bytes between two grants that lie further apart than the bound', () => {
    const intervals = held(100, 200);
    intervals.saw('bytes', 'k', 7_000, 'between');
    intervals.granted('k', 7_001);
    intervals.saw('bytes', 'k', 7_002, 'again');
    expect(intervals.beyond('bytes', 5_000).map(({ what }) => what)).toEqual(['between']);
  });

  test('a history that contradicts itself', () => {
    const intervals = held(100, 200);
    expect(() => intervals.revoked('k', 300)).toThrow('not granted');
    intervals.granted('k', 400);
    expect(() => intervals.granted('k', 500)).toThrow('granted already');
    expect(() => intervals.revoked('other', 500)).toThrow('not granted');
  });
});
