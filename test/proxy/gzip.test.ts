import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Exchange } from '../../src/proxy/exchange.ts';
import { Compressor, GZIP_THRESHOLD_BYTES, respondWhole } from '../../src/proxy/gzip.ts';
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

/** Bytes that do not get shorter, the same in every run. */
function noise(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0, word = seed; i < length; i++) {
    word = (word * 48_271) % 2_147_483_647;
    bytes[i] = word >> 8;
  }
  return bytes;
}

/** Writes all pieces, each when the one before was taken. */
async function writeAll(sink: Sink, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) {
    await new Promise<void>((resolve) => {
      sink.onReady = resolve;
      sink.onClose = resolve;
      if (!sink.write(piece)) resolve();
    });
  }
}

describe.each(PROTOCOLS)('compressed answers over %s', (protocol) => {
  test('are the written bytes when they are decompressed', async () => {
    const compressor = new Compressor({ gzip: true, maxConcurrent: 2 });
    const pieces = [noise(300_000), Buffer.alloc(0), Buffer.alloc(500_000, 'ab'), noise(7, 5)];
    handle = (exchange) => {
      const sink = compressor.over(exchange.respond(200, []));
      void writeAll(sink, pieces).then(() => sink.end());
    };
    const client = await running.client(protocol);
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => client.get('/')));
    for (const { end, body } of answers) {
      expect(end).toEqual({ kind: 'clean' });
      expect(gunzipSync(body).equals(Buffer.concat(pieces))).toBe(true);
    }
    expect(compressor.busy).toBe(0);
    expect(compressor.bodies).toBe(5);
    expect(compressor.plainBytes).toBe(5 * Buffer.concat(pieces).length);
    expect(compressor.gzipBytes).toBe(answers.reduce((sum, { body }) => sum + body.length, 0));
  });

  test('a client that does not read keeps neither a place nor more than one write', async () => {
    const compressor = new Compressor({ gzip: true, maxConcurrent: 1 });
    let taken = 0;
    const sinks: Sink[] = [];
    handle = (exchange) => {
      const sink = compressor.over(exchange.respond(200, []));
      sinks.push(sink);
      sink.onReady = () => {
        taken++;
        sink.write(noise(1_000_000, taken));
      };
      sink.write(noise(1_000_000));
    };
    const stalled = await running.client(protocol, 65_535);
    const response = await stalled.open({ path: '/' }).untilHead();
    response.stall();
    // The kernel's buffers take some; then nothing moves although nobody is with zlib.
    let before = -1;
    while (before !== taken) {
      before = taken;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await eventually(() => compressor.busy === 0);
    expect(sinks[0].ready).toBe(false);
    handle = (exchange) => {
      const sink = compressor.over(exchange.respond(200, []));
      void writeAll(sink, [noise(400_000)]).then(() => sink.end());
    };
    const other = await running.client(protocol);
    const { body } = await other.get('/');
    expect(gunzipSync(body).equals(noise(400_000))).toBe(true);
    response.abort();
    await eventually(() => sinks[0].closed);
    expect(compressor.busy).toBe(0);
  });

  test('a client that goes away frees its place, whenever it goes', async () => {
    const compressor = new Compressor({ gzip: true, maxConcurrent: 1 });
    const sinks: Sink[] = [];
    handle = (exchange) => {
      const sink = compressor.over(exchange.respond(200, []));
      sinks.push(sink);
      sink.onReady = () => sink.write(noise(2_000_000));
      sink.write(noise(2_000_000));
    };
    for (let bytes = 0; bytes < 3_000_000; bytes += 500_000) {
      const client = await running.client(protocol);
      const response = await client.open({ path: '/' }).untilHead();
      await response.untilBytes(bytes);
      response.abort();
      client.close();
    }
    await eventually(() => sinks.every(({ closed }) => closed) && compressor.busy === 0);
    expect(compressor.busy).toBe(0);
  });

  test('a body that is broken off does not look complete', async () => {
    const compressor = new Compressor({ gzip: true, maxConcurrent: 1 });
    handle = (exchange) => {
      const sink = compressor.over(exchange.respond(200, []));
      void writeAll(sink, [noise(300_000)]).then(() => sink.destroy());
    };
    const client = await running.client(protocol);
    const { end } = await client.get('/');
    expect(end.kind).not.toBe('clean');
    await eventually(() => compressor.busy === 0);
  });

  test('whole bodies are compressed above the threshold only', async () => {
    const compressor = new Compressor({ gzip: true, maxConcurrent: 1 });
    const client = await running.client(protocol);
    for (const length of [0, 1, GZIP_THRESHOLD_BYTES, GZIP_THRESHOLD_BYTES + 1]) {
      const bytes = noise(length);
      handle = (exchange) =>
        void respondWhole(exchange, compressor, {
          contentType: 'text/plain',
          bytes,
          warnings: ['Warning', '299 - "old"'],
        });
      const answer = await client.get('/', { 'accept-encoding': 'gzip' });
      const isLong = length > GZIP_THRESHOLD_BYTES;
      expect(answer.header('content-encoding')).toBe(isLong ? 'gzip' : undefined);
      expect(answer.header('vary')).toBe(isLong ? 'Accept-Encoding' : undefined);
      expect(answer.header('warning')).toBe('299 - "old"');
      expect((isLong ? gunzipSync(answer.body) : answer.body).equals(bytes)).toBe(true);
    }
  });

  test.each([
    ['gzip', true],
    ['br, gzip', true],
    ['br ,\tgzip ,x', true],
    ['gzip;q=1', false],
    ['GZIP', false],
    ['*', false],
    ['', false],
    [undefined, false],
  ])('Accept-Encoding %o is understood as the apiserver does', async (accepted, expected) => {
    const seen: boolean[] = [];
    handle = (exchange) => {
      for (const gzip of [true, false]) {
        seen.push(new Compressor({ gzip, maxConcurrent: 1 }).accepts(exchange));
      }
      exchange.respondBytes(200, 'text/plain', Buffer.from('ok'));
    };
    const client = await running.client(protocol);
    await client.get('/', accepted === undefined ? {} : { 'accept-encoding': accepted });
    expect(seen).toEqual([expected, false]);
  });
});
