import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startAdmin } from '../../src/observe/admin.ts';
import type { AdminListener } from '../../src/observe/admin.ts';
import { proxyChecks } from '../../src/observe/health.ts';
import { createLog } from '../../src/observe/log.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import { RequestCounters } from '../../src/observe/requests.ts';
import type { ProxyStatus } from '../../src/observe/status.ts';
import { proxyStatus } from './support.ts';

let listener: AdminListener;
let status: ProxyStatus = proxyStatus();
const logged: string[] = [];

beforeAll(async () => {
  const log = createLog({ verbosity: 4, format: 'json', write: (line) => logged.push(line) });
  listener = await startAdmin({
    host: '127.0.0.1',
    port: 0,
    status: () => status,
    metrics: new Metrics(() => status, new RequestCounters()),
    checks: proxyChecks(() => status),
    flags: [{ path: 'window.duration', value: '5m', source: 'default' }],
    logger: log.logger,
  });
});

afterAll(() => listener.close());

async function get(path: string): Promise<{ code: number; type: string; body: string }> {
  const answer = await fetch(listener.address + path);
  return {
    code: answer.status,
    type: answer.headers.get('content-type') ?? '',
    body: await answer.text(),
  };
}

describe('the admin listener', () => {
  test('says whether the proxy lives and is ready', async () => {
    expect(await get('/livez')).toEqual({
      code: 200,
      type: 'text/plain; charset=utf-8',
      body: 'ok',
    });
    expect((await get('/readyz?verbose')).body).toMatch(
      /^\[\+\]ping ok\n.*readyz check passed\n$/s,
    );
    expect((await get('/readyz/upstream')).body).toBe('ok');
    expect((await get('/healthz')).code).toBe(200);
    expect((await get('/readyz/nothing')).code).toBe(404);
  });

  test('withholds the reason of a failure and logs it', async () => {
    status = proxyStatus({ phase: 'draining' });
    const answer = await get('/readyz');
    const excluded = await get('/readyz?exclude=shutdown');
    status = proxyStatus();
    expect(answer.code).toBe(500);
    expect(answer.body).toContain('[-]shutdown failed: reason withheld\n');
    expect(excluded.code).toBe(200);
    expect(logged.join('')).toContain('process is shutting down');
  });

  test('serves metrics as Prometheus reads them', async () => {
    const { code, type, body } = await get('/metrics');
    expect(code).toBe(200);
    expect(type).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(body).toContain('watershed_build_info{version="0.1.0"} 1\n');
  });

  test('serves the status as JSON', async () => {
    const { type, body } = await get('/status.json');
    expect(type).toContain('application/json');
    expect(JSON.parse(body)).toEqual(proxyStatus());
  });

  test('shows the effective configuration', async () => {
    const { body } = await get('/flagz');
    expect(body).toContain('window.duration=5m (default)\n');
  });

  test('answers 404 elsewhere and changes nothing', async () => {
    expect(await get('/api/v1/pods')).toMatchObject({ code: 404, body: '404 page not found\n' });
    const posted = await fetch(`${listener.address}/status.json`, { method: 'POST', body: 'x' });
    expect(posted.status).toBe(404);
  });

  test('survives malformed requests', async () => {
    for (const path of ['/readyz?exclude=%zz', '//x//readyz', '/readyz/%00', '/%']) {
      expect((await get(path)).code).toBeLessThan(600);
    }
    expect((await get('/livez')).code).toBe(200);
  });
});

describe('the status page', () => {
  test('is one document that asks nobody else for anything', async () => {
    const answer = await fetch(`${listener.address}/`);
    const body = await answer.text();
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(body).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    expect(body).not.toMatch(/@import|url\(/);
  });

  test('makes no markup out of data', async () => {
    const { body } = await get('/');
    expect(body).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write/);
  });

  test('has a script that compiles and names only fields that exist', async () => {
    const { body } = await get('/');
    const script = /<script>(.*)<\/script>/s.exec(body)?.[1] ?? '';
    expect(() => new Function(script)).not.toThrow();
    const known = new Set<string>();
    const collect = (value: unknown) => {
      if (typeof value !== 'object' || value === null) return;
      for (const [name, inner] of Object.entries(value)) {
        known.add(name);
        collect(inner);
      }
    };
    collect(proxyStatus());
    known.add('json'); // As in the name status.json.
    for (const [, name] of script.matchAll(
      /\b(?:lane|status|upstream|memory|connections)\.([a-zA-Z0-9]+)/g,
    )) {
      expect(known).toContain(name);
    }
  });
});
