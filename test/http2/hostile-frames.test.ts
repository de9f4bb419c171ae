// Frames at random, well formed and not: whatever comes, the process, its other clients and its descriptors stay.

import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  EdgeFixture,
  eventually,
  openDescriptors,
  type RunningServer,
} from '../proxy/edge-fixture.ts';
import { frame, getBlock, headerBlock, PREFACE, settings } from '../support/http2-frames.ts';
import type { RecordingClient } from '../support/recording-client.ts';

let edge: EdgeFixture;
let running: RunningServer;
let bystander: RecordingClient;

beforeAll(async () => {
  edge = await EdgeFixture.create();
  running = await edge.start({
    limits: { maxConcurrentStreams: 4, streamWindowBytes: 65_535, sessionWindowBytes: 100_000 },
    handle: (exchange) => {
      if (exchange.target === '/held') return;
      if (exchange.hasBody) exchange.body().resume();
      exchange.respondBytes(200, 'text/plain', Buffer.alloc(3_000, exchange.target));
    },
  });
  bystander = await running.client('h2');
  bystander.open({ path: '/held' });
});

afterAll(() => edge.close());

const blocks = fc.oneof(
  fc.constantFrom(getBlock('/'), getBlock('/held'), headerBlock(['x-a', 'b']), Buffer.alloc(0)),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
);
const payloads = fc.oneof(
  blocks,
  fc
    .constantFrom(4, 5, 6, 8)
    .chain((length) =>
      fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes)),
    ),
  fc.constant(Buffer.alloc(16_384)),
);
const types = fc.oneof(fc.constantFrom(0, 1, 1, 1, 3, 4, 6, 8, 9), fc.nat(12));
const flags = fc.oneof(fc.constantFrom(0, 1, 4, 5), fc.nat(255));
const streams = fc.oneof(fc.constantFrom(0, 1, 1, 3, 5, 7), fc.nat(20));
const frames = fc
  .tuple(types, flags, streams, payloads)
  .map(([type, flag, stream, payload]) => frame(type, flag, stream, payload));
/** Now and then a byte is another one. */
const torn = fc.tuple(frames, fc.nat(), fc.nat(255)).map(([bytes, at, byte]) => {
  const copy = Buffer.from(bytes);
  copy[at % copy.length] = byte;
  return copy;
});
const talks = fc.array(fc.oneof({ weight: 4, arbitrary: frames }, torn), { maxLength: 40 });

test('Random frames end their own connection or get answers, and cost nobody else anything', async () => {
  const before = openDescriptors();
  await fc.assert(
    fc.asyncProperty(talks, fc.boolean(), async (talk, reads) => {
      const socket = await running.socket(['h2']);
      socket.on('error', () => {});
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
      if (reads) socket.resume();
      socket.write(Buffer.concat([PREFACE, settings(), ...talk]));
      // Long enough for what is wrong to be found; the rest is cut, mid-answer or idle.
      await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 10))]);
      socket.destroy();
      await closed;
    }),
    { numRuns: 400 },
  );
  await eventually(() => running.server.stats.openSessions === 1);
  await eventually(() => running.server.stats.openStreams === 1);
  expect((await bystander.get('/')).status).toBe(200);
  expect(bystander.responses[0].end.kind).toBe('open');
  expect(running.failures).toEqual([]);
  await eventually(() => openDescriptors() <= before);
}, 60_000);
