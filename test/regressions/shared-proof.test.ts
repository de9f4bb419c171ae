/**
 * Hundreds of reads wait for one proof. They went on in the same moment, all of them, and whoever waited for an event waited
 * for them; now they go on a few in a turn of the loop. So do answers of upstream that come at once.
 */
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LaneEntry } from '../../src/cache/lanes.ts';
import type { View } from '../../src/cache/snapshot.ts';
import { parseGetOptions } from '../../src/k8s/list-options.ts';
import type { Exchange } from '../../src/proxy/exchange.ts';
import { Compressor } from '../../src/proxy/gzip.ts';
import { PassThrough, type ForwardResponse } from '../../src/proxy/pass-through.ts';
import { serveGet } from '../../src/proxy/serve-get.ts';
import { StartQueue } from '../../src/proxy/start-queue.ts';
import { podOfA as pod, TestLane } from '../cache/support.ts';
import { EdgeFixture, eventually } from '../proxy/edge-fixture.ts';

const READS = 100;
const PER_TURN = 8;

let edge: EdgeFixture;

beforeAll(async () => {
  edge = await EdgeFixture.create();
});

afterAll(() => edge.close());

test('reads that wait for one proof are answered a few in a turn of the loop', async () => {
  const pods = new TestLane({});
  pods.list(10, [pod('x', 5)]);
  const { lane } = pods;
  let prove = (_view: View): void => undefined;
  const proof = new Promise<{ kind: 'view'; view: View }>((resolve) => {
    prove = (view) => resolve({ kind: 'view', view });
  });
  const entry = {
    lane,
    objects: lane.codec.objects,
    source: { freshness: { quick: () => proof }, warnings: [] },
  } as unknown as LaneEntry;
  const services = {
    gzip: new Compressor({ gzip: false, maxConcurrent: 1 }),
    answers: new StartQueue<string>(PER_TURN),
  };
  const parsed = parseGetOptions('');
  const options = parsed.kind === 'unsupported' ? {} : parsed.options;
  const held: Exchange[] = [];
  const running = await edge.start({
    handle: (exchange) => {
      held.push(exchange);
      const request = { exchange, entry, namespace: 'a', name: 'x', options } as never;
      void serveGet(services, request, undefined as never);
    },
  });
  const client = await running.client('h2');
  const responses = Array.from({ length: READS }, () => client.open({ path: '/' }));
  await eventually(() => held.length === READS);
  const answered = (): number => held.filter(({ status }) => status === 200).length;

  prove(lane.newest);
  await nextTurn();
  expect(answered()).toBeLessThanOrEqual(2 * PER_TURN);
  await eventually(() => answered() === READS);
  await Promise.all(responses.map((response) => response.untilEnd()));
  client.close();
});

test('answers of upstream that come at once are relayed a few in a turn of the loop', async () => {
  const held: Exchange[] = [];
  const answers: ((response: ForwardResponse) => void)[] = [];
  const upstream = {
    forward: () => new Promise<ForwardResponse>((resolve) => answers.push(resolve)),
  };
  const passThrough = new PassThrough(upstream, undefined, new StartQueue<string>(PER_TURN));
  const running = await edge.start({
    handle: (exchange) => {
      held.push(exchange);
      passThrough.serve(exchange);
    },
  });
  const client = await running.client('h2');
  const responses = Array.from({ length: READS }, () => client.open({ path: '/' }));
  await eventually(() => answers.length === READS);
  const answered = (): number => held.filter(({ status }) => status === 403).length;

  for (const answer of answers) {
    answer({ status: 403, rawHeaders: [], body: Readable.from([Buffer.from('no')]) });
  }
  await nextTurn();
  expect(answered()).toBeLessThanOrEqual(2 * PER_TURN);
  await eventually(() => answered() === READS);
  await Promise.all(responses.map((response) => response.untilEnd()));
  client.close();
});
