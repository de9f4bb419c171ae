import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { credentialOf } from '../../src/auth/authenticate.ts';
import { NamedCredential } from '../../src/auth/named.ts';
import {
  DEFAULT_UPGRADE_LIMITS,
  UpgradeRelay,
  type UpgradeLimits,
  type UpgradeUpstream,
} from '../../src/proxy/upgrade.ts';
import { EdgeFixture, eventually, openDescriptors, type RunningServer } from './edge-fixture.ts';

const SWITCHING =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n' +
  'X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n';

/** A socket of the scripted upstream and what it received. */
interface Visit {
  readonly socket: Socket;
  text: string;
  ended: boolean;
  closed: boolean;
  /** Goes on when the other side ended. */
  halfOpen: boolean;
}

let edge: EdgeFixture;
let upstreamPort: number;
const visits: Visit[] = [];
/** Called with each visit once its request head is complete. */
let answer: (visit: Visit) => void;

beforeAll(async () => {
  edge = await EdgeFixture.create();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const visit: Visit = { socket, text: '', ended: false, closed: false, halfOpen: false };
    visits.push(visit);
    let answered = false;
    socket.on('data', (chunk) => {
      visit.text += chunk.toString('latin1');
      if (!answered && visit.text.includes('\r\n\r\n')) {
        answered = true;
        answer(visit);
      }
    });
    socket.on('end', () => {
      visit.ended = true;
      if (!visit.halfOpen) socket.end();
    });
    socket.on('close', () => {
      visit.closed = true;
    });
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  upstreamPort = (server.address() as AddressInfo).port;
  edge.onClose(() => server.close());
});

beforeEach(() => {
  visits.length = 0;
});

afterAll(() => edge.close());

async function start(
  limits: Partial<UpgradeLimits> = {},
  port = upstreamPort,
  more: Partial<UpgradeUpstream> = {},
) {
  const relay = new UpgradeRelay(
    {
      authority: 'upstream:6443',
      pathPrefix: '/prefix',
      connectUpstream: async () => {
        const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
        await once(socket, 'connect');
        return socket;
      },
      callers: { of: (rawHeaders) => credentialOf(rawHeaders) },
      ...more,
    },
    { ...DEFAULT_UPGRADE_LIMITS, lingerMs: 50, ...limits },
  );
  const running = await edge.start({
    limits: { lingerMs: 50 },
    upgrade: (request, socket, head) => relay.serve(request, socket, head),
  });
  return { relay, running };
}

interface Client {
  readonly socket: TLSSocket;
  text: string;
  ended: boolean;
  closed: boolean;
}

interface UpgradeOptions {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: readonly string[];
  /** Sent in the same write as the head. */
  readonly behind?: string;
  readonly halfOpen?: boolean;
}

