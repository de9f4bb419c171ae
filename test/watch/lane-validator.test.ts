import { afterEach, describe, expect, test } from 'vitest';
import { CallPace } from '../../src/watch/call-pace.ts';
import { LaneValidator } from '../../src/watch/lane-validator.ts';
import { Reflector } from '../../src/watch/reflector.ts';
import { FakeClock, until } from '../support/clock.ts';
import { NaiveLane } from '../support/naive-lane.ts';
import { PODS, ScriptedUpstream } from '../support/scripted-upstream.ts';

const clean: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const each of clean.splice(0)) await each();
});

async function setUp(): Promise<{
  upstream: ScriptedUpstream;
  lane: NaiveLane;
  reflector: Reflector;
  validator: LaneValidator;
}> {
  const upstream = await ScriptedUpstream.listen();
  for (const name of ['a', 'b', 'c']) upstream.put(name);
  const lane = new NaiveLane();
  const clock = new FakeClock();
  const shared = { resource: PODS, writer: lane, reader: upstream.reader, clock };
  const reflector = new Reflector(shared);
  const validator = new LaneValidator({
    ...shared,
    lane: reflector,
    maxBytes: 1024 ** 2,
    callTimeoutMs: 1_000,
    pace: new CallPace(clock),
    call: (call) => call({ clock, controller: new AbortController(), openTimeoutMs: 1_000 }),
    onRevision: () => '',
    nextEvent: () => clock.turn(),
    closed: () => '',
  });
  reflector.start();
  clean.push(async () => {
    await reflector.stop('the test is over');
    await upstream.close();
  });
  await until(() => lane.state?.kind === 'live', 'the list');
  return { upstream, lane, reflector, validator };
}

describe('what was proven by a list', () => {
  test('is remembered for as long as nothing comes', async () => {
    const { upstream, lane, validator } = await setUp();
    const revision = upstream.elsewhere(20);
    expect(validator.remembered).toBeUndefined();
    expect(await validator.view()).toMatchObject({ kind: 'view', view: { revision } });
    expect(validator.remembered).toMatchObject({ position: lane.head, revision });
    const next = upstream.put('a');
    await until(() => lane.frontier === next, 'the event');
    expect(validator.remembered).toBeUndefined();
  });

  test('is forgotten with the state it was proven of', async () => {
    const { upstream, lane, reflector, validator } = await setUp();
    upstream.elsewhere(20);
    await validator.view();
    reflector.relist('for the test');
    await until(() => lane.loads === 2 && lane.state?.kind === 'live', 'the relist');
    expect(validator.remembered).toBeUndefined();
  });
});
