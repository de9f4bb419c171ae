// What the tests of freshness proofs stand on: a lane with three objects that a real reflector follows from
// a scripted upstream, and a clock that stands still.

import type { FreshnessLimits, ProofPath, ViewOutcome } from '../../src/watch/freshness-limits.ts';
import { Freshness } from '../../src/watch/freshness.ts';
import { Reflector } from '../../src/watch/reflector.ts';
import { FakeClock, until } from '../support/clock.ts';
import { NaiveLane } from '../support/naive-lane.ts';
import { PODS, ScriptedUpstream } from '../support/scripted-upstream.ts';

export interface Bench {
  readonly upstream: ScriptedUpstream;
  readonly lane: NaiveLane;
  readonly clock: FakeClock;
  readonly reflector: Reflector;
  readonly freshness: Freshness;
  /** How each read was answered, in turn. */
  readonly reads: ProofPath[];
}

export const benches: Bench[] = [];

/** A followed lane with three objects, which has been idle for a second. */
export async function bench(limits: Partial<FreshnessLimits> = {}): Promise<Bench> {
  const upstream = await ScriptedUpstream.listen();
  for (const name of ['a', 'b', 'c']) upstream.put(name);
  const lane = new NaiveLane();
  const clock = new FakeClock();
  const shared = { resource: PODS, writer: lane, reader: upstream.reader, clock };
  const reflector = new Reflector({ ...shared, onProgress: () => freshness.advanced() });
  const reads: ProofPath[] = [];
  const onRead = (path: ProofPath): void => void reads.push(path);
  const freshness = new Freshness({ ...shared, lane: reflector, limits, onRead });
  const made = { upstream, lane, clock, reflector, freshness, reads };
  benches.push(made);
  reflector.start();
  await until(() => lane.state?.kind === 'live', 'the list');
  await clock.advance(1_000);
  return made;
}

/** Makes the lane busy: its last events came one millisecond after the other. */
export async function busy({ upstream, lane, clock }: Bench): Promise<void> {
  for (let event = 0; event < 20; event++) {
    const revision = upstream.put('busy');
    await until(() => lane.frontier === revision, 'the event');
    await clock.advance(1);
  }
}

/** After each test. */
export async function closeBenches(): Promise<void> {
  for (const { reflector, freshness, upstream } of benches.splice(0)) {
    freshness.close('the test is over');
    await reflector.stop('the test is over');
    await upstream.close();
  }
}

export function view(position: number, revision: number): ViewOutcome {
  return { kind: 'view', view: { position, revision } };
}

/** Limits under which the lane counts as one of the largest; the event of a write just made is not waited for. */
export const LARGE = { validateMaxObjects: 0, graceMs: 0 };