/** Opens a connection that asks for an upgrade. */
async function upgrade(running: RunningServer, options: UpgradeOptions = {}): Promise<Client> {
  const socket = await running.socket();
  socket.allowHalfOpen = options.halfOpen ?? false;
  const client: Client = { socket, text: '', ended: false, closed: false };
  socket.on('data', (chunk: Buffer) => {
    client.text += chunk.toString('latin1');
  });
  socket.on('end', () => {
    client.ended = true;
  });
  socket.on('close', () => {
    client.closed = true;
  });
  const head = [
    `${options.method ?? 'POST'} ${options.path ?? '/api/v1/namespaces/a/pods/x/exec?command=sh'} HTTP/1.1`,
    'Host: proxy',
    'Authorization: Bearer t',
    'Connection: Upgrade',
    'Upgrade: SPDY/3.1',
    ...(options.headers ?? []),
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${options.behind ?? ''}`);
  return client;
}

describe('an upgrade', () => {
  test('is sent upstream with clean headers on a socket of its own', async () => {
    answer = ({ socket }) => socket.write(SWITCHING);
    const { running } = await start();
    const client = await upgrade(running, {
      headers: [
        'Impersonate-Group: a',
        'Impersonate-Group: b, c',
        'X-Remote-User: root',
        'X-Forwarded-For: 10.0.0.1',
        'X-Stream-Protocol-Version: v4.channel.k8s.io',
        'Content-Length: 0',
      ],
    });
    await eventually(() => client.text.includes('\r\n\r\n'));
    expect(client.text).toBe(SWITCHING);
    const [line, ...headers] = visits[0].text.split('\r\n\r\n')[0].split('\r\n');
    expect(line).toBe('POST /prefix/api/v1/namespaces/a/pods/x/exec?command=sh HTTP/1.1');
    expect(headers.toSorted()).toEqual([
      'Authorization: Bearer t',
      'Connection: Upgrade',
      'Content-Length: 0',
      'Host: upstream:6443',
      'Impersonate-Group: a',
      'Impersonate-Group: b, c',
      'Upgrade: SPDY/3.1',
      'X-Forwarded-For: 127.0.0.1',
      'X-Stream-Protocol-Version: v4.channel.k8s.io',
    ]);
    client.socket.destroy();
  });

  test('of a POST without a length gets an empty body, of a GET none', async () => {
    answer = ({ socket }) => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
    const { running } = await start();
    await upgrade(running);
    await upgrade(running, { method: 'GET', headers: ['Upgrade: websocket'] });
    await eventually(() => visits.length === 2 && visits.every(({ text }) => text !== ''));
    const lengths = visits.map(({ text }) => /content-length: 0/i.test(text));
    expect(lengths.toSorted()).toEqual([false, true]);
    expect(visits.some(({ text }) => /transfer-encoding/i.test(text))).toBe(false);
  });

  test('splices bytes both ways, those that came with the heads first', async () => {
    answer = ({ socket }) => socket.write(`${SWITCHING}upstream-first`);
    const { running, relay } = await start();
    const client = await upgrade(running, { behind: 'client-first' });
    await eventually(() => client.text.endsWith('upstream-first'));
    const [visit] = visits;
    await eventually(() => visit.text.endsWith('client-first'));
    client.socket.write(' more');
    await eventually(() => visit.text.endsWith('client-first more'));
    visit.socket.write(' and more');
    await eventually(() => client.text.endsWith('upstream-first and more'));
    expect(relay.open).toBe(1);
    client.socket.destroy();
    await eventually(() => visit.closed && relay.open === 0);
  });

  test('does not let early bytes through before upstream agreed', async () => {
    let agree = () => {};
    answer = ({ socket }) => {
      agree = () => socket.write(SWITCHING);
    };
    const { running } = await start();
    const client = await upgrade(running, { behind: 'early' });
    await eventually(() => visits.length === 1 && visits[0].text !== '');
    client.socket.write(' and later');
    expect(visits[0].text.endsWith('\r\n\r\n')).toBe(true);
    agree();
    await eventually(() => visits[0].text.endsWith('early and later'));
    client.socket.destroy();
  });

  test('moves megabytes in both directions unchanged', async () => {
    answer = (visit) => {
      visit.halfOpen = true;
      visit.socket.write(SWITCHING);
      visit.socket.pipe(visit.socket);
    };
    const { running } = await start();
    const client = await upgrade(running, { halfOpen: true });
    await eventually(() => client.text === SWITCHING);
    const megabytes = Buffer.alloc(5 * 1024 * 1024, 'abcdefghij');
    client.socket.end(megabytes);
    await eventually(() => client.closed || client.ended);
    expect(client.text.length).toBe(SWITCHING.length + megabytes.length);
    expect(Buffer.from(client.text.slice(SWITCHING.length), 'latin1').equals(megabytes)).toBe(true);
  });

  test('ends its two directions one by one', async () => {
    answer = (visit) => {
      visit.halfOpen = true;
      visit.socket.write(SWITCHING);
    };
    const { running, relay } = await start();
    const client = await upgrade(running, { halfOpen: true });
    await eventually(() => client.text === SWITCHING);
    const [visit] = visits;
    client.socket.end('last words');
    await eventually(() => visit.ended);
    expect(visit.text.endsWith('last words')).toBe(true);
    expect(visit.closed).toBe(false);
    visit.socket.end('the answer to them');
    await eventually(() => client.ended);
    expect(client.text.endsWith('the answer to them')).toBe(true);
    await eventually(() => visit.closed && relay.open === 0);
  });

  test('is broken for both when one side breaks', async () => {
    answer = ({ socket }) => socket.write(SWITCHING);
    const { running, relay } = await start();
    const client = await upgrade(running);
    await eventually(() => client.text === SWITCHING);
    visits[0].socket.resetAndDestroy();
    await eventually(() => client.closed && relay.open === 0);
  });

  test('stalls the sender when the receiver does not read', async () => {
    answer = ({ socket }) => socket.write(SWITCHING);
    const { running } = await start();
    const client = await upgrade(running);
    await eventually(() => client.text === SWITCHING);
    client.socket.pause();
    const [{ socket }] = visits;
    const chunk = Buffer.alloc(1024 * 1024);
    let written = 0;
    while (written < 100 && socket.write(chunk)) written++;
    for (let turn = 0; turn < 20 && written < 100; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      while (written < 100 && !socket.writableNeedDrain) {
        socket.write(chunk);
        written++;
      }
    }
    expect(written).toBeLessThan(100);
    client.socket.destroy();
    await eventually(() => visits[0].closed);
  });
});

describe('an upgrade that upstream refuses', () => {
  test.each([
    [403, 'Forbidden', '{"kind":"Status","code":403}'],
    [500, 'Internal Server Error', 'boom'],
    [200, 'OK', 'not upgraded'],
    [302, 'Found', ''],
  ])('with %i: status and body are relayed, both sockets close', async (status, reason, body) => {
    answer = ({ socket }) =>
      socket.write(
        `HTTP/1.1 ${status} ${reason}\r\nLocation: https://third.example/\r\n` +
          `Content-Length: ${body.length}\r\nAudit-Id: up\r\nKeep-Alive: timeout=9\r\n\r\n${body}`,
      );
    const { running, relay } = await start();
    const client = await upgrade(running, { behind: 'smuggled' });
    await eventually(() => client.closed && visits[0].closed);
    const [head, received] = client.text.split('\r\n\r\n');
    expect(head.split('\r\n')).toEqual([
      `HTTP/1.1 ${status} ${reason}`,
      'Location: https://third.example/',
      'Audit-Id: up',
      'Connection: close',
    ]);
    expect(received).toBe(body);
    expect(visits[0].text.includes('smuggled')).toBe(false);
    expect([visits.length, relay.refused]).toEqual([1, 1]);
    await eventually(() => relay.open === 0);
  });

  test('with a chunked body: its content is relayed', async () => {
    answer = ({ socket }) =>
      socket.write(
        'HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
      );
    const { running } = await start();
    const client = await upgrade(running);
    await eventually(() => client.closed);
    expect(client.text.split('\r\n\r\n')[1]).toBe('abcde');
  });

  test('with an endless body: 64 KiB of it are relayed', async () => {
    answer = ({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const chunk = Buffer.alloc(10_000, 'x');
      const write = (): void => {
        while (!socket.destroyed && socket.write(chunk));
      };
      socket.on('drain', write);
      write();
    };
    const { running } = await start();
    const client = await upgrade(running);
    await eventually(() => client.closed && visits[0].closed);
    expect(client.text.split('\r\n\r\n')[1].length).toBe(64 * 1024);
  });
});

