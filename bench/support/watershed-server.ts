/** A Watershed process in front of a cluster, on the server's core, as `watershed serve` starts it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CLIENT_CORE, SERVER_CORE, endProcess, pin, rssBytes, startNode } from './processes.ts';
import { Questions } from './rpc.ts';
import type { BenchServer } from './server.ts';
import type { LoopDelays } from './server-probe.ts';

const root = new URL('../../', import.meta.url);
const cli = fileURLToPath(new URL('src/cli.ts', root));
const probe = fileURLToPath(new URL('server-probe.ts', import.meta.url));
const START_TIMEOUT_MS = 30_000;

export interface WatershedServer extends BenchServer {
  startProfile(): Promise<void>;
  stopProfile(path: string): Promise<void>;
}

export interface WatershedOptions {
  readonly kubeconfig: string;
  readonly token: string;
  readonly flags?: readonly string[];
  readonly nodeArgs?: readonly string[];
}

/** Resolves when it serves. */
export async function startWatershed(options: WatershedOptions): Promise<WatershedServer> {
  const directory = mkdtempSync(join(tmpdir(), 'watershed-bench-'));
  const lines: string[] = [];
  let serving: (address: string) => void = () => undefined;
  const address = new Promise<string>((resolve) => {
    serving = resolve;
  });
  const child = startNode({
    script: cli,
    core: SERVER_CORE,
    nodeArgs: ['--expose-gc', '--import', probe, ...(options.nodeArgs ?? [])],
    args: [
      'serve',
      `--kubeconfig=${options.kubeconfig}`,
      '--bind-address=127.0.0.1',
      '--secure-port=0',
      '--admin-bind=127.0.0.1:0',
      `--cert-dir=${directory}`,
      ...(options.flags ?? []),
    ],
    onLine(line) {
      if (lines.push(line) > 100) lines.shift();
      if (line.includes('"Serving"')) serving((JSON.parse(line) as { address: string }).address);
    },
  });
  const failure = new Promise<never>((_resolve, reject) => {
    const fail = (why: string): void => reject(new Error([why, ...lines].join('\n')));
    child.once('exit', (code) => fail(`watershed ended with ${code}`));
    setTimeout(fail, START_TIMEOUT_MS, 'watershed did not begin to serve').unref();
  });
  failure.catch(() => undefined);
  const { hostname, port } = new URL(await Promise.race([address, failure]));
  const questions = new Questions(child);
  const pid = child.pid ?? 0;
  return {
    name: 'watershed',
    host: hostname,
    port: Number(port),
    pid,
    token: options.token,
    loopDelays: () => questions.ask<LoopDelays>('loopDelays'),
    memoryBytes: async () => {
      await questions.ask('memory');
      return rssBytes(pid);
    },
    front: () => pin(pid, SERVER_CORE),
    behind: () => pin(pid, CLIENT_CORE),
    startProfile: () => questions.ask('startProfile'),
    stopProfile: (path) => questions.ask('stopProfile', path),
    async end() {
      await endProcess(child);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
