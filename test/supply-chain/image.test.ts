// The image as its Dockerfile describes it, and the proxy under the very flags of its entry point: it
// serves while it may read a few folders, write nowhere and start nothing.

import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Command, startQuietCluster } from '../cli/commands.ts';

const root = join(import.meta.dirname, '../..');
const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8').replaceAll('\\\n', '');
/** The last stage is what runs. */
const image = dockerfile.slice(dockerfile.lastIndexOf('FROM '));

function words(instruction: string): string[] {
  const found = new RegExp(`^${instruction} (\\[.*\\])$`, 'm').exec(image);
  return JSON.parse(found?.[1] ?? '[]') as string[];
}

const entry = words('ENTRYPOINT');

describe('the image', () => {
  test('runs as a numeric user that is not root, as Kubernetes can check', () => {
    expect(/^USER (.*)$/m.exec(image)?.[1]).toBe('65532:65532');
  });

  test('has no shell, neither in its base nor in its commands', () => {
    expect(image).toMatch(/^FROM gcr\.io\/distroless\/\S+:nonroot$/m);
    expect(image).not.toMatch(/^(RUN|SHELL|HEALTHCHECK)/m);
    expect([entry.at(-1), ...words('CMD')]).toEqual(['/app/bin/watershed.js', 'serve']);
  });

  test('starts nothing and writes nothing: no flag allows more than reading', () => {
    const flags = entry.slice(1, -1);
    expect(flags[0]).toBe('--permission');
    expect(
      flags.filter(
        (flag) =>
          !/^--(permission$|(max-semi|initial-old)-space-size=\d+$|allow-fs-read=\/\w)/.test(flag),
      ),
    ).toEqual([]);
    expect(image).not.toContain('NODE_OPTIONS');
  });
});

test('nothing that is shipped asks Node for heap snapshots or a debugger', () => {
  const files = [
    'Dockerfile',
    'package.json',
    ...globSync('{bin,manifests,src}/**/*.*', { cwd: root }),
  ];
  const asks = /heap-?snapshot|--inspect|node:inspector/i;
  expect(files.length).toBeGreaterThan(100);
  const asking = files.filter((file) => asks.test(readFileSync(join(root, file), 'utf8')));
  expect(asking).toEqual([]);
});

describe('the proxy under the flags of the entry point', () => {
  let directory: string;
  let cluster: Command;
  let proxy: Command;
  let address: string;
  let admin: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'watershed-image-'));
    cluster = await startQuietCluster(directory, join(directory, 'certs'));
    mkdirSync(join(directory, 'etc'));
    cpSync(join(directory, 'certs'), join(directory, 'etc/serving'), { recursive: true });
    cpSync(join(directory, 'cluster'), join(directory, 'etc/cluster'));
    proxy = start(join(directory, 'etc/cluster'));
    [, address, admin] = await proxy.says(
      /"address":"([^"]+)","adminAddress":"([^"]+)","msg":"Serving"/,
    );
  });

  afterAll(async () => {
    await proxy?.kill();
    await cluster?.kill();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Node's flags of the image, with the folders of this machine for those of the image. */
  function flags(): string[] {
    return entry
      .slice(1, -1)
      .map((flag) =>
        flag
          .replace('=/app/', `=${root}/`)
          .replace('=/etc/watershed/', `=${directory}/etc/`)
          .replace('=/var/run/secrets/', `=${directory}/none/`),
      );
  }

  function start(kubeconfig: string, ...more: readonly string[]): Command {
    const serving = [
      `--tls-cert-file=${directory}/etc/serving/apiserver.crt`,
      `--tls-private-key-file=${directory}/etc/serving/apiserver.key`,
    ];
    return new Command(
      [
        'serve',
        `--kubeconfig=${kubeconfig}`,
        '--bind-address=127.0.0.1',
        '--secure-port=0',
        '--admin-bind=127.0.0.1:0',
        ...(more.length > 0 ? more : serving),
      ],
      flags(),
    );
  }

  test('serves a LIST from memory and passes the rest through', async () => {
    const pods = await get(address, '/api/v1/pods');
    expect(JSON.parse(pods)).toMatchObject({ kind: 'PodList', items: { length: 4 } });
    expect(JSON.parse(await get(address, '/version'))).toHaveProperty('gitVersion');
    const metrics = await (await fetch(`${admin}/metrics`)).text();
    expect(metrics).toMatch(/resource="pods",code="200",source="cache"\} 1$/m);
  });

  test.runIf(process.platform === 'linux')('still measures itself', async () => {
    const metrics = await (await fetch(`${admin}/metrics`)).text();
    for (const name of ['resident_memory_bytes', 'virtual_memory_bytes', 'open_fds', 'max_fds']) {
      expect(metrics).toMatch(new RegExp(`^process_${name} \\d`, 'm'));
    }
  });

  test('has no /debug endpoints', async () => {
    for (const path of ['', '/', '/pprof/', '/pprof/heap', '/heap', '/flags/v', '/vars']) {
      expect((await fetch(`${admin}/debug${path}`)).status, path).toBe(404);
    }
  });

  test('reads nothing outside the folders of its configuration', async () => {
    const refused = start(join(directory, 'cluster'));
    expect((await refused.ended).code).toBe(1);
    expect(refused.output).toContain(`${directory}/cluster: cannot be read (ERR_ACCESS_DENIED)`);
  });

  test('makes no certificate for itself, as that needs openssl and a folder to write to', async () => {
    const refused = start(join(directory, 'etc/cluster'), `--cert-dir=${directory}/etc/new`);
    expect((await refused.ended).code).toBe(1);
    expect(refused.output).toMatch(/^watershed: .*restricted.*$/m);
  });

  test('opens no debugger when it is signalled, and ends well', async () => {
    proxy.signal('SIGUSR1');
    expect((await fetch(`${admin}/livez`)).status).toBe(200);
    proxy.signal('SIGTERM');
    expect(await proxy.ended).toEqual({ code: 0, signal: null });
    expect(proxy.output).not.toMatch(/debugger/i);
  });

  function get(from: string, path: string): Promise<string> {
    const { users } = JSON.parse(readFileSync(join(directory, 'cluster'), 'utf8')) as {
      users: readonly { readonly user: { readonly token: string } }[];
    };
    const ca = readFileSync(join(directory, 'certs/apiserver.crt'));
    const headers = { authorization: `Bearer ${users[0].user.token}` };
    return new Promise((resolve, reject) => {
      const outgoing = request(`${from}${path}`, { ca, headers, agent: false }, (answer) => {
        let body = '';
        answer.on('data', (chunk) => (body += chunk));
        answer.on('end', () => resolve(body));
      });
      outgoing.on('error', reject);
      outgoing.end();
    });
  }
});
