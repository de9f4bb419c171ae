import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { Upstream } from '../../src/upstream/upstream.ts';
import { codeOf, get, useServers } from './support/harness.ts';
import type { Handler } from './support/harness.ts';
import { bytesOf, plainCluster, startTcp, until } from './support/server.ts';
import type { ServerResponse } from './support/server.ts';

const { closing, servePlain, serveTls } = useServers();

describe('bodies', () => {
  const digest: Handler = async (request, response) => {
    const body = await bytesOf(request).catch(() => undefined);
    if (body === undefined) {
      return;
    }
    const hash = createHash('sha256').update(body);
    response.end(`${hash.digest('hex')} ${request.headers['transfer-encoding'] ?? 'sized'}`);
  };

  function pieces(bytes: Buffer, size: number): Readable {
    return Readable.from(
      (function* () {
        for (let at = 0; at < bytes.length; at += size) {
          yield bytes.subarray(at, at + size);
        }
      })(),
    );
  }

  const payload = Buffer.alloc(3_000_000, 'watershed');
  const expected = createHash('sha256').update(payload).digest('hex');

  test('a chunked body is streamed as chunks', async () => {
    const { upstream } = await serveTls(digest);
    const response = await upstream.forward({
      method: 'POST',
      path: '/x',
      body: pieces(payload, 70_000),
      rawHeaders: ['Transfer-Encoding', 'chunked'],
    });
    expect((await bytesOf(response.body)).toString()).toBe(`${expected} chunked`);
  });

  test.each(['PUT', 'PATCH', 'DELETE', 'GET'])(
    'a sized %s body keeps its length',
    async (method) => {
      const { server, upstream } = await serveTls(digest);
      for (let turn = 0; turn < 6; turn += 1) {
        const response = await upstream.forward({
          method,
          path: '/x',
          body: pieces(payload, 70_000),
          rawHeaders: ['Content-Length', String(payload.length)],
        });
        expect((await bytesOf(response.body)).toString()).toBe(`${expected} sized`);
      }
      // undici gives a connection up after a GET with a body; all others are used again.
      expect(server.accepted()).toBeLessThanOrEqual(method === 'GET' ? 6 : 2);
    },
  );

  test('a POST with content-length 0 is sent as such', async () => {
    const { upstream } = await servePlain((request, response) =>
      response.end(request.headers['content-length']),
    );
    const response = await upstream.forward({
      method: 'POST',
      path: '/x',
      body: Readable.from([]),
      rawHeaders: ['content-length', '0'],
    });
    expect((await bytesOf(response.body)).toString()).toBe('0');
  });

  test('a body past the limit is refused by its declared or its real length', async () => {
    const { server, upstream } = await serveTls(digest);
    const size = 3 * 1024 * 1024 * 1.1 + 1;
    const declared = upstream.forward({
      method: 'POST',
      path: '/x',
      body: Readable.from(['a']),
      rawHeaders: ['Content-Length', String(Math.ceil(size))],
    });
    expect(await codeOf(declared)).toBe('body-too-large');
    expect(server.accepted()).toBe(0);
    const source = pieces(Buffer.alloc(size), 100_000);
    const real = upstream.forward({ method: 'POST', path: '/x', body: source, rawHeaders: [] });
    expect(await codeOf(real)).toBe('body-too-large');
    await until(() => server.sockets.size === 0);
  });

  test('a body that is shorter than declared is never taken for a whole one', async () => {
    let whole = 0;
    const { upstream } = await servePlain(async (request, response) => {
      await bytesOf(request).then(
        () => (whole += 1),
        () => undefined,
      );
      response.end('ok');
    });
    const work = upstream.forward({
      method: 'POST',
      path: '/x',
      body: Readable.from(['abc']),
      rawHeaders: ['Content-Length', '10'],
    });
    expect(await codeOf(work)).toBe('bad-request');
    const next = await upstream.forward(get('/x'));
    expect((await bytesOf(next.body)).toString()).toBe('ok');
    expect(whole).toBe(1);
  });

  test('an early answer is relayed while the caller still sends', async () => {
    const { upstream } = await servePlain((_request, response) => {
      response.writeHead(413, { connection: 'close' });
      response.end('too large');
    });
    const source = new Readable({ read() {} });
    source.push('first');
    const response = await upstream.forward({
      method: 'POST',
      path: '/x',
      body: source,
      rawHeaders: ['Content-Length', '1000'],
    });
    expect(response.status).toBe(413);
    expect((await bytesOf(response.body)).toString()).toBe('too large');
    expect(source.destroyed).toBe(false);
  });

  test('a caller that breaks off its body ends the request upstream', async () => {
    let closed = false;
    const { upstream } = await servePlain((request) => {
      request.on('error', () => {});
      request.on('close', () => {
        closed = true;
      });
      request.resume();
    });
    const source = new Readable({ read() {} });
    source.push('first');
    const work = upstream.forward({
      method: 'POST',
      path: '/x',
      body: source,
      rawHeaders: ['Content-Length', '1000'],
    });
    setTimeout(() => source.destroy(), 20);
    expect(await codeOf(work)).toBe('aborted');
    await until(() => closed);
  });
});

