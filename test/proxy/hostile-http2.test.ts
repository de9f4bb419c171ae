import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Exchange, vouchFor } from '../../src/proxy/exchange.ts';
import {
  END_HEADERS,
  END_STREAM,
  frame,
  FrameType,
  getBlock,
  headerBlock,
  PREFACE,
  request,
  rstStream,
  settings,
} from '../support/http2-frames.ts';
import { FrameTap } from '../support/frame-tap.ts';
import type { RecordingClient } from '../support/recording-client.ts';
import { EdgeFixture, eventually, openDescriptors, type RunningServer } from './edge-fixture.ts';

const ACK = frame(FrameType.settings, 1, 0, Buffer.alloc(0));

let edge: EdgeFixture;
let running: RunningServer;
let bystander: RecordingClient;
const handled: Exchange[] = [];

beforeAll(async () => {
  edge = await EdgeFixture.create();
  running = await edge.start({
    limits: {
      maxHeaderBytes: 4096,
      maxConcurrentStreams: 50,
      maxConcurrentStreamsUnvouched: 30,
      maxResets: 200,
      headersTimeoutMs: 200,
      reapIntervalMs: 20,
      lingerMs: 50,
    },
    handle: (exchange) => {
      handled.push(exchange);
      if (!exchange.target.startsWith('/hang')) {
        exchange.respondBytes(200, 'text/plain', Buffer.from(exchange.target));
      }
    },
  });
  bystander = await running.client('h2');
  bystander.open({ path: '/hang/bystander' });
  await bystander.get('/ok');
});

afterAll(() => edge.close());

/** A client that sends `bytes` behind a proper start and reads what comes. */
async function send(...bytes: Buffer[]): Promise<{ socket: TLSSocket; tap: FrameTap }> {
  const socket = await running.socket(['h2']);
  const tap = new FrameTap(socket);
  tap.on('error', () => {});
  tap.resume();
  socket.write(Buffer.concat([PREFACE, settings(), ...bytes]));
  return { socket, tap };
}

function closed(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve();
    else socket.once('close', () => resolve());
  });
}

/** Only the bystander's connection is left. */
async function alone(): Promise<void> {
  await eventually(
    () =>
      running.server.stats.openConnections === 1 &&
      running.server.stats.openSessions === 1 &&
      running.server.stats.openStreams === 1,
  );
  expect((await bystander.get('/ok')).status).toBe(200);
  expect(bystander.responses[0].end.kind).toBe('open');
}

/** `count` requests, each given up at once. */
function rapidReset(count: number, path = '/hang'): Buffer {
  const block = getBlock(path);
  const parts: Buffer[] = [];
  for (let i = 0; i < count; i++) parts.push(request(2 * i + 1, block), rstStream(2 * i + 1, 8));
  return Buffer.concat(parts);
}

