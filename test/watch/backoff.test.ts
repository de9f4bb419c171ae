import { describe, expect, test } from 'vitest';
import { backoffMs, retryAfterMs } from '../../src/watch/backoff.ts';

describe('the wait', () => {
  test('doubles from 0.8 s to 30 s', () => {
    const longest = [1, 2, 3, 4, 5, 6, 7, 1000].map((failures) => backoffMs(failures, 0, 1));
    expect(longest).toEqual([800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
  });

  test('is a random point in the upper half', () => {
    expect(backoffMs(2, 0, 0)).toBe(800);
    expect(backoffMs(2, 0, 0.5)).toBe(1200);
  });

  test('is at least what upstream asked for, with some spread', () => {
    expect(backoffMs(1, 5_000, 0)).toBe(5_000);
    expect(backoffMs(1, 5_000, 0.99)).toBe(5_990);
  });

  test('is never more than five times what upstream asked for', () => {
    expect(backoffMs(3, 1_000, 1)).toBe(3_200);
    expect(backoffMs(1000, 1_000, 1)).toBe(5_000);
    expect(backoffMs(1000, 60_000, 1)).toBe(72_000);
  });

  test('is bounded even when upstream asks for a day', () => {
    expect(backoffMs(1, 86_400_000, 1)).toBe(72_000);
  });
});

test.each([
  ['3', 3_000],
  ['0', 0],
  [undefined, 0],
  ['-1', 0],
  ['Wed, 21 Oct 2026 07:28:00 GMT', 0],
  ['99999999999', 0],
])('Retry-After %j means %i ms', (value, expected) => {
  expect(retryAfterMs(value)).toBe(expected);
});
