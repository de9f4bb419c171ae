import { describe, expect, test } from 'vitest';
import { Filter } from '../../src/cache/filter.ts';
import { ADDED, DELETED, MODIFIED, MOVE } from '../../src/cache/log.ts';
import { SLAB_BYTES } from '../../src/cache/slab.ts';
import { podOfA, podText, TestLane, watchAll } from './support.ts';

function filterOf(identity: string, namespace = ''): Filter {
  return new Filter({ namespace, name: '', labels: undefined, terms: [], identity });
}

describe('a lane', () => {
  test('drops what a second stream repeats', () => {
    const lane = new TestLane();
    lane.list(10, []);
    lane.event(ADDED, podOfA('x', 11));
    lane.event(MODIFIED, podOfA('x', 11));
    lane.event(DELETED, podOfA('x', 9));
    expect(lane.keys()).toEqual(['a/x']);
    expect(lane.lane.duplicates).toBe(2);
    expect(lane.lane.head).toBe(1);
  });

  test('refuses a revision that is no number it can keep', () => {
    const lane = new TestLane();
    lane.list(10, []);
    const text = podOfA('x', 1).replace(
      '"resourceVersion":"1"',
      '"resourceVersion":"9007199254740993"',
    );
    expect(() => lane.event(ADDED, text)).toThrow(RangeError);
  });

  test('puts kind and apiVersion back into the items of a list', () => {
    const lane = new TestLane();
    const item = podOfA('x', 5).replace('"kind":"Pod","apiVersion":"v1",', '');
    lane.list(10, [item, podOfA('y', 6)]);
    const place = lane.lane.placeAt(lane.lane.head, 'a', 'x');
    expect(lane.objectAt(place)).toBe(podOfA('x', 5));
  });

  test('ignores events while a list goes in', () => {
    const lane = new TestLane();
    lane.list(10, [podOfA('x', 5)]);
    const load = lane.lane.beginLoad();
    lane.event(ADDED, podOfA('y', 11));
    lane.lane.progress(12);
    expect(() => lane.lane.beginLoad()).toThrow('already loading');
    load.abandon();
    expect(lane.keys()).toEqual(['a/x']);
    expect(lane.lane.frontier).toBe(10);
  });

  test('tells its reader once that there is something to flush', () => {
    const lane = new TestLane();
    lane.list(10, []);
    let calls = 0;
    lane.lane.groups.onDirty = () => calls++;
    watchAll(lane);
    lane.lane.groups.join(filterOf('b', 'b'), lane.lane.head);
    lane.event(ADDED, podOfA('x', 11));
    lane.event(MODIFIED, podOfA('x', 12));
    expect(calls).toBe(1);
    expect(lane.lane.groups.dirty.map((group) => group.filter.identity)).toEqual(['all']);
  });

  test('forgets a filter that nobody uses, and takes no more filters than it may', () => {
    const lane = new TestLane({ maxFilterGroups: 1 });
    lane.list(10, []);
    const { cursor } = watchAll(lane);
    expect(lane.lane.groups.join(filterOf('other'), lane.lane.head)).toBeUndefined();
    lane.lane.groups.leave(cursor);
    lane.lane.sweep();
    expect(lane.lane.groups.size).toBe(0);
    expect(lane.lane.groups.join(filterOf('other'), lane.lane.head)).toBeDefined();
  });

  test('keeps the events it must keep whatever their age', () => {
    const lane = new TestLane({
      window: { durationMs: 1000, maxBytes: 1 << 20, minEvents: 3, maxRecords: 100 },
    });
    lane.list(10, []);
    for (let revision = 11; revision <= 20; revision++) lane.event(ADDED, podOfA('x', revision));
    lane.nowMs = 60_000;
    lane.lane.sweep();
    expect(lane.lane.log.length).toBe(3);
    expect(lane.lane.floorRevision).toBe(17);
  });

  test('gives window bytes back when asked to', () => {
    const lane = new TestLane();
    lane.list(10, []);
    for (let revision = 11; revision <= 20; revision++)
      lane.event(ADDED, podOfA('x', revision, 1000));
    const before = lane.lane.retention.windowBytes;
    lane.lane.shrinkWindow(before / 2);
    expect(lane.lane.retention.windowBytes).toBeLessThanOrEqual(before / 2);
    expect(lane.lane.retention.windowBytes).toBeGreaterThan(0);
  });

  test('writes a record for every object that cleaning moves', () => {
    const lane = new TestLane({
      window: { durationMs: 0, maxBytes: 0, minEvents: 0, maxRecords: 1_000_000 },
    });
    lane.list(10, []);
    let revision = 10;
    for (let i = 0; i < 1000; i++) {
      lane.event(ADDED, podOfA(`stays-${i}`, ++revision, 1000));
      for (let k = 0; k < 10; k++) lane.event(ADDED, podOfA(`moves-${k}`, ++revision, 10_000));
    }
    const { retention, log, arena } = lane.lane;
    expect(retention.cleanedSlabs).toBeGreaterThan(0);
    expect(arena.allocatedBytes).toBeLessThan(8 * SLAB_BYTES);
    expect(log.type(log.head)).not.toBe(MOVE);
    expect(lane.keys()).toHaveLength(1010);
    const place = lane.lane.placeAt(lane.lane.head, 'a', 'stays-0');
    expect(lane.objectAt(place)).toContain('"name":"stays-0"');
  });

  test('ends its watches and gives its slabs back when it is closed', () => {
    const lane = new TestLane();
    const pod = Buffer.from(podOfA('x', 5));
    lane.list(10, [podOfA('x', 5)]);
    const { ends } = watchAll(lane);
    lane.scanner.scanItem(pod, 0, pod.length);
    expect(lane.lane.contains(pod, lane.scanner)).toBe(true);
    lane.lane.close('resource is gone');
    expect(ends).toEqual(['closed']);
    expect(lane.lane.arena.slabCount).toBe(0);
    expect(lane.lane.state).toEqual({ kind: 'closed', reason: 'resource is gone' });
    // A comparison may be under way.
    expect(lane.lane.contains(pod, lane.scanner)).toBe(false);
  });

  test('holds cluster-scoped objects under their names', () => {
    const lane = new TestLane();
    lane.list(10, [podText({ namespace: '', name: 'node-1', revision: 5 })]);
    expect(lane.keys()).toEqual(['node-1']);
    expect(lane.lane.placeAt(lane.lane.head, '', 'node-1')).not.toBe(0xffffffff);
  });

  test('reads a name written with escapes as the name it is', () => {
    const lane = new TestLane();
    const text = podOfA('x', 5).replace('"name":"x"', '"name":"\\u0078-\\u00e9"');
    lane.list(10, [text]);
    expect(lane.keys()).toEqual(['a/x-é']);
  });
});
