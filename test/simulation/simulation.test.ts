import { availableParallelism } from 'node:os';
import { beforeAll, describe, expect, test } from 'vitest';
import { hunt, type HuntResult } from './hunt.ts';
import { MUTANTS } from './patches.ts';

/** A small part of `npm run proof`. */
const SEEDS = 2_000;
/** Each is caught in the first thousand; which seed does it is printed by `npm run proof -- --mutants`. */
const MUTANT_SEEDS = 4_000;
const THREADS = Math.min(2, availableParallelism());
const LIMIT_MS = 600_000;

describe('the barrier and the reflector, on simulated time', () => {
  let result: HuntResult;

  beforeAll(async () => {
    result = await hunt({ from: 1, seeds: SEEDS, threads: THREADS });
  }, LIMIT_MS);

  test('keep every promise to readers and watches', () => {
    const { broken } = result;
    expect(broken && `seed ${broken.seed}: ${broken.violation}`).toBe(undefined);
    expect(result.seeds).toBe(SEEDS);
  });

  test('come by their proofs in every way', () => {
    const { byProbe, byWait, byList, byDelta, passedThrough } = result.tally;
    for (const count of [byProbe, byWait, byList, byDelta, passedThrough]) {
      expect(count).toBeGreaterThan(SEEDS / 10);
    }
  });

  test('list anew, end watches and lead clients on', () => {
    const { lists, expired, watches, events, bookmarks } = result.tally;
    expect(lists).toBeGreaterThan(SEEDS);
    for (const count of [expired, watches, events, bookmarks])
      expect(count).toBeGreaterThan(SEEDS / 2);
  });
});

describe('a break on purpose is noticed:', () => {
  test.each(MUTANTS.filter(({ rare }) => !rare).map(({ name }) => name))(
    '%s',
    async (mutant) => {
      const { broken } = await hunt({ from: 1, seeds: MUTANT_SEEDS, threads: THREADS, mutant });
      expect(broken?.violation).toMatch(/./);
    },
    LIMIT_MS,
  );
});
