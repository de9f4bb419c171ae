import { describe, expect, test } from 'vitest';
import { Upstream } from '../../src/upstream/upstream.ts';
import { codeOf, get, raw, useServers } from './support/harness.ts';
import type { Handler } from './support/harness.ts';
import { bytesOf, plainCluster, startHttp } from './support/server.ts';

const { closing, servePlain, serveTls } = useServers();

describe('paths', () => {
  test.each(
    raw(
      '/api/v1/../x: /api/%2e%2e/%2E%2e/x',
      '/api/v1/namespaces/..%2fother/pods: /api/v1/pods;x=1?labelSelector=a;b',
      '/api\\v1\\pods: //api///v1/pods/',
      '/api/v1/services/https:x:443/proxy/a%2Fb/?q=%2F&q=%zz: /api/v1/pods?fieldSelector=metadata.name%3Dx#frag',
    ),
  )('%s reaches upstream byte for byte', async (path) => {
    const { upstream } = await serveTls((request, response) => response.end(request.url));
    const response = await upstream.forward(get(path));
    expect((await bytesOf(response.body)).toString('utf8')).toBe(path);
  });

  test('a target that is not in origin form is refused before anything is dialled', async () => {
    const { server, upstream } = await servePlain((_request, response) => response.end());
    expect(await codeOf(upstream.forward(get('http://evil/api/v1/pods')))).toBe('bad-request');
    expect(await codeOf(upstream.forward(get('*')))).toBe('bad-request');
    expect(await codeOf(upstream.forward(get('/a b')))).toBe('bad-request');
    expect(server.accepted()).toBe(0);
  });

  test('the path of the server URL stands in front of the raw target', async () => {
    const server = await startHttp((request, response) => response.end(request.url));
    closing(server);
    const upstream = Upstream.connect({ ...plainCluster(server), basePath: '/k8s/clusters/c-1' });
    closing(upstream);
    const response = await upstream.forward(get('/api/../x'));
    expect((await bytesOf(response.body)).toString()).toBe('/k8s/clusters/c-1/api/../x');
  });
});

describe('headers', () => {
  const echo: Handler = (request, response) => response.end(JSON.stringify(request.rawHeaders));

  async function seen(rawHeaders: readonly string[]) {
    const { server, upstream } = await servePlain(echo);
    const response = await upstream.forward(get('/x', rawHeaders));
    return { port: server.port, pairs: JSON.parse((await bytesOf(response.body)).toString()) };
  }

  test('duplicates, order and casing survive; host is upstream’s', async () => {
    const { port, pairs } = await seen(
      raw(
        'HOST: evil',
        'Impersonate-Group: a',
        'X-Odd: 1',
        'impersonate-group: b, c',
        'Authorization: Bearer t',
        'Authorization: Bearer u',
        'X-Latin: caf\u00e9',
      ),
    );
    expect(pairs).toEqual(
      raw(
        `host: 127.0.0.1:${port}`,
        'connection: keep-alive',
        'Impersonate-Group: a',
        'X-Odd: 1',
        'impersonate-group: b, c',
        'Authorization: Bearer t',
        'Authorization: Bearer u',
        'X-Latin: caf\u00e9',
      ),
    );
  });

  test('hop-by-hop, nominated and X-Remote-* headers are dropped', async () => {
    const { pairs } = await seen(
      raw(
        'Connection: keep-alive,  X-Mine , upgrade',
        'X-Mine: 1',
        'Keep-Alive: 1',
        'TE: trailers',
        'Trailer: x',
        'Transfer-Encoding: chunked',
        'Upgrade: h2c',
        'Proxy-Authorization: p',
        'Proxy-Connection: close',
        'Expect: 100-continue',
        'X-Remote-User: root',
        'x-remote-extra-a: b',
        'X-Forwarded-For: 10.0.0.9',
        'Accept: application/json',
      ),
    );
    expect(pairs.slice(4)).toEqual(raw('X-Forwarded-For: 10.0.0.9', 'Accept: application/json'));
  });

  test.each([
    [['Connection', 'keep-alive,  Impersonate-User']],
    [['Connection', 'close', 'connection', 'AUTHORIZATION']],
    [['Connection', 'x-remote-user']],
    [['Connection', 'host']],
    [['Connection', 'Cookie']],
    [['Impersonate_User', 'root']],
    [['x-remote_user', 'root']],
  ])('%j is refused and nothing is sent', async (rawHeaders) => {
    const { server, upstream } = await servePlain(echo);
    expect(await codeOf(upstream.forward(get('/x', rawHeaders)))).toBe('bad-request');
    expect(server.accepted()).toBe(0);
  });

  test('a value with a line break cannot be sent', async () => {
    const { server, upstream } = await servePlain(echo);
    const work = upstream.forward(get('/x', ['X-A', 'b\r\nImpersonate-User: root']));
    expect(await codeOf(work)).toBe('bad-request');
    expect(server.accepted()).toBe(0);
  });

  test('response headers keep casing and duplicates and lose what is hop-by-hop', async () => {
    const { upstream } = await servePlain((_request, response) => {
      response.writeHead(
        207,
        raw(
          'Audit-ID: x',
          'Warning: 299 - "a"',
          'Warning: 299 - "caf\u00e9"',
          'Connection: X-Hop',
          'X-Hop: 1',
          'Keep-Alive: timeout=9',
          'Content-Length: 2',
        ),
      );
      // A string would make node:http write the head as UTF-8.
      response.end(Buffer.from('ok'));
    });
    const response = await upstream.forward(get('/x'));
    expect(response.status).toBe(207);
    expect(response.rawHeaders.filter((_, at) => !isDate(response.rawHeaders, at))).toEqual(
      raw('Audit-ID: x', 'Warning: 299 - "a"', 'Warning: 299 - "caf\u00e9"', 'Content-Length: 2'),
    );
    await bytesOf(response.body);
  });
});

function isDate(pairs: readonly string[], at: number): boolean {
  return pairs[at - (at % 2)].toLowerCase() === 'date';
}
