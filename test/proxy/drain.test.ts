import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drain, type Drainable, type EndableWatches } from '../../src/proxy/drain.ts';
import type { Exchange } from '../../src/proxy/exchange.ts';
import type { Sink } from '../../src/proxy/sink.ts';
import type { ReceivedFrame } from '../support/frame-tap.ts';
import { EdgeFixture, eventually, PROTOCOLS } from './edge-fixture.ts';

const GOAWAY = 7;
const RST_STREAM = 3;
const LONG_MS = 20_000;

let edge: EdgeFixture;

beforeAll(async () => {
  edge = await EdgeFixture.create();
});

afterAll(() => edge.close());

/** A port that holds `/watch` open as watches and `/slow` until released. */
async function start() {
  const sinks = new Set<Sink>();
  const slow: Exchange[] = [];
  const running = await edge.start({
    handle: (exchange) => {
      if (exchange.target === '/watch') {
        const sink = exchange.respond(200, []);
        sink.onClose = () => sinks.delete(sink);
        sinks.add(sink);
      } else if (exchange.target === '/slow') {
        slow.push(exchange);
      } else {
        exchange.respondBytes(200, 'text/plain', Buffer.from('ok'));
      }
    },
  });
  const batches: number[] = [];
  const watches: EndableWatches = {
    get openWatches() {
      return sinks.size;
    },
    endWatches: (count) => {
      batches.push(count);
      for (const sink of [...sinks].slice(0, count)) {
        sinks.delete(sink);
        sink.end();
      }
    },
  };
  return { running, sinks, slow, batches, watches };
}

describe.each(PROTOCOLS)('a drain over %s', (protocol) => {
  test('ends watches cleanly, spread over time, and then every connection', async () => {
    const { running, sinks, batches, watches } = await start();
    const clients = await Promise.all([1, 2, 3, 4].map(() => running.client(protocol)));
    const open = clients.map((client) => client.open({ path: '/watch' }));
    await eventually(() => sinks.size === 4);
    expect(await running.server.drain(1_000, watches)).toBe('finished');
    await Promise.all(open.map((response) => response.untilEnd()));
    expect(open.map(({ end }) => end.kind)).toEqual(['clean', 'clean', 'clean', 'clean']);
    expect(batches.length).toBeGreaterThan(1);
    expect(running.server.openConnections).toBe(0);
    for (const { frames } of clients) {
      expect(frames.filter(({ type }) => type === RST_STREAM)).toEqual([]);
    }
  });

  test('lets answers that are under way finish', async () => {
    const { running, slow } = await start();
    const client = await running.client(protocol);
    const response = client.open({ path: '/slow' });
    await eventually(() => slow.length === 1);
    const result = running.server.drain(LONG_MS);
    slow[0].respondBytes(200, 'text/plain', Buffer.from('at last'));
    await response.untilEnd();
    expect([response.text, response.end.kind]).toEqual(['at last', 'clean']);
    if (protocol === 'http/1.1') expect(response.header('connection')).toBe('close');
    expect(await result).toBe('finished');
  });

  test('cuts what is left when the grace is over', async () => {
    const { running, slow } = await start();
    const client = await running.client(protocol);
    const response = client.open({ path: '/slow' });
    await eventually(() => slow.length === 1);
    expect(await running.server.drain(50)).toBe('cut');
    await response.untilEnd();
    expect(response.end.kind).toBe('cut');
    expect(client.frames.filter(({ type }) => type === RST_STREAM)).toEqual([]);
    await eventually(() => slow[0].aborted && running.server.openConnections === 0);
  });

  test('is over at once when only idle connections are left', async () => {
    const { running } = await start();
    const client = await running.client(protocol);
    await client.get('/');
    expect(await running.server.drain(LONG_MS)).toBe('finished');
  });

  test('refuses new connections from its first moment', async () => {
    const { running, slow } = await start();
    const client = await running.client(protocol);
    client.open({ path: '/slow' });
    await eventually(() => slow.length === 1);
    const result = running.server.drain(100);
    await expect(running.socket()).rejects.toThrow();
    await result;
  });
});

test('an h2 client learns of the end before streams are refused', async () => {
  const { running, sinks, slow, watches } = await start();
  const client = await running.client('h2');
  client.open({ path: '/watch' });
  // It keeps the connection, which the client else closes at the first word.
  client.open({ path: '/slow' });
  await eventually(() => sinks.size === 1 && slow.length === 1);
  // Long enough that a slow machine cuts nobody.
  const drained = running.server.drain(3_000, watches);
  const goaways = (): readonly ReceivedFrame[] =>
    client.frames.filter(({ type }) => type === GOAWAY);
  await eventually(() => goaways().length === 2);
  expect(goaways().map(({ code }) => code)).toEqual([0, 0]);
  expect(goaways().map(({ lastStream }) => lastStream)).toEqual([2 ** 31 - 1, 3]);
  slow[0].respondBytes(200, 'text/plain', Buffer.from('late'));
  expect(await drained).toBe('finished');
});

test('watches that come late are ended too', async () => {
  let open = 0;
  let steps = 0;
  const port: Drainable = {
    get openConnections() {
      return steps > 0 && open === 0 ? 0 : 1;
    },
    announceDrain: () => {},
    startDrain: () => {
      open = 3;
    },
    destroy: () => {
      throw new Error('nothing was to be cut');
    },
  };
  const watches = {
    get openWatches() {
      return open;
    },
    endWatches: (count: number) => {
      steps++;
      open -= count;
    },
  };
  expect(await drain(port, watches, { graceMs: LONG_MS, announceMs: 1, stepMs: 1 })).toBe(
    'finished',
  );
});
