import { describe, expect, test } from 'vitest';
import type { LaneSource, LaneSubject } from '../../src/cache/lanes.ts';
import { Lanes } from '../../src/cache/lanes.ts';
import { jsonCodec } from '../../src/k8s/encoding-json.ts';
import { FIELDS, PODS } from './support.ts';

const source: LaneSource = {
  freshness: {
    view: () => Promise.resolve({ kind: 'unproven', reason: 'not asked here' }),
    quick: () => Promise.resolve({ kind: 'unproven', reason: 'not asked here' }),
    atLeast: () => Promise.resolve(false),
  },
  streamingLists: true,
  warnings: [],
  stop: () => {},
};

function lanesOf(isCurrent: (subject: LaneSubject) => boolean): Lanes {
  const options = {
    window: { durationMs: 60_000, maxBytes: 1 << 26, minEvents: 0, maxRecords: 1_000 },
    totalWindowBytes: 1 << 28,
    maxLanes: 10,
    maxFilterGroupsPerLane: 10,
    maxSpareSlabs: 2,
    startTimeoutMs: 1_000,
    idleMs: 60_000,
    bridgeExpiry: false,
    isCurrent,
  };
  return new Lanes(options, (lane) => {
    lane.setState({ kind: 'live' });
    return source;
  });
}

function subject(): LaneSubject {
  const codec = jsonCodec({ resource: PODS, custom: false, fields: FIELDS });
  return { resource: PODS, fields: FIELDS, codec, laneId: 'v1/pods' };
}

describe('A resource that changed while a request was on its way', () => {
  test('gets no lane under its old definition', async () => {
    const [old, now] = [subject(), subject()];
    const lanes = lanesOf((asked) => asked === now);
    expect(await lanes.get(old)).toBeUndefined();
    expect(lanes.size).toBe(0);
    const entry = await lanes.get(now);
    expect(entry?.lane.codec).toBe(now.codec);
  });
});
