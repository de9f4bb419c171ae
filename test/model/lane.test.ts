import * as fc from 'fast-check';
import { describe, test } from 'vitest';
import { FILTERS } from './filters.ts';
import { LaneModel } from './lane-model.ts';
import type { ModelOptions, ObjectChoice, Operation } from './operations.ts';
import { KEYS } from './operations.ts';

/** Runs per property; raise for a long hunt: MODEL_RUNS=5000. */
const RUNS = Number(process.env.MODEL_RUNS ?? 60);

const choice: fc.Arbitrary<ObjectChoice> = fc.record({
  key: fc.nat(KEYS.length - 1),
  labels: fc.nat(3),
  node: fc.nat(3),
  hostNetwork: fc.nat(2),
  bytes: fc.oneof(
    { weight: 8, arbitrary: fc.nat(400) },
    { weight: 1, arbitrary: fc.integer({ min: 400, max: 200_000 }) },
  ),
});

const gap = fc.integer({ min: 1, max: 3 });

function operationOf(): fc.Arbitrary<Operation> {
  const kind = <K extends Operation['kind']>(name: K): fc.Arbitrary<K> => fc.constant(name);
  const put = fc.tuple(choice, gap).map(([c, g]): Operation => ({ kind: 'put', gap: g, ...c }));
  const remove = fc
    .tuple(choice, gap)
    .map(([c, g]): Operation => ({ kind: 'remove', gap: g, ...c }));
  return fc.oneof(
    { weight: 24, arbitrary: put },
    { weight: 12, arbitrary: remove },
    {
      weight: 2,
      arbitrary: fc
        .tuple(choice, fc.nat(5))
        .map(([c, back]): Operation => ({ kind: 'duplicate', back, ...c })),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(choice, fc.integer({ min: 5, max: 22 }))
        .map(([c, times]): Operation => ({ kind: 'fill', times, ...c })),
    },
    { weight: 4, arbitrary: fc.record({ kind: kind('bookmark'), gap: fc.nat(3) }) },
    { weight: 5, arbitrary: fc.record({ kind: kind('wait'), ms: fc.nat(400) }) },
    { weight: 5, arbitrary: fc.record({ kind: kind('sweep') }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: kind('relist'),
        drop: fc.array(fc.nat(KEYS.length - 1), { maxLength: 4 }),
        change: fc.array(choice, { maxLength: 4 }),
        items: fc.boolean(),
        gap: fc.nat(2),
        outcome: fc.constantFrom('finish' as const, 'finish' as const, 'abandon' as const),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: kind('restore'),
        change: fc.uniqueArray(choice, { maxLength: 5, selector: (c) => c.key }),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        kind: kind('join'),
        filter: fc.nat(FILTERS.length - 1),
        back: fc.nat(30),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({ kind: kind('read'), cursor: fc.nat(50), count: fc.nat(12) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: kind('leave'), cursor: fc.nat(50) }) },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: kind('walk'),
        back: fc.nat(20),
        steps: fc.nat(5),
        filter: fc.nat(FILTERS.length - 1),
        from: fc.boolean(),
        unread: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: kind('compare') }) },
  );
}

function optionsOf(bridge: boolean): fc.Arbitrary<ModelOptions> {
  return fc.record({
    bridge: fc.constant(bridge),
    durationMs: fc.constantFrom(200, 1000, 100_000),
    maxBytes: fc.constantFrom(2000, 300_000, 1 << 30),
    minEvents: fc.constantFrom(0, 5, 20),
    maxRecords: fc.constantFrom(10, 1000),
    spreadSlackBytes: fc.constantFrom(0, 0, 1 << 24),
    initial: fc.uniqueArray(choice, { maxLength: 8, selector: (c) => c.key }),
  });
}

describe('a lane reads the same as a naive one', () => {
  for (const bridge of [false, true]) {
    test(`at every position and revision, ${bridge ? 'bridging' : 'resetting at'} a relist`, () => {
      fc.assert(
        fc.property(
          optionsOf(bridge),
          fc.array(operationOf(), { maxLength: 120, size: 'max' }),
          (options, operations) => {
            const model = new LaneModel(options);
            for (const operation of operations) model.apply(operation);
            model.drain();
            model.compare();
          },
        ),
        { numRuns: RUNS },
      );
    }, 120_000);
  }
});
