import { describe, expect, test } from 'vitest';
import { Filter } from '../../src/cache/filter.ts';
import type { Cursor } from '../../src/cache/filter-group.ts';
import { FilterGroup } from '../../src/cache/filter-group.ts';
import { ADDED, DELETED, MODIFIED } from '../../src/cache/log.ts';
import { podText, TestLane } from './support.ts';

const NODES = 400;
const NAMESPACES = 7;
const EVENTS = 6_000;

/** A small generator, so that a failure repeats. */
function random(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

/** Pods that are added, move between nodes and go, in a window that holds a part of it. */
function busyLane(windowRecords: number, seed: number): TestLane {
  const lane = new TestLane({
    maxFilterGroups: 10_000,
    window: { durationMs: 60_000, maxBytes: 1 << 26, minEvents: 0, maxRecords: windowRecords },
  });
  lane.list(1, []);
  for (let revision = 2; revision < EVENTS; revision++)
    event(lane, revision, random(seed + revision));
  return lane;
}

const alive = new WeakMap<TestLane, Set<string>>();

function event(lane: TestLane, revision: number, pick: (bound: number) => number): void {
  const pods = alive.get(lane) ?? new Set<string>();
  alive.set(lane, pods);
  pick(2);
  const namespace = `ns-${pick(NAMESPACES)}`;
  const name = `pod-${pick(300)}`;
  const key = `${namespace}/${name}`;
  const known = pods.has(key);
  const type = !known ? ADDED : pick(4) === 0 ? DELETED : MODIFIED;
  const nodeName = pick(5) === 0 ? undefined : `node-${pick(NODES)}`;
  lane.event(type, podText({ namespace, name, revision, nodeName }));
  if (type === DELETED) pods.delete(key);
  else pods.add(key);
}

function onNode(node: string, label = ''): Filter {
  const term = { field: 0, value: Buffer.from(node), negated: false, missing: Buffer.alloc(0) };
  return filterOf({ terms: [term], identity: `${label}node=${node}` });
}

function filterOf(options: Partial<ConstructorParameters<typeof Filter>[0]>): Filter {
  return new Filter({
    namespace: '',
    name: '',
    labels: undefined,
    terms: [],
    identity: '',
    ...options,
  });
}

function queueOf(cursor: Cursor): string[] {
  const { group } = cursor;
  const queue: string[] = [];
  for (let at = cursor.next; at < group.next; at++) {
    queue.push(`${group.sequence(at)}:${group.send(at)}`);
  }
  return queue;
}

/** The same, by asking the filter about every record. */
function walked(lane: TestLane, filter: Filter, position: number): string[] {
  const group = new FilterGroup(filter, lane.lane.arena, lane.lane.log);
  group.reachBack(position, undefined);
  return queueOf(group.join(position));
}

describe('readers who resume from the past', () => {
  for (const windowRecords of [700, 5_000]) {
    test(`find in a window of ${windowRecords} what a walk over all of it finds`, () => {
      const lane = busyLane(windowRecords, 1);
      const { groups, log } = lane.lane;
      const pick = random(7);
      let matches = 0;
      for (let reader = 0; reader < 500; reader++) {
        const position = log.floor - 1 + pick(log.length);
        const filters = [
          onNode(pick(6) === 0 ? '' : `node-${pick(NODES)}`, `${reader}/`),
          filterOf({ name: `pod-${pick(300)}`, identity: `${reader}/name` }),
          filterOf({ namespace: `ns-${pick(NAMESPACES)}`, identity: `${reader}/namespace` }),
        ];
        const filter = filters[pick(filters.length)];
        const cursor = groups.join(filter, position)!;
        const queue = queueOf(cursor);
        expect(queue).toEqual(walked(lane, filter, position));
        matches += queue.length;
        groups.leave(cursor);
        // The window moves on between readers, and out of the first chains.
        event(lane, EVENTS + reader, random(reader));
      }
      expect(matches).toBeGreaterThan(500);
      expect(groups.past.bytes).toBeGreaterThan(0);
    });
  }

  test('do not each cost a walk over the window', () => {
    const lane = busyLane(5_000, 3);
    const { groups, log } = lane.lane;
    for (let node = 0; node < NODES; node++) groups.join(onNode(`node-${node}`), log.floor - 1);
    // Each of the 400 would ask about some 5,000 records; half of that in sum is the walk that builds the chains.
    expect(groups.evaluations).toBeLessThan(6 * log.length);
  });

  test('leave no chains behind when no more of them come', () => {
    const lane = busyLane(5_000, 3);
    const { groups, log } = lane.lane;
    for (let node = 0; node < 5; node++) groups.join(onNode(`node-${node}`), log.floor - 1);
    expect(groups.past.bytes).toBeGreaterThan(0);
    for (let second = 0; second < 60; second++) groups.sweep();
    expect(groups.past.bytes).toBe(0);
  });
});
