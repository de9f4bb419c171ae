import { describe, expect, test } from 'vitest';
import { ADDED } from '../../src/cache/log.ts';
import { podOfA as pod, podText, TestLane, watchAll } from '../cache/support.ts';

describe('a cursor', () => {
  test('has fallen out as soon as its next match left the window, before any sweep', () => {
    const lane = new TestLane({
      window: { durationMs: 1000, maxBytes: 1 << 20, minEvents: 0, maxRecords: 2 },
    });
    lane.list(10, []);
    const { cursor } = watchAll(lane);
    for (let revision = 11; revision <= 14; revision++) lane.event(ADDED, pod('x', revision));
    expect(cursor.pending).toBe(true);
    expect(cursor.fallenOut).toBe(true);
  });

  test('that leaves twice takes no other cursor with it', () => {
    const lane = new TestLane();
    lane.list(10, []);
    const [first, second, third] = [1, 2, 3].map(() => watchAll(lane).cursor);
    lane.lane.groups.leave(first);
    lane.lane.groups.leave(first);
    expect(second.group.cursors).toEqual([third, second]);
  });
});

describe('a count', () => {
  test('from a key behind the namespace asked for is zero', () => {
    const lane = new TestLane();
    const names = Array.from({ length: 2000 }, (_, i) => `pod-${String(i).padStart(5, '0')}`);
    const pods = ['a', 'b'].flatMap((namespace) =>
      names.map((name) => podText({ namespace, name, revision: 5 })),
    );
    lane.list(10, pods);
    const range = { prefix: Buffer.from('a/'), from: Buffer.from('b/pod-01999') };
    expect(lane.lane.count(lane.lane.log.head, range)).toBe(0);
  });
});
