import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { LoopBudget } from '../../src/proxy/loop-budget.ts';
import { StartQueue } from '../../src/proxy/start-queue.ts';

const STARTS_PER_TURN = 32;

/** Adds requests of connections, in this order; each notes that it was started. */
function filled(connections: readonly number[]): {
  queue: StartQueue<number>;
  started: number[];
} {
  const queue = new StartQueue<number>(STARTS_PER_TURN);
  const started: number[] = [];
  for (const connection of connections) {
    queue.add(connection, () => {
      started.push(connection);
      return true;
    });
  }
  return { queue, started };
}

const many = (connection: number, count: number): number[] =>
  Array.from({ length: count }, () => connection);

describe('requests', () => {
  test('are started at once while there are few', () => {
    const { queue, started } = filled([1, 2, 1]);
    expect([started, queue.waiting]).toEqual([[1, 2, 1], 0]);
  });

  test('of one connection wait for those of others when there are many', async () => {
    const { queue, started } = filled([...many(1, 200), 2, 3, 2]);
    expect([started.length, queue.waiting]).toEqual([STARTS_PER_TURN, 203 - STARTS_PER_TURN]);
    await nextTurn();
    expect(started.slice(STARTS_PER_TURN, STARTS_PER_TURN + 8)).toEqual([1, 1, 1, 1, 2, 2, 3, 1]);
    expect(started).toHaveLength(2 * STARTS_PER_TURN);
    while (queue.waiting > 0) await nextTurn();
    expect(started).toHaveLength(203);
  });

  test('that were given up take no place of others', async () => {
    const queue = new StartQueue<number>(STARTS_PER_TURN);
    const started: number[] = [];
    for (let i = 0; i < 1_000; i++) {
      queue.add(1, () => {
        if (i % 10 === 0) started.push(i);
        return i % 10 === 0;
      });
    }
    const before = started.length;
    await nextTurn();
    expect(started.length - before).toBe(STARTS_PER_TURN);
  });

  test('that wait for their turn themselves go on as others do', async () => {
    const queue = new StartQueue<number>(2);
    const gone: number[] = [];
    const go = async (source: number): Promise<void> => {
      await queue.turn(source);
      gone.push(source);
    };
    void Promise.all([1, 1, 1, 1, 1, 2].map(go));
    await Promise.resolve();
    expect([gone, queue.waiting]).toEqual([[1, 1], 4]);
    await nextTurn();
    await nextTurn();
    expect(gone.slice(0, 4)).toEqual([1, 1, 1, 1]);
    while (queue.waiting > 0) await nextTurn();
    expect(gone).toHaveLength(6);
  });

  test('of all queues together have so much time in one turn of the loop, and each begins one', async () => {
    const budget = new LoopBudget(5);
    const queues = [new StartQueue<number>(100, budget), new StartQueue<number>(100, budget)];
    const begun = [0, 0];
    for (let i = 0; i < 10; i++) {
      queues.forEach((queue, which) => {
        queue.add(1, () => {
          begun[which]++;
          for (const until = performance.now() + 4; performance.now() < until;);
          return true;
        });
      });
    }
    expect(begun).toEqual([1, 1]);
    while (queues.some(({ waiting }) => waiting > 0)) await nextTurn();
    expect(begun).toEqual([10, 10]);
  });

  test('that were next to nothing take no place either, when they begin at once', () => {
    const queue = new StartQueue<number>(STARTS_PER_TURN);
    let begun = 0;
    for (let i = 0; i < 500; i++) queue.add(i, () => ++begun < 0);
    expect([begun, queue.waiting]).toEqual([500, 0]);
  });

  test('that come later are started at once again', async () => {
    const { queue, started } = filled(many(1, STARTS_PER_TURN + 1));
    while (queue.waiting > 0) await nextTurn();
    await nextTurn();
    queue.add(2, () => started.push(2) > 0);
    expect(started.at(-1)).toBe(2);
  });

  test('of few who ask much leave the loop time to rest, those of many do not', async () => {
    const work = (): boolean => {
      const until = performance.now() + 1;
      while (performance.now() < until);
      return true;
    };
    const idleTurnsOf = async (sources: number): Promise<number> => {
      const queue = new StartQueue<number>(4);
      for (let i = 0; i < 60; i++) queue.add(i % sources, work);
      let idle = 0;
      while (queue.waiting > 0) {
        const before = queue.waiting;
        await nextTurn();
        if (queue.waiting === before) idle++;
      }
      return idle;
    };
    expect(await idleTurnsOf(60)).toBeLessThanOrEqual(1);
    expect(await idleTurnsOf(2)).toBeGreaterThan(3);
  });
});
