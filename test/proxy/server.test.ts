import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Exchange } from '../../src/proxy/exchange.ts';
import { EdgeFixture, eventually, PROTOCOLS } from './edge-fixture.ts';

let edge: EdgeFixture;

beforeAll(async () => {
  edge = await EdgeFixture.create();
});

afterAll(() => edge.close());

function echo(exchange: Exchange): void {
  exchange.respondBytes(200, 'text/plain', Buffer.from(`${exchange.protocol} ${exchange.target}`));
}

describe('the client port', () => {
  test('speaks HTTP/2 and HTTP/1.1 by ALPN', async () => {
    const running = await edge.start({ handle: echo });
    for (const protocol of PROTOCOLS) {
      const client = await running.client(protocol);
      expect((await client.get('/x')).text).toBe(`${protocol} /x`);
    }
  });

  test('takes a client without ALPN for HTTP/1.1', async () => {
    const running = await edge.start({ handle: echo });
    const socket = await running.socket([]);
    expect(socket.alpnProtocol).toBe(false);
    socket.write('GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const chunks: Buffer[] = await socket.toArray();
    expect(Buffer.concat(chunks).toString()).toContain('http/1.1 /x');
  });

  test('counts what is open and what was', async () => {
    const running = await edge.start({ handle: echo });
    const { stats } = running.server;
    for (const protocol of PROTOCOLS) {
      const client = await running.client(protocol);
      await client.get('/1');
      await client.get('/2');
      client.close();
    }
    await eventually(() => stats.openConnections === 0 && stats.openStreams === 0);
    expect(stats).toMatchObject({
      connections: 2,
      sessions: 1,
      openSessions: 0,
      streams: 2,
      requestsHttp1: 2,
      openRequestsHttp1: 0,
      rejected: 0,
    });
    expect(running.server.openConnections).toBe(0);
  });

  test('shows a changed certificate to new connections and keeps the old ones', async () => {
    let context = edge.issued;
    let changed = () => {};
    const certificate = {
      get context() {
        return context;
      },
      onChange: (callback: () => void) => {
        changed = callback;
      },
    };
    const running = await edge.start({ handle: echo, certificate });
    const before = await running.socket(['h2']);
    const client = await running.client('h2');
    context = await edge.authority.issue();
    changed();
    const after = await running.socket(['h2']);
    const serials = [before, after].map((socket) => socket.getPeerCertificate().serialNumber);
    expect(serials[0]).not.toBe(serials[1]);
    expect((await client.get('/still')).status).toBe(200);
  });

  test('closes connections beyond its limit and lets the others be', async () => {
    const running = await edge.start({ handle: echo, limits: { maxConnections: 1 } });
    const client = await running.client('h2');
    await client.get('/');
    await expect(running.socket(['h2'])).rejects.toThrow();
    expect(running.server.stats.droppedConnections).toBe(1);
    expect((await client.get('/')).status).toBe(200);
    client.close();
    await eventually(() => running.server.stats.openConnections === 0);
    const next = await running.client('h2');
    expect((await next.get('/')).status).toBe(200);
  });

  test('closes a connection that never finishes its handshake', async () => {
    const running = await edge.start({ handle: echo, limits: { handshakeTimeoutMs: 50 } });
    const socket = connect(running.port, '127.0.0.1');
    await once(socket, 'close');
    expect(running.server.stats.handshakeFailures).toBe(1);
  });

  test('closes a connection that speaks no TLS', async () => {
    const running = await edge.start({ handle: echo });
    const socket = connect(running.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
    expect(running.server.stats.handshakeFailures).toBe(1);
  });

  test('listening on a taken port is an error', async () => {
    const running = await edge.start({ handle: echo });
    const other = await edge.start({ handle: echo });
    await expect(other.server.listen('127.0.0.1', running.port)).rejects.toThrow();
  });
});

describe.each(PROTOCOLS)('a handler that fails over %s', (protocol) => {
  test('before it answers: 500, told to the log', async () => {
    const running = await edge.start({
      handle: (exchange) => {
        if (exchange.target === '/throw') throw new Error('thrown');
        return Promise.reject(new Error('rejected'));
      },
    });
    const client = await running.client(protocol);
    for (const path of ['/throw', '/reject']) {
      const response = await client.get(path);
      expect(response.status).toBe(500);
      expect(response.text).toContain('"reason":"InternalError"');
    }
    expect(running.failures.map(String)).toEqual(['Error: thrown', 'Error: rejected']);
    expect(running.server.stats.handlerFailures).toBe(2);
  });

  test('in mid answer: the answer is broken off', async () => {
    const running = await edge.start({
      handle: (exchange) => {
        exchange.respond(200, []).write(Buffer.from('half'));
        throw new Error('thrown');
      },
    });
    const client = await running.client(protocol);
    const response = await client.get('/');
    expect(response.end.kind).toBe(protocol === 'h2' ? 'reset' : 'cut');
  });
});
