// Which proof is chosen and how it is shared: what a crowd of readers costs upstream.

import { afterEach, describe, expect, test } from 'vitest';
import type { ViewOutcome } from '../../src/watch/freshness-limits.ts';
import { until } from '../support/clock.ts';
import { bench, busy, closeBenches, LARGE, view } from './freshness-bench.ts';

afterEach(closeBenches);

describe('coalescing', () => {
  test('readers who come while all probes are in flight share the next one', async () => {
    const made = await bench();
    await busy(made);
    const readers = Array.from({ length: 50 }, () => made.freshness.view(3_000));
    const outcomes = await Promise.all(readers);
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['view']));
    expect(made.upstream.count('probe')).toBe(4);
    expect(made.freshness.probes).toBe(4);
  });

  test('a crowd makes no more calls than the pace allows, lists among them', async () => {
    const made = await bench({ pace: { perSecond: 10, burst: 2 } });
    const before = made.upstream.requests.length;
    const pending = new Set<Promise<unknown>>();
    for (let ms = 0; ms < 1_000; ms += 5) {
      // Half of the time the lane is busy and probed, half of the time it rests and is listed.
      if (ms < 500) made.upstream.put('a');
      const reading = made.freshness.view(5_000).finally(() => pending.delete(reading));
      pending.add(reading);
      await made.clock.advance(5);
    }
    const calls = made.upstream.requests.length - before;
    expect(calls).toBeLessThanOrEqual(12);
    expect(calls).toBeGreaterThan(2);
    made.freshness.close('the test is over');
    await made.clock.advance(5_000);
    await Promise.all(pending);
  });

  test('a list that was sent before a reader came proves nothing to him', async () => {
    const made = await bench();
    let written = 0;
    made.upstream.duringList = () => {
      made.upstream.duringList = undefined;
      // After the first list was read, before it is answered: only a later list can hold this.
      written = made.upstream.put('a');
      second = made.freshness.view(3_000);
    };
    let second: Promise<ViewOutcome> | undefined;
    await made.freshness.view(3_000);
    await made.clock.advance(50);
    const outcome = await second!;
    expect(outcome.kind === 'view' && outcome.view.revision).toBe(written);
  });

  test('no more readers wait than the limit allows', async () => {
    const made = await bench({ maxWaiters: 2 });
    made.upstream.answers.list.push({ kind: 'hang' });
    const waiting = [made.freshness.view(1_000), made.freshness.view(1_000)];
    expect(await made.freshness.view(1_000)).toEqual({
      kind: 'unproven',
      reason: 'too many readers are waiting',
    });
    expect(made.freshness.waiting).toBe(2);
    await made.clock.advance(1_000);
    for (const outcome of await Promise.all(waiting)) expect(outcome.kind).toBe('unproven');
    expect(made.freshness.waiting).toBe(0);
  });
});

describe('a read that upstream answers soon', () => {
  test("is proven by a busy lane's own events", async () => {
    const made = await bench(LARGE);
    await busy(made);
    made.upstream.muted.add('watch-list');
    const revision = made.upstream.put('a');
    const reading = made.freshness.quick(3_000);
    await until(() => made.upstream.count('probe') === 1, 'the probe');
    await made.clock.turn();
    made.upstream.unmute();
    expect(await reading).toEqual(view(made.lane.head, revision));
  });

  test('is sent there when the lane rests, without a probe that would tell nothing new', async () => {
    const made = await bench(LARGE);
    const sooner = { kind: 'unproven', reason: 'upstream answers this sooner than a proof' };
    made.upstream.elsewhere(1);
    expect(await made.freshness.quick(3_000)).toEqual(sooner);
    made.upstream.elsewhere(1);
    expect(await made.freshness.quick(3_000)).toEqual(sooner);
    expect(made.reads).toEqual(['forward', 'forward']);
    expect(made.upstream.count('probe')).toBe(1);
    expect(made.upstream.count('list') + made.upstream.count('delta')).toBe(0);
  });

  test('is proven all the same when many wait, as one proof is cheaper than all their reads', async () => {
    const made = await bench({ graceMs: 0 });
    const lone = made.freshness.view(3_000, 1);
    expect(await lone).toEqual(view(made.lane.head, 103));
    made.upstream.elsewhere(5);
    const crowd = Array.from({ length: 20 }, () => made.freshness.view(3_000, 1));
    const kinds = (await Promise.all(crowd)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'view').length).toBeGreaterThan(15);
    expect(made.upstream.count('list')).toBeLessThanOrEqual(2);
  });
});