describe('an upgrade that upstream does not answer', () => {
  test('because nobody listens: 503', async () => {
    const { running, relay } = await start({}, 1);
    const client = await upgrade(running);
    await eventually(() => client.closed);
    expect(client.text).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\n/);
    expect(client.text).toContain('Retry-After: 1');
    expect(client.text).toContain('"reason":"ServiceUnavailable"');
    expect(relay.unanswered).toBe(1);
    await eventually(() => relay.open === 0);
  });

  test('because it does not know the account that speaks for a certificate: 503', async () => {
    answer = ({ socket }) => socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 1\r\n\r\nx');
    const userInfo = { user: 'alice', uid: '', groups: [], extra: {} };
    const { relay, running } = await start({}, upstreamPort, {
      callers: { of: () => new NamedCredential(userInfo, Infinity) },
      impersonator: {
        connectAs: async (_rawHeaders, named) => {
          const socket = connect({ port: upstreamPort, host: '127.0.0.1', allowHalfOpen: true });
          await once(socket, 'connect');
          return { socket, headers: named.impersonation() };
        },
      },
    });
    const client = await upgrade(running);
    await eventually(() => client.closed && visits[0]?.closed === true);
    expect(visits[0].text).toContain('Impersonate-User: alice');
    expect(client.text).toMatch(/^HTTP\/1\.1 503 /);
    expect(relay.unanswered).toBe(1);
  });

  test('a watch is told 429', async () => {
    const { running } = await start({}, 1);
    const client = await upgrade(running, { method: 'GET', path: '/api/v1/pods?watch=1' });
    await eventually(() => client.closed);
    expect(client.text).toMatch(/^HTTP\/1\.1 429 Too Many Requests\r\n/);
  });

  test.each([
    ['by closing', (socket: Socket) => socket.destroy()],
    ['by talking nonsense', (socket: Socket) => socket.write('SSH-2.0-OpenSSH\r\n\r\n')],
    ['by a half head', (socket: Socket) => socket.end('HTTP/1.1 101 Swi')],
    ['in time', () => {}],
  ])('%s: 503', async (_name, act) => {
    answer = ({ socket }) => act(socket);
    const { running, relay } = await start({ answerTimeoutMs: 100 });
    const client = await upgrade(running);
    await eventually(() => client.closed && visits[0].closed);
    expect(client.text).toMatch(/^HTTP\/1\.1 503 /);
    await eventually(() => relay.open === 0);
  });
});

