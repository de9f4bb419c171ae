import { describe, expect, test } from 'vitest';
import { ADDED } from '../../src/cache/log.ts';
import { podOfA as pod, TestLane, watchAll } from '../cache/support.ts';

describe('a relist', () => {
  test('of a lane that was empty ends its watches: nobody told them what was made since', () => {
    const lane = new TestLane();
    lane.list(10, []);
    const { ends } = watchAll(lane);
    lane.list(50, [pod('x', 40)]);
    expect(ends).toEqual(['expired']);
    expect(lane.lane.viewAt(10)).toBeUndefined();
  });

  test('of a lane that was empty is bridged like any other', () => {
    const lane = new TestLane({ bridgeExpiry: true });
    lane.list(10, []);
    const { ends } = watchAll(lane);
    lane.list(50, [pod('x', 40)]);
    expect(ends).toEqual([]);
    expect(lane.lane.viewAt(10)).toEqual({ position: 0, revision: 10 });
    expect(lane.keys()).toEqual(['a/x']);
  });

  test('after a first list that broke off is not bridged: what happened before is unknown', () => {
    const lane = new TestLane({ bridgeExpiry: true });
    lane.abandonedList([pod('x', 5), pod('y', 6)]);
    lane.list(50, [pod('y', 6), pod('z', 40)]);
    expect(lane.keys()).toEqual(['a/y', 'a/z']);
    expect(lane.lane.floorRevision).toBe(50);
    expect(lane.lane.viewAt(20)).toBeUndefined();
  });

  test('that is bridged shows its deletions to who resumes at the revision they carry', () => {
    const lane = new TestLane({ bridgeExpiry: true });
    lane.list(10, [pod('x', 5)]);
    lane.event(ADDED, pod('y', 11));
    const position = lane.lane.log.head;
    lane.list(50, [pod('y', 11)]);
    expect(lane.lane.viewAt(11)).toEqual({ position, revision: 11 });
    expect(lane.keys(position)).toEqual(['a/x', 'a/y']);
    expect(lane.lane.viewAt(50)?.position).toBe(position + 2);
  });

  test('that repeats the newest revision and shows no difference leaves watches open', () => {
    const lane = new TestLane();
    lane.list(10, [pod('x', 5)]);
    const { ends } = watchAll(lane);
    lane.list(10, [pod('x', 5)]);
    expect(ends).toEqual([]);
  });

  test.each([8, 50])(
    'at %d takes an object of a known revision whose bytes differ, as after a restored backup',
    (revision) => {
      const lane = new TestLane({ bridgeExpiry: true });
      lane.list(10, [pod('x', 5)]);
      const { ends } = watchAll(lane);
      lane.list(revision, [pod('x', 5, 3)]);
      expect(lane.objectAt(lane.lane.placeAt(lane.lane.log.head, 'a', 'x'))).toBe(pod('x', 5, 3));
      expect(ends).toEqual(['expired']);
    },
  );
});
