import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PassThrough, type UpstreamForwarder } from '../../src/proxy/pass-through.ts';
import { Upstream } from '../../src/upstream/upstream.ts';
import { EdgeFixture, eventually, PROTOCOLS, type RunningServer } from './edge-fixture.ts';

let edge: EdgeFixture;
let running: RunningServer;
let passThrough: PassThrough;
let upstreamPort: number;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let forwarder: UpstreamForwarder;
const received: IncomingMessage[] = [];

beforeAll(async () => {
  edge = await EdgeFixture.create();
  const server = createServer((request, response) => {
    received.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  upstreamPort = (server.address() as AddressInfo).port;
  edge.onClose(() => {
    server.close();
    server.closeAllConnections();
  });
  const upstream = connect(upstreamPort);
  forwarder = upstream;
  passThrough = new PassThrough({ forward: (request) => forwarder.forward(request) });
  running = await edge.start({ handle: (exchange) => passThrough.serve(exchange) });
});

beforeEach(() => {
  received.length = 0;
});

afterAll(() => edge.close());

function connect(port: number): Upstream {
  const upstream = Upstream.connect({
    origin: 'test',
    scheme: 'http',
    host: '127.0.0.1',
    port,
    basePath: '',
    insecureSkipTlsVerify: false,
    tlsServerName: '',
    reader: {},
  });
  edge.onClose(() => void upstream.close());
  return upstream;
}

describe.each(PROTOCOLS)('a request passed through over %s', (protocol) => {
  test('arrives upstream as it was sent, without our hop', async () => {
    answer = (_request, response) => response.end('ok');
    const client = await running.client(protocol);
    const path = '/api/v1/../services/https:x:443/proxy/a%2Fb;c?q=%2F&b=%zz';
    await client.get(path, {
      authorization: 'Bearer secret',
      'impersonate-group': ['a', 'b, c'],
      'x-remote-user': 'root',
      'x-forwarded-for': '10.0.0.1',
      'user-agent': 'kubectl/v1',
      ...(protocol === 'h2' ? {} : { connection: 'keep-alive, x-hop', 'x-hop': '1' }),
    });
    const [request] = received;
    expect([request.method, request.url]).toEqual(['GET', path]);
    expect(request.headersDistinct['impersonate-group']).toEqual(['a', 'b, c']);
    expect(request.headersDistinct.authorization).toEqual(['Bearer secret']);
    expect(request.headersDistinct['x-forwarded-for']).toEqual(['127.0.0.1']);
    expect(request.headers.host).toBe(`127.0.0.1:${upstreamPort}`);
    expect(request.headers['user-agent']).toBe('kubectl/v1');
    for (const name of ['x-remote-user', 'x-hop', ':authority', 'content-length']) {
      expect(request.headers[name]).toBeUndefined();
    }
  });

  test('comes back with the status, headers and bytes of upstream', async () => {
    const body = randomBytes(100_000);
    answer = (_request, response) => {
      response.sendDate = false;
      response.writeHead(302, {
        Location: 'https://third.example/',
        Warning: ['299 - "a"', '299 - "b"'],
        'Audit-Id': 'upstream',
        'Content-Encoding': 'gzip',
        'Keep-Alive': 'timeout=5',
        'Content-Length': body.length,
      });
      response.end(body);
    };
    const client = await running.client(protocol);
    const response = await client.get('/');
    expect(response.status).toBe(302);
    expect(response.body).toEqual(body);
    expect(response.end).toEqual({ kind: 'clean' });
    expect(response.header('location')).toBe('https://third.example/');
    expect(response.header('audit-id')).toBe('upstream');
    expect(response.header('content-length')).toBe(String(body.length));
    expect(response.rawHeaders.filter((value) => value.startsWith('299'))).toHaveLength(2);
    expect(response.header('cache-control')).toBeUndefined();
    expect(response.header('keep-alive')).not.toBe('timeout=5');
  });

  test('keeps the difference between HEAD, 204 and an empty body', async () => {
    answer = (request, response) => {
      if (request.method === 'HEAD') response.setHeader('content-length', '7');
      else response.statusCode = request.url === '/none' ? 204 : 200;
      response.end();
    };
    const client = await running.client(protocol);
    const head = await client.send({ method: 'HEAD', path: '/' });
    expect([head.status, head.header('content-length'), head.bytes]).toEqual([200, '7', 0]);
    const none = await client.get('/none');
    expect([none.status, none.end.kind]).toEqual([204, 'clean']);
    const empty = await client.get('/empty');
    expect([empty.status, empty.bytes, empty.end.kind]).toEqual([200, 0, 'clean']);
  });

  test.each(['POST', 'PUT', 'PATCH', 'DELETE'])('%s carries its body', async (method) => {
    answer = (request, response) => {
      response.statusCode = 201;
      request.pipe(response);
    };
    const body = randomBytes(300_000);
    const client = await running.client(protocol);
    const response = await client.send({ method, path: '/', body });
    expect(response.status).toBe(201);
    expect(response.body.equals(body)).toBe(true);
    expect(received[0].method).toBe(method);
  });

  test('DELETE without a body has none upstream', async () => {
    answer = (_request, response) => response.end('{}');
    const client = await running.client(protocol);
    await client.send({ method: 'DELETE', path: '/' });
    expect(received[0].headers['transfer-encoding']).toBeUndefined();
  });

  test('streams each chunk as it comes', async () => {
    let upstreamResponse: ServerResponse | undefined;
    answer = (_request, response) => {
      upstreamResponse = response;
      response.writeHead(200, { 'Content-Type': 'application/json' }).flushHeaders();
    };
    const client = await running.client(protocol);
    const response = await client.open({ path: '/api/v1/pods?watch=1' }).untilHead();
    for (let i = 1; i <= 3; i++) {
      upstreamResponse?.write(`{"type":"BOOKMARK","n":${i}}\n`);
      await response.untilLines(i);
    }
    upstreamResponse?.end();
    await response.untilEnd();
    expect(response.end).toEqual({ kind: 'clean' });
  });

  test('a client that goes away takes its upstream request along', async () => {
    let gone = false;
    answer = (_request, response) => {
      response.once('close', () => {
        gone = true;
      });
      response.write('first\n');
    };
    const client = await running.client(protocol);
    const response = await client.open({ path: '/watched?watch=1' }).untilLines(1);
    response.abort();
    await eventually(() => gone && passThrough.open === 0);
  });

  test('a client that goes away before the answer does so too', async () => {
    let gone = false;
    answer = (request) => {
      request.socket.once('close', () => {
        gone = true;
      });
    };
    const client = await running.client(protocol);
    const response = client.open({ path: '/slow' });
    await eventually(() => received.length === 1);
    response.abort();
    await eventually(() => gone && passThrough.open === 0);
    expect(running.failures).toEqual([]);
  });

  test('an answer before the end of the request body is relayed', async () => {
    answer = (_request, response) => {
      response.writeHead(413, { connection: 'close' }).end('too much');
    };
    const client = await running.client(protocol);
    const response = client.open({
      method: 'POST',
      path: '/',
      body: 'some',
      keepBodyOpen: true,
    });
    await response.untilHead();
    expect(response.status).toBe(413);
    await eventually(() => passThrough.open === 0);
  });

  test('a reader that stalls stalls upstream, and memory stays where it is', async () => {
    let written = 0;
    let upstreamResponse: ServerResponse | undefined;
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const write = (response: ServerResponse): void => {
      written += chunk.length;
      while (!response.destroyed && response.write(chunk)) written += chunk.length;
    };
    answer = (_request, response) => {
      upstreamResponse = response;
      response.on('drain', () => write(response));
      response.flushHeaders();
    };
    const client = await running.client(protocol);
    const response = await client.open({ path: '/big' }).untilHead();
    response.stall();
    client.stall();
    write(upstreamResponse as ServerResponse);
    // Loopback sockets and windows swallow some megabytes on the way; then nothing moves.
    let still = 0;
    let last = 0;
    await eventually(() => {
      still = written === last ? still + 1 : 0;
      last = written;
      return still === 20;
    });
    expect(written).toBeLessThan(64 * 1024 * 1024);
    client.close();
    await eventually(() => upstreamResponse?.destroyed === true);
  });

  test('an answer that breaks off upstream is broken off here', async () => {
    answer = (_request, response) => {
      response.write('{"items":[');
      setTimeout(() => response.destroy(), 20);
    };
    const client = await running.client(protocol);
    const response = await client.open({ path: '/api/v1/pods' }).untilBytes(10);
    await response.untilEnd();
    expect(response.end.kind).toBe(protocol === 'h2' ? 'reset' : 'cut');
  });

  test('a watch that breaks off upstream ends cleanly here', async () => {
    answer = (_request, response) => {
      response.write('{"type":"ADDED"}\n');
      setTimeout(() => response.destroy(), 20);
    };
    const client = await running.client(protocol);
    const response = await client.open({ path: '/api/v1/pods?watch=1' }).untilLines(1);
    await response.untilEnd();
    expect(response.end).toEqual({ kind: 'clean' });
  });

  test('a watch that breaks off in the middle of a frame ends behind the one before', async () => {
    const whole = '{"type":"ADDED"}\n';
    answer = (_request, response) => {
      response.setHeader('content-type', 'application/json');
      response.write(`${whole}{"type":"MODI`);
      setTimeout(() => response.destroy(), 50);
    };
    const client = await running.client(protocol);
    const response = client.open({ path: '/api/v1/pods?watch=1' });
    await response.untilEnd();
    expect([response.end, response.text]).toEqual([{ kind: 'clean' }, whole]);
  });

  test('a refusal of a watch that breaks off before its announced length is broken off here', async () => {
    answer = (_request, response) => {
      response.writeHead(403, { 'content-length': '100' });
      response.write('{"kind":"Status"');
      setTimeout(() => response.destroy(), 20);
    };
    const client = await running.client(protocol);
    const response = client.open({ path: '/api/v1/pods?watch=1' });
    await response.untilEnd();
    expect(response.status).toBe(403);
    expect(response.end.kind).toBe(protocol === 'h2' ? 'reset' : 'cut');
  });

  test('a watch that ends well is told to its last byte', async () => {
    const text = '{"type":"ADDED"}\n{"type":"MODI';
    answer = (_request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(text);
    };
    const client = await running.client(protocol);
    const response = await client.get('/api/v1/pods?watch=1');
    expect([response.end, response.text]).toEqual([{ kind: 'clean' }, text]);
  });

  test('a watch that breaks off before it said anything lasts a second', async () => {
    answer = (_request, response) => {
      response.flushHeaders();
      setTimeout(() => response.destroy(), 20);
    };
    const client = await running.client(protocol);
    const response = await client.open({ path: '/api/v1/pods?watch=1' }).untilHead();
    const headAtMs = performance.now();
    await response.untilEnd();
    expect(response.end).toEqual({ kind: 'clean' });
    // The head was on its way for a moment.
    expect(performance.now() - headAtMs).toBeGreaterThan(500);
  });

  test.each([502, 503, 504])(
    'a gateway’s %s is 429 to a watch, and itself to a list',
    async (code) => {
      answer = (_request, response) => response.writeHead(code).end('gateway');
      const client = await running.client(protocol);
      const list = await client.get('/api/v1/pods');
      expect([list.status, list.text]).toEqual([code, 'gateway']);
      const watch = await client.get('/api/v1/pods?watch=1');
      expect([watch.status, watch.header('retry-after')]).toEqual([429, '1']);
      expect(watch.text).toContain(`the upstream apiserver said ${code}`);
    },
  );

  test('any other refusal of a watch is upstream’s own', async () => {
    answer = (_request, response) => response.writeHead(500).end('not a number');
    const client = await running.client(protocol);
    const watch = await client.get('/api/v1/pods?watch=1&resourceVersion=x');
    expect([watch.status, watch.text]).toEqual([500, 'not a number']);
  });

  test('when upstream is unreachable: 503, but 429 for a watch', async () => {
    const before = forwarder;
    forwarder = connect(1);
    try {
      const client = await running.client(protocol);
      const list = await client.get('/api/v1/pods');
      expect([list.status, list.header('retry-after')]).toEqual([503, '1']);
      expect(list.text).toContain('"reason":"ServiceUnavailable"');
      for (const path of ['/api/v1/pods?watch=true', '/api/v1/watch/pods']) {
        const watch = await client.get(path);
        expect([watch.status, watch.header('retry-after')]).toEqual([429, '1']);
        expect(watch.text).toContain('"retryAfterSeconds":1');
      }
    } finally {
      forwarder = before;
    }
  });

  test('when upstream closes before it answers: 503', async () => {
    answer = (request) => request.socket.destroy();
    const client = await running.client(protocol);
    const response = await client.send({ method: 'POST', path: '/', body: 'x' });
    expect(response.status).toBe(503);
  });

  test('a body beyond upstream’s limit is answered 413', async () => {
    answer = (request, response) => {
      request.resume().on('end', () => response.end());
    };
    const client = await running.client(protocol);
    const response = client.open({
      method: 'POST',
      path: '/',
      body: Buffer.alloc(4 * 1024 * 1024),
    });
    await response.untilHead();
    expect(response.status).toBe(413);
    expect(response.header('content-type')).toBe('application/json');
    await eventually(() => passThrough.open === 0);
  });

  test('when upstream says what this protocol cannot carry: 503', async () => {
    const before = forwarder;
    forwarder = {
      forward: () =>
        Promise.resolve({
          status: 200,
          rawHeaders: ['x-bad', 'a\nb'],
          body: Readable.from(['x']),
        }),
    };
    try {
      const client = await running.client(protocol);
      expect((await client.get('/')).status).toBe(503);
    } finally {
      forwarder = before;
    }
  });
});

test('many requests at once are kept apart', async () => {
  answer = (request, response) => response.end(request.headers.authorization);
  const clients = await Promise.all(PROTOCOLS.map((protocol) => running.client(protocol)));
  const answers = await Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      const response = await clients[i % 2].get(`/${i}`, { authorization: `Bearer ${i}` });
      return response.text;
    }),
  );
  expect(answers).toEqual(Array.from({ length: 200 }, (_, i) => `Bearer ${i}`));
});
