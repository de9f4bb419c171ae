import { describe, expect, test } from 'vitest';
import { Upstream } from '../../src/upstream/upstream.ts';
import { useServers, codeOf, get } from './support/harness.ts';
import { bytesOf, plainCluster, startHttp, startTcp, tlsCluster, until } from './support/server.ts';

const harness = useServers();
const { closing, servePlain, serveTls } = harness;

describe('failures', () => {
  test('aborted requests leave no socket behind, before and after the head', async () => {
    let arrived = 0;
    const { server, upstream } = await serveTls((request, response) => {
      arrived += 1;
      if (request.url === '/head') {
        response.writeHead(200);
        response.write('x');
      }
    });
    for (const path of ['/silent', '/head']) {
      const controller = new AbortController();
      const before = arrived;
      const work = Array.from({ length: 8 }, () =>
        upstream.forward({ ...get(path), signal: controller.signal, longRunning: true }),
      );
      await until(() => arrived === before + 8);
      if (path === '/head') {
        const responses = await Promise.all(work);
        controller.abort();
        for (const response of responses) {
          await expect(bytesOf(response.body)).rejects.toMatchObject({ code: 'aborted' });
        }
      } else {
        controller.abort();
        for (const one of work) {
          expect(await codeOf(one)).toBe('aborted');
        }
      }
      await until(() => server.sockets.size === 0);
      expect(upstream.inFlight('forwardedStreams')).toBe(0);
    }
  });

  test('a destroyed body ends its stream upstream', async () => {
    const { server, upstream } = await serveTls((_request, response) => {
      response.writeHead(200);
      response.write('x');
    });
    const response = await upstream.forward(get('/x'));
    response.body.destroy();
    await until(() => server.sockets.size === 0);
    expect(upstream.inFlight('forwardedCalls')).toBe(0);
  });

  test('a signal that has fired sends nothing', async () => {
    const { server, upstream } = await servePlain((_request, response) => response.end());
    const work = upstream.forward({ ...get('/x'), signal: AbortSignal.abort() });
    expect(await codeOf(work)).toBe('aborted');
    expect(server.accepted()).toBe(0);
  });

  test('an upstream that is down is unreachable, and reachable when it is back', async () => {
    const first = await startHttp((_request, response) => response.end('a'));
    await first.close();
    const upstream = Upstream.connect(plainCluster(first));
    closing(upstream);
    expect(await codeOf(upstream.forward(get('/x')))).toBe('unreachable');
    expect(await codeOf(upstream.open('/x'))).toBe('unreachable');
    expect(upstream.counters.errors).toBe(2);
  });

  test('a certificate for another name, or of another CA, is a tls error', async () => {
    const { server } = await serveTls((_request, response) => response.end());
    const wrongName = Upstream.connect({
      ...tlsCluster(server, harness.certificates),
      tlsServerName: 'kubernetes.default.svc',
    });
    const noCa = Upstream.connect({
      ...tlsCluster(server, harness.certificates),
      certificateAuthority: undefined,
    });
    const insecure = Upstream.connect({
      ...tlsCluster(server, harness.certificates),
      certificateAuthority: undefined,
      insecureSkipTlsVerify: true,
    });
    const named = Upstream.connect({
      ...tlsCluster(server, harness.certificates),
      tlsServerName: 'localhost',
    });
    for (const one of [wrongName, noCa, insecure, named]) {
      closing(one);
    }
    expect(await codeOf(wrongName.forward(get('/x')))).toBe('tls');
    expect(await codeOf(noCa.forward(get('/x')))).toBe('tls');
    expect((await insecure.forward(get('/x'))).status).toBe(200);
    expect((await named.forward(get('/x'))).status).toBe(200);
  });

  test.each([
    ['HTTP/9.9 nonsense\r\n\r\n', 'protocol'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab', 'reset'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 'protocol'],
    ['', 'reset'],
  ])('%j from upstream is the coded error %s', async (bytes, code) => {
    const server = await startTcp((socket) => {
      socket.once('data', () => socket.end(bytes));
    });
    closing(server);
    const upstream = Upstream.connect(plainCluster(server));
    closing(upstream);
    const work = upstream.forward(get('/x')).then((response) => bytesOf(response.body));
    expect(await codeOf(work)).toBe(code);
    expect(upstream.inFlight('forwardedCalls')).toBe(0);
  });

  test('a head that never comes is a timeout', async () => {
    const { server } = await servePlain(() => {});
    const upstream = Upstream.connect(plainCluster(server), { callHeadersTimeoutMs: 300 });
    closing(upstream);
    expect(await codeOf(upstream.forward(get('/x')))).toBe('timeout');
  });

  test('more than connections and queue hold is refused as overloaded', async () => {
    const { server } = await servePlain(() => {});
    const upstream = Upstream.connect(plainCluster(server), { forwardedCalls: 2, maxQueued: 1 });
    closing(upstream);
    const held = [1, 2, 3].map(() => codeOf(upstream.forward(get('/x'))));
    expect(await codeOf(upstream.forward(get('/x')))).toBe('overloaded');
    await until(() => server.accepted() === 2);
    await upstream.close();
    expect(await Promise.all(held)).toEqual(['closed', 'closed', 'closed']);
    expect(await codeOf(upstream.forward(get('/x')))).toBe('closed');
  });
});
