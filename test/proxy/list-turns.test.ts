// Whose turn it is, in a fixed order: no clock and no socket.

import { describe, expect, test } from 'vitest';
import { ListTurns } from '../../src/proxy/list-turns.ts';

/** Lets everybody through one after another and says in which order they came. */
async function order(turns: ListTurns, waiting: readonly string[]): Promise<string[]> {
  const served: string[] = [];
  expect(turns.tryTake()).toBe(true);
  const all = waiting.map((key) => turns.take(key).then(() => served.push(key)));
  for (const _ of waiting) {
    turns.give();
    await Promise.resolve();
  }
  turns.give();
  await Promise.all(all);
  return served;
}

describe('turns of LISTs', () => {
  test('go round the identities that wait, whoever came first', async () => {
    const turns = new ListTurns({ maxConcurrent: 1 });
    const greedy = Array.from({ length: 6 }, () => 'greedy');
    expect(await order(turns, [...greedy, 'a', 'b', 'a'])).toEqual([
      'greedy',
      'a',
      'b',
      'greedy',
      'a',
      'greedy',
      'greedy',
      'greedy',
      'greedy',
    ]);
    expect([turns.taken, turns.waiting]).toEqual([0, 0]);
  });

  test('keep any identity waiting for one turn of each other at most', async () => {
    const turns = new ListTurns({ maxConcurrent: 1 });
    const keys = ['a', 'b', 'c', 'd'];
    const waiting = keys.flatMap((key, at) => Array.from({ length: 100 - 20 * at }, () => key));
    const served = await order(turns, waiting);
    for (const key of keys) {
      const mine = served.flatMap((each, at) => (each === key ? [at] : []));
      const gaps = mine.map((at, i) => at - (i === 0 ? -1 : mine[i - 1]) - 1);
      expect(Math.max(...gaps)).toBeLessThanOrEqual(keys.length - 1);
    }
  });

  test('are not taken from those who wait', () => {
    const turns = new ListTurns({ maxConcurrent: 2 });
    expect([turns.tryTake(), turns.tryTake(), turns.tryTake()]).toEqual([true, true, false]);
    void turns.take('a');
    turns.give();
    // It went to `a`, which has used none of it yet.
    expect([turns.tryTake(), turns.taken]).toEqual([false, 2]);
  });

  test('are for a bounded number of LISTs, of one identity and in all', () => {
    const turns = new ListTurns({ maxLists: 3, maxListsPerIdentity: 2 });
    expect([turns.begin('a'), turns.begin('a'), turns.begin('a')]).toEqual([true, true, false]);
    expect([turns.begin('b'), turns.begin('b')]).toEqual([true, false]);
    expect(turns.reached).toMatchObject({ lists_per_identity: 1, lists: 1 });
    turns.end('a');
    expect(turns.begin('b')).toBe(true);
    for (const key of ['a', 'b', 'b']) turns.end(key);
    expect(turns.open).toBe(0);
  });
});