describe('a stream', () => {
  test.each([
    [
      'an absolute target',
      [
        [':method', 'GET'],
        [':scheme', 'https'],
        [':path', 'http://evil/'],
        [':authority', 'a'],
      ],
    ],
    [
      'CONNECT',
      [
        [':method', 'CONNECT'],
        [':authority', 'evil:443'],
      ],
    ],
    [
      'an asterisk',
      [
        [':method', 'OPTIONS'],
        [':scheme', 'https'],
        [':path', '*'],
        [':authority', 'a'],
      ],
    ],
    [
      'a fragment',
      [
        [':method', 'GET'],
        [':scheme', 'https'],
        [':path', '/api#x'],
        [':authority', 'a'],
      ],
    ],
    [
      'a Host that is not the authority',
      [
        [':method', 'GET'],
        [':scheme', 'https'],
        [':path', '/'],
        [':authority', 'a'],
        ['host', 'b'],
      ],
    ],
    [
      'an imitated identity header',
      [
        [':method', 'GET'],
        [':scheme', 'https'],
        [':path', '/'],
        [':authority', 'a'],
        ['impersonate_user', 'root'],
      ],
    ],
  ] as [string, [string, string][]][])(
    'with %s is refused, and its connection goes on',
    async (_name, pairs) => {
      const before = handled.length;
      const { socket, tap } = await send(
        request(1, headerBlock(...pairs)),
        request(3, getBlock('/after')),
      );
      await eventually(() =>
        tap.frames.some(({ stream, type }) => stream === 3 && type === FrameType.data),
      );
      await eventually(() =>
        tap.frames.some(
          ({ stream, flags, type }) =>
            stream === 1 && (type === FrameType.rstStream || (flags & END_STREAM) !== 0),
        ),
      );
      expect(
        handled
          .slice(before)
          .map(({ target }) => target)
          .filter((target) => target !== '/ok'),
      ).toEqual(['/after']);
      socket.destroy();
      await alone();
    },
  );

  test.each([
    ['connection: impersonate-user', ['connection', 'impersonate-user']],
    ['transfer-encoding: chunked', ['transfer-encoding', 'chunked']],
    ['an upper-case name', ['X-Upper', 'a']],
    ['te: gzip', ['te', 'gzip']],
  ] as [string, [string, string]][])('with %s never reaches a handler', async (_name, pair) => {
    const before = handled.length;
    const { socket, tap } = await send(
      request(1, getBlock('/bad', pair)),
      request(3, getBlock('/after')),
    );
    await eventually(() =>
      tap.frames.some(({ stream, type }) => stream === 3 && type === FrameType.data),
    );
    expect(handled.slice(before).some(({ target }) => target === '/bad')).toBe(false);
    socket.destroy();
    await alone();
  });

  test('with headers beyond the limit is answered 431', async () => {
    const client = await running.client('h2');
    const response = await client.get('/', { 'x-a': 'b'.repeat(5000) });
    expect(response.status).toBe(431);
    expect((await client.get('/after')).status).toBe(200);
    client.close();
    await alone();
  });

  test('with headers far beyond the limit is reset', async () => {
    const client = await running.client('h2');
    const response = await client.get('/', { 'x-a': 'b'.repeat(12_000) });
    expect(response.status === 431 || response.end.kind === 'reset').toBe(true);
    client.close();
    await alone();
  });

  test('beyond those allowed at once is refused, not queued', async () => {
    const before = handled.length;
    const block = getBlock('/hang');
    const { socket, tap } = await send(
      ...Array.from({ length: 60 }, (_, i) => request(2 * i + 1, block)),
    );
    await eventually(
      () => tap.frames.filter(({ type }) => type === FrameType.rstStream).length >= 10,
    );
    expect(
      handled.slice(before).filter(({ target }) => target === '/hang').length,
    ).toBeLessThanOrEqual(50);
    socket.destroy();
    await alone();
  });

  test('is one of fewer before anybody is known to have sent one', async () => {
    const before = handled.length;
    const block = getBlock('/hang');
    const hang = (first: number, count: number): Buffer =>
      Buffer.concat(Array.from({ length: count }, (_, i) => request(2 * (first + i) + 1, block)));
    const opened = (): number => handled.length - before;
    const { socket, tap } = await send(hang(0, 40));
    const refused = (): number =>
      tap.frames.filter(({ type }) => type === FrameType.rstStream).length;
    await eventually(() => opened() + refused() === 40);
    expect(opened()).toBe(30);
    vouchFor(handled[before].connection);
    const settingsSent = (): number =>
      tap.frames.filter(({ type, flags }) => type === FrameType.settings && flags === 0).length;
    await eventually(() => settingsSent() === 2);
    socket.write(Buffer.concat([ACK, ACK, hang(40, 20)]));
    await eventually(() => opened() === 50);
    expect(refused()).toBe(10);
    socket.destroy();
    await alone();
  });
});