describe('responses', () => {
  test('10 MB arrive whole while the reader is slow, and upstream is held back meanwhile', async () => {
    const block = Buffer.alloc(64 * 1024, 'x');
    let written = 0;
    const { upstream } = await serveTls((_request, response) => {
      const pump = (): void => {
        while (written < 160) {
          written += 1;
          if (!response.write(block)) {
            response.once('drain', pump);
            return;
          }
        }
        response.end();
      };
      pump();
    });
    const response = await upstream.forward(get('/big'));
    let settled = -1;
    await until(() => {
      const same = settled === written;
      settled = written;
      return same && written > 0;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(written).toBeLessThan(160);
    const bytes = await bytesOf(response.body);
    expect(bytes.length).toBe(160 * block.length);
  });

  test('a watch arrives chunk by chunk, each before the next is written', async () => {
    let stream: ServerResponse | undefined;
    const { upstream } = await serveTls((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      stream = response;
    });
    const response = await upstream.forward({ ...get('/w?watch=1'), longRunning: true });
    expect(response.status).toBe(200);
    const chunks = response.body[Symbol.asyncIterator]();
    for (let event = 0; event < 5; event += 1) {
      stream?.write(`{"event":${event}}\n`);
      const { value } = await chunks.next();
      expect(value.toString()).toBe(`{"event":${event}}\n`);
    }
    stream?.end();
    expect((await chunks.next()).done).toBe(true);
  });

  test('interim responses and trailers are ignored; redirects are relayed', async () => {
    const { upstream } = await servePlain((request, response) => {
      response.writeEarlyHints({ link: '</a>; rel=preload' });
      response.writeProcessing();
      response.writeHead(307, { location: 'http://elsewhere/', trailer: 'x-t' });
      response.write(request.url);
      response.addTrailers({ 'x-t': '1' });
      response.end();
    });
    const response = await upstream.forward(get('/old'));
    expect(response.status).toBe(307);
    expect(response.rawHeaders).toContain('http://elsewhere/');
    expect((await bytesOf(response.body)).toString()).toBe('/old');
  });

  test('HEAD, 204 and 304 have no body', async () => {
    const { upstream } = await servePlain((request, response) => {
      response.writeHead(Number(request.url?.slice(1)), { etag: '"a"' });
      response.end(request.method === 'HEAD' ? undefined : '');
    });
    for (const [method, status] of [
      ['HEAD', 200],
      ['GET', 204],
      ['GET', 304],
    ] as const) {
      const response = await upstream.forward({ ...get(`/${status}`), method });
      expect(response.status).toBe(status);
      expect((await bytesOf(response.body)).length).toBe(0);
    }
  });

  test('no client certificate travels with a forwarded request', async () => {
    const { upstream } = await serveTls((request, response) => {
      const peer = (request.socket as TLSSocket).getPeerCertificate();
      response.end(JSON.stringify(peer.subject?.CN ?? 'none'));
    });
    const forwarded = await upstream.forward(get('/x'));
    expect((await bytesOf(forwarded.body)).toString()).toBe('"none"');
    const own = await upstream.open('/x');
    expect((await bytesOf(own.body)).toString()).toBe('"reader"');
  });
});

describe('raw sockets', () => {
  test('a raw connection is verified TLS without a client certificate', async () => {
    const { upstream } = await serveTls((request, response) => {
      const peer = (request.socket as TLSSocket).getPeerCertificate();
      response.end(peer.subject?.CN ?? 'none');
    });
    const socket = await upstream.connectRaw();
    socket.write(`GET /x HTTP/1.1\r\nHost: ${upstream.authority}\r\nConnection: close\r\n\r\n`);
    const text = (await bytesOf(socket)).toString();
    expect(text).toContain('HTTP/1.1 200 OK');
    expect(text).toContain('none');
  });

  test('its sides end one by one', async () => {
    const server = await startTcp((socket) => {
      socket.end('bye');
      socket.on('data', (bytes) => received.push(bytes));
      socket.on('end', () => {
        ended = true;
      });
    });
    const received: Buffer[] = [];
    let ended = false;
    const upstream = closing(Upstream.connect(plainCluster(closing(server))));
    const socket = await upstream.connectRaw();
    expect((await bytesOf(Readable.from(socket))).toString()).toBe('bye');
    socket.end('still here');
    await until(() => ended);
    expect(Buffer.concat(received).toString()).toBe('still here');
  });
});
