import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Filter } from '../../src/cache/filter.ts';
import type { Cursor, CursorReader, WriteShare } from '../../src/cache/filter-group.ts';
import { EVENT_ADDED } from '../../src/k8s/scan-json.ts';
import { FlushScheduler } from '../../src/proxy/flush.ts';
import { WriteShares } from '../../src/proxy/write-shares.ts';
import { podOfA, TestLane } from '../cache/support.ts';

const PER_TURN = 10;
const all = { namespace: '', name: '', labels: undefined, terms: [], identity: 'all' };

/** Takes everything that is pending, and notes who did. */
class Reader implements CursorReader {
  readonly ready = true;
  readonly aheadRevision = 0;
  readonly share: WriteShare;
  readonly cursor: Cursor;
  readonly name: string;
  readonly #written: string[];
  deferred = false;

  constructor(name: string, share: WriteShare, cursor: Cursor, written: string[]) {
    this.name = name;
    this.share = share;
    this.cursor = cursor;
    this.#written = written;
    cursor.reader = this;
  }

  flush(): void {
    if (!this.cursor.pending) return;
    this.cursor.next = this.cursor.group.next;
    this.#written.push(this.name);
  }

  expire(): void {}
}

function stand() {
  const made = new TestLane();
  made.list(10, [podOfA('one', 5)]);
  const { lane } = made;
  const flush = new FlushScheduler(
    { maxIntervalMs: 5, watchersPerTurn: PER_TURN, maxShare: 1 },
    () => {},
  );
  flush.attach(lane);
  const shares = new WriteShares();
  const written: string[] = [];
  const filter = new Filter(all);
  let revision = 10;
  return {
    flush,
    written,
    watchers(name: string, count: number): Reader[] {
      return Array.from(
        { length: count },
        () => new Reader(name, shares.take(name), lane.groups.join(filter, lane.head)!, written),
      );
    },
    event(): void {
      made.event(EVENT_ADDED, podOfA('one', ++revision));
    },
  };
}

const places = (written: readonly string[], name: string): number[] =>
  written.flatMap((each, at) => (each === name ? [at] : []));

test('The watches of one identity hold up the others by no more than a turn', async () => {
  const { watchers, event, written, flush } = stand();
  watchers('greedy', 500);
  watchers('modest', 5);
  watchers('greedy', 500);
  event();
  for (let turn = 0; turn < 200; turn++) await nextTurn();
  expect(written).toHaveLength(1_005);
  expect(Math.max(...places(written, 'modest'))).toBeLessThan(PER_TURN + 5);
  expect(flush.passes).toBe(1);
});

test('Those deferred are late and not left, however many events come', async () => {
  const { watchers, event, written } = stand();
  const greedy = watchers('greedy', 100);
  watchers('modest', 5);
  for (let turn = 0; turn < 400; turn++) {
    event();
    await nextTurn();
  }
  for (let turn = 0; turn < 50; turn++) await nextTurn();
  const before = places(written, 'greedy').length;
  expect(greedy.every(({ cursor }) => !cursor.pending)).toBe(true);
  // Each pass takes some of them, and between two of them everybody else has had a turn.
  expect(before).toBeGreaterThan(10 * 100);
  const modest = places(written, 'modest');
  expect(modest.length).toBeGreaterThan(5 * 100);
  const gaps = modest.slice(1).map((at, i) => at - modest[i]);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(3 * PER_TURN + 5);
});

test('A share lasts as long as a watch of its identity', () => {
  const shares = new WriteShares();
  const share = shares.take('a');
  expect(shares.take('a')).toBe(share);
  shares.take('b');
  expect(shares.holders).toBe(2);
  shares.give('a');
  shares.give('b');
  expect([shares.holders, shares.take('a') === share]).toEqual([1, true]);
  shares.give('a');
  shares.give('a');
  expect(shares.holders).toBe(0);
  expect(() => shares.give('a')).toThrow('nobody held');
});
