import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Admission } from '../../src/proxy/admit.ts';
import type { Exchange } from '../../src/proxy/exchange.ts';
import { EdgeFixture, eventually } from './edge-fixture.ts';

let edge: EdgeFixture;

beforeAll(async () => {
  edge = await EdgeFixture.create();
});

afterAll(() => edge.close());

/** A port whose requests stay open until released; targets with `watch` are watches. */
async function start(admission: Admission) {
  const held: Exchange[] = [];
  const running = await edge.start({
    handle: (exchange) => {
      const admitted = exchange.target.includes('watch')
        ? admission.watch(exchange)
        : admission.request(exchange);
      if (admitted) held.push(exchange);
    },
  });
  return { running, held };
}

describe('admission', () => {
  test('bounds the requests of one connection and of all', async () => {
    const admission = new Admission({
      maxWatches: 10,
      maxInFlight: 3,
      maxInFlightPerConnection: 2,
    });
    const { running, held } = await start(admission);
    const first = await running.client('h2');
    const second = await running.client('h2');
    first.open({ path: '/1' });
    first.open({ path: '/2' });
    await eventually(() => held.length === 2);
    const refused = await first.get('/3');
    expect(refused.status).toBe(429);
    expect(refused.header('retry-after')).toBe('1');
    expect(refused.text).toContain('"reason":"TooManyRequests"');
    second.open({ path: '/4' });
    await eventually(() => held.length === 3);
    expect((await second.get('/5')).status).toBe(429);
    expect([admission.inFlight, admission.refusedRequests]).toEqual([3, 2]);
    held[0].respondBytes(200, 'text/plain', Buffer.from('done'));
    await eventually(() => admission.inFlight === 2);
    first.open({ path: '/6' });
    await eventually(() => held.length === 4);
    first.close();
    second.close();
    await eventually(() => admission.inFlight === 0);
    expect(held.map(({ connection }) => connection.inFlight)).toEqual([0, 0, 0, 0]);
  });

  test('bounds watches apart from requests', async () => {
    const admission = new Admission({
      maxWatches: 2,
      maxInFlight: 1,
      maxInFlightPerConnection: 1,
    });
    const { running, held } = await start(admission);
    const client = await running.client('h2');
    const open = client.open({ path: '/watch/1' });
    client.open({ path: '/watch/2' });
    await eventually(() => held.length === 2);
    expect((await client.get('/watch/3')).status).toBe(429);
    expect([admission.openWatches, admission.refusedWatches]).toEqual([2, 1]);
    open.abort();
    await eventually(() => admission.openWatches === 1);
    client.open({ path: '/watch/4' });
    client.open({ path: '/5' });
    await eventually(() => held.length === 4);
    client.close();
    await eventually(() => admission.openWatches === 0 && admission.inFlight === 0);
  });

  test('admits no watch while draining, but finishes requests', async () => {
    const admission = new Admission();
    const { running, held } = await start(admission);
    admission.draining = true;
    const client = await running.client('http/1.1');
    const refused = await client.get('/watch');
    expect(refused.status).toBe(429);
    expect(refused.text).toContain('shutting down');
    client.open({ path: '/1' });
    await eventually(() => held.length === 1);
  });
});