test('upgrades beyond the limit are told to come back', async () => {
  answer = ({ socket }) => socket.write(SWITCHING);
  const { running, relay } = await start({ maxUpgrades: 1 });
  const first = await upgrade(running);
  await eventually(() => first.text === SWITCHING);
  const second = await upgrade(running);
  await eventually(() => second.closed);
  expect(second.text).toMatch(/^HTTP\/1\.1 429 /);
  expect(first.closed).toBe(false);
  first.socket.destroy();
  await eventually(() => relay.open === 0);
});

test('those of one address that upstream has not agreed to are bounded, and a refused one holds no place', async () => {
  answer = () => {};
  const { running, relay } = await start({ maxAskingPerAddress: 1, lingerMs: 10_000 });
  const asking = await upgrade(running);
  await eventually(() => visits.length === 1 && visits[0].text !== '');
  const second = await upgrade(running);
  await eventually(() => second.text !== '');
  expect(second.text).toMatch(/^HTTP\/1\.1 429 /);
  // Upstream agrees: the splice goes on, and the next may ask.
  visits[0].socket.write(SWITCHING);
  await eventually(() => asking.text === SWITCHING);
  answer = ({ socket }) => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
  const third = await upgrade(running);
  await eventually(() => third.text.endsWith('no'));
  // It lingers, and only the splice holds a place.
  await eventually(() => relay.open === 1);
  for (const { socket } of [asking, second, third]) socket.destroy();
  await eventually(() => relay.open === 0);
});

test('a client that leaves while upstream is asked leaves nothing behind', async () => {
  answer = () => {};
  const { running, relay } = await start({ answerTimeoutMs: 200 });
  const before = openDescriptors();
  const client = await upgrade(running);
  await eventually(() => visits.length === 1 && visits[0].text !== '');
  client.socket.destroy();
  await eventually(() => visits[0].closed && relay.open === 0);
  await eventually(() => openDescriptors() <= before);
  expect(running.failures).toEqual([]);
});

test('a drain cuts spliced sockets when the grace is over', async () => {
  answer = ({ socket }) => socket.write(SWITCHING);
  const { running } = await start();
  const client = await upgrade(running);
  await eventually(() => client.text === SWITCHING);
  expect(await running.server.drain(50)).toBe('cut');
  await eventually(() => client.closed && visits[0].closed);
  expect(running.server.stats.openUpgrades).toBe(0);
});
