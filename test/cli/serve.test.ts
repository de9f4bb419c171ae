import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ProxyStatus } from '../../src/observe/status.ts';
import { Command, startQuietCluster } from './commands.ts';

let directory: string;
let cluster: Command;
let proxy: Command | undefined;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'watershed-serve-'));
  cluster = await startQuietCluster(directory, join(directory, 'cluster-certs'));
});

afterEach(async () => {
  await proxy?.kill();
  proxy = undefined;
});

afterAll(async () => {
  await cluster.kill();
  rmSync(directory, { recursive: true, force: true });
});

interface Running {
  readonly address: string;
  readonly admin: string;
}

async function serve(...words: readonly string[]): Promise<Running> {
  proxy = new Command([
    'serve',
    `--kubeconfig=${directory}/cluster`,
    `--cert-dir=${directory}/certs`,
    '--bind-address=127.0.0.1',
    '--secure-port=0',
    '--admin-bind=127.0.0.1:0',
    ...words,
  ]);
  const [, address, admin] = await proxy.says(
    /"address":"([^"]+)","adminAddress":"([^"]+)","msg":"Serving"/,
  );
  return { address, admin };
}

function token(): string {
  return JSON.parse(readFileSync(join(directory, 'cluster'), 'utf8')).users[0].user.token;
}

interface Answer {
  readonly code: number;
  readonly body: string;
}

/** A GET through the proxy, verified against the certificate it made for itself. */
function get(address: string, path: string): Promise<Answer> {
  const ca = readFileSync(join(directory, 'certs/apiserver.crt'));
  const headers = { authorization: `Bearer ${token()}` };
  return new Promise((resolve, reject) => {
    const outgoing = request(`${address}${path}`, { ca, headers, agent: false }, (answer) => {
      let body = '';
      answer.on('data', (chunk) => {
        body += chunk;
      });
      answer.on('end', () => resolve({ code: answer.statusCode ?? 0, body }));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

describe('watershed serve', () => {
  test('reads a cluster, serves it and shows what it did', async () => {
    const { address, admin } = await serve('--v=2');
    expect(await (await fetch(`${admin}/readyz?verbose`)).text()).toContain('readyz check passed');

    const pods = await get(address, '/api/v1/pods');
    expect(pods.code).toBe(200);
    expect(JSON.parse(pods.body).items).toHaveLength(4);
    expect((await get(address, '/version')).code).toBe(200);

    const status = (await (await fetch(`${admin}/status.json`)).json()) as ProxyStatus;
    const sources = status.requests.rows.map((row) => row.source).sort();
    expect(sources).toEqual(['cache', 'passthrough']);
    expect(status.lanes).toMatchObject([{ resource: 'pods', objects: 4, state: 'live' }]);

    const metrics = await (await fetch(`${admin}/metrics`)).text();
    expect(metrics).toMatch(
      /^watershed_requests_total\{verb="list",group="",version="v1",resource="pods",code="200",source="cache"\} 1$/m,
    );
    expect(metrics).toContain(
      'watershed_request_duration_seconds_count{verb="list",source="cache"} 1',
    );
    expect(proxy?.output).toMatch(/"path":"\/api\/v1\/pods".*"msg":"Served request"/);
  });

  test('writes no credential to its log, however much it says', async () => {
    const { address } = await serve('--v=6');
    await get(address, '/api/v1/pods?limit=1');
    await get(address, '/api/v1/namespaces/default/secrets');
    expect(proxy?.output).toContain('Served request');
    expect(proxy?.output).not.toContain(token());
  });

  test('shows in flagz and in its first line what was set and where', async () => {
    const file = join(directory, 'watershed.yaml');
    writeFileSync(
      file,
      'apiVersion: watershed.dev/v1alpha1\nkind: ProxyConfiguration\nwindow: { duration: 2m }\n',
    );
    const { admin } = await serve(`--config=${file}`);
    const flagz = await (await fetch(`${admin}/flagz`)).text();
    expect(flagz).toContain('window.duration=2m (file)\n');
    expect(flagz).toContain('serving.securePort=0 (flag)\n');
    expect(proxy?.output).toMatch(/"window\.duration":"2m".*"msg":"Started"/);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('ends well on %s', async (signal) => {
    await serve();
    proxy?.signal(signal);
    expect(await proxy?.ended).toEqual({ code: 0, signal: null });
    expect(proxy?.output).toContain('"msg":"Stopped"');
  });

  test('ends at once on a second signal', async () => {
    const file = join(directory, 'slow.yaml');
    writeFileSync(
      file,
      'apiVersion: watershed.dev/v1alpha1\nkind: ProxyConfiguration\nshutdown: { delay: 10m }\n',
    );
    const { admin } = await serve(`--config=${file}`);
    proxy?.signal('SIGTERM');
    await proxy?.says(/"msg":"Stopping"/);
    expect((await fetch(`${admin}/readyz`)).status).toBe(500);
    expect((await fetch(`${admin}/livez`)).status).toBe(200);
    proxy?.signal('SIGTERM');
    expect(await proxy?.ended).toEqual({ code: 143, signal: null });
  });

  test('says in one line that its port is taken', async () => {
    const { address } = await serve();
    const second = new Command([
      'serve',
      `--kubeconfig=${directory}/cluster`,
      `--cert-dir=${directory}/certs`,
      '--bind-address=127.0.0.1',
      `--secure-port=${new URL(address).port}`,
      '--admin-bind=127.0.0.1:0',
    ]);
    expect((await second.ended).code).toBe(1);
    expect(second.output).toMatch(/^watershed: .*EADDRINUSE.*$/m);
  });
});
