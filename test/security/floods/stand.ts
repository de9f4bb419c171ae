/**
 * What floods are let loose on in tests: the whole proxy as `watershed serve` runs it, in front of a simulated cluster, all
 * in this process, so that descriptors can be counted and counters read.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../../src/config/load.ts';
import { serve } from '../../../src/main.ts';
import { createLog } from '../../../src/observe/log.ts';
import type { ProxyStatus } from '../../../src/observe/status.ts';
import { startSimulator } from '../../../src/simulator/simulator.ts';
import type { Simulator } from '../../../src/simulator/simulator.ts';
import type { TokenUser } from '../../../src/simulator/options.ts';
import { openTls, RecordingClient } from '../../support/recording-client.ts';

const READER = 'reader-token';

export interface Stand {
  readonly simulator: Simulator;
  readonly port: number;
  readonly ca: Buffer;
  status(): Promise<ProxyStatus>;
  client(protocol?: 'h2' | 'http/1.1'): Promise<RecordingClient>;
  socket(alpn: 'h2' | 'http/1.1'): ReturnType<typeof openTls>;
  stop(): Promise<void>;
}

/** `settings` are sections of the configuration file. */
export async function startStand(
  tokens: Readonly<Record<string, TokenUser>>,
  settings: object = {},
): Promise<Stand> {
  const directory = mkdtempSync(join(tmpdir(), 'watershed-floods-'));
  const simulator = await startSimulator({
    nodes: 0,
    podChurnPerSecond: 0,
    tokens: { [READER]: { user: 'reader', rules: 'all' }, ...tokens },
  });
  writeFileSync(join(directory, 'kubeconfig'), kubeconfig(simulator.url));
  writeFileSync(join(directory, 'config'), JSON.stringify({ ...HEAD, ...settings }));
  const loaded = loadConfig(
    [
      'serve',
      `--config=${directory}/config`,
      `--kubeconfig=${directory}/kubeconfig`,
      `--cert-dir=${directory}/certs`,
      '--bind-address=127.0.0.1',
      '--secure-port=0',
      '--admin-bind=127.0.0.1:0',
    ],
    { HOME: directory },
  );
  if (loaded.kind !== 'run' || loaded.command !== 'serve') throw new Error('not a configuration');
  const lines: string[] = [];
  const { logger } = createLog({ verbosity: 0, format: 'json', write: (line) => lines.push(line) });
  const running = await serve(loaded.config, logger);
  const port = Number(new URL(running.address).port);
  const ca = readFileSync(join(directory, 'certs', 'apiserver.crt'));
  const clients: { close(): void }[] = [];
  return {
    simulator,
    port,
    ca,
    status: async () =>
      (await (await fetch(`${running.adminAddress}/status.json`)).json()) as ProxyStatus,
    async client(protocol = 'h2') {
      const client = await RecordingClient.connect({ port, ca, protocol });
      clients.push(client);
      return client;
    },
    async socket(alpn) {
      const socket = await openTls({ port, ca }, [alpn]);
      clients.push({ close: () => socket.destroy() });
      return socket;
    },
    async stop() {
      for (const client of clients) client.close();
      await running.stop();
      await simulator.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const HEAD = {
  apiVersion: 'watershed.dev/v1alpha1',
  kind: 'ProxyConfiguration',
  shutdown: { grace: '0s' },
};

function kubeconfig(server: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'floods',
    clusters: [{ name: 'floods', cluster: { server } }],
    users: [{ name: 'floods', user: { token: READER } }],
    contexts: [{ name: 'floods', context: { cluster: 'floods', user: 'floods' } }],
  });
}
