// Who may write the next piece of a LIST while others read slowly or ask for too much, over real sockets.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Filter } from '../../src/cache/filter.ts';
import { jsonCodec } from '../../src/k8s/encoding-json.ts';
import { BufferPool } from '../../src/proxy/buffer-pool.ts';
import type { Exchange } from '../../src/proxy/exchange.ts';
import { Compressor } from '../../src/proxy/gzip.ts';
import { ListTurns } from '../../src/proxy/list-turns.ts';
import type { ListLimits } from '../../src/proxy/list-turns.ts';
import { StartQueue } from '../../src/proxy/start-queue.ts';
import { ListWriter } from '../../src/proxy/write-list.ts';
import { podText, PODS, TestLane } from '../cache/support.ts';
import {
  EdgeFixture,
  eventually,
  PROTOCOLS,
  type RunningServer,
  type TestProtocol,
} from './edge-fixture.ts';

/** More than the sockets of both sides take over HTTP/1.1; HTTP/2 stops at the client's window of 64 KiB. */
const OBJECTS = 6_000;
const ITEMS = { h2: 150, 'http/1.1': OBJECTS } as const;
const OBJECT_BYTES = 4_096;
/** Smaller than any of them. */
const PIECE_BYTES = 128 * 1024;

let edge: EdgeFixture;
let running: RunningServer;
let turns: ListTurns;
const pool = new BufferPool(PIECE_BYTES, 2);
const made = new TestLane({ codec: jsonCodec({ resource: PODS, custom: false, fields: [] }) });

beforeAll(async () => {
  const names = Array.from({ length: OBJECTS }, (_, i) => `pod-${i}`);
  made.list(
    500,
    names.map((name, i) => podText({ namespace: 'a', name, revision: i + 1, bytes: OBJECT_BYTES })),
  );
  edge = await EdgeFixture.create();
  running = await edge.start({ handle: (exchange) => void list(exchange) });
});

afterAll(() => edge.close());

function begin(limits: Partial<ListLimits>): void {
  turns = new ListTurns(limits);
}

async function list(exchange: Exchange): Promise<void> {
  const { lane } = made;
  const items = Number(new URLSearchParams(exchange.target.split('?')[1]).get('items') ?? OBJECTS);
  const plan = {
    lane,
    objects: lane.codec.objects,
    filter: new Filter({ namespace: 'a', name: '', labels: undefined, terms: [], identity: '' }),
    view: lane.newest,
    from: Buffer.alloc(0),
    items,
    continueToken: '',
    remaining: undefined,
    shards: undefined,
    warnings: [],
  };
  const gzip = new Compressor({ gzip: false, maxConcurrent: 1 });
  const services = { pool, turns, gzip, answers: new StartQueue<string>(1) };
  await new ListWriter(services, plan, exchange).run();
}

const as = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

function itemsOf(text: string): number {
  return (JSON.parse(text) as { items: unknown[] }).items.length;
}

const longList = (protocol: TestProtocol): string => `/?items=${ITEMS[protocol]}`;

/** A LIST whose client stopped reading, known to wait for it. */
async function stalledList(protocol: TestProtocol) {
  const client = await running.client(protocol);
  const response = client.open({ path: longList(protocol), headers: as('slow') });
  await eventually(() => response.status === 200);
  client.stall();
  return { client, response };
}

describe.each(PROTOCOLS)('over %s, a client that does not read', (protocol) => {
  test('keeps no turn', async () => {
    begin({ maxConcurrent: 1 });
    const { client } = await stalledList(protocol);
    const other = await running.client(protocol);
    // More LISTs than there are turns, one after another and whole.
    for (let i = 0; i < 2; i++) {
      const response = await other.get(longList(protocol), as('other'));
      expect(itemsOf(response.text)).toBe(ITEMS[protocol]);
    }
    expect(turns.open).toBe(1);
    client.close();
    other.close();
    await eventually(() => turns.open === 0 && turns.taken === 0 && pool.inUse === 0);
  });

  test('gets all of it when it reads on', async () => {
    begin({ maxConcurrent: 1 });
    const { client, response } = await stalledList(protocol);
    const other = await running.client(protocol);
    await other.get('/?items=5', as('other'));
    client.resume();
    await response.untilEnd();
    expect(itemsOf(response.text)).toBe(ITEMS[protocol]);
    client.close();
    other.close();
  });

  test('is let go after a while', async () => {
    begin({ stallMs: 100 });
    const { client } = await stalledList(protocol);
    await eventually(() => turns.reached.stalled_lists === 1);
    await eventually(() => turns.open === 0 && pool.inUse === 0);
    client.close();
  });

  test('has a bounded number of LISTs under way', async () => {
    begin({ maxListsPerIdentity: 1 });
    const { client } = await stalledList(protocol);
    const other = await running.client(protocol);
    const refused = await other.get(longList(protocol), as('slow'));
    expect([refused.status, refused.header('retry-after')]).toEqual([429, '1']);
    // Short ones need no buffer for long.
    expect(itemsOf((await other.get('/?items=2', as('slow'))).text)).toBe(2);
    expect(itemsOf((await other.get(longList(protocol), as('other'))).text)).toBe(ITEMS[protocol]);
    client.close();
    other.close();
    await eventually(() => turns.open === 0);
  });
});

test('an answer that fits one write counts until its client has it', async () => {
  begin({ maxListsPerIdentity: 2 });
  const client = await running.client('h2', 0);
  for (let i = 0; i < 3; i++) client.open({ path: '/?items=20', headers: as('slow') });
  await eventually(() => turns.reached.lists_per_identity === 1);
  expect(turns.open).toBe(2);
  // In buffers of the pool, which has them back when the client is gone.
  expect(pool.inUse).toBeGreaterThanOrEqual(2);
  client.close();
  await eventually(() => turns.open === 0 && pool.inUse === 0);
});
