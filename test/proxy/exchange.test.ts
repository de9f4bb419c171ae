import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { forbidden, tooManyRequests } from '../../src/k8s/status.ts';
import type { Exchange } from '../../src/proxy/exchange.ts';
import type { Sink } from '../../src/proxy/sink.ts';
import { EdgeFixture, eventually, PROTOCOLS, type RunningServer } from './edge-fixture.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const RST_STREAM = 3;

let edge: EdgeFixture;
let running: RunningServer;
let handle: (exchange: Exchange) => void;

beforeAll(async () => {
  edge = await EdgeFixture.create();
  running = await edge.start({ handle: (exchange) => handle(exchange) });
});

afterAll(() => edge.close());

describe.each(PROTOCOLS)('an exchange over %s', (protocol) => {
  test('tells the request as it came', async () => {
    let seen: Exchange | undefined;
    handle = (exchange) => {
      seen = exchange;
      exchange.respondBytes(200, 'text/plain', Buffer.from('hello'));
    };
    const client = await running.client(protocol);
    const response = await client.get('/api/v1/../x%2Fy?a=b;c&d=%zz', {
      'Impersonate-Group': ['a', 'b, c'],
      authorization: 'Bearer x',
    });
    expect(response.status).toBe(200);
    expect(response.text).toBe('hello');
    expect(seen?.method).toBe('GET');
    expect(seen?.target).toBe('/api/v1/../x%2Fy?a=b;c&d=%zz');
    expect(seen?.protocol).toBe(protocol);
    expect(seen?.remoteAddress).toBe('127.0.0.1');
    expect(seen?.hasBody).toBe(false);
    expect(seen?.header('authorization')).toBe('Bearer x');
    expect(seen?.header('x-absent')).toBeUndefined();
    const groups = seen?.rawHeaders.filter(
      (_, i, all) => i % 2 === 1 && all[i - 1].toLowerCase() === 'impersonate-group',
    );
    expect(groups).toEqual(['a', 'b, c']);
    expect(seen?.rawHeaders.some((name) => name.startsWith(':'))).toBe(false);
  });

  test('a local answer carries the headers of every apiserver answer', async () => {
    handle = (exchange) => exchange.respondBytes(200, 'application/json', Buffer.from('{}'));
    const client = await running.client(protocol);
    const response = await client.get('/');
    expect(response.header('audit-id')).toMatch(UUID);
    expect(response.header('cache-control')).toBe('no-cache, private');
    expect(response.header('content-type')).toBe('application/json');
    expect(response.header('content-length')).toBe('2');
    expect(Date.parse(response.header('date') ?? '')).not.toBeNaN();
  });

  test('the audit id of the client is echoed', async () => {
    handle = (exchange) => exchange.respondBytes(200, 'text/plain', Buffer.from(exchange.id));
    const client = await running.client(protocol);
    const response = await client.get('/', { 'Audit-ID': 'mine' });
    expect(response.header('audit-id')).toBe('mine');
    expect(response.text).toBe('mine');
  });

  test('a body longer than what Go buffers has no content length', async () => {
    const longest = protocol === 'h2' ? 4096 : 2048;
    const client = await running.client(protocol);
    handle = (exchange) => exchange.respondBytes(200, 'text/plain', Buffer.alloc(longest, 'x'));
    expect((await client.get('/')).header('content-length')).toBe(String(longest));
    handle = (exchange) => exchange.respondBytes(200, 'text/plain', Buffer.alloc(longest + 1, 'x'));
    const response = await client.get('/');
    expect(response.header('content-length')).toBeUndefined();
    expect(response.bytes).toBe(longest + 1);
    expect(response.end).toEqual({ kind: 'clean' });
  });

  test('a Status says when to retry', async () => {
    const status = tooManyRequests('later', 3);
    handle = (exchange) => exchange.respondStatus(status);
    const client = await running.client(protocol);
    const response = await client.get('/');
    expect(response.status).toBe(429);
    expect(response.header('retry-after')).toBe('3');
    expect(response.header('content-type')).toBe('application/json');
    expect(response.body).toEqual(status.body);
  });

  test('a 403 forbids content sniffing', async () => {
    const pods = { group: '', plural: 'pods' };
    handle = (exchange) =>
      exchange.respondStatus(forbidden({ user: 'u', verb: 'list', resource: pods }));
    const client = await running.client(protocol);
    const response = await client.get('/');
    expect(response.status).toBe(403);
    expect(response.header('x-content-type-options')).toBe('nosniff');
  });

  test('a second answer is ignored', async () => {
    handle = (exchange) => {
      exchange.respondStatus(tooManyRequests('first', 1));
      exchange.respondStatus(tooManyRequests('second', 1));
    };
    const client = await running.client(protocol);
    expect((await client.get('/')).text).toContain('first');
  });

  test('relayed headers are only those given, repeated ones stay apart', async () => {
    handle = (exchange) =>
      exchange.relay(200, ['Warning', '299 - "a"', 'Warning', '299 - "b"', 'Audit-Id', 'up']).end();
    const client = await running.client(protocol);
    const response = await client.get('/');
    const warnings = response.rawHeaders.filter(
      (_, i, all) => i % 2 === 1 && all[i - 1].toLowerCase() === 'warning',
    );
    expect(warnings).toEqual(['299 - "a"', '299 - "b"']);
    expect(response.header('audit-id')).toBe('up');
    expect(response.header('cache-control')).toBeUndefined();
    expect(response.header('date')).toBeUndefined();
  });

  test('headers that cannot be sent leave the exchange unanswered', async () => {
    let thrown: unknown;
    handle = (exchange) => {
      try {
        exchange.relay(200, ['x-bad', 'a\r\nb: c']);
      } catch (error) {
        thrown = error;
        exchange.respondStatus(tooManyRequests('bad upstream', 1));
      }
    };
    const client = await running.client(protocol);
    const response = await client.get('/');
    expect(thrown).toBeDefined();
    expect(response.status).toBe(429);
    expect(response.header('b')).toBeUndefined();
  });

  test('HEAD gets the headers and no body', async () => {
    handle = (exchange) => {
      const sink = exchange.respond(200, ['Content-Length', '5']);
      sink.write(Buffer.from('hello'));
      sink.end();
    };
    const client = await running.client(protocol);
    const response = await client.send({ method: 'HEAD', path: '/' });
    expect(response.status).toBe(200);
    expect(response.header('content-length')).toBe('5');
    expect(response.bytes).toBe(0);
    expect(response.end).toEqual({ kind: 'clean' });
  });

  test('204 has no body', async () => {
    handle = (exchange) => {
      const sink = exchange.relay(204, []);
      sink.write(Buffer.from('x'));
      sink.end();
    };
    const client = await running.client(protocol);
    const response = await client.get('/');
    expect([response.status, response.bytes, response.end.kind]).toEqual([204, 0, 'clean']);
  });

  test('a request body is read as it comes', async () => {
    handle = (exchange) => {
      const parts: Buffer[] = [];
      expect(exchange.hasBody).toBe(true);
      exchange.body().on('data', (part: Buffer) => parts.push(part));
      exchange
        .body()
        .on('end', () => exchange.respondBytes(201, 'text/plain', Buffer.concat(parts)));
    };
    const client = await running.client(protocol);
    const response = await client.send({ method: 'POST', path: '/', body: 'a body' });
    expect([response.status, response.text]).toEqual([201, 'a body']);
  });

  test('a client that waits for 100 is told to go on', async () => {
    handle = (exchange) => {
      exchange.body().resume();
      exchange.body().on('end', () => exchange.respondBytes(201, 'text/plain', Buffer.from('ok')));
    };
    const client = await running.client(protocol);
    const headers = { expect: '100-continue' };
    const response = await client.send({ method: 'POST', path: '/', body: 'b', headers });
    expect([response.status, response.text]).toEqual([201, 'ok']);
    // HEADERS of the 100 and of the 201.
    if (protocol === 'h2') expect(client.frames.filter(({ type }) => type === 1)).toHaveLength(2);
  });

  test('an answer may come before the end of the request body', async () => {
    let closed = false;
    handle = (exchange) => {
      exchange.onClose(() => {
        closed = true;
      });
      exchange.respondStatus(tooManyRequests('no', 1));
    };
    const client = await running.client(protocol);
    const response = client.open({ method: 'POST', path: '/', body: 'start', keepBodyOpen: true });
    await response.untilEnd();
    expect(response.status).toBe(429);
    expect(response.text).toContain('"code":429');
    await eventually(() => closed);
  });

  test('a client that goes away is told once, and the answer goes nowhere', async () => {
    const told: string[] = [];
    let sink: Sink | undefined;
    let seen: Exchange | undefined;
    handle = (exchange) => {
      seen = exchange;
      exchange.onAbort(() => told.push('abort'));
      exchange.onClose(() => told.push('close'));
      sink = exchange.respond(200, []);
      sink.onClose = () => told.push('sink');
    };
    const client = await running.client(protocol);
    const response = await client.open({ path: '/' }).untilHead();
    response.abort();
    await eventually(() => told.length === 3);
    expect(told.toSorted()).toEqual(['abort', 'close', 'sink']);
    expect(seen?.aborted).toBe(true);
    expect(sink?.closed).toBe(true);
    expect(sink?.write(Buffer.from('x'))).toBe(false);
    sink?.end();
    sink?.destroy();
    let late = 0;
    seen?.onAbort(() => late++);
    seen?.onClose(() => late++);
    expect(late).toBe(2);
  });

  test.each(['answered', 'aborted'])(
    'a body that was half read and left is let go, %s',
    async (how) => {
      let seen: Exchange | undefined;
      handle = (exchange) => {
        exchange.body().once('data', () => {
          exchange.body().pause();
          seen = exchange;
        });
      };
      const client = await running.client(protocol);
      const body = Buffer.alloc(400_000);
      const response = client.open({ method: 'POST', path: '/', body, keepBodyOpen: true });
      await eventually(() => seen !== undefined);
      if (how === 'aborted') response.abort();
      // Over HTTP/1.1 nobody sees the abort while nobody reads: the answer finds out.
      if (how === 'answered' || protocol === 'http/1.1') {
        seen?.respondStatus(tooManyRequests('no', 1));
      }
      await response.untilEnd();
      client.close();
      const { stats } = running.server;
      await eventually(() => stats.openStreams === 0 && stats.openRequestsHttp1 === 0);
    },
  );

  test('a client that goes away before the answer does no harm', async () => {
    let seen: Exchange | undefined;
    handle = (exchange) => {
      seen = exchange;
    };
    const client = await running.client(protocol);
    const response = client.open({ path: '/' });
    await eventually(() => seen !== undefined);
    response.abort();
    await eventually(() => seen?.aborted === true);
    const sink = seen?.respond(200, []);
    expect(sink?.closed).toBe(true);
    seen?.respondStatus(tooManyRequests('late', 1));
    expect(running.failures).toEqual([]);
  });

  test('a delivered answer is not an abort', async () => {
    const told: string[] = [];
    handle = (exchange) => {
      exchange.onAbort(() => told.push('abort'));
      exchange.onClose(() => told.push('close'));
      exchange.respondBytes(200, 'text/plain', Buffer.from('x'));
    };
    const client = await running.client(protocol);
    await client.get('/');
    await eventually(() => told.length > 0);
    expect(told).toEqual(['close']);
  });
});

describe('an exchange over h2', () => {
  test('never resets a stream whose request had no body', async () => {
    handle = (exchange) => {
      const sink = exchange.respond(200, []);
      sink.onReady = () => sink.end();
      sink.write(Buffer.from('line\n'));
    };
    const client = await running.client('h2');
    for (let i = 0; i < 20; i++) await client.get('/');
    await client.send({ method: 'HEAD', path: '/' });
    handle = (exchange) => exchange.respondBytes(200, 'text/plain', Buffer.alloc(0));
    await client.get('/');
    // One more round trip: a late reset would have arrived before it.
    await client.get('/');
    expect(client.frames.filter(({ type }) => type === RST_STREAM)).toEqual([]);
  });

  test('a body that waits for flow control still ends cleanly', async () => {
    handle = (exchange) => {
      const sink = exchange.respond(200, []);
      sink.write(Buffer.alloc(200_000, 'x'));
      sink.end();
    };
    const client = await running.client('h2', 1_000);
    const response = await client.get('/');
    expect([response.bytes, response.end.kind]).toEqual([200_000, 'clean']);
    await client.get('/');
    expect(client.frames.filter(({ type }) => type === RST_STREAM)).toEqual([]);
  });
});
