// Floods end their own connection, or wear out their own share: counters, descriptors and sessions come back to where they
// were, and whoever behaves is served throughout. Nothing here depends on how fast the machine is; how much a flood
// slows others down is measured by `npm run floods`.

import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Exchange } from '../../src/proxy/exchange.ts';
import type { ProxyStatus } from '../../src/observe/status.ts';
import {
  EdgeFixture,
  eventually,
  openDescriptors,
  type RunningServer,
} from '../proxy/edge-fixture.ts';
import { FrameTap } from '../support/frame-tap.ts';
import { ACK, FrameType } from '../support/http2-frames.ts';
import type { RecordedResponse } from '../support/recorded-response.ts';
import {
  bodyWithoutEnd,
  continuations,
  get,
  headersWithoutEnd,
  pings,
  rapidReset,
  settingsFrames,
  START,
} from './floods/frames.ts';
import { startStand, type Stand } from './floods/stand.ts';

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const tokens = {
  calm: { user: 'calm', rules: 'all' },
  greedy: { user: 'greedy', rules: 'all' },
  nobody: { user: 'nobody', rules: 'none' },
} as const;

const as = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

function closed(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve();
    else socket.once('close', () => resolve());
  });
}

/** Polls until what it reads is as wanted; the test's own timeout is the only limit. */
async function until<T>(read: () => Promise<T>, wanted: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read();
    if (wanted(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A proxy with one well-behaved watcher, who must see every change. */
class Watched {
  readonly stand: Stand;
  readonly #watch: RecordedResponse;
  #changes = 0;

  static async start(settings: object = {}): Promise<Watched> {
    const stand = await startStand(tokens, settings);
    const client = await stand.client();
    await client.get(CONFIG_MAPS, as('calm'));
    const watch = client.open({ path: `${CONFIG_MAPS}?watch=1`, headers: as('calm') });
    await eventually(() => watch.status === 200);
    return new Watched(stand, watch);
  }

  private constructor(stand: Stand, watch: RecordedResponse) {
    this.stand = stand;
    this.#watch = watch;
  }

  /** One object is changed again and again, so that what the window holds is its past. */
  change(bytes = 10): void {
    const { store, writes } = this.stand.simulator;
    const collection = store.get('v1', 'configmaps');
    const metadata = { name: 'changing', namespace: 'default' };
    const data = { number: `change-${this.#changes++}`, pad: 'x'.repeat(bytes) };
    const context = { manager: 'test' };
    if (collection.get('default/changing') === undefined) {
      writes.create(collection, { metadata, data }, context);
    } else {
      writes.update(collection, 'default/changing', (object) => ({ ...object, data }), context);
    }
  }

  /** A change that is made now is seen, and somebody new is served. */
  async serves(): Promise<void> {
    this.change();
    const last = `change-${this.#changes - 1}`;
    await eventually(() => this.#watch.text.includes(`"${last}"`));
    expect(this.#watch.end.kind).toBe('open');
    const client = await this.stand.client();
    const { status, text } = await client.get(CONFIG_MAPS, as('calm'));
    expect([status, text.includes(`"${last}"`)]).toEqual([200, true]);
    client.close();
  }

  /** Waits until only the watcher's connection is left. */
  alone(): Promise<ProxyStatus> {
    return until(
      () => this.stand.status(),
      ({ connections, strangers }) =>
        connections.http1 + connections.http2 === 1 && strangers === 0,
    );
  }

  async stop(): Promise<void> {
    await this.stand.stop();
  }
}

/** Sends raw frames on a connection of its own, and reads. */
async function send(
  source: { socket(alpn: 'h2'): Promise<TLSSocket> },
  ...bytes: Buffer[]
): Promise<{ socket: TLSSocket; tap: FrameTap }> {
  const socket = await source.socket('h2');
  const tap = new FrameTap(socket);
  tap.on('error', () => {});
  tap.resume();
  socket.write(Buffer.concat([START, ...bytes]));
  return { socket, tap };
}

describe('#32 rapid reset', () => {
  let watched: Watched;
  beforeAll(async () => {
    watched = await Watched.start();
  });
  afterAll(() => watched.stop());

  test.each([
    ['no token', '', 10],
    ['made-up tokens', 'made-up', 10],
    ['a good token', 'greedy', 3],
  ])('#32 by connections with %s cuts them and nobody else', async (_name, token, connections) => {
    await watched.serves();
    const before = await watched.alone();
    const descriptors = openDescriptors();
    const flood = rapidReset(2_000, CONFIG_MAPS, token);
    const attackers = await Promise.all(
      Array.from({ length: connections }, () => send(watched.stand, flood)),
    );
    await Promise.all(attackers.map(({ socket }) => closed(socket)));
    const after = await watched.alone();
    const cut = after.limits.stream_resets - before.limits.stream_resets;
    // Where a thousand are allowed, nghttp2's own limit may have been there first.
    expect(cut).toBeLessThanOrEqual(connections);
    if (token !== 'greedy') expect(cut).toBe(connections);
    await watched.serves();
    await watched.alone();
    await eventually(() => openDescriptors() <= descriptors);
  });

  test('#32 costs the apiserver nothing when the reset comes with the request', async () => {
    const forwarded = ({ requests }: ProxyStatus): number =>
      requests.rows.reduce(
        (sum, { source, count }) => sum + (source === 'passthrough' ? count : 0),
        0,
      );
    const before = forwarded(await watched.alone());
    const { socket } = await send(watched.stand, rapidReset(2_000, CONFIG_MAPS));
    await closed(socket);
    // A request whose reset came in the next packet may have gone on; each packet cuts one at most.
    expect(forwarded(await watched.alone()) - before).toBeLessThanOrEqual(20);
  });
});

describe('#33 frames and headers that never end', () => {
  let edge: EdgeFixture;
  let running: RunningServer;
  const handled: Exchange[] = [];

  beforeAll(async () => {
    edge = await EdgeFixture.create();
    running = await edge.start({
      limits: {
        headersTimeoutMs: 200,
        idleTimeoutMs: 400,
        handshakeTimeoutMs: 300,
        reapIntervalMs: 20,
        lingerMs: 50,
        stallMs: 300,
      },
      handle: (exchange) => {
        handled.push(exchange);
        if (exchange.target.startsWith('/hang')) return;
        exchange.respondBytes(200, 'text/plain', Buffer.alloc(100, 'a'));
      },
    });
    const bystander = await running.client('h2');
    bystander.open({ path: '/hang/bystander' });
    await bystander.get('/ok');
  });
  afterAll(() => edge.close());

  const source = { socket: (alpn: 'h2') => running.socket([alpn]) };

  /** Only the bystander is left, with its one stream. */
  const alone = (): Promise<void> =>
    eventually(() => {
      const { openConnections, openSessions, openStreams } = running.server.stats;
      return openConnections === 1 && openSessions === 1 && openStreams === 1;
    });

  test.each([
    ['CONTINUATION', continuations(2_000)],
    ['HEADERS without END_HEADERS, then silence', headersWithoutEnd()],
    ['PING', pings(2_000)],
    ['SETTINGS', settingsFrames(2_000)],
  ])('#33 %s cuts a connection that asked nothing', async (_name, bytes) => {
    const { socket } = await send(source, bytes);
    await closed(socket);
    await alone();
  });

  test.each([
    ['PING', pings(100), FrameType.ping],
    ['SETTINGS', settingsFrames(100), FrameType.settings],
  ])('#33 %s cuts a connection that has a request open and reads', async (_name, some, type) => {
    const { limits } = running.server.stats;
    const before = limits.control_frames;
    const { socket, tap } = await send(source, get(1, '/hang'));
    const answered = (): number =>
      tap.frames.filter((each) => each.type === type && (each.flags & ACK) !== 0).length;
    // At the pace at which they are answered: a thousand answers that wait would be too many for nghttp2 itself.
    for (let sent = 0; !socket.destroyed; sent += 100) {
      await eventually(() => answered() >= sent || socket.destroyed);
      socket.write(some);
    }
    await alone();
    expect(limits.control_frames - before).toBe(1);
    expect(answered()).toBeGreaterThanOrEqual(900);
  });

  test.each([
    ['PING', pings(50_000)],
    ['SETTINGS', settingsFrames(50_000)],
  ])('#33 %s cuts a connection that has a request open and reads nothing', async (_name, bytes) => {
    const socket = await running.socket(['h2']);
    socket.pause();
    socket.write(Buffer.concat([START, get(1, '/hang'), bytes]));
    await alone();
    socket.destroy();
  });

  test('#33 CONTINUATION cuts a connection that has a request open', async () => {
    const { socket } = await send(source, get(1, '/hang'), continuations(2_000, 3));
    await closed(socket);
    await alone();
  });

  test('#33 HEADERS without END_HEADERS behind an answered request is cut when idle', async () => {
    const { socket } = await send(source, get(1, '/ok'), headersWithoutEnd(3));
    await closed(socket);
    await alone();
  });

  test('#33 answers that nobody takes are broken off', async () => {
    const socket = await running.socket(['h2']);
    const tap = new FrameTap(socket);
    tap.on('error', () => {});
    tap.resume();
    // SETTINGS_INITIAL_WINDOW_SIZE 0: not one byte of a body may be sent.
    const noWindow = Buffer.from([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
    const asked = Array.from({ length: 50 }, (_, i) => get(2 * i + 1, '/ok'));
    socket.write(Buffer.concat([START, noWindow, ...asked]));
    await eventually(
      () => tap.frames.filter(({ type }) => type === FrameType.rstStream).length === 50,
    );
    socket.destroy();
    await alone();
  });

  test('#33 slow headers over HTTP/1.1 are cut', async () => {
    const before = running.server.stats.limits.silent_connections;
    const sockets = await Promise.all(
      Array.from({ length: 10 }, () => running.socket(['http/1.1'])),
    );
    for (const socket of sockets) socket.resume().write('GET / HTTP/1.1\r\nHost: a\r\nX-A: ');
    const drip = setInterval(() => sockets.forEach((socket) => socket.write('b')), 20);
    await Promise.all(sockets.map(closed));
    clearInterval(drip);
    await alone();
    expect(running.server.stats.limits.silent_connections - before).toBe(10);
  });

  test('#33 slow handshakes are cut', async () => {
    const sockets = Array.from({ length: 10 }, () => connect(running.port, '127.0.0.1'));
    for (const socket of sockets) {
      socket.on('error', () => {});
      socket.resume();
    }
    await Promise.all(sockets.map((socket) => once(socket, 'close')));
    await alone();
  });

  test('#33 slow bodies are cut once they were answered', async () => {
    const { socket: http2, tap } = await send(source, bodyWithoutEnd(1, '/early'));
    const ends = ({ stream, type }: { stream: number; type: number }): boolean =>
      stream === 1 && type === FrameType.rstStream;
    await eventually(() => tap.frames.some(ends));
    http2.destroy();
    const http1 = await running.socket(['http/1.1']);
    http1.resume().write('POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n');
    const drip = setInterval(() => http1.write('b'), 5);
    await closed(http1);
    clearInterval(drip);
    await alone();
  });
});

describe('#33 in front of an apiserver', () => {
  let watched: Watched;
  beforeAll(async () => {
    watched = await Watched.start();
  });
  afterAll(() => watched.stop());

  test('#33 slow bodies of strangers are answered by it, and cut', async () => {
    await watched.serves();
    await watched.alone();
    const socket = await watched.stand.socket('http/1.1');
    const head = `POST ${CONFIG_MAPS} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n{`;
    let answer = '';
    socket.on('data', (bytes: Buffer) => {
      answer += bytes.toString('latin1');
    });
    socket.write(head);
    const drip = setInterval(() => socket.write(' '), 20);
    await closed(socket);
    clearInterval(drip);
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    await watched.alone();
    await watched.serves();
  });
});

describe('#39 selectors', () => {
  let watched: Watched;
  beforeAll(async () => {
    watched = await Watched.start({ limits: { maxFilterGroupsPerIdentity: 20 } });
  });
  afterAll(() => watched.stop());

  const watchPath = (selector: string): string =>
    `${CONFIG_MAPS}?watch=1&labelSelector=${selector}`;

  test('#39 of one identity are bounded, those of others are not touched', async () => {
    const client = await watched.stand.client();
    const watches = Array.from({ length: 60 }, (_, i) =>
      client.open({ path: watchPath(`app%3Da${i}`), headers: as('greedy') }),
    );
    await eventually(() => watches.every(({ status }) => status !== 0));
    const statuses = watches.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(20);
    const refused = watches.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(40);
    for (const answer of refused) {
      await answer.untilEnd();
      expect(answer.header('retry-after')).toBe('1');
      expect(answer.text).toContain('"reason":"TooManyRequests"');
    }
    const { limits } = await watched.stand.status();
    expect(limits.filter_groups_per_identity).toBe(40);
    // What costs nothing is not counted: whole resources, names.
    for (const more of ['', '&fieldSelector=metadata.name%3Dx']) {
      const path = `${CONFIG_MAPS}?watch=1${more}`;
      const free = client.open({ path, headers: as('greedy') });
      await eventually(() => free.status === 200);
    }
    const other = await watched.stand.client();
    const theirs = other.open({ path: watchPath('app%3Dcalm'), headers: as('calm') });
    await eventually(() => theirs.status === 200);
    client.close();
    other.close();
    await watched.alone();
    await watched.serves();
    const again = await watched.stand.client();
    const free = again.open({ path: watchPath('app%3Dlater'), headers: as('greedy') });
    await eventually(() => free.status === 200);
    again.close();
  });

  test.each(['h2', 'http/1.1'] as const)(
    '#39 a selector of a mebibyte over %s is refused, and others are served',
    async (protocol) => {
      const client = await watched.stand.client(protocol);
      const path = watchPath(`app%3D${'a'.repeat(1024 * 1024)}`);
      const response = await client.send({ path, headers: as('greedy') });
      expect([0, 431]).toContain(response.status);
      expect(response.end.kind).not.toBe('open');
      client.close();
      await watched.alone();
      await watched.serves();
    },
  );
});

describe('#40 watchers that never read', () => {
  const WATCHERS = 20;
  const EVENT_BYTES = 64 * 1024;
  let watched: Watched;
  beforeAll(async () => {
    const window = { maxBytesPerLane: '1Mi', minEvents: 0 };
    const scanner = { maxFrameBytes: '1Mi' };
    watched = await Watched.start({ window, scanner });
  });
  afterAll(() => watched.stop());

  test('#40 fall out of the window and hold one write each at most', async () => {
    await watched.serves();
    await watched.alone();
    const descriptors = openDescriptors();
    const clients = await Promise.all(
      Array.from({ length: WATCHERS / 10 }, () => watched.stand.client()),
    );
    const watches = clients.flatMap((client) =>
      Array.from({ length: 10 }, () =>
        client.open({ path: `${CONFIG_MAPS}?watch=1`, headers: as('greedy') }),
      ),
    );
    await eventually(() => watches.every(({ status }) => status === 200));
    for (const client of clients) client.stall();
    // Several times what the window holds, seen by the watcher that reads.
    for (let i = 0; i < 48; i++) {
      watched.change(EVENT_BYTES);
      if (i % 12 === 11) await watched.serves();
    }
    const cut = ({ watches: { ended } }: ProxyStatus): number => ended.slow + ended.expired;
    const status = await until(
      () => watched.stand.status(),
      (now) => cut(now) >= WATCHERS,
    );
    expect(cut(status)).toBe(WATCHERS);
    await watched.serves();
    for (const client of clients) client.close();
    await watched.alone();
    await eventually(() => openDescriptors() <= descriptors);
  });
});

describe('#41 questions about permissions', () => {
  let watched: Watched;
  beforeAll(async () => {
    watched = await Watched.start();
  });
  afterAll(() => watched.stop());

  const BURST = 200;
  const PER_SECOND = 20;

  const reviews = ({ authorization: { allowed, denied, undecided } }: ProxyStatus): number =>
    allowed + denied + undecided;

  async function flood(token: string, path: (i: number) => string, count: number): Promise<void> {
    const client = await watched.stand.client();
    const atOnce = 50;
    for (let i = 0; i < count; i += atOnce) {
      const answers = Array.from({ length: atOnce }, (_, j) => client.get(path(i + j), as(token)));
      await Promise.all(answers);
    }
    client.close();
  }

  test('#41 of one identity are bounded, and others are answered from memory', async () => {
    await watched.serves();
    const before = await watched.stand.status();
    const startedAt = performance.now();
    const flooding = flood('nobody', (i) => `/api/v1/namespaces/ns-${i}/configmaps`, 400);
    const calm = await watched.stand.client();
    for (let i = 0; i < 50; i++) {
      expect((await calm.get(CONFIG_MAPS, as('calm'))).status).toBe(200);
    }
    await flooding;
    const after = await watched.stand.status();
    const seconds = Math.ceil((performance.now() - startedAt) / 1_000);
    // The bucket's own rule: what it held, and what it earned meanwhile. The calm one's permission may have run out, too.
    const others = 1 + Math.ceil(seconds / 10);
    expect(reviews(after) - reviews(before)).toBeLessThanOrEqual(
      BURST + PER_SECOND * seconds + others,
    );
    calm.close();
    await watched.alone();
    await watched.serves();
  });

  test('#41 of a revoked token are asked once, and count as those of a stranger', async () => {
    const before = await watched.stand.status();
    const startedAt = performance.now();
    await flood('revoked', () => CONFIG_MAPS, 300);
    const after = await watched.stand.status();
    // A refusal is remembered for ten seconds.
    const others = 1 + Math.ceil((performance.now() - startedAt) / 10_000);
    expect(reviews(after) - reviews(before)).toBeLessThanOrEqual(2 * others);
    await watched.alone();
    await watched.serves();
  });
});
