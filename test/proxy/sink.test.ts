import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Exchange } from '../../src/proxy/exchange.ts';
import type { Sink } from '../../src/proxy/sink.ts';
import { EdgeFixture, eventually, PROTOCOLS, type RunningServer } from './edge-fixture.ts';

let edge: EdgeFixture;
let running: RunningServer;
let handle: (exchange: Exchange) => void;

beforeAll(async () => {
  edge = await EdgeFixture.create();
  running = await edge.start({ handle: (exchange) => handle(exchange) });
});

afterAll(() => edge.close());

/** Opens one response; gives both ends of it. */
async function open(protocol: (typeof PROTOCOLS)[number], path = '/') {
  let sink: Sink | undefined;
  handle = (exchange) => {
    sink = exchange.respond(200, []);
  };
  const client = await running.client(protocol, 65_535);
  const response = await client.open({ path }).untilHead();
  return { client, response, sink: sink as Sink };
}

/** Gives `condition` some turns of the event loop to come true. */
async function settled(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 50 && !condition(); turn++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

describe.each(PROTOCOLS)('a sink over %s', (protocol) => {
  test('takes one write at a time', async () => {
    const { response, sink } = await open(protocol);
    let taken = 0;
    sink.onReady = () => taken++;
    expect(sink.ready).toBe(true);
    expect(sink.write(Buffer.from('one'))).toBe(true);
    expect([sink.ready, sink.bytesInFlight, taken]).toEqual([false, 3, 0]);
    expect(sink.write(Buffer.from('two'))).toBe(false);
    await eventually(() => taken === 1);
    expect([sink.ready, sink.bytesInFlight]).toEqual([true, 0]);
    expect(sink.write(Buffer.from('three'))).toBe(true);
    await response.untilBytes(8);
    expect(response.text).toBe('onethree');
    sink.end();
    await response.untilEnd();
    expect(response.end).toEqual({ kind: 'clean' });
    await eventually(() => sink.closed);
  });

  test('sends each write without waiting for more', async () => {
    const { response, sink } = await open(protocol);
    for (let i = 1; i <= 3; i++) {
      sink.write(Buffer.from(`line ${i}\n`));
      await response.untilLines(i);
      await eventually(() => sink.ready);
    }
    sink.end();
    await response.untilEnd();
  });

  test('an empty write is taken like any other', async () => {
    const { sink } = await open(protocol);
    let taken = 0;
    sink.onReady = () => taken++;
    expect(sink.write(Buffer.alloc(0))).toBe(true);
    expect(taken).toBe(0);
    await eventually(() => taken === 1);
    expect(sink.ready).toBe(true);
    sink.end();
  });

  test('takes shared memory as it is', async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(16)).fill(0x61);
    const { response, sink } = await open(protocol);
    sink.write(shared.subarray(4, 8));
    sink.end();
    await response.untilEnd();
    expect(response.text).toBe('aaaa');
  });

  test('an end goes behind the write in flight', async () => {
    const { response, sink } = await open(protocol);
    let closed = 0;
    sink.onClose = () => closed++;
    sink.write(Buffer.alloc(300_000, 'x'));
    sink.end();
    expect(sink.ready).toBe(false);
    await response.untilEnd();
    expect([response.bytes, response.end.kind]).toEqual([300_000, 'clean']);
    await eventually(() => sink.closed);
    expect(closed).toBe(1);
  });

  test('destroy breaks the body off', async () => {
    const { response, sink } = await open(protocol);
    sink.write(Buffer.from('half'));
    await response.untilBytes(4);
    sink.destroy();
    await response.untilEnd();
    expect(response.end.kind).toBe(protocol === 'h2' ? 'reset' : 'cut');
    await eventually(() => sink.closed);
  });

  test('a client that stalls costs one write and no call', async () => {
    const { response, sink } = await open(protocol);
    let taken = 0;
    sink.onReady = () => taken++;
    response.stall();
    // The kernel and flow control swallow some megabytes before a write stays in flight.
    let written = 0;
    while (written < 1000 && sink.write(Buffer.alloc(256 * 1024, 'x'))) {
      written++;
      await settled(() => taken === written);
    }
    expect(written).toBeLessThan(1000);
    expect([sink.ready, sink.bytesInFlight]).toEqual([false, 256 * 1024]);
    response.resume();
    await eventually(() => sink.ready);
    sink.end();
    await response.untilEnd();
    expect(response.end).toEqual({ kind: 'clean' });
  });

  test('a stalled client that goes away closes it', async () => {
    const { client, response, sink } = await open(protocol);
    client.stall();
    response.stall();
    sink.write(Buffer.alloc(16 * 1024 * 1024, 'x'));
    client.close();
    await eventually(() => sink.closed);
    expect([sink.ready, sink.bytesInFlight]).toEqual([false, 0]);
  });
});

describe('two streams of one h2 connection', () => {
  test('one that does not read does not hold up the other', async () => {
    const sinks: Sink[] = [];
    handle = (exchange) => sinks.push(exchange.respond(200, []));
    const client = await running.client('h2');
    const stalled = await client.open({ path: '/stalled' }).untilHead();
    stalled.stall();
    sinks[0].write(Buffer.alloc(1024 * 1024, 'x'));
    const healthy = await client.open({ path: '/healthy' }).untilHead();
    for (let i = 0; i < 20; i++) {
      sinks[1].write(Buffer.from('line\n'));
      await healthy.untilLines(i + 1);
      await eventually(() => sinks[1].ready);
    }
    expect(sinks[0].ready).toBe(false);
  });
});
