/**
 * Random writes and random faults against a reflector over real sockets. Judged as etcd's robustness tests judge a watch:
 * at the end everything is equal; since the last list every change came exactly once, in order, none is missing.
 */

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Reflector } from '../../src/watch/reflector.ts';
import { FakeClock, until } from '../support/clock.ts';
import { NaiveLane } from '../support/naive-lane.ts';
import { PODS, type RequestKind, ScriptedUpstream } from '../support/scripted-upstream.ts';

type Act = (upstream: ScriptedUpstream) => void;

const MAIN: readonly RequestKind[] = ['watch', 'watch-list'];

const onMain = (act: (upstream: ScriptedUpstream, kind: RequestKind) => void): Act => {
  return (upstream) => {
    for (const kind of MAIN) act(upstream, kind);
  };
};

const write: fc.Arbitrary<Act> = fc.nat({ max: 5 }).map((k) => (up) => void up.put(`web-${k}`));
const remove: fc.Arbitrary<Act> = fc.nat({ max: 5 }).map((k) => (up) => {
  if (up.contents().some((key) => key.startsWith(`default/web-${k}@`))) up.delete(`web-${k}`);
});
const progress: fc.Arbitrary<Act> = fc.nat({ max: 3 }).map((writes) => (up) => {
  up.elsewhere(writes);
  up.bookmark();
});

const faults: Record<string, Act> = {
  cut: onMain((up, kind) => up.cut(kind)),
  end: onMain((up, kind) => up.end(kind)),
  garbage: onMain((up, kind) => up.say(kind, '{"type":"ADDED","object":{"metadata":\n')),
  half: onMain((up, kind) => {
    up.say(kind, '{"type":"ADDED","object":{"meta');
    up.cut(kind);
  }),
  busy: onMain((up, kind) => up.sendError(kind, 429, 'TooManyRequests', 1)),
  broken: onMain((up, kind) => up.sendError(kind, 500, 'InternalError')),
  expired: onMain((up, kind) => up.sendError(kind, 410, 'Expired')),
  restart: (up) => {
    up.forget();
    for (const kind of MAIN) up.cut(kind);
  },
  refuse: (up) => up.answers.watch.push({ kind: 'status', code: 503 }),
  reset: (up) => up.answers.watch.push({ kind: 'reset' }),
  old: (up) => {
    up.streamingLists = false;
  },
  pieces: (up) => {
    up.pieceBytes = 11;
  },
};

const fault: fc.Arbitrary<Act> = fc.constantFrom(...Object.keys(faults)).map((name) => {
  const act: Act = (up) => faults[name](up);
  // So that a counterexample names its faults.
  return Object.assign(act, { toString: () => name });
});

const act = fc.oneof(
  { weight: 6, arbitrary: write },
  { weight: 2, arbitrary: remove },
  { weight: 2, arbitrary: progress },
  { weight: 3, arbitrary: fault },
);

test('through any faults no change is lost, repeated or out of order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(act, fc.boolean()), { maxLength: 40 }), async (acts) => {
      const upstream = await ScriptedUpstream.listen();
      const lane = new NaiveLane();
      const clock = new FakeClock([0.1, 0.9, 0.5]);
      const { reader } = upstream;
      const reflector = new Reflector({ resource: PODS, writer: lane, reader, clock });
      upstream.put('web-0');
      reflector.start();
      try {
        for (const [happen, pause] of acts) {
          happen(upstream);
          if (!pause) continue;
          // The last one may be the wait of a back-off; no other timer is as short.
          if (reflector.state.phase.kind === 'waiting') await clock.advance(clock.pending[0]);
          await clock.turn();
        }
        await until(() => {
          if (reflector.state.phase.kind === 'waiting') void clock.advance(clock.pending[0] ?? 0);
          return (
            lane.state?.kind === 'live' &&
            upstream.open('watch') + upstream.open('watch-list') === 1 &&
            // An object made and deleted again leaves the contents as they were, and its events may still be on their way.
            upstream.changesSince(lane.frontier).length === 0 &&
            lane.contents().join() === upstream.contents().join()
          );
        }, `equality: ${lane.contents().join()} is not ${upstream.contents().join()}`);
        const reset = lane.records.findLast(({ type }) => type === 'RESET');
        const expected = upstream.changesSince(reset?.revision ?? 0);
        const seen = lane.eventRevisions();
        expect(seen).toEqual([...seen].sort((a, b) => a - b));
        expect(new Set(seen).size).toBe(seen.length);
        // A restart shortens upstream's memory, never ours.
        expect(seen.slice(seen.length - expected.length)).toEqual(expected);
        expect(lane.duplicates).toBe(0);
      } finally {
        await reflector.stop('over');
        await upstream.close();
      }
    }),
    { numRuns: 300, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: false },
  );
});
