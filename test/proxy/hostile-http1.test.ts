import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Exchange } from '../../src/proxy/exchange.ts';
import type { RecordingClient } from '../support/recording-client.ts';
import { EdgeFixture, eventually, openDescriptors, type RunningServer } from './edge-fixture.ts';

let edge: EdgeFixture;
let running: RunningServer;
let bystander: RecordingClient;
const handled: Exchange[] = [];

beforeAll(async () => {
  edge = await EdgeFixture.create();
  running = await edge.start({
    limits: { maxHeaderBytes: 4096, lingerMs: 50, reapIntervalMs: 20, maxPipelined: 3 },
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

/** Sends raw bytes; gives all bytes of the answer once the server closed. */
async function exchangeRaw(bytes: string | Buffer): Promise<string> {
  const socket = await running.socket();
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return Buffer.concat(chunks).toString('latin1');
}

function lines(...text: string[]): string {
  return `${text.join('\r\n')}\r\n\r\n`;
}

const HOST = 'Host: a';

describe('malformed HTTP/1.1 is answered 400 as a Status, and the connection closes', () => {
  test.each([
    [
      'Content-Length and Transfer-Encoding',
      lines('POST / HTTP/1.1', HOST, 'Content-Length: 3', 'Transfer-Encoding: chunked') +
        '0\r\n\r\n',
    ],
    [
      'two Content-Length',
      lines('POST / HTTP/1.1', HOST, 'Content-Length: 3', 'Content-Length: 3') + 'abc',
    ],
    ['a signed Content-Length', lines('POST / HTTP/1.1', HOST, 'Content-Length: +3') + 'abc'],
    ['an unknown coding', lines('POST / HTTP/1.1', HOST, 'Transfer-Encoding: xchunked')],
    [
      'chunked that is not last',
      lines('POST / HTTP/1.1', HOST, 'Transfer-Encoding: chunked, identity'),
    ],
    ['a space before the colon', lines('GET / HTTP/1.1', HOST, 'X-A : b')],
    ['a folded header', lines('GET / HTTP/1.1', HOST, 'X-A: b', ' c')],
    ['bare LF', 'GET / HTTP/1.1\nHost: a\n\n'],
    ['bare CR in a value', lines('GET / HTTP/1.1', HOST, 'X-A: b\rc')],
    ['NUL in a value', lines('GET / HTTP/1.1', HOST, 'X-A: b\0c')],
    ['no Host', lines('GET / HTTP/1.1')],
    ['two Host', lines('GET / HTTP/1.1', HOST, HOST)],
    ['absolute form', lines('GET http://evil/api/v1/pods HTTP/1.1', HOST)],
    ['asterisk form', lines('OPTIONS * HTTP/1.1', HOST)],
    ['CONNECT', lines('CONNECT evil:443 HTTP/1.1', HOST)],
    ['a fragment', lines('GET /api#x HTTP/1.1', HOST)],
    ['a target above ASCII', lines('GET /\u00e9 HTTP/1.1', HOST)],
    ['a lower-case method', lines('get / HTTP/1.1', HOST)],
    ['an unknown method', lines('FROB / HTTP/1.1', HOST)],
    [
      'Connection: impersonate-user',
      lines('GET / HTTP/1.1', HOST, 'Connection: keep-alive,  Impersonate-User'),
    ],
    ['Connection: authorization', lines('GET / HTTP/1.1', HOST, 'Connection: authorization')],
    ['Impersonate_User', lines('GET / HTTP/1.1', HOST, 'Impersonate_User: root')],
    ['not HTTP at all', Buffer.from([0, 1, 2, 3, 255, 254, 13, 10, 13, 10])],
    [
      'an upgrade with a body',
      lines(
        'POST / HTTP/1.1',
        HOST,
        'Connection: Upgrade',
        'Upgrade: SPDY/3.1',
        'Content-Length: 3',
      ) + 'abc',
    ],
    [
      'an upgrade with two Host',
      lines('GET / HTTP/1.1', HOST, HOST, 'Connection: Upgrade', 'Upgrade: websocket'),
    ],
    [
      'an upgrade that nominates',
      lines('GET / HTTP/1.1', HOST, 'Connection: Upgrade, Impersonate-User', 'Upgrade: websocket'),
    ],
  ])('%s', async (_name, bytes) => {
    const before = handled.length;
    const rejected = running.server.stats.rejected;
    const answer = await exchangeRaw(bytes);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toContain('Content-Type: application/json');
    expect(answer).toContain('Connection: close');
    expect(answer).toMatch(/"reason":"BadRequest","code":400}\n$/);
    expect(handled.length).toBe(before);
    expect(running.server.stats.rejected).toBe(rejected + 1);
  });
});

describe('headers beyond the limit are answered 431', () => {
  test.each([
    ['one long value', lines('GET / HTTP/1.1', HOST, `X-A: ${'b'.repeat(8192)}`)],
    [
      'many small ones',
      lines('GET / HTTP/1.1', HOST, ...Array.from({ length: 2000 }, (_, i) => `X-${i}: b`)),
    ],
    ['a long target', lines(`GET /${'a'.repeat(8192)} HTTP/1.1`, HOST)],
    ['one that never ends', `GET / HTTP/1.1\r\n${HOST}\r\nX-A: ${'b'.repeat(100_000)}`],
  ])('%s', async (_name, bytes) => {
    const answer = await exchangeRaw(bytes);
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    expect(answer).toContain('Connection: close');
  });
});

describe('a connection', () => {
  test('with an HTTP/2 preface on HTTP/1.1 is closed', async () => {
    expect(await exchangeRaw('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).not.toContain('200');
  });

  test('with an unknown upgrade protocol is answered as a plain request', async () => {
    const answer = await exchangeRaw(
      lines('GET /plain HTTP/1.1', HOST, 'Connection: Upgrade, close', 'Upgrade: h2c'),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  test('that pipelines is answered in order, one at a time', async () => {
    const socket = await running.socket();
    const before = handled.length;
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.write(
      lines('GET /hang/1 HTTP/1.1', HOST) +
        lines('GET /2 HTTP/1.1', HOST) +
        lines('GET /3 HTTP/1.1', HOST, 'Connection: close'),
    );
    await eventually(() => handled.length > before);
    // Another connection's round trip: had /2 been started too, it would be visible by now.
    await bystander.get('/ok');
    const mine = handled.slice(before).filter(({ protocol }) => protocol === 'http/1.1');
    expect(mine.map(({ target }) => target)).toEqual(['/hang/1']);
    mine[0].respondBytes(200, 'text/plain', Buffer.from('/hang/1'));
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
    expect(text.match(/\/hang\/1|\/2|\/3/g)).toEqual(['/hang/1', '/2', '/3']);
  });

  test.each([
    ['a refused request', lines('GET /refused HTTP/1.1', HOST, HOST)],
    ['the last one', lines('GET /last HTTP/1.1', HOST, 'Connection: close')],
  ])('that pipelines behind %s is heard no more', async (_name, bytes) => {
    const before = handled.length;
    const upgrade = lines('GET /up HTTP/1.1', HOST, 'Connection: Upgrade', 'Upgrade: websocket');
    for (const behind of [lines('GET /behind HTTP/1.1', HOST), upgrade]) {
      const answer = await exchangeRaw(bytes + behind);
      expect(answer.match(/HTTP\/1\.1 \d+/g)).toHaveLength(1);
    }
    const targets = handled.slice(before).map(({ target }) => target);
    expect(targets.filter((target) => target === '/behind' || target === '/up')).toEqual([]);
  });

  test('that pipelines more than may wait is cut', async () => {
    const rejected = running.server.stats.rejected;
    await exchangeRaw(lines('GET /hang HTTP/1.1', HOST).repeat(20));
    expect(running.server.stats.rejected).toBe(rejected + 1);
    await eventually(() => running.server.stats.openRequestsHttp1 === 0);
  });

  test('that sends on a body nobody wants is cut after a while', async () => {
    const answer = await exchangeRaw(
      `${lines('POST /early HTTP/1.1', HOST, 'Content-Length: 1000000')}a few bytes`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  test('that breaks its chunked body is cut, and the handler is told', async () => {
    const before = handled.length;
    await exchangeRaw(
      `${lines('POST /hang/chunks HTTP/1.1', HOST, 'Transfer-Encoding: chunked')}zz\r\n`,
    );
    const exchange = handled.slice(before).find(({ target }) => target === '/hang/chunks');
    await eventually(() => exchange?.aborted === true);
  });
});

describe('a slow client', () => {
  test.each([
    ['that says nothing', ''],
    ['that never finishes its headers', 'GET / HTTP/1.1\r\nHost: a\r\n'],
    ['that is idle between requests', lines('GET / HTTP/1.1', HOST)],
    ['that never finishes its second request', `${lines('GET / HTTP/1.1', HOST)}GET /2 HT`],
  ])('%s is closed', async (_name, bytes) => {
    const slow = await edge.start({
      limits: { headersTimeoutMs: 100, idleTimeoutMs: 100, reapIntervalMs: 20, lingerMs: 20 },
    });
    const socket = await slow.socket();
    socket.resume();
    socket.write(bytes);
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
    await eventually(() => slow.server.stats.openConnections === 0);
  });
});

test('after all that, others are untouched and no descriptor is left', async () => {
  await eventually(() => running.server.stats.openConnections === 1);
  const before = openDescriptors();
  for (let i = 0; i < 20; i++) await exchangeRaw('\0\r\n\r\n');
  await eventually(() => running.server.stats.openConnections === 1);
  expect(openDescriptors()).toBeLessThanOrEqual(before);
  expect(bystander.responses[0].end.kind).toBe('open');
  expect((await bystander.get('/ok')).status).toBe(200);
  expect(running.failures).toEqual([]);
});
