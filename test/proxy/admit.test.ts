import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Admission } from '../../src/proxy/admit.ts';
import type { AdmissionLimits } from '../../src/proxy/admit.ts';
import type { Exchange } from '../../src/proxy/exchange.ts';
import type { RecordedResponse } from '../support/recorded-response.ts';
import { EdgeFixture, eventually, type TestProtocol } from './edge-fixture.ts';

let edge: EdgeFixture;

beforeAll(async () => {
  edge = await EdgeFixture.create();
});

afterAll(() => edge.close());

const AMPLE: Partial<AdmissionLimits> = { maxStrangersPerAddress: 1_000, maxStrangers: 1_000 };

/** A port whose requests stay open until released; targets with `watch` are watches, all tokens but `bad` are good. */
async function start(limits: Partial<AdmissionLimits> = {}) {
  const admission = new Admission({ ...AMPLE, ...limits });
  const held: Exchange[] = [];
  const running = await edge.start({
    handle: (exchange) => {
      const admitted = exchange.target.includes('watch')
        ? admission.watch(exchange)
        : admission.request(exchange);
      if (!admitted) return;
      const token = exchange.header('authorization') ?? '';
      if (token !== '') admission.answered(exchange, token.endsWith('bad') ? 401 : 200);
      held.push(exchange);
    },
  });
  const open = async (token = '', protocol: TestProtocol = 'h2') => {
    const client = await running.client(protocol);
    const headers = token === '' ? undefined : { authorization: `Bearer ${token}` };
    const send = (path: string): RecordedResponse => client.open({ path, headers });
    /** Sends a request and waits until it is held. */
    const hold = async (path: string): Promise<RecordedResponse> => {
      const response = send(path);
      await eventually(() => held.some(({ target }) => target === path));
      return response;
    };
    return { client, hold, get: (path: string) => client.get(path, headers) };
  };
  /** Makes a token known. */
  const introduce = async (token: string): Promise<void> => {
    const { client, hold } = await open(token);
    const response = await hold(`/hello/${token}`);
    held.find(({ target }) => target === `/hello/${token}`)!.destroy();
    await response.untilEnd();
    client.close();
  };
  return { admission, held, running, open, introduce };
}

describe('admission', () => {
  test('bounds the requests of one connection and of all', async () => {
    const { admission, held, open } = await start({ maxInFlight: 3, maxInFlightPerConnection: 2 });
    const first = await open('a');
    const second = await open('b');
    await first.hold('/1');
    await first.hold('/2');
    const refused = await first.get('/3');
    expect(refused.status).toBe(429);
    expect(refused.header('retry-after')).toBe('1');
    expect(refused.text).toContain('"reason":"TooManyRequests"');
    await second.hold('/4');
    expect([admission.inFlight, admission.strangers]).toEqual([3, 0]);
    expect((await second.get('/5')).status).toBe(429);
    expect(admission.refused).toMatchObject({ requests_per_connection: 1, requests: 1 });
    held[0].respondBytes(200, 'text/plain', Buffer.from('done'));
    await eventually(() => admission.inFlight === 2);
    await first.hold('/6');
    first.client.close();
    second.client.close();
    await eventually(() => admission.inFlight === 0);
    expect(held.map(({ connection }) => connection.inFlight)).toEqual([0, 0, 0, 0]);
    expect(admission.holders).toBe(0);
  });

  test('bounds watches apart from requests', async () => {
    const { admission, open, introduce } = await start({ maxWatches: 2, maxInFlight: 1 });
    await introduce('a');
    const client = await open('a');
    const watch = await client.hold('/watch/1');
    await client.hold('/watch/2');
    expect((await client.get('/watch/3')).status).toBe(429);
    expect([admission.openWatches, admission.refused.watches]).toEqual([2, 1]);
    watch.abort();
    await eventually(() => admission.openWatches === 1);
    await client.hold('/watch/4');
    await client.hold('/5');
    client.client.close();
    await eventually(() => admission.openWatches === 0 && admission.inFlight === 0);
  });

  test('admits no watch while draining, but finishes requests', async () => {
    const { admission, open } = await start();
    admission.draining = true;
    const client = await open('', 'http/1.1');
    const refused = await client.get('/watch');
    expect(refused.status).toBe(429);
    expect(refused.text).toContain('shutting down');
    await client.hold('/1');
  });
});

