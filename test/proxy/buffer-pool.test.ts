import { describe, expect, test } from 'vitest';
import { BufferPool } from '../../src/proxy/buffer-pool.ts';

describe('BufferPool', () => {
  test('gives buffers of at least the asked length, and no longer than twice that or 2 KiB', () => {
    const pool = new BufferPool(64 * 1024, 4);
    for (const bytes of [1, 2048, 2049, 4096, 10_000, 65_535, 65_536]) {
      const { length } = pool.take(bytes);
      expect(length).toBeGreaterThanOrEqual(bytes);
      expect(length).toBeLessThanOrEqual(Math.max(2048, bytes * 2));
    }
    expect(pool.take(100_000).length).toBe(100_000);
    expect(pool.take().length).toBe(64 * 1024);
  });

  test('never gives more than bufferBytes for less, whatever bufferBytes is', () => {
    const pool = new BufferPool(100_000, 4);
    expect(pool.take(99_999).length).toBe(100_000);
    expect(pool.take(70_000).length).toBe(100_000);
  });

  test('gives a returned buffer out again for the same size only', () => {
    const pool = new BufferPool(64 * 1024, 4);
    const small = pool.take(100);
    const large = pool.take();
    pool.give(small);
    pool.give(large);
    expect(pool.take()).toBe(large);
    expect(pool.take(2000)).toBe(small);
    expect(pool.inUse).toBe(2);
  });

  test('keeps no more spare bytes than allowed', () => {
    const pool = new BufferPool(4096, 2);
    const buffers = Array.from({ length: 3 }, () => pool.take());
    for (const buffer of buffers) pool.give(buffer);
    const again = Array.from({ length: 3 }, () => pool.take());
    expect(again.filter((buffer) => buffers.includes(buffer))).toHaveLength(2);
  });
});
