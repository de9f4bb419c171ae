// The whole proxy before an upstream that can be watched, and that misbehaves: what reaches it, and what comes of its
// answers.

import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { LoggedRequest } from '../conformance/support/watershed.ts';
import type { RecordedResponse } from '../support/recorded-response.ts';
import type { RecordingClient } from '../support/recording-client.ts';
import { exchangeRaw, head } from './support/raw.ts';
import { readerToken, ScriptedCluster } from './support/scripted-cluster.ts';
import { smugglingTests } from './smuggling.ts';
import { ThirdParty } from './support/third-party.ts';

const allowTtlMs = 3_000;
const patience = { timeout: 25_000, interval: 50 };
const pods = '/api/v1/namespaces/a/pods';
const reviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

const odd: readonly string[] = [
  '/api/v1/namespaces/a/../b/pods',
  '/api/v1/namespaces/a/%2e%2e/b/pods',
  '/api/v1/namespaces/a\\..\\b/pods',
  '//api/v1/namespaces/a/pods',
  '/api/v1//namespaces/a/pods',
  '/api/v1/namespaces/a/pods/',
  '/API/v1/namespaces/a/pods',
  '/api/v1/namespaces/%61/pods',
  '/api/v1/namespaces/a/pods;x=1',
  '/api/v1/namespaces/a/pods?labelSelector=a;b&x=%zz&x',
  '/apis/demo.watershed.dev/v1/namespaces/..%2fother/widgets',
  '/api/v1/namespaces/a/services/https:x:443/proxy/a%2Fb/?q=%2F',
  '/api/v1/nodes/n:10250/proxy/%2e%2e/metrics?x=//',
];

