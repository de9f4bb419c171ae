import { afterEach, describe, expect, test } from 'vitest';
import type { ViewOutcome } from '../../src/watch/freshness-limits.ts';
import { Freshness } from '../../src/watch/freshness.ts';
import { Reflector } from '../../src/watch/reflector.ts';
import { FakeClock, until } from '../support/clock.ts';
import { NaiveLane } from '../support/naive-lane.ts';
import { PODS, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { bench, benches, busy, closeBenches, LARGE, view } from './freshness-bench.ts';

afterEach(closeBenches);

describe('a busy lane', () => {
  test('is proven by a probe alone when its frontier is there already', async () => {
    const made = await bench();
    await busy(made);
    expect(await made.freshness.view(3_000)).toEqual(view(made.lane.head, 123));
    expect(made.upstream.requests.map(({ kind }) => kind)).toEqual(['watch-list', 'probe']);
    expect(made.reads).toEqual(['probe']);
  });

  test('is waited for until its events are at the revision of the probe', async () => {
    const made = await bench();
    await busy(made);
    made.upstream.muted.add('watch-list');
    const revision = made.upstream.put('a');
    const reading = made.freshness.view(3_000);
    await until(() => made.upstream.count('probe') === 1, 'the probe');
    await made.clock.turn();
    expect(made.lane.frontier).toBe(123);
    made.upstream.unmute();
    expect(await reading).toEqual(view(made.lane.head, revision));
    expect(made.reads).toEqual(['wait']);
    expect(made.upstream.count('list') + made.upstream.count('delta')).toBe(0);
  });

  test('that stays behind is proven like an idle one', async () => {
    const made = await bench();
    await busy(made);
    made.upstream.elsewhere(10);
    const reading = made.freshness.view(3_000);
    await until(() => made.clock.pending.includes(10), 'the wait for events');
    await made.clock.advance(10);
    expect(await reading).toEqual(view(made.lane.head, 133));
    expect(made.reads).toEqual(['validate']);
  });
});

describe('a small idle lane', () => {
  test('is proven by one list of metadata, under the revision of that list', async () => {
    const made = await bench();
    made.upstream.elsewhere(20);
    expect(await made.freshness.view(3_000)).toEqual(view(made.lane.head, 123));
    expect(made.upstream.requests.map(({ kind }) => kind)).toEqual(['watch-list', 'list']);
    expect(made.lane.frontier).toBe(103);
  });

  test.each([
    ['added', (up: ScriptedUpstream) => up.put('new')],
    ['changed', (up: ScriptedUpstream) => up.put('a')],
    ['deleted', (up: ScriptedUpstream) => up.delete('a')],
    [
      'deleted and made again',
      (up: ScriptedUpstream) => {
        up.delete('a');
        return up.put('a');
      },
    ],
  ])('is not proven before the event of an object that was %s has come', async (_name, change) => {
    const made = await bench();
    made.upstream.muted.add('watch-list').add('delta');
    const revision = change(made.upstream);
    let answered: ViewOutcome | undefined;
    const reading = made.freshness.view(3_000).then((outcome) => (answered = outcome));
    await until(
      () => made.upstream.count('delta') === 0 && made.upstream.count('list') === 1,
      'list',
    );
    await until(() => made.clock.pending.includes(100), 'the wait for the event');
    expect(answered).toBeUndefined();
    made.upstream.unmute();
    await reading;
    expect(answered).toEqual(view(made.lane.head, revision));
    expect(made.lane.contents()).toEqual(made.upstream.contents());
  });

  test('gets the missing event from a delta watch when the main one hangs', async () => {
    const made = await bench();
    made.upstream.muted.add('watch-list');
    const revision = made.upstream.put('a');
    const later = made.upstream.elsewhere(5);
    const reading = made.freshness.view(3_000);
    await until(() => made.clock.pending.includes(100), 'the wait for the event');
    await made.clock.advance(100);
    expect(await reading).toMatchObject({ kind: 'view' });
    expect(made.lane.contents()).toContain(`default/a@${revision}`);
    expect(made.upstream.count('delta')).toBe(1);
    expect(later).toBe(revision + 5);
    // What came twice was dropped.
    made.upstream.unmute();
    await until(() => made.lane.duplicates === 1, 'the event of the main watch');
    expect(made.lane.eventRevisions()).toEqual([revision]);
  });

  test('that differs for good is unproven in the end', async () => {
    const made = await bench();
    made.upstream.muted.add('watch-list').add('delta');
    made.upstream.put('a');
    const reading = made.freshness.view(10_000);
    await until(() => made.clock.pending.includes(100), 'the wait for the event');
    await made.clock.advance(100);
    await until(() => made.upstream.count('delta') === 1, 'the delta watch');
    await made.clock.advance(4_000);
    expect(await reading).toEqual({ kind: 'unproven', reason: 'the lane differs from upstream' });
  });

  test('is asked with the cheapest form there is, and any form is understood', async () => {
    const made = await bench();
    made.upstream.answers.list.push({
      kind: 'text',
      text: '{"kind":"PodList","metadata":{"resourceVersion":"150"},"items":[{"metadata":{"name":"a","namespace":"default","resourceVersion":"101"}},{"metadata":{"name":"b","namespace":"default","resourceVersion":"102"}},{"metadata":{"name":"c","namespace":"default","resourceVersion":"103"}}]}',
    });
    expect(await made.freshness.view(3_000)).toEqual(view(made.lane.head, 150));
  });
});

describe('a large idle lane', () => {
  test('is proven by the bookmark of a delta watch', async () => {
    const made = await bench(LARGE);
    made.upstream.elsewhere(20);
    expect(await made.freshness.view(3_000)).toEqual(view(made.lane.head, 123));
    expect(made.upstream.requests.map(({ kind }) => kind)).toEqual([
      'watch-list',
      'probe',
      'delta',
    ]);
    const query = made.upstream.requests[2].url.searchParams;
    expect(query.get('resourceVersion')).toBe('103');
    expect(query.get('timeoutSeconds')).toBe('3');
    expect(made.reads).toEqual(['delta']);
    await until(() => made.upstream.open('delta') === 0, 'the delta watch to end');
  });

  test('is proven by the events a delta watch brings, which the lane keeps', async () => {
    const made = await bench(LARGE);
    made.upstream.muted.add('watch-list');
    made.upstream.delete('b');
    const revision = made.upstream.put('a');
    expect(await made.freshness.view(3_000)).toEqual(view(made.lane.head, revision));
    expect(made.lane.contents()).toEqual(made.upstream.contents());
    expect(made.freshness.deltaCounters).toMatchObject({ deleted: 1, modified: 1 });
  });

  test('is proven for later readers by the next delta watch of a chain', async () => {
    const made = await bench(LARGE);
    made.upstream.deltaBookmarkMs = 40;
    made.upstream.elsewhere(1);
    const first = made.freshness.view(3_000);
    await until(() => made.upstream.open('delta') === 1, 'the delta watch');
    await made.clock.advance(600);
    made.upstream.end('delta');
    await until(() => made.upstream.count('delta') === 2, 'the next one');
    made.upstream.elsewhere(1);
    const second = made.freshness.view(3_000);
    expect(await first).toMatchObject({ kind: 'view', view: { revision: 105 } });
    expect(await second).toMatchObject({ kind: 'view', view: { revision: 105 } });
  });

  test('is unproven when delta watches are refused', async () => {
    const made = await bench(LARGE);
    made.upstream.elsewhere(1);
    made.upstream.answers.delta.push({ kind: 'status', code: 429 });
    expect(await made.freshness.view(3_000)).toMatchObject({ kind: 'unproven' });
    expect(made.freshness.deltaCounters.lastError).toBe('delta watch: HTTP 429');
  });

  test('is unproven when delta watches end at once', async () => {
    const made = await bench(LARGE);
    made.upstream.elsewhere(1);
    made.upstream.answers.delta.push({ kind: 'text', text: '' });
    expect(await made.freshness.view(3_000)).toMatchObject({ kind: 'unproven' });
    expect(made.upstream.count('delta')).toBe(1);
  });

  test('does not take the bookmark of a delta watch that a relist has overtaken', async () => {
    const made = await bench(LARGE);
    made.upstream.muted.add('delta').add('watch-list');
    made.upstream.elsewhere(1);
    const reading = made.freshness.view(3_000);
    await until(() => made.upstream.open('delta') === 1, 'the delta watch');
    // The relist hangs in the middle: the lane ignores events now.
    made.upstream.answers['watch-list'].push({ kind: 'silence' });
    made.reflector.relist('for the test');
    await until(() => made.reflector.loading, 'the relist');
    const missed = made.upstream.put('a');
    made.upstream.muted.delete('delta');
    made.upstream.put('b');
    made.upstream.bookmark();
    expect(await reading).toMatchObject({ kind: 'unproven' });
    expect(made.lane.frontier).toBeLessThan(missed);
  });
});

describe('at least a revision', () => {
  test('is answered at once when the lane is there', async () => {
    const made = await bench();
    expect(await made.freshness.atLeast(103, 0)).toBe(true);
    expect(made.upstream.requests.length).toBe(1);
  });

  test('is reached through a delta watch on an idle lane', async () => {
    const made = await bench({ graceMs: 0 });
    const revision = made.upstream.elsewhere(7);
    expect(await made.freshness.atLeast(revision, 3_000)).toBe(true);
    expect(made.upstream.count('delta')).toBe(1);
  });

  test('from the future is not reached', async () => {
    const made = await bench({ graceMs: 0 });
    const reading = made.freshness.atLeast(9_999, 3_000);
    await until(() => made.upstream.open('delta') === 1, 'the delta watch');
    await made.clock.advance(3_000);
    expect(await reading).toBe(false);
    await until(() => made.upstream.open('delta') === 0, 'the delta watch to end');
  });
});

describe('without a proof', () => {
  test('nothing is claimed before the first list', async () => {
    const upstream = await ScriptedUpstream.listen();
    const lane = new NaiveLane();
    const clock = new FakeClock();
    const shared = { resource: PODS, writer: lane, reader: upstream.reader, clock };
    const reflector = new Reflector(shared);
    const freshness = new Freshness({ ...shared, lane: reflector });
    benches.push({ upstream, lane, clock, reflector, freshness, reads: [] });
    const expected = { kind: 'unproven', reason: 'the lane has no complete list yet' };
    expect(await freshness.view(1_000)).toEqual(expected);
    expect(await freshness.atLeast(0, 1_000)).toBe(false);
    expect(upstream.requests).toEqual([]);
  });

  test.each([
    ['is refused', { kind: 'status' as const, code: 403 }],
    ['breaks', { kind: 'reset' as const }],
    ['is garbage', { kind: 'text' as const, text: 'nonsense' }],
    ['has no revision', { kind: 'text' as const, text: '{"metadata":{},"items":[]}' }],
  ])('when the call upstream %s, the answer is unproven', async (_name, answer) => {
    const made = await bench();
    made.upstream.answers.list.push(answer);
    expect(await made.freshness.view(3_000)).toMatchObject({ kind: 'unproven' });
    await busy(made);
    made.upstream.answers.probe.push(answer);
    expect(await made.freshness.view(3_000)).toMatchObject({ kind: 'unproven' });
    expect(made.reads).toEqual(['unproven', 'unproven']);
  });

  test('when upstream does not answer, the wait ends at its bound', async () => {
    const made = await bench();
    await busy(made);
    made.upstream.answers.probe.push({ kind: 'hang' });
    const reading = made.freshness.view(700);
    await until(() => made.upstream.count('probe') === 1, 'the probe');
    await made.clock.advance(700);
    expect(await reading).toEqual({ kind: 'unproven', reason: 'upstream did not answer in time' });
  });

  test('a closed lane answers everybody who waits', async () => {
    const made = await bench();
    made.upstream.answers.list.push({ kind: 'hang' });
    const reading = made.freshness.view(3_000);
    await until(() => made.upstream.count('list') === 1, 'the list');
    made.freshness.close('idle');
    expect(await reading).toEqual({ kind: 'unproven', reason: 'idle' });
    expect(await made.freshness.quick(3_000)).toEqual({ kind: 'unproven', reason: 'idle' });
  });

  test('a closed lane asks upstream for nothing more, not even for who was next', async () => {
    const made = await bench();
    made.upstream.answers.list.push({ kind: 'hang' });
    const first = made.freshness.view(3_000);
    await until(() => made.upstream.count('list') === 1, 'the list');
    const next = made.freshness.view(3_000);
    made.freshness.close('idle');
    expect(await first).toEqual({ kind: 'unproven', reason: 'idle' });
    // The next list would rest as long as half of the first one took.
    await made.clock.advance(3_000);
    expect(await next).toEqual({ kind: 'unproven', reason: 'idle' });
    expect(made.upstream.count('list')).toBe(1);
  });

  test('nor a probe', async () => {
    const made = await bench({ ...LARGE, pace: { perSecond: 1, burst: 1 } });
    await busy(made);
    made.upstream.answers.probe.push({ kind: 'hang' });
    const first = made.freshness.view(3_000);
    await until(() => made.upstream.count('probe') === 1, 'the probe');
    const next = made.freshness.view(3_000);
    made.freshness.close('idle');
    expect(await first).toEqual({ kind: 'unproven', reason: 'idle' });
    await made.clock.advance(3_000);
    expect(await next).toEqual({ kind: 'unproven', reason: 'idle' });
    expect(made.upstream.count('probe')).toBe(1);
  });

  test('an upstream that was set back makes the lane list anew', async () => {
    const made = await bench();
    await busy(made);
    made.upstream.restore(50);
    expect(await made.freshness.view(3_000)).toMatchObject({
      kind: 'unproven',
      reason: 'upstream is at revision 50, behind our 123',
    });
    await until(() => made.lane.loads === 2 && made.lane.state?.kind === 'live', 'the relist');
    expect(made.lane.contents()).toEqual([]);
  });

  test('nor is a list believed that is behind what the lane holds', async () => {
    const made = await bench();
    made.upstream.restore(50);
    expect(await made.freshness.view(3_000)).toMatchObject({
      kind: 'unproven',
      reason: 'upstream is at revision 50, behind our 103',
    });
    await until(() => made.lane.loads === 2 && made.lane.state?.kind === 'live', 'the relist');
  });
});