describe('a connection is cut', () => {
  test('that resets streams in bulk', async () => {
    const attackers = await Promise.all(Array.from({ length: 5 }, () => send(rapidReset(5_000))));
    await Promise.all(attackers.map(({ socket }) => closed(socket)));
    await alone();
    await eventually(() => handled.every(({ target, aborted }) => target !== '/hang' || aborted));
  });

  test('that resets streams in bulk and never reads', async () => {
    const socket = await running.socket(['h2']);
    socket.pause();
    socket.write(Buffer.concat([PREFACE, settings(), rapidReset(5_000, '/answered')]));
    await alone();
    socket.destroy();
  });

  test('that resets streams before their headers are complete', async () => {
    const parts: Buffer[] = [];
    const block = getBlock('/hang');
    for (let i = 0; i < 3_000; i++) {
      parts.push(frame(FrameType.headers, END_HEADERS, 2 * i + 1, block), rstStream(2 * i + 1, 2));
    }
    const { socket } = await send(...parts);
    await closed(socket);
    await alone();
  });

  test('that floods CONTINUATION', async () => {
    const piece = headerBlock(['x-a', 'b'.repeat(100)]);
    const { socket } = await send(
      frame(FrameType.headers, END_STREAM, 1, getBlock('/')),
      ...Array.from({ length: 2_000 }, () => frame(FrameType.continuation, 0, 1, piece)),
    );
    await closed(socket);
    await alone();
  });

  test('that never finishes its headers', async () => {
    const { socket } = await send(frame(FrameType.headers, END_STREAM, 1, getBlock('/')));
    await closed(socket);
    await alone();
  });

  test('that never asks anything', async () => {
    const { socket } = await send();
    await closed(socket);
    await alone();
  });

  test('that only pings', async () => {
    const { socket } = await send();
    const ping = frame(FrameType.ping, 0, 0, Buffer.alloc(8));
    const pings = setInterval(() => socket.write(ping), 5);
    await closed(socket);
    clearInterval(pings);
    await alone();
  });

  test('that floods PING or SETTINGS without reading', async () => {
    for (const flood of [frame(FrameType.ping, 0, 0, Buffer.alloc(8)), settings([3, 100])]) {
      const socket = await running.socket(['h2']);
      socket.pause();
      socket.write(
        Buffer.concat([PREFACE, settings(), ...Array.from({ length: 50_000 }, () => flood)]),
      );
      await alone();
      socket.destroy();
    }
  });

  test.each([
    ['garbage', Buffer.from('hello, this is no frame at all, not even nearly one')],
    ['a frame on an even stream', request(2, getBlock('/'))],
    ['DATA on an idle stream', frame(FrameType.data, 0, 1, Buffer.alloc(10))],
    ['a window increment of zero', frame(FrameType.windowUpdate, 0, 0, Buffer.alloc(4))],
    ['an oversized frame', frame(FrameType.data, 0, 1, Buffer.alloc(20_000))],
    [
      'a compression bomb index',
      frame(
        FrameType.headers,
        END_HEADERS | END_STREAM,
        1,
        Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]),
      ),
    ],
    ['a CONTINUATION of nothing', frame(FrameType.continuation, END_HEADERS, 1, getBlock('/'))],
  ])('that sends %s', async (_name, bytes) => {
    const { socket } = await send(bytes);
    await closed(socket);
    await alone();
  });

  test('that is not HTTP/2 though it said so', async () => {
    const socket = await running.socket(['h2']);
    socket.resume();
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await closed(socket);
    await alone();
  });

  test('that ends its side', async () => {
    const { socket } = await send(request(1, getBlock('/hang')));
    await eventually(() => running.server.stats.openStreams === 2);
    socket.end();
    await closed(socket);
    await alone();
  });
});

describe('a connection is let go', () => {
  test('with a GOAWAY when it was idle for long', async () => {
    const idle = await edge.start({ limits: { idleTimeoutMs: 50, reapIntervalMs: 20 } });
    const client = await idle.client('h2');
    await client.get('/');
    await eventually(() => idle.server.stats.openConnections === 0);
    expect(client.frames.find(({ type }) => type === FrameType.goaway)?.code).toBe(0);
  });

  test('never while a stream is open', async () => {
    let open: Exchange | undefined;
    const idle = await edge.start({
      limits: { idleTimeoutMs: 30, headersTimeoutMs: 30, reapIntervalMs: 10, lingerMs: 10 },
      handle: (exchange) => {
        open = exchange;
      },
    });
    const client = await idle.client('h2');
    const response = client.open({ path: '/' });
    await eventually(() => open !== undefined);
    // Several idle times of another connection, which is reaped meanwhile.
    for (let i = 0; i < 3; i++) {
      const other = await idle.socket(['h2']);
      other.resume();
      other.write(Buffer.concat([PREFACE, settings()]));
      await closed(other);
    }
    open?.respondBytes(200, 'text/plain', Buffer.from('late'));
    await response.untilEnd();
    expect(response.text).toBe('late');
  });
});

test('after all that, no descriptor is left', async () => {
  await alone();
  const before = openDescriptors();
  for (let i = 0; i < 10; i++) await closed((await send(rapidReset(1_000))).socket);
  await alone();
  expect(openDescriptors()).toBeLessThanOrEqual(before);
  expect(running.failures).toEqual([]);
});