describe('one identity', () => {
  test('has its share of requests and watches, on however many connections', async () => {
    const { admission, open, introduce } = await start({
      maxInFlightPerIdentity: 2,
      maxWatchesPerIdentity: 1,
    });
    for (const token of ['greedy', 'modest']) await introduce(token);
    const first = await open('greedy');
    const second = await open('greedy', 'http/1.1');
    const other = await open('modest');
    await first.hold('/1');
    await first.hold('/2');
    await first.hold('/watch/1');
    expect((await second.get('/3')).status).toBe(429);
    expect((await second.get('/watch/2')).status).toBe(429);
    expect(admission.refused).toMatchObject({ requests_per_identity: 1, watches_per_identity: 1 });
    await other.hold('/4');
    await other.hold('/watch/3');
    for (const { client } of [first, second, other]) client.close();
    await eventually(() => admission.holders === 0);
  });

  test('is a token together with whom it speaks for', async () => {
    const { running, held, introduce } = await start({ maxInFlightPerIdentity: 1 });
    await introduce('gateway');
    const client = await running.client('h2');
    const headers = { authorization: 'Bearer gateway' };
    for (const user of ['ann', 'bob']) {
      client.open({ path: `/${user}`, headers: { ...headers, 'impersonate-user': user } });
    }
    await eventually(() => ['/ann', '/bob'].every((path) => held.some((e) => e.target === path)));
    const again = await client.get('/ann/2', { ...headers, 'impersonate-user': 'ann' });
    expect(again.status).toBe(429);
    client.close();
  });

  test('watches a bounded number of selectors', async () => {
    const { admission, open, held } = await start({ maxFilterGroupsPerIdentity: 2 });
    const client = await open('a');
    const watches: RecordedResponse[] = [];
    for (let i = 0; i < 4; i++) watches.push(await client.hold(`/watch/${i}`));
    const groups = ['x', 'y', 'x', 'z'];
    expect(groups.map((group, i) => admission.filterGroup(held[i], group))).toEqual([
      true,
      true,
      true,
      false,
    ]);
    await watches[3].untilEnd();
    expect([watches[3].status, watches[3].header('retry-after')]).toEqual([429, '1']);
    watches[1].abort();
    await eventually(() => admission.openWatches === 2);
    await client.hold('/watch/5');
    expect(admission.filterGroup(held[4], 'z')).toBe(true);
    client.client.close();
    await eventually(() => admission.holders === 0);
  });
});

