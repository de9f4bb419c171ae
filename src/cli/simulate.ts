// `watershed simulate`: a synthetic cluster over TLS, with one administrator's token made at start, and
// a kubeconfig that holds both. The file is written when the port is open, so its appearance means ready.

import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import type { SimulateConfig } from '../config/load.ts';
import { selfSignedFiles } from '../proxy/tls.ts';
import { startSimulator } from '../simulator/simulator.ts';

export interface RunningSimulation {
  /** What to tell the person who started it. */
  readonly greeting: string;
  stop(): Promise<void>;
}

/** 192 bits: this token opens the whole simulated cluster. */
const TOKEN_BYTES = 24;

/** Rejects when the port or a file cannot be had. */
export async function simulate(config: SimulateConfig): Promise<RunningSimulation> {
  const files = await selfSignedFiles(config.certDirectory, [config.bindAddress]);
  const [cert, key] = await Promise.all([readFile(files.certFile), readFile(files.keyFile)]);
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const simulator = await startSimulator({
    host: config.bindAddress,
    port: config.port,
    tls: { cert, key },
    tokens: { [token]: { user: 'admin', groups: ['system:masters'], rules: 'all' } },
    nodes: config.nodes,
    podsPerNode: config.podsPerNode,
    leaseRenewMs: config.leasePeriodMs,
    podChurnPerSecond: config.podsReplacedPerSecond,
    seed: config.seed,
  });
  await writeWhole(config.kubeconfig, kubeconfigText(simulator.url, cert, token));
  return {
    greeting: `Simulating ${config.nodes} nodes and ${config.nodes * config.podsPerNode} pods at ${simulator.url}\nkubeconfig: ${config.kubeconfig}\n`,
    stop: () => simulator.close(),
  };
}

/** JSON is YAML too, and needs no quoting rules. */
function kubeconfigText(server: string, authority: Buffer, token: string): string {
  const cluster = { server, 'certificate-authority-data': authority.toString('base64') };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'simulated',
    clusters: [{ name: 'simulated', cluster }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'simulated', context: { cluster: 'simulated', user: 'admin' } }],
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** A reader sees all of the file or nothing. */
async function writeWhole(path: string, text: string): Promise<void> {
  const unfinished = `${path}.${process.pid}`;
  await writeFile(unfinished, text, { mode: 0o600 });
  await rename(unfinished, path);
}