describe('Before a scripted upstream', () => {
  let cluster: ScriptedCluster;
  let third: ThirdParty;
  let client: RecordingClient;

  beforeAll(async () => {
    third = await ThirdParty.listen();
    cluster = await ScriptedCluster.start({
      settings: {
        auth: { allowTtl: `${allowTtlMs}ms`, denyTtl: '0s', recheckInterval: '1s' },
        lanes: { startTimeout: '1s' },
      },
    });
    client = await cluster.connect();
    await fromMemory('root-token');
  });

  afterEach(() => {
    cluster.instead = undefined;
    cluster.onUpgrade = undefined;
  });

  afterAll(async () => {
    await cluster?.stop();
    third?.close();
  });

  interface Answered {
    readonly answer: RecordedResponse;
    readonly logged: LoggedRequest;
  }

  async function get(token: string, path = `${pods}?resourceVersion=0`): Promise<Answered> {
    const auditId = randomUUID();
    const answer = await client.get(path, {
      authorization: `Bearer ${token}`,
      'audit-id': auditId,
    });
    return { answer, logged: await cluster.watershed.logged(auditId) };
  }

  /** Until the lane is there and the caller's right is remembered. */
  async function fromMemory(token: string): Promise<void> {
    const isServed = async () => (await get(token)).logged.source === 'cache';
    await vi.waitUntil(isServed, patience);
  }

  function target(): { port: number; ca: Buffer } {
    return { port: cluster.watershed.port, ca: cluster.authority };
  }

  function seenTargets(): string[] {
    return cluster.seen.map((request) => request.target);
  }

  /** Closes the connection of each upgrade behind an answer. */
  function refusing(...lines: readonly string[]): (request: unknown, socket: Duplex) => void {
    return (_request, socket) => {
      socket.on('error', () => {});
      socket.end(head(...lines));
    };
  }

  const upgradeHead = (path: string): string =>
    head(
      `POST ${path} HTTP/1.1`,
      'Host: localhost',
      'Authorization: Bearer root-token',
      'Connection: Upgrade',
      'Upgrade: SPDY/3.1',
    );

  for (const [index, path] of odd.entries()) {
    const number = path.includes('/proxy/') ? 26 : 14;
    test(`#${number} upstream sees the very target ${path}`, async () => {
      // Told apart by what stands behind it, which is upstream's as well.
      const marked = `${path}${path.includes('?') ? '&' : '?'}mark=${index}`;
      const sent = head(
        `GET ${marked} HTTP/1.1`,
        'Host: localhost',
        'Authorization: Bearer alice-token',
        'Connection: close',
      );
      await exchangeRaw(target(), sent);
      expect(seenTargets().filter((seen) => seen.includes(`mark=${index}`))).toEqual([marked]);
    });
  }

  test('#25 a redirect is relayed, and nobody follows it', async () => {
    const location = `http://${third.authority}/taken`;
    cluster.instead = ({ url = '' }, response) => {
      if (!url.startsWith('/redirect/')) return false;
      response.writeHead(Number(url.slice(-3)), { location }).end();
      return true;
    };
    for (const protocol of ['h2', 'http/1.1'] as const) {
      const asking = await cluster.connect(protocol);
      for (const code of [301, 302, 303, 307, 308]) {
        const headers = { authorization: 'Bearer root-token' };
        const answer = await asking.get(`/redirect/${code}`, headers);
        expect([answer.status, answer.header('location')]).toEqual([code, location]);
      }
    }
    expect(third.visits).toBe(0);
  });

  test('#25 a redirected upgrade is relayed, and both sockets are closed', async () => {
    const location = `Location: http://${third.authority}/taken`;
    cluster.onUpgrade = refusing('HTTP/1.1 302 Found', location, 'Content-Length: 0');
    const answer = await exchangeRaw(target(), upgradeHead(`${pods}/n/exec?command=sh`));
    expect(answer).toMatch(/^HTTP\/1\.1 302 Found\r\n/);
    expect(answer).toContain(location);
    expect(third.visits).toBe(0);
  });

  test('#25 the proxy’s own reads and reviews follow no redirect', async () => {
    const location = `http://${third.authority}/taken`;
    let redirected = 0;
    cluster.instead = ({ url = '', headers }, response) => {
      const isOwn = headers.authorization === `Bearer ${readerToken}` || url === reviews;
      if (!isOwn) return false;
      redirected += 1;
      response.writeHead(302, { location }).end();
      return true;
    };
    const { logged } = await get('alice-token', `${pods}?resourceVersion=0&limit=1`);
    expect([logged.source, logged.reason]).toEqual(['passthrough', 'permission refused']);
    // Its right is remembered, so this one opens a lane.
    cluster.instead = undefined;
    await fromMemory('root-token');
    cluster.instead = ({ url = '' }, response) => {
      if (!url.startsWith('/api/v1/configmaps')) return false;
      redirected += 1;
      response.writeHead(302, { location }).end();
      return true;
    };
    const path = '/api/v1/namespaces/a/configmaps?resourceVersion=0';
    expect((await get('root-token', path)).logged.source).toBe('passthrough');
    expect(redirected).toBeGreaterThan(1);
    expect(third.visits).toBe(0);
  });

  test('#26 no name, header or target makes the proxy dial anybody else', async () => {
    const host = third.authority;
    const targets = [
      `/api/v1/nodes/${host}/proxy/metrics`,
      `/api/v1/namespaces/a/services/http:${host}/proxy/`,
      `/api/v1/namespaces/a/pods/${host}/proxy/`,
      `//${host}/api/v1/pods`,
      `/api/v1/pods?host=${host}&server=http://${host}`,
    ];
    const claims = [
      `X-Forwarded-Host: ${host}`,
      `Forwarded: host=${host}`,
      `Origin: http://${host}`,
    ];
    for (const path of targets) {
      const lines = [`Host: ${host}`, 'Authorization: Bearer root-token', ...claims];
      await exchangeRaw(target(), head(`GET ${path} HTTP/1.1`, ...lines, 'Connection: close'));
      expect(seenTargets()).toContain(path);
      cluster.onUpgrade = refusing('HTTP/1.1 403 Forbidden', 'Content-Length: 0');
      const upgrade = ['Connection: Upgrade', 'Upgrade: websocket'];
      await exchangeRaw(target(), head(`GET ${path} HTTP/1.1`, ...lines, ...upgrade));
    }
    await exchangeRaw(target(), head(`GET http://${host}/ HTTP/1.1`, `Host: ${host}`));
    await exchangeRaw(target(), head(`CONNECT ${host} HTTP/1.1`, `Host: ${host}`));
    expect(third.visits).toBe(0);
  });

  const status = (text: unknown): string => JSON.stringify(text);
  const kind = 'SelfSubjectAccessReview';
  const nonsense: readonly (readonly [string, number, string])[] = [
    ['allowed and denied', 201, status({ kind, status: { allowed: true, denied: true } })],
    ['no status', 201, status({ kind })],
    ['an empty status', 201, status({ kind, status: {} })],
    ['allowed as text', 201, status({ kind, status: { allowed: 'true' } })],
    ['HTML', 200, '<html><body>{"allowed":true}</body></html>'],
    ['another kind', 200, status({ kind: 'Status', status: { allowed: true } })],
    ['nothing', 200, ''],
    ['half an answer', 201, '{"kind":"SelfSubjectAccessReview","status":{"allowed":tr'],
    ['an error that says yes', 500, status({ kind, status: { allowed: true } })],
    ['a refusal that says yes', 403, status({ kind, status: { allowed: true } })],
  ];

  for (const [index, [name, code, text]] of nonsense.entries()) {
    test(`#43 a review that answers ${name} allows nothing`, async () => {
      cluster.instead = ({ url }, response) => {
        if (url !== reviews) return false;
        response.writeHead(code, { 'content-type': 'application/json' }).end(text);
        return true;
      };
      // Each asks a question that nobody has asked before.
      const path = `/api/v1/namespaces/none-${index}/pods?resourceVersion=0`;
      const refused = await get('nobody-token', path);
      expect([refused.answer.status, refused.logged.source]).toEqual([403, 'passthrough']);
      const allowed = await get('root-token', path);
      expect(allowed.logged.source).toBe('passthrough');
    });
  }

  test('#42 when upstream is gone, only what was allowed a moment ago is served', async () => {
    await fromMemory('root-token');
    const headers = { authorization: 'Bearer root-token' };
    const watch = client.open({ path: `${pods}?watch=1&resourceVersion=0`, headers });
    await watch.untilLines(1);
    // The last review was sent after this, so its answer is believed at least until then.
    await sleep(allowTtlMs);
    const beganMs = Date.now();
    await fromMemory('root-token');
    await cluster.goAway();
    const within = await get('root-token');
    if (Date.now() - beganMs < allowTtlMs) expect(within.logged.source).toBe('cache');
    expect([200, 503]).toContain(within.answer.status);

    const stranger = await get('alice-token');
    expect([stranger.answer.status, stranger.answer.header('retry-after')]).toEqual([503, '1']);
    expect((await get('unknown-token')).answer.status).toBe(503);

    const seen = new Set<number>();
    const isRefused = async () => {
      const { answer } = await get('root-token');
      seen.add(answer.status);
      return answer.status !== 200;
    };
    await vi.waitUntil(isRefused, patience);
    expect([...seen].filter((code) => code !== 200)).toEqual([503]);
    expect((await get('root-token')).answer.status).toBe(503);
    expect(watch.end.kind).toBe('open');

    await cluster.comeBack();
    await fromMemory('root-token');
    expect((await get('unknown-token')).answer.status).toBe(401);
    watch.abort();
  });

  smugglingTests(() => cluster);
});
