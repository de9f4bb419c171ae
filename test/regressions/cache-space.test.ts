import { describe, expect, test } from 'vitest';
import { ADDED, DELETED, MODIFIED } from '../../src/cache/log.ts';
import { SLAB_BYTES } from '../../src/cache/slab.ts';
import { podOfA as pod, TestLane } from '../cache/support.ts';

describe('space', () => {
  test('behind an object larger than a slab is not used: a place reaches 4 MiB far', () => {
    const lane = new TestLane();
    lane.list(10, []);
    lane.event(ADDED, pod('large', 11, SLAB_BYTES));
    for (let i = 0; i < 10; i++) lane.event(ADDED, pod(`small-${i}`, 12 + i));
    for (let i = 0; i < 10; i++) {
      const place = lane.lane.placeAt(lane.lane.log.head, 'a', `small-${i}`);
      expect(lane.objectAt(place)).toBe(pod(`small-${i}`, 12 + i));
    }
    const large = lane.lane.placeAt(lane.lane.log.head, 'a', 'large');
    expect(lane.objectAt(large)).toBe(pod('large', 11, SLAB_BYTES));
  });

  test('stays bounded when objects are renewed in random order', () => {
    const lane = new TestLane({
      window: { durationMs: 1000, maxBytes: SLAB_BYTES / 2, minEvents: 0, maxRecords: 100_000 },
    });
    lane.list(10, []);
    const objects = 400;
    let seed = 1;
    for (let revision = 11; revision < 6000; revision++) {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      const name = `pod-${Math.floor((seed / 2 ** 32) * objects)}`;
      lane.event(MODIFIED, pod(name, revision, 50_000));
    }
    const { allocatedBytes, liveBytes } = lane.lane.arena;
    expect(lane.lane.objects).toBe(objects);
    // 1.5 times the live bytes, four slabs of slack, and the slabs that wait for the window.
    expect(allocatedBytes).toBeLessThan(liveBytes * 1.5 + 8 * SLAB_BYTES);
  });

  test('of an order whose keys were nearly all deleted shrinks with them', () => {
    const lane = new TestLane({
      window: { durationMs: 0, maxBytes: 0, minEvents: 0, maxRecords: 0 },
    });
    const name = (i: number): string => `pod-${String(i).padStart(5, '0')}`;
    lane.list(
      10,
      Array.from({ length: 5000 }, (_, i) => pod(name(i), 5)),
    );
    let revision = 10;
    for (let i = 0; i < 5000; i++) {
      if (i % 500 !== 0) lane.event(DELETED, pod(name(i), ++revision));
    }
    lane.lane.progress(++revision);
    expect(lane.keys()).toHaveLength(10);
    expect(lane.lane.index.order.blocks.length).toBe(1);
  });
});
