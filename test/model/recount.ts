/**
 * Recounts what the cache keeps as running sums: live bytes and references per slab, window bytes, live slots per block,
 * values per field. A sum that drifts is memory that is never given back, or given back too early.
 */
import { expect } from 'vitest';
import type { ObjectIndex } from '../../src/cache/object-index.ts';
import type { Slab } from '../../src/cache/slab.ts';
import { FIELDS, type TestLane } from '../cache/support.ts';
import type { NaiveLane, NaiveObject } from './naive-lane.ts';
import { sortedKeys } from './naive-lane.ts';

const NO_PLACE = 0xffffffff;
const HEADER_BYTES = 40 + 8 * FIELDS.length;

/** Slots in order. */
function slotsOf(index: ObjectIndex): number[] {
  return index.order.blocks.flatMap((block) => [...block.slots.subarray(0, block.length)]);
}

/** Bytes of the entry of an object: header, key, text, padding. */
function entryBytes({ key, text }: NaiveObject): number {
  return (HEADER_BYTES + Buffer.byteLength(key) + Buffer.byteLength(text) + 7) & ~7;
}

export function compareAccounting(test: TestLane, naive: NaiveLane): void {
  const { lane } = test;
  const { arena, log, index } = lane;
  const slabs = new Map<Slab, { live: number; references: number }>();
  const of = (place: number): { live: number; references: number } => {
    const slab = arena.slabOf(place);
    const sums = slabs.get(slab) ?? { live: 0, references: 0 };
    slabs.set(slab, sums);
    return sums;
  };
  let liveBytes = 0;
  for (const slot of slotsOf(index)) {
    if (!index.isLive(slot)) continue;
    const place = index.placeOf(slot);
    of(place).live += arena.entryBytes(place);
    liveBytes += arena.objectLength(place);
  }
  for (let sequence = log.floor; sequence <= log.head; sequence++) {
    const place = log.place(sequence);
    const replaced = log.replacedPlace(sequence);
    if (place !== NO_PLACE) of(place).references++;
    if (replaced !== NO_PLACE) of(replaced).references++;
  }
  for (const [slab, sums] of slabs) {
    expect({ live: slab.liveBytes, references: slab.windowReferences }).toEqual(sums);
  }
  // Besides those, only the slab that is open may exist.
  expect(arena.slabCount - slabs.size).toBeLessThanOrEqual(1);
  expect(lane.liveBytes).toBe(liveBytes);

  let windowBytes = 0;
  let events = 0;
  for (const { change } of naive.window(log.floor)) {
    if (change === undefined) continue;
    events++;
    if (change.before !== undefined) windowBytes += entryBytes(change.before);
    if (change.last !== undefined) windowBytes += entryBytes(change.last);
  }
  expect(lane.retention.windowBytes).toBe(windowBytes);
  expect(lane.retention.events).toBe(events);
  compareOrder(test, naive);
  compareFields(test, naive);
}

function compareOrder(test: TestLane, naive: NaiveLane): void {
  const { index, log } = test.lane;
  let length = 0;
  for (const block of index.order.blocks) {
    const slots = [...block.slots.subarray(0, block.length)];
    expect(block.live).toBe(slots.filter((slot) => index.isLive(slot)).length);
    length += block.length;
  }
  expect(index.order.length).toBe(length);
  const held = new Set(naive.state.keys());
  for (const { change } of naive.window(log.floor)) {
    if (change?.last !== undefined) held.add(change.last.key);
  }
  // Live objects and the tombstones of the window, nothing else.
  expect(slotsOf(index).map((slot) => test.keyAt(index.placeOf(slot)))).toEqual(sortedKeys(held));
}

function compareFields(test: TestLane, naive: NaiveLane): void {
  const { index } = test.lane;
  const values = index.fieldIndexes[0]!;
  expect(index.fieldIndexes[1]).toBeUndefined();
  for (const value of ['n1', 'n2']) {
    const keys = [...values.slots(Buffer.from(value))].map((s) => test.keyAt(index.placeOf(s)));
    const expected = [...naive.state.values()].filter((object) => object.spec.nodeName === value);
    expect(sortedKeys(keys)).toEqual(sortedKeys(expected.map((object) => object.key)));
    expect(values.count(Buffer.from(value))).toBe(expected.length);
  }
}

/** An index that only replayed the log's records says the same as the lane's own. */
export function compareIndexes(test: TestLane, index: ObjectIndex, replica: ObjectIndex): void {
  const describe = (one: ObjectIndex): unknown => ({
    objects: one.objects,
    position: one.position,
    slots: slotsOf(one).map((slot) => [
      test.keyAt(one.placeOf(slot)),
      one.isLive(slot),
      one.placeOf(slot),
      one.sequenceOf(slot),
      one.hashOf(slot),
    ]),
    nodes: ['n1', 'n2'].map((value) => one.fieldIndexes[0]!.count(Buffer.from(value))),
  });
  expect(describe(replica)).toEqual(describe(index));
}
