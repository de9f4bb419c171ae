import { describe, expect, test } from 'vitest';
import { DistinctShares, Shares } from '../../src/proxy/shares.ts';

describe('shares', () => {
  test('are full for one and not for another', () => {
    const shares = new Shares(2);
    shares.add('a');
    shares.add('a');
    shares.add('b');
    expect([shares.isFull('a'), shares.isFull('b'), shares.isFull('c')]).toEqual([
      true,
      false,
      false,
    ]);
    shares.give('a');
    expect([shares.isFull('a'), shares.total, shares.holders]).toEqual([false, 2, 2]);
  });

  test('keep nothing of those who hold nothing', () => {
    const shares = new Shares(1);
    for (let i = 0; i < 10_000; i++) {
      shares.add(`stranger ${i}`);
      shares.give(`stranger ${i}`);
    }
    expect([shares.total, shares.holders]).toEqual([0, 0]);
    expect(() => shares.give('stranger 1')).toThrow('nobody held');
  });

  test('of distinct things count each once', () => {
    const shares = new DistinctShares(2);
    expect(['x', 'y', 'x', 'z'].map((thing) => shares.take('a', thing))).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(shares.take('b', 'z')).toBe(true);
    shares.give('a', 'x');
    expect(shares.take('a', 'z')).toBe(false);
    shares.give('a', 'x');
    expect(shares.take('a', 'z')).toBe(true);
    for (const thing of ['y', 'z']) shares.give('a', thing);
    shares.give('b', 'z');
    expect(shares.holders).toBe(0);
  });
});
