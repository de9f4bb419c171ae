// Behind ./quickstart: starts a cluster (simulated, real or one's own) and the proxy in front of it,
// waits until both answer, says how to use them, and stops everything with Ctrl-C.
// All files it makes are in one temporary folder, which it removes.

import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { clientKubeconfig } from './src/cli/client-kubeconfig.ts';
import type { ClientKubeconfig } from './src/cli/client-kubeconfig.ts';

const HELP = `Starts a Kubernetes apiserver and Watershed in front of it, until Ctrl-C.

Usage: ./quickstart [flags]

  (none)              a simulated cluster: 20 nodes, 200 pods, leases renewed, pods replaced
  --nodes number      size of the simulated cluster
  --real              a real kube-apiserver and etcd, built from their Go modules (minutes once)
  --kubeconfig file   your own cluster; its user must have a token or an exec plugin
  --context name      another context of that file
  --token-file file   a bearer token to use instead of the file's user
`;

const EXAMPLE = `apiVersion: v1
kind: ConfigMap
metadata:
  name: hello
  namespace: default
data:
  greeting: from Watershed
`;

const READY_TIMEOUT_MS = 180_000;
const POLL_MS = 250;
/** Time children have to end before they are killed. */
const STOP_TIMEOUT_MS = 5_000;
const LOG_TAIL_LINES = 15;

const directory = mkdtempSync(join(tmpdir(), 'watershed-quickstart-'));
const children = new Map<ChildProcess, string>();
const stops: (() => Promise<void>)[] = [];
let stopping = false;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A mistake or missing piece that the reader can mend: shown without a stack. */
class Advice extends Error {}

function has(tool: string): boolean {
  return spawnSync(tool, ['--help'], { stdio: 'ignore' }).error === undefined;
}

/** The port people remember when it is free, else any. */
async function port(preferred: number): Promise<number> {
  const attempt = (wanted: number) =>
    new Promise<number>((done) => {
      const server = createServer();
      server.once('error', () => done(0));
      server.listen(wanted, '127.0.0.1', () => {
        const address = server.address();
        server.close(() =>
          done(typeof address === 'object' && address !== null ? address.port : 0),
        );
      });
    });
  return (await attempt(preferred)) || (await attempt(0));
}

