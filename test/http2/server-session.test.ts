// One connection against frames written by hand: what RFC 9113 asks of a server, and what a peer cannot do.

import type { TLSSocket } from 'node:tls';
import { connect } from 'node:http2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Exchange } from '../../src/proxy/exchange.ts';
import type { Sink } from '../../src/proxy/sink.ts';
import { EdgeFixture, eventually, type RunningServer } from '../proxy/edge-fixture.ts';
import { FrameTap, type ReceivedFrame } from '../support/frame-tap.ts';
import {
  ACK,
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

const PADDED = 8;
const PRIORITY = 0x20;
const PROTOCOL_ERROR = 1;
const FLOW_CONTROL_ERROR = 3;
const STREAM_CLOSED = 5;
const FRAME_SIZE_ERROR = 6;
const REFUSED_STREAM = 7;
const COMPRESSION_ERROR = 9;
const ENHANCE_YOUR_CALM = 11;
const INITIAL_WINDOW_SIZE = 4;

let edge: EdgeFixture;
let running: RunningServer;
let handle: (exchange: Exchange) => void;

beforeAll(async () => {
  edge = await EdgeFixture.create();
  running = await edge.start({
    limits: {
      maxConcurrentStreams: 5,
      maxHeaderBytes: 20_000,
      streamWindowBytes: 65_535,
      sessionWindowBytes: 200_000,
    },
    handle: (exchange) => handle(exchange),
  });
  handle = (exchange) => exchange.respondBytes(200, 'text/plain', Buffer.from('ok'));
});

afterAll(async () => {
  expect(running.failures).toEqual([]);
  await edge.close();
});

class Peer {
  readonly socket: TLSSocket;
  readonly tap: FrameTap;
  readonly body: Buffer[] = [];

  static async connect(hello: Buffer = Buffer.concat([PREFACE, settings()])): Promise<Peer> {
    const socket = await running.socket(['h2']);
    const peer = new Peer(socket);
    socket.write(hello);
    return peer;
  }

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    this.tap = new FrameTap(socket);
    this.tap.on('error', () => {});
    this.tap.resume();
  }

  send(...frames: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  of(type: number, stream?: number): readonly ReceivedFrame[] {
    return this.tap.frames.filter(
      (each) => each.type === type && (stream === undefined || each.stream === stream),
    );
  }

  dataBytes(stream: number): number {
    return this.of(FrameType.data, stream).reduce((sum, { length }) => sum + length, 0);
  }

  async ends(stream: number): Promise<void> {
    await eventually(() =>
      this.tap.frames.some((each) => each.stream === stream && (each.flags & END_STREAM) !== 0),
    );
  }

  async closesWith(code: number): Promise<void> {
    await new Promise<void>((resolve) => {
      if (this.socket.destroyed) resolve();
      else this.socket.once('close', () => resolve());
    });
    expect(this.of(FrameType.goaway).map((each) => each.code)).toContain(code);
  }

  async resetsWith(stream: number, code: number): Promise<void> {
    await eventually(() => this.of(FrameType.rstStream, stream).length > 0);
    expect(this.of(FrameType.rstStream, stream)[0].code).toBe(code);
  }
}

const data = (stream: number, bytes: number, flags = 0): Buffer =>
  frame(FrameType.data, flags, stream, Buffer.alloc(bytes, 'x'));

function update(stream: number, bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(FrameType.windowUpdate, 0, stream, payload);
}

function post(stream: number, ...more: readonly (readonly [string, string])[]): Buffer {
  const block = headerBlock(
    [':method', 'POST'],
    [':scheme', 'https'],
    [':path', '/post'],
    [':authority', 'localhost'],
    ...more,
  );
  return frame(FrameType.headers, END_HEADERS, stream, block);
}

describe('A request is taken', () => {
  test.each([
    ['padded', PADDED, Buffer.concat([Buffer.from([3]), getBlock('/'), Buffer.alloc(3)])],
    ['with a priority', PRIORITY, Buffer.concat([Buffer.from([0, 0, 0, 0, 7]), getBlock('/')])],
    [
      'with both',
      PADDED | PRIORITY,
      Buffer.concat([Buffer.from([2, 0x80, 0, 0, 9, 7]), getBlock('/'), Buffer.alloc(2)]),
    ],
  ])('%s', async (_name, flags, payload) => {
    const peer = await Peer.connect();
    peer.send(frame(FrameType.headers, END_HEADERS | END_STREAM | flags, 1, payload));
    await peer.ends(1);
    peer.socket.destroy();
  });

  test('a byte at a time', async () => {
    const peer = await Peer.connect(Buffer.alloc(0));
    for (const byte of Buffer.concat([PREFACE, settings(), request(1, getBlock('/bytes'))])) {
      await new Promise((resolve) => peer.socket.write(Buffer.from([byte]), resolve));
    }
    await peer.ends(1);
    peer.socket.destroy();
  });

  test('with its block in many frames', async () => {
    const peer = await Peer.connect();
    const block = getBlock('/', ['x-a', 'b'.repeat(3_000)]);
    const parts = Array.from({ length: Math.ceil(block.length / 200) }, (_, i) =>
      block.subarray(200 * i, 200 * (i + 1)),
    );
    peer.send(
      ...parts.map((part, i) =>
        frame(
          i === 0 ? FrameType.headers : FrameType.continuation,
          (i === 0 ? END_STREAM : 0) | (i === parts.length - 1 ? END_HEADERS : 0),
          1,
          part,
        ),
      ),
    );
    await peer.ends(1);
    peer.socket.destroy();
  });

  test('among frames nobody knows, and old ones', async () => {
    const peer = await Peer.connect();
    peer.send(
      frame(0xfa, 0xff, 0, Buffer.from('what')),
      frame(FrameType.goaway, 0, 0, Buffer.alloc(8)),
      frame(2, 0, 9, Buffer.from([0, 0, 0, 1, 0])),
      settings([0x99, 5], [1, 0], [2, 0]),
      request(1, getBlock('/')),
    );
    await peer.ends(1);
    await eventually(() => peer.of(FrameType.settings).some(({ flags }) => flags === ACK));
    peer.socket.destroy();
  });

  test('and its answer is one write: head, body and end', async () => {
    const peer = await Peer.connect();
    peer.send(request(1, getBlock('/')));
    await peer.ends(1);
    const [head] = peer.of(FrameType.headers, 1);
    const [body] = peer.of(FrameType.data, 1);
    expect([head.flags, body.flags, body.length]).toEqual([END_HEADERS, END_STREAM, 2]);
    peer.socket.destroy();
  });

  test('HEAD, whose answer is a head', async () => {
    const peer = await Peer.connect();
    const pairs = [':method', 'HEAD', ':scheme', 'https', ':path', '/', ':authority', 'a'];
    const block = headerBlock(
      ...[0, 2, 4, 6].map((i) => [pairs[i], pairs[i + 1]] as [string, string]),
    );
    peer.send(request(1, block));
    await peer.ends(1);
    expect(peer.of(FrameType.headers, 1)[0].flags).toBe(END_HEADERS | END_STREAM);
    expect(peer.of(FrameType.data, 1)).toEqual([]);
    peer.socket.destroy();
  });

  test('with every character a header may hold, as nghttp2 says it', async () => {
    const seen: string[] = [];
    handle = (exchange) => {
      seen.push(exchange.header('x-all') ?? '');
      exchange.respondBytes(200, 'text/plain', Buffer.from('ok'));
    };
    const session = connect(`https://127.0.0.1:${running.port}`, { ca: edge.authority.ca });
    // Short codes around a long one, so that Huffman is worth it.
    const values = Array.from({ length: 256 }, (_, code) => code)
      .filter((code) => code === 9 || (code >= 32 && code !== 127))
      .map((code) => `${'aeiost0'.repeat(6)}${String.fromCharCode(code)}${'aeiost0'.repeat(6)}`);
    for (const value of values) {
      await new Promise<void>((resolve, reject) => {
        const stream = session.request({ ':path': '/', 'x-all': value });
        stream.on('error', reject);
        stream.on('close', resolve);
        stream.resume();
      });
    }
    session.destroy();
    expect(seen).toEqual(values);
  });
});

describe('A stream is reset, and its connection goes on', () => {
  const pseudo: [string, string][] = [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', '/'],
    [':authority', 'a'],
  ];
  test.each<[string, [string, string][]]>([
    ['a control byte in a value', [...pseudo, ['x-a', 'b\u0001c']]],
    ['a line end in a value', [...pseudo, ['impersonate-user', 'a\r\nb: c']]],
    ['a zero in a value', [...pseudo, ['x-a', 'b\0']]],
    ['an upper-case name', [...pseudo, ['X-A', 'b']]],
    ['an empty name', [...pseudo, ['', 'b']]],
    ['a space in a name', [...pseudo, ['x a', 'b']]],
    ['connection', [...pseudo, ['connection', 'close']]],
    ['upgrade', [...pseudo, ['upgrade', 'websocket']]],
    ['te that is not trailers', [...pseudo, ['te', 'gzip']]],
    ['a pseudo header behind another', [['x-a', 'b'], ...pseudo]],
    ['a pseudo header twice', [...pseudo, [':path', '/b']]],
    ['a pseudo header of answers', [[':status', '200'], ...pseudo]],
    ['a pseudo header nobody knows', [[':protocol', 'websocket'], ...pseudo]],
    ['no method', pseudo.slice(1)],
    ['no path', pseudo.filter(([name]) => name !== ':path')],
    ['an empty path', [[':path', ''], ...pseudo.filter(([name]) => name !== ':path')]],
    [
      'a path without a slash',
      [[':path', '%2Fapi'], ...pseudo.filter(([name]) => name !== ':path')],
    ],
    ['no scheme', pseudo.filter(([name]) => name !== ':scheme')],
    ['two lengths', [...pseudo, ['content-length', '0'], ['content-length', '0']]],
    ['a length that is none', [...pseudo, ['content-length', '+1']]],
    ['a length and no body', [...pseudo, ['content-length', '1']]],
  ])('for %s', async (_name, pairs) => {
    let handled = 0;
    handle = (exchange) => {
      handled++;
      exchange.respondBytes(200, 'text/plain', Buffer.from('ok'));
    };
    const peer = await Peer.connect();
    peer.send(request(1, headerBlock(...pairs)), request(3, getBlock('/after')));
    await peer.resetsWith(1, PROTOCOL_ERROR);
    await peer.ends(3);
    expect(handled).toBe(1);
    peer.socket.destroy();
  });

  test('beyond those allowed at once', async () => {
    const held: Exchange[] = [];
    handle = (exchange) => void held.push(exchange);
    const peer = await Peer.connect();
    peer.send(...Array.from({ length: 7 }, (_, i) => request(2 * i + 1, getBlock('/'))));
    await peer.resetsWith(11, REFUSED_STREAM);
    await peer.resetsWith(13, REFUSED_STREAM);
    expect(held.length).toBe(5);
    held[0].respondBytes(200, 'text/plain', Buffer.from('ok'));
    await peer.ends(1);
    peer.send(request(15, getBlock('/')));
    await eventually(() => held.length === 6);
    peer.socket.destroy();
    await eventually(() => held.slice(1).every(({ aborted }) => aborted));
    expect(held[0].aborted).toBe(false);
  });

  test.each([
    ['more body than announced', [data(1, 3)], [['content-length', '2']], PROTOCOL_ERROR],
    [
      'less body than announced',
      [data(1, 1, END_STREAM)],
      [['content-length', '2']],
      PROTOCOL_ERROR,
    ],
    ['a window that grows by nothing', [update(1, 0)], [], PROTOCOL_ERROR],
    ['a window beyond what there is', [update(1, 2 ** 31 - 1)], [], FLOW_CONTROL_ERROR],
    [
      'trailers that do not end it',
      [frame(FrameType.headers, END_HEADERS, 1, headerBlock(['x-a', 'b']))],
      [],
      PROTOCOL_ERROR,
    ],
    [
      'trailers with a pseudo header',
      [frame(FrameType.headers, END_HEADERS | END_STREAM, 1, headerBlock([':path', '/b']))],
      [],
      PROTOCOL_ERROR,
    ],
    ['a body behind its end', [data(1, 1, END_STREAM), data(1, 1)], [], STREAM_CLOSED],
  ] as [string, Buffer[], [string, string][], number][])(
    'for %s',
    async (_name, frames, headers, code) => {
      const bodies: Error[] = [];
      let asked = false;
      handle = (exchange) => {
        asked = true;
        if (exchange.method === 'GET') {
          exchange.respondBytes(200, 'text/plain', Buffer.from('ok'));
          return;
        }
        exchange
          .body()
          .on('error', (error) => bodies.push(error))
          .resume();
      };
      const peer = await Peer.connect();
      peer.send(post(1, ...headers));
      await eventually(() => asked);
      peer.send(...frames, request(3, getBlock('/after')));
      await peer.resetsWith(1, code);
      await peer.ends(3);
      if (code !== STREAM_CLOSED) await eventually(() => bodies.length === 1);
      peer.socket.destroy();
    },
  );
});

describe('A connection ends', () => {
  const priorityOf = (stream: number, upon: number): Buffer =>
    Buffer.concat([Buffer.from([0, 0, 0, upon, 0]), getBlock(`/${stream}`)]);
  test.each<[string, number, Buffer[]]>([
    [
      'at a stream that was closed',
      STREAM_CLOSED,
      [request(3, getBlock('/')), request(1, getBlock('/'))],
    ],
    ['at a stream of the server', PROTOCOL_ERROR, [request(2, getBlock('/'))]],
    ['at HEADERS on no stream', PROTOCOL_ERROR, [request(0, getBlock('/'))]],
    ['at DATA on no stream', PROTOCOL_ERROR, [data(0, 1)]],
    ['at DATA on a stream that is idle', PROTOCOL_ERROR, [data(5, 1)]],
    ['at RST_STREAM on a stream that is idle', PROTOCOL_ERROR, [rstStream(5, 8)]],
    ['at WINDOW_UPDATE on a stream that is idle', PROTOCOL_ERROR, [update(5, 1)]],
    ['at a window that grows by nothing', PROTOCOL_ERROR, [update(0, 0)]],
    ['at a window beyond what there is', FLOW_CONTROL_ERROR, [update(0, 2 ** 31 - 1)]],
    [
      'at INITIAL_WINDOW_SIZE beyond it',
      FLOW_CONTROL_ERROR,
      [settings([INITIAL_WINDOW_SIZE, 2 ** 31])],
    ],
    ['at MAX_FRAME_SIZE below the least', PROTOCOL_ERROR, [settings([5, 100])]],
    ['at ENABLE_PUSH of 2', PROTOCOL_ERROR, [settings([2, 2])]],
    ['at SETTINGS on a stream', PROTOCOL_ERROR, [frame(FrameType.settings, 0, 1, Buffer.alloc(0))]],
    [
      'at SETTINGS of a wrong length',
      FRAME_SIZE_ERROR,
      [frame(FrameType.settings, 0, 0, Buffer.alloc(5))],
    ],
    [
      'at an ACK with content',
      FRAME_SIZE_ERROR,
      [frame(FrameType.settings, ACK, 0, Buffer.alloc(6))],
    ],
    ['at PING on a stream', PROTOCOL_ERROR, [frame(FrameType.ping, 0, 1, Buffer.alloc(8))]],
    ['at PING of a wrong length', FRAME_SIZE_ERROR, [frame(FrameType.ping, 0, 0, Buffer.alloc(7))]],
    [
      'at RST_STREAM of a wrong length',
      FRAME_SIZE_ERROR,
      [post(1), frame(FrameType.rstStream, 0, 1, Buffer.alloc(3))],
    ],
    [
      'at WINDOW_UPDATE of a wrong length',
      FRAME_SIZE_ERROR,
      [frame(FrameType.windowUpdate, 0, 0, Buffer.alloc(3))],
    ],
    ['at PRIORITY of a wrong length', FRAME_SIZE_ERROR, [frame(2, 0, 1, Buffer.alloc(4))]],
    ['at PRIORITY on no stream', PROTOCOL_ERROR, [frame(2, 0, 0, Buffer.alloc(5))]],
    ['at GOAWAY on a stream', PROTOCOL_ERROR, [frame(FrameType.goaway, 0, 1, Buffer.alloc(8))]],
    ['at PUSH_PROMISE', PROTOCOL_ERROR, [frame(5, END_HEADERS, 1, Buffer.alloc(4))]],
    ['at a frame beyond the largest', FRAME_SIZE_ERROR, [post(1), data(1, 16_385)]],
    [
      'at padding beyond the frame',
      PROTOCOL_ERROR,
      [frame(FrameType.headers, END_HEADERS | PADDED, 1, Buffer.from([9, 0x82]))],
    ],
    [
      'at a stream that depends on itself',
      PROTOCOL_ERROR,
      [frame(FrameType.headers, END_HEADERS | PRIORITY, 1, priorityOf(1, 1))],
    ],
    [
      'at a frame within a header block',
      PROTOCOL_ERROR,
      [frame(FrameType.headers, 0, 1, getBlock('/')), frame(FrameType.ping, 0, 0, Buffer.alloc(8))],
    ],
    [
      'at CONTINUATION of another block',
      PROTOCOL_ERROR,
      [
        frame(FrameType.headers, 0, 1, getBlock('/')),
        frame(FrameType.continuation, END_HEADERS, 3, Buffer.alloc(0)),
      ],
    ],
    [
      'at CONTINUATION of nothing',
      PROTOCOL_ERROR,
      [frame(FrameType.continuation, END_HEADERS, 1, getBlock('/'))],
    ],
    ['at a header block nobody can read', COMPRESSION_ERROR, [request(1, Buffer.from([0x80]))]],
    [
      'at a header block beyond the limit',
      ENHANCE_YOUR_CALM,
      [
        frame(FrameType.headers, END_STREAM, 1, getBlock('/')),
        ...Array.from({ length: 5 }, () =>
          frame(FrameType.continuation, 0, 1, Buffer.alloc(16_000)),
        ),
      ],
    ],
    [
      'at a header block of too many frames',
      ENHANCE_YOUR_CALM,
      [
        frame(FrameType.headers, END_STREAM, 1, getBlock('/')),
        ...Array.from({ length: 40 }, () => frame(FrameType.continuation, 0, 1, Buffer.alloc(0))),
      ],
    ],
  ])('%s', async (_name, code, frames) => {
    handle = (exchange) => exchange.respondBytes(200, 'text/plain', Buffer.from('ok'));
    const peer = await Peer.connect();
    peer.send(...frames);
    await peer.closesWith(code);
  });

  test('when SETTINGS do not come first', async () => {
    const peer = await Peer.connect(Buffer.concat([PREFACE, request(1, getBlock('/'))]));
    await peer.closesWith(PROTOCOL_ERROR);
  });

  test('at more than its window', async () => {
    handle = () => {};
    const peer = await Peer.connect();
    const full = Array.from({ length: 4 }, (_, i) => 2 * i + 1).flatMap((id) => [
      post(id),
      ...Array.from({ length: 4 }, () => data(id, 16_000)),
    ]);
    peer.send(...full);
    await peer.closesWith(FLOW_CONTROL_ERROR);
  });
});

test('A client that takes no answers, and gives up what it asked for, is cut', async () => {
  const long = 'v'.repeat(20_000);
  let asked = 0;
  const server = await edge.start({
    limits: { maxResets: 1_000_000, maxResetsUnvouched: 1_000_000 },
    handle: (exchange) => {
      asked++;
      exchange.respond(200, ['X-Long', long]);
    },
  });
  const socket = await server.socket(['h2']);
  socket.on('error', () => {});
  socket.pause();
  await eventually(() => server.server.stats.sessions === 1);
  const isCut = (): boolean => server.server.stats.openSessions === 0;
  socket.write(Buffer.concat([PREFACE, settings()]));
  // What the network holds comes first; then what we hold.
  for (let i = 0; !isCut(); i++) {
    socket.write(request(2 * i + 1, getBlock('/')));
    await eventually(() => asked > i || isCut());
    socket.write(rstStream(2 * i + 1, 8));
  }
  expect(server.server.stats.sessionErrors).toBe(1);
  expect(server.failures).toEqual([]);
});

describe('Windows', () => {
  test('what a client does not take is not sent, on a stream or on all of them', async () => {
    const sinks: Sink[] = [];
    handle = (exchange) => {
      const sink = exchange.respond(200, []);
      sink.write(Buffer.alloc(100_000, 'y'));
      sinks.push(sink);
    };
    const peer = await Peer.connect(
      Buffer.concat([PREFACE, settings([INITIAL_WINDOW_SIZE, 40_000])]),
    );
    peer.send(request(1, getBlock('/')), request(3, getBlock('/')));
    // 65,535 for the connection: a frame each in turn, until it is used up.
    await eventually(() => peer.dataBytes(1) + peer.dataBytes(3) === 65_535);
    expect(Math.abs(peer.dataBytes(1) - peer.dataBytes(3))).toBeLessThan(16_384);
    peer.send(update(0, 1_000_000));
    await eventually(() => peer.dataBytes(1) + peer.dataBytes(3) === 80_000);
    peer.send(update(1, 10_000));
    await eventually(() => peer.dataBytes(1) === 50_000);
    // Smaller for those that are open, too: it must grow by more than was taken away before more is sent.
    peer.send(settings([INITIAL_WINDOW_SIZE, 10_000]), update(3, 30_000), update(3, 5_000));
    await eventually(() => peer.dataBytes(3) === 45_000);
    peer.send(settings([INITIAL_WINDOW_SIZE, 1_000_000]));
    await eventually(() => peer.dataBytes(1) === 100_000 && peer.dataBytes(3) === 100_000);
    await eventually(() => sinks.every(({ ready }) => ready));
    sinks[0].end();
    await peer.ends(1);
    peer.socket.destroy();
  });

  test('an end needs no window', async () => {
    handle = (exchange) => exchange.respondBytes(200, 'text/plain', Buffer.alloc(0));
    const peer = await Peer.connect(Buffer.concat([PREFACE, settings([INITIAL_WINDOW_SIZE, 0])]));
    peer.send(request(1, getBlock('/')));
    await peer.ends(1);
    peer.socket.destroy();
  });

  test('who waits for room is told when there is some, and not all at once', async () => {
    const sinks: Sink[] = [];
    let told = 0;
    handle = (exchange) => {
      const sink = exchange.respond(200, []);
      sinks.push(sink);
      sink.awaitRoom(() => {
        told++;
        sink.write(Buffer.alloc(60_000, 'y'));
      });
    };
    const peer = await Peer.connect();
    const ids = [1, 3, 5, 7, 9];
    const taken = (): number => ids.reduce((sum, id) => sum + peer.dataBytes(id), 0);
    for (const id of ids) {
      peer.send(request(id, getBlock('/')));
      await eventually(() => sinks.length === (id + 1) / 2);
    }
    await eventually(() => taken() === 65_535);
    // The first, and whoever found the window open behind a frame of it.
    expect(told).toBeLessThan(ids.length);
    const [first] = sinks;
    peer.send(update(0, 1_000_000));
    await eventually(() => taken() === ids.length * 60_000);
    expect(told).toBe(ids.length);
    await eventually(() => first.ready);
    peer.socket.destroy();
  });

  test('who waits for room may end all the same, and is not told once the client has gone', async () => {
    const sinks: Sink[] = [];
    let told = 0;
    handle = (exchange) => {
      const sink = exchange.respond(200, []);
      sinks.push(sink);
      sink.awaitRoom(() => told++);
    };
    const peer = await Peer.connect(Buffer.concat([PREFACE, settings([INITIAL_WINDOW_SIZE, 0])]));
    peer.send(request(1, getBlock('/')), request(3, getBlock('/')));
    await eventually(() => sinks.length === 2);
    sinks[0].end();
    await peer.ends(1);
    peer.send(rstStream(3, 8));
    await eventually(() => sinks[1].closed);
    peer.send(update(0, 1_000), settings([INITIAL_WINDOW_SIZE, 1_000]));
    peer.send(frame(FrameType.ping, 0, 0, Buffer.from('12345678')));
    await eventually(() => peer.of(FrameType.ping).length === 1);
    expect(told).toBe(0);
    peer.socket.destroy();
  });

  test('what is not read is not asked for, and padding is given back', async () => {
    let body: NodeJS.ReadableStream | undefined;
    handle = (exchange) => {
      body = exchange.body();
    };
    const peer = await Peer.connect();
    peer.send(post(1), ...Array.from({ length: 4 }, () => data(1, 16_000)));
    await eventually(() => body !== undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(peer.of(FrameType.windowUpdate, 1)).toEqual([]);
    let got = 0;
    body?.on('data', (chunk: Buffer) => (got += chunk.length));
    await eventually(() => got === 64_000);
    await eventually(() => peer.of(FrameType.windowUpdate, 1).length > 0);
    const padded = Buffer.concat([Buffer.from([200]), Buffer.alloc(10), Buffer.alloc(200)]);
    for (let i = 0; i < 300; i++) peer.send(frame(FrameType.data, PADDED, 1, padded));
    await eventually(() => got === 67_000);
    peer.socket.destroy();
  });

  test('what nobody reads any more leaves the window of the connection', async () => {
    handle = (exchange) => exchange.respondBytes(200, 'text/plain', Buffer.from('no, thanks'));
    const peer = await Peer.connect();
    for (let i = 0; i < 20; i++) {
      const id = 2 * i + 1;
      peer.send(post(id), ...Array.from({ length: 4 }, () => data(id, 16_000)));
      await peer.ends(id);
    }
    // 1.2 MB through a window of 200 kB; each upload that was not wanted is told so without an error.
    expect(peer.of(FrameType.rstStream).every(({ code }) => code === 0)).toBe(true);
    expect(peer.of(FrameType.goaway)).toEqual([]);
    peer.socket.destroy();
  });

  test('PING is answered while a large answer is under way', async () => {
    handle = (exchange) => exchange.respond(200, []).write(Buffer.alloc(30_000_000));
    const peer = await Peer.connect(
      Buffer.concat([PREFACE, settings([INITIAL_WINDOW_SIZE, 2 ** 30])]),
    );
    peer.send(request(1, getBlock('/')), update(0, 2 ** 30));
    await eventually(() => peer.dataBytes(1) > 100_000);
    peer.send(frame(FrameType.ping, 0, 0, Buffer.from('12345678')));
    await eventually(() => peer.of(FrameType.ping).length === 1);
    const answered = peer.tap.frames.findIndex(({ type }) => type === FrameType.ping);
    await eventually(() => peer.dataBytes(1) === 30_000_000);
    const behind = peer.tap.frames.slice(answered).filter(({ type }) => type === FrameType.data);
    expect(behind.length).toBeGreaterThan(0);
    peer.socket.destroy();
  });
});

test('What is given up in the packet that asks for it is not begun', async () => {
  const targets: string[] = [];
  handle = (exchange) => {
    targets.push(exchange.target);
    exchange.respondBytes(200, 'text/plain', Buffer.from('ok'));
  };
  const peer = await Peer.connect();
  peer.send(
    request(1, getBlock('/given-up')),
    rstStream(1, 8),
    post(3),
    data(3, 10),
    rstStream(3, 8),
    request(5, getBlock('/asked')),
  );
  await peer.ends(5);
  expect(targets).toEqual(['/asked']);
  await eventually(() => running.server.stats.openStreams === 0);
  peer.socket.destroy();
});

test('Requests that wait for their turn are left where they are, and none is lost', async () => {
  const many = await edge.start({
    limits: { maxConcurrentStreamsUnvouched: 500, maxConcurrentStreams: 500 },
  });
  const peers = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const socket = await many.socket(['h2']);
      const tap = new FrameTap(socket);
      tap.resume();
      const requests = Array.from({ length: 400 }, (_, i) => request(2 * i + 1, getBlock('/')));
      socket.write(Buffer.concat([PREFACE, settings(), ...requests]));
      return { socket, tap };
    }),
  );
  for (const { socket, tap } of peers) {
    await eventually(() => tap.frames.filter(({ type }) => type === FrameType.data).length === 400);
    socket.destroy();
  }
  expect(many.server.stats.streams).toBe(2_000);
});

