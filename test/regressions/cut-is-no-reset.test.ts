// A connection that was cut (the grace of a drain was over, or a limit reached) took leave of a stream with a write in
// flight by RST_STREAM with NO_ERROR, in the middle of an event as well. Some clients take that for the end of the body, and
// client-go lists anew after any reset, where a lost connection makes it resume (semantics 9.2).

import { once } from 'node:events';
import { connect } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Sink } from '../../src/proxy/sink.ts';
import { EdgeFixture } from '../proxy/edge-fixture.ts';
import { FrameTap } from '../support/frame-tap.ts';
import { END_STREAM, FrameType } from '../support/http2-frames.ts';

/** More than a client's windows take at once. */
const event = Buffer.alloc(300_000, 'a');

let edge: EdgeFixture;

beforeAll(async () => {
  edge = await EdgeFixture.create();
});

afterAll(() => edge.close());

function writeForEver(sink: Sink): void {
  sink.onReady = () => sink.write(event);
  sink.write(event);
}

test('A stream whose connection is cut is neither reset nor ended', async () => {
  const running = await edge.start({
    handle: (exchange) => writeForEver(exchange.respond(200, ['Content-Type', 'application/json'])),
  });
  const socket = await running.socket(['h2']);
  // Cut with data on its way, the connection may be reset: that is what tells the client.
  const closed = new Promise<void>(
    (resolve) => void socket.on('error', () => {}).once('close', () => resolve()),
  );
  const tap = new FrameTap(socket);
  const session = connect('https://localhost', { createConnection: () => tap as never });
  session.on('error', () => {});
  const streams = [1, 2, 3, 4].map(() => session.request({ ':path': '/api/v1/pods?watch=1' }));
  const heads = streams.map((stream) =>
    once(
      stream.on('error', () => {}),
      'response',
    ),
  );
  await Promise.all(heads);
  for (const stream of streams.slice(2)) stream.resume();
  running.server.announceDrain();
  running.server.startDrain();
  await sleep(100);
  for (const stream of streams) stream.resume();
  running.server.destroy();
  await closed;
  const ends = tap.frames.filter(
    ({ type, flags }) =>
      type === FrameType.rstStream || (type === FrameType.data && (flags & END_STREAM) !== 0),
  );
  expect(ends).toEqual([]);
});