/** Starts `watershed …`; its output goes to a log whose end is shown when it fails. */
function start(name: string, words: readonly string[]): void {
  const logFile = join(directory, `${name}.log`);
  const program = join(import.meta.dirname, 'bin/watershed.js');
  const child = spawn(process.execPath, [program, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  const log = createWriteStream(logFile);
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  children.set(child, name);
  child.on('exit', (code, signal) => {
    children.delete(child);
    if (stopping) return;
    const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES);
    say(`\nThe ${name} ended (${signal ?? code}). The end of its log:\n${lines.join('\n')}`);
    void stop(1);
  });
}

async function stop(code: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  const ended = [...children.keys()].map((child) => new Promise((done) => child.on('exit', done)));
  for (const child of children.keys()) child.kill('SIGTERM');
  await Promise.race([Promise.all(ended), sleep(STOP_TIMEOUT_MS)]);
  for (const child of children.keys()) child.kill('SIGKILL');
  await Promise.all(stops.map((each) => each()));
  rmSync(directory, { recursive: true, force: true });
  process.exit(code);
}

/** Polls with a line that says how long it has been; rejects after the time-out. */
async function until(what: string, done: () => Promise<string | undefined>): Promise<void> {
  const terminal = process.stdout.isTTY;
  const startedMs = Date.now();
  if (!terminal) say(`${what}…`);
  for (;;) {
    const waitingFor = await done();
    const seconds = ((Date.now() - startedMs) / 1_000).toFixed(1);
    if (terminal) process.stdout.write(`\r\x1b[K${what}… ${seconds} s ${waitingFor ?? 'done'}`);
    if (waitingFor === undefined) break;
    if (Date.now() - startedMs > READY_TIMEOUT_MS)
      throw new Advice(`${what}: gave up, ${waitingFor}`);
    await sleep(POLL_MS);
  }
  if (terminal) process.stdout.write('\n');
}

interface Settings {
  readonly nodes: string | undefined;
  readonly real: boolean;
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly tokenFile: string | undefined;
}

function settings(): Settings | undefined {
  try {
    const { values } = parseArgs({
      options: {
        nodes: { type: 'string' },
        real: { type: 'boolean' },
        kubeconfig: { type: 'string' },
        context: { type: 'string' },
        'token-file': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) return undefined;
    const { nodes, real = false, kubeconfig, context } = values;
    return { nodes, real, kubeconfig, context, tokenFile: values['token-file'] };
  } catch (error) {
    throw new Advice(`${(error as Error).message}\n\n${HELP}`);
  }
}

/** Starts or finds the cluster; the kubeconfig that reaches it. */
async function cluster({ nodes, real, kubeconfig }: Settings): Promise<string> {
  if (kubeconfig !== undefined) {
    if (!existsSync(kubeconfig)) throw new Advice(`${kubeconfig}: no such kubeconfig file`);
    return resolve(kubeconfig);
  }
  return real ? await realCluster() : await simulatedCluster(nodes);
}

async function simulatedCluster(nodes: string | undefined): Promise<string> {
  const file = join(directory, 'cluster.kubeconfig');
  const size = nodes === undefined ? [] : [`--nodes=${nodes}`];
  const folder = `--cert-dir=${join(directory, 'cluster')}`;
  start('simulator', ['simulate', '--port=0', `--kubeconfig=${file}`, folder, ...size]);
  await until('Starting a simulated cluster', async () =>
    existsSync(file) ? undefined : 'waiting for it to listen',
  );
  return file;
}

async function realCluster(): Promise<string> {
  const parts = './test/conformance/control-plane';
  const { goAvailable } = await import('./test/conformance/control-plane/build.ts');
  const go = goAvailable();
  if (!go.available) {
    throw new Advice(`--real builds ${parts} and needs Go, from https://go.dev/dl: ${go.reason}`);
  }
  const { startControlPlane } = await import('./test/conformance/control-plane/control-plane.ts');
  const { installFixtures } = await import('./test/conformance/control-plane/fixtures.ts');
  say('Starting kube-apiserver and etcd (built first when they are not yet)…');
  const controlPlane = await startControlPlane();
  stops.push(() => controlPlane.stop());
  await installFixtures(controlPlane);
  return await controlPlane.kubeconfig('admin');
}

function clientOf(
  file: string,
  server: string,
  { context, tokenFile }: Settings,
): ClientKubeconfig {
  const authority = join(directory, 'certs/apiserver.crt');
  const token = tokenFile === undefined ? undefined : readFileSync(tokenFile, 'utf8').trim();
  return clientKubeconfig(readFileSync(file, 'utf8'), {
    directory: dirname(file),
    context,
    token,
    server,
    authority,
  });
}

/** The proxy, listening and ready; the URL of its status page. */
async function proxy(file: string, context: string | undefined, server: URL): Promise<string> {
  const admin = `127.0.0.1:${await port(9095)}`;
  const config = join(directory, 'watershed.yaml');
  writeFileSync(
    config,
    'apiVersion: watershed.dev/v1alpha1\nkind: ProxyConfiguration\nshutdown:\n  grace: 1s\n',
  );
  start('proxy', [
    'serve',
    `--config=${config}`,
    `--kubeconfig=${file}`,
    ...(context === undefined ? [] : [`--context=${context}`]),
    '--bind-address=127.0.0.1',
    `--secure-port=${server.port}`,
    `--admin-bind=${admin}`,
    `--cert-dir=${join(directory, 'certs')}`,
    '--v=2',
    '--log-format=text',
  ]);
  await until('Starting the proxy', async () => {
    try {
      const answer = await fetch(`http://${admin}/readyz`);
      const text = await answer.text();
      if (answer.ok) return undefined;
      const failed = [...text.matchAll(/^\[-\](\S+)/gm)].map(([, name]) => name);
      return `waiting for ${failed.join(', ')}`;
    } catch {
      return 'waiting for it to listen';
    }
  });
  return `http://${admin}/`;
}

function usage(
  client: ClientKubeconfig & { kind: 'written' },
  server: string,
  status: string,
): void {
  const file = join(directory, 'proxy.kubeconfig');
  const example = join(directory, 'example.yaml');
  writeFileSync(file, client.text, { mode: 0o600 });
  writeFileSync(example, EXAMPLE);
  say('\nWatershed is running.\n');
  say(`  kubeconfig   ${file}`);
  say(`  status page  ${status}`);
  say(`  proxy log    ${join(directory, 'proxy.log')}\n`);
  say('Try, in another terminal:\n');
  if (has('kubectl')) {
    say(`  export KUBECONFIG=${file}`);
    say('  kubectl get pods -A');
    say('  kubectl get leases -A -w');
    say("  kubectl get --raw '/api/v1/nodes?limit=2'");
    say(`  kubectl apply -f ${example} && kubectl delete -f ${example}`);
    say(
      '\nTables, which plain kubectl get asks for, are passed through; --raw and -o json come from',
    );
    say('memory. The status page shows both.');
  } else {
    curlUsage(client, server);
  }
  say('\nCtrl-C stops everything.');
}

function curlUsage(client: ClientKubeconfig & { kind: 'written' }, server: string): void {
  say(
    '  (kubectl is missing: install it from https://kubernetes.io/docs/tasks/tools, or use curl)\n',
  );
  const { token, tokenFile } = client.user;
  const bearer = tokenFile === undefined ? token : readFileSync(tokenFile, 'utf8').trim();
  if (bearer === undefined) {
    say('  The user of this kubeconfig has an exec plugin, which only kubectl can run.');
    return;
  }
  // In a file, so that the token is in no process list.
  const config = join(directory, 'curl.conf');
  const lines = [
    `cacert = "${join(directory, 'certs/apiserver.crt')}"`,
    `header = "Authorization: Bearer ${bearer}"`,
    // curl is answered with indented JSON, which is passed through; under another name it is not.
    'user-agent = "watershed-quickstart"',
    'silent',
    'show-error',
  ];
  writeFileSync(config, `${lines.join('\n')}\n`, { mode: 0o600 });
  const leases = '/apis/coordination.k8s.io/v1/leases';
  const maps = '/api/v1/namespaces/default/configmaps';
  const map = `'{"metadata":{"name":"hello"},"data":{"a":"b"}}'`;
  say(`  curl -K ${config} '${server}/api/v1/pods?limit=2'`);
  say(`  curl -K ${config} -N '${server}${leases}?watch=1'`);
  say(`  curl -K ${config} '${server}/api/v1/nodes?limit=2'`);
  say(`  curl -K ${config} -H 'Content-Type: application/json' -d ${map} ${server}${maps}`);
}

async function main(): Promise<void> {
  const wanted = settings();
  if (wanted === undefined) {
    process.stdout.write(HELP);
    rmSync(directory, { recursive: true, force: true });
    return;
  }
  if (!has('openssl')) {
    throw new Advice('openssl is missing: the proxy makes its certificate with it; install it');
  }
  const file = await cluster(wanted);
  const server = new URL(`https://127.0.0.1:${await port(8443)}`);
  const client = clientOf(file, server.origin, wanted);
  if (client.kind === 'refused') throw new Advice(client.reason);
  const status = await proxy(file, wanted.context, server);
  if (!stopping) usage(client, server.origin, status);
}

process.on('SIGINT', () => void stop(0));
process.on('SIGTERM', () => void stop(0));
try {
  await main();
} catch (error) {
  const text = error instanceof Advice ? error.message : String((error as Error).stack);
  process.stderr.write(`quickstart: ${text}\n`);
  await stop(1);
}
