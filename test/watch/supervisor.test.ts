import { afterEach, describe, expect, test } from 'vitest';
import type { Resource } from '../../src/k8s/resource.ts';
import { type LaneUse, Supervisor } from '../../src/watch/supervisor.ts';
import { FakeClock, until } from '../support/clock.ts';
import { NaiveLane } from '../support/naive-lane.ts';
import { PODS, ScriptedUpstream } from '../support/scripted-upstream.ts';

const NODES: Resource = { ...PODS, plural: 'nodes', kind: 'Node', namespaced: false };

class Use implements LaneUse {
  readonly pinned: boolean;
  used = false;
  readonly closed: { readonly reason: string; readonly fault?: unknown }[] = [];

  constructor(pinned = false) {
    this.pinned = pinned;
  }

  inUse(): boolean {
    return this.used;
  }

  onClosed(reason: string, fault?: unknown): void {
    this.closed.push({ reason, fault });
  }
}

interface Bench {
  readonly upstream: ScriptedUpstream;
  readonly clock: FakeClock;
  readonly supervisor: Supervisor;
}

const benches: Bench[] = [];

async function bench(maxLanes = 10): Promise<Bench> {
  const upstream = await ScriptedUpstream.listen();
  upstream.put('a');
  const clock = new FakeClock();
  const { reader } = upstream;
  const supervisor = new Supervisor({ reader, clock, maxLanes, idleMs: 60_000 });
  const made = { upstream, clock, supervisor };
  benches.push(made);
  return made;
}

afterEach(async () => {
  for (const { supervisor, upstream } of benches.splice(0)) {
    await supervisor.stopAll('the test is over');
    await upstream.close();
  }
});

describe('a lane', () => {
  test('is followed once, and can be found', async () => {
    const { upstream, supervisor } = await bench();
    const lane = new NaiveLane();
    const followed = supervisor.start(PODS, lane, new Use());
    expect(supervisor.start(PODS, new NaiveLane(), new Use())).toBe(followed);
    expect(supervisor.get(PODS)).toBe(followed);
    expect(supervisor.get(NODES)).toBeUndefined();
    await until(() => lane.state?.kind === 'live', 'the list');
    expect(upstream.count('watch-list')).toBe(1);
  });

  test('that moves wakes its readers', async () => {
    const { upstream, supervisor } = await bench();
    const lane = new NaiveLane();
    const followed = supervisor.start(PODS, lane, new Use());
    await until(() => lane.state?.kind === 'live', 'the list');
    upstream.put('b');
    expect(await followed!.freshness.view(3_000)).toMatchObject({ view: { revision: 102 } });
  });

  test('nobody uses is let go after the idle time', async () => {
    const { upstream, clock, supervisor } = await bench();
    const lane = new NaiveLane();
    const use = new Use();
    supervisor.start(PODS, lane, use);
    await until(() => lane.state?.kind === 'live', 'the list');
    await clock.advance(59_000);
    expect(use.closed).toEqual([]);
    await clock.advance(16_000);
    await until(() => use.closed.length === 1, 'the end');
    expect(use.closed).toEqual([{ reason: 'idle', fault: undefined }]);
    expect(lane.state).toEqual({ kind: 'closed', reason: 'idle' });
    expect(supervisor.get(PODS)).toBeUndefined();
    expect(supervisor.idled).toBe(1);
    await until(() => upstream.open('watch-list') === 0, 'the connection to close');
    expect(clock.pending).toEqual([]);
  });

  test.each([
    ['is pinned', new Use(true), (_made: Bench) => {}],
    ['is in use', Object.assign(new Use(), { used: true }), (_made: Bench) => {}],
    ['is touched now and then', new Use(), (made: Bench) => made.supervisor.get(PODS)!.touch()],
  ])('that %s stays', async (_name, use, act) => {
    const made = await bench();
    const lane = new NaiveLane();
    made.supervisor.start(PODS, lane, use);
    await until(() => lane.state?.kind === 'live', 'the list');
    for (let k = 0; k < 10; k++) {
      await made.clock.advance(30_000);
      made.upstream.bookmark(102 + k);
      act(made);
    }
    expect(use.closed).toEqual([]);
    expect(made.supervisor.size).toBe(1);
  });

  test('can be let go and taken up again', async () => {
    const { supervisor } = await bench();
    const use = new Use();
    supervisor.start(PODS, new NaiveLane(), use);
    await supervisor.stop(PODS, 'the resource is gone');
    expect(use.closed).toEqual([{ reason: 'the resource is gone', fault: undefined }]);
    const lane = new NaiveLane();
    expect(supervisor.start(PODS, lane, use)).toBeDefined();
    await until(() => lane.state?.kind === 'live', 'the list');
  });

  test('that throws is let go with its fault', async () => {
    const { upstream, supervisor } = await bench();
    const lane = new NaiveLane();
    const use = new Use();
    supervisor.start(PODS, lane, use);
    await until(() => lane.state?.kind === 'live', 'the list');
    lane.failWith = new Error('out of slabs');
    upstream.put('b');
    await until(() => use.closed.length === 1, 'the end');
    expect(use.closed).toEqual([{ reason: 'the lane failed: out of slabs', fault: lane.failWith }]);
    expect(supervisor.size).toBe(0);
  });
});

test('a lane too many is refused', async () => {
  const { supervisor } = await bench(1);
  expect(supervisor.start(PODS, new NaiveLane(), new Use())).toBeDefined();
  expect(supervisor.start(NODES, new NaiveLane(), new Use())).toBeUndefined();
  expect(supervisor.refused).toBe(1);
  await supervisor.stop(PODS, 'room for another');
  expect(supervisor.start(NODES, new NaiveLane(), new Use())).toBeDefined();
});

test('stopping ends all lanes and leaves no timer', async () => {
  const { clock, supervisor } = await bench();
  const uses = [new Use(), new Use(true)];
  supervisor.start(PODS, new NaiveLane(), uses[0]);
  supervisor.start(NODES, new NaiveLane(), uses[1]);
  await supervisor.stopAll('leaving');
  expect(uses.map((use) => use.closed[0].reason)).toEqual(['leaving', 'leaving']);
  expect(supervisor.size).toBe(0);
  expect(clock.pending).toEqual([]);
});
