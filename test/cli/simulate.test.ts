import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Command } from './commands.ts';

let directory: string;
let command: Command | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'watershed-simulate-'));
});

afterEach(async () => {
  await command?.kill();
  rmSync(directory, { recursive: true, force: true });
});

function simulate(...words: readonly string[]): Command {
  const files = [`--kubeconfig=${directory}/kubeconfig`, `--cert-dir=${directory}/certs`];
  command = new Command(['simulate', '--port=0', ...files, ...words]);
  return command;
}

/** The status code and body of a GET, verified against the kubeconfig's authority. */
function get(path: string, token: string | undefined): Promise<{ code: number; body: string }> {
  const config = JSON.parse(readFileSync(join(directory, 'kubeconfig'), 'utf8'));
  const { cluster } = config.clusters[0];
  const bearer = token ?? config.users[0].user.token;
  const ca = Buffer.from(cluster['certificate-authority-data'], 'base64');
  const headers = { authorization: `Bearer ${bearer}` };
  return new Promise((resolve, reject) => {
    const outgoing = request(`${cluster.server}${path}`, { ca, headers }, (answer) => {
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

describe('watershed simulate', () => {
  test('writes a kubeconfig that opens the cluster, for its owner only', async () => {
    await simulate('--nodes=3', '--pods-per-node=2').says(/kubeconfig: /);
    expect(statSync(join(directory, 'kubeconfig')).mode & 0o777).toBe(0o600);
    const nodes = await get('/api/v1/nodes', undefined);
    expect(nodes.code).toBe(200);
    expect(JSON.parse(nodes.body).items).toHaveLength(3);
    expect((await get('/api/v1/nodes', 'guessed')).code).toBe(401);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('ends well on %s', async (signal) => {
    const running = simulate('--nodes=1');
    await running.says(/kubeconfig: /);
    running.signal(signal);
    expect(await running.ended).toEqual({ code: 0, signal: null });
  });

  test('says in one line that its port is taken', async () => {
    const first = simulate('--nodes=1');
    const [, port] = await first.says(/127\.0\.0\.1:(\d+)/);
    const second = new Command([
      'simulate',
      `--port=${port}`,
      `--kubeconfig=${directory}/other`,
      `--cert-dir=${directory}/certs`,
    ]);
    expect((await second.ended).code).toBe(1);
    expect(second.output).toMatch(/^watershed: listen EADDRINUSE.*\n$/);
  });
});