test('Trailers end a body', async () => {
  let text = '';
  handle = (exchange) => {
    exchange.body().on('data', (chunk: Buffer) => (text += chunk.toString()));
    exchange.body().on('end', () => exchange.respondBytes(200, 'text/plain', Buffer.from('ok')));
  };
  const peer = await Peer.connect();
  peer.send(
    post(1),
    data(1, 5),
    frame(FrameType.headers, END_HEADERS | END_STREAM, 1, headerBlock(['x-sum', '1'])),
  );
  await peer.ends(1);
  expect(text).toBe('xxxxx');
  peer.socket.destroy();
});

test('A client that keeps a smaller table is told that ours is empty', async () => {
  handle = (exchange) => exchange.respondBytes(200, 'text/plain', Buffer.from('ok'));
  const session = connect(`https://127.0.0.1:${running.port}`, {
    ca: edge.authority.ca,
    settings: { headerTableSize: 0 },
  });
  const ask = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ':path': '/' });
      stream.on('error', reject);
      stream.on('response', (head) => resolve(Number(head[':status'])));
      stream.resume();
    });
  expect([await ask(), await ask()]).toEqual([200, 200]);
  for (const headerTableSize of [100, 50, 8_192]) {
    await new Promise<void>((done) => session.settings({ headerTableSize }, () => done()));
    expect(await ask()).toBe(200);
  }
  session.destroy();
});

test('A head that takes many frames arrives whole', async () => {
  // nghttp2 takes no header of more than 64 KiB, and no more than eight frames behind the first.
  const long = ['a', 'b', 'c'].map((letter) => letter.repeat(40_000));
  const more = long.flatMap((value, i) => [`X-Long-${i}`, value]);
  handle = (exchange) => exchange.relay(200, [...more, 'X-Two', 'a', 'X-Two', 'b']).end();
  const session = connect(`https://127.0.0.1:${running.port}`, {
    ca: edge.authority.ca,
    maxHeaderListPairs: 100,
    settings: { maxHeaderListSize: 500_000 },
  });
  const stream = session.request({ ':path': '/' });
  const headers = await new Promise<Record<string, unknown>>((resolve, reject) => {
    stream.on('response', (head) => resolve(head));
    stream.on('error', reject);
  });
  expect(long.map((_, i) => headers[`x-long-${i}`])).toEqual(long);
  expect(headers['x-two']).toBe('a, b');
  session.destroy();
});