describe('strangers', () => {
  test('have a budget of their own, which leaves that of identities alone', async () => {
    const { admission, open, introduce } = await start({
      maxInFlight: 1,
      maxWatches: 1,
      maxStrangers: 3,
    });
    await introduce('known');
    const strangers = await open();
    for (const path of ['/1', '/2', '/watch/3']) await strangers.hold(path);
    expect((await strangers.get('/4')).status).toBe(429);
    expect([admission.strangers, admission.refused.unauthenticated]).toEqual([3, 1]);
    const known = await open('known');
    await known.hold('/5');
    await known.hold('/watch/6');
    expect([admission.inFlight, admission.openWatches]).toEqual([1, 1]);
    strangers.client.close();
    known.client.close();
    await eventually(() => admission.strangers === 0 && admission.holders === 0);
  });

  test('share what there is for their address, whatever tokens they make up', async () => {
    const { admission, open, introduce } = await start({ maxStrangersPerAddress: 2 });
    await introduce('known');
    const made = await Promise.all(['1 bad', '2 bad', '3 bad'].map((token) => open(token)));
    await made[0].hold('/1');
    await made[1].hold('/2');
    expect((await made[2].get('/3')).status).toBe(429);
    expect(admission.refused.unauthenticated_per_address).toBe(1);
    const known = await open('known');
    await known.hold('/4');
    for (const { client } of [...made, known]) client.close();
    await eventually(() => admission.holders === 0);
  });

  test('become identities when upstream accepts their token, and strangers again when it does not', async () => {
    const { admission, open, held } = await start({ maxStrangersPerAddress: 1 });
    const client = await open('a');
    await client.hold('/watch/1');
    expect([admission.strangers, admission.openWatches]).toEqual([0, 1]);
    await client.hold('/2');
    expect([admission.strangers, admission.inFlight]).toEqual([0, 1]);
    expect(held.every(({ connection }) => connection.vouched)).toBe(true);
    admission.answered(held[1], 401);
    // Those under way go on; the next one has to show itself again.
    expect(admission.inFlight).toBe(1);
    const stranger = await open();
    await stranger.hold('/3');
    expect((await client.get('/4')).status).toBe(429);
    client.client.close();
    stranger.client.close();
    await eventually(() => admission.holders === 0 && admission.openWatches === 0);
  });

  test('are not made identities by a refusal to impersonate, nor by what stands before upstream', async () => {
    const { admission, running, held } = await start();
    const client = await running.client('h2');
    const authorization = 'Bearer bad';
    client.open({ path: '/1', headers: { authorization, 'impersonate-user': 'root' } });
    client.open({ path: '/2', headers: { authorization } });
    await eventually(() => held.length === 2);
    admission.answered(held[0], 403);
    for (const status of [400, 413, 429, 500, 502, 503]) admission.answered(held[1], status);
    expect(admission.strangers).toBe(2);
    admission.answered(held[1], 403);
    expect([admission.strangers, admission.inFlight]).toEqual([1, 1]);
    client.close();
  });

  test('are passed through a few times a second with a token that upstream refused', async () => {
    const { admission, running, held } = await start({ maxRefusalsPerToken: 2 });
    const client = await running.client('h2');
    const headers = { authorization: 'Bearer bad' };
    for (let i = 0; i < 4; i++) client.open({ path: `/${i}`, headers });
    client.open({ path: '/other', headers: { authorization: 'Bearer good' } });
    await eventually(() => held.length === 5);
    const passed = held.map((exchange) => admission.forward(exchange));
    expect(passed).toEqual([true, true, false, false, true]);
    expect([held[2].status, admission.refused.refused_token]).toEqual([429, 2]);
    // Upstream takes it after all.
    admission.answered(held[1], 200);
    client.open({ path: '/5', headers });
    client.open({ path: '/6', headers });
    await eventually(() => held.length === 7);
    admission.answered(held[1], 200);
    expect([admission.forward(held[1]), admission.forward(held[0])]).toEqual([true, true]);
    client.close();
  });

  test('take part of the connections to upstream only', async () => {
    const { admission, open, held, introduce } = await start({ maxStrangersForwarded: 1 });
    await introduce('known');
    const strangers = await open();
    const first = await strangers.hold('/1');
    const second = await strangers.hold('/2');
    await strangers.hold('/watch/3');
    const at = (path: string) => held.find(({ target }) => target === path)!;
    expect(['/1', '/watch/3', '/2'].map((path) => admission.forward(at(path)))).toEqual([
      true,
      true,
      false,
    ]);
    await second.untilEnd();
    expect([second.status, admission.refused.unauthenticated_forwarded]).toEqual([429, 1]);
    const known = await open('known');
    await known.hold('/4');
    expect(admission.forward(at('/4'))).toBe(true);
    first.abort();
    await eventually(() => admission.strangersForwarded === 0);
    for (const { client } of [strangers, known]) client.close();
  });
});
