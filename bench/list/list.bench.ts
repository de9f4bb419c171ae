/**
 * LIST of many 8 KB pods over TLS: bytes per second of wall clock and of server CPU, time to the first byte, memory, and
 * how long the event loop stands still while four clients list at once. It is checked that the items are byte for byte
 * those of the cluster's own answer. With `--upstream real` kube-apiserver and Watershed in front of it take turns.
 */
import { createHash } from 'node:crypto';
import { get } from 'node:http';
import { publish } from '../lib/report.ts';
import { benchArguments, startCluster } from '../support/arguments.ts';
import { PODS_PATH } from '../support/cluster.ts';
import type { BenchCluster } from '../support/cluster.ts';
import { LoadClient } from '../support/load-client.ts';
import { CLIENT_CORE, pin, processorTime, rssBytes } from '../support/processes.ts';
import { fixed, printTable, tableOf } from '../support/results.ts';
import type { BenchServer } from '../support/server.ts';
import type { LoopDelays } from '../support/server-probe.ts';
import { startWatershed } from '../support/watershed-server.ts';
import type { WatershedServer } from '../support/watershed-server.ts';

interface Row {
  readonly server: string;
  readonly load: string;
  readonly bodyMb: number;
  readonly mbPerSecond: number;
  readonly mbPerCpuSecond: number;
  readonly spread: number;
  readonly runs: readonly Run[];
  readonly firstByteMs: number;
  readonly rssGrowthMb: number;
  readonly serverWaitShare: number;
  readonly loop: LoopDelays | undefined;
}

interface Run {
  readonly wall: number;
  readonly cpu: number;
  readonly first: number;
  readonly waited: number;
}

interface Load {
  readonly name: string;
  readonly path: string;
  readonly atOnce: number;
}

const MB = 1e6;
/** Any state will do: what both servers answer from memory without asking the store. */
const ANY = `${PODS_PATH}?resourceVersion=0`;

const args = benchArguments();
const pods = args.quick ? 5_000 : 20_000;
const repeats = args.quick ? 3 : 5;

const loads: readonly Load[] = [
  { name: 'one client, any', path: ANY, atOnce: 1 },
  { name: 'one client, exact', path: PODS_PATH, atOnce: 1 },
  { name: '4 at once, any', path: ANY, atOnce: 4 },
];

pin(process.pid, CLIENT_CORE);
const cluster = await startCluster(args.real);
const rows: Row[] = [];
try {
  await cluster.createPods(pods);
  const hash = await hashOfCluster(cluster);
  if (cluster.server !== undefined) await loadServer(cluster.server, hash);
  cluster.server?.behind();
  const { kubeconfig, token } = cluster;
  const server = await startWatershed({ kubeconfig, token });
  await loadServer(server, hash);
  await server.end();
} finally {
  await cluster.end();
}
print();
report();

async function loadServer(
  server: BenchServer & Partial<WatershedServer>,
  hash: string,
): Promise<void> {
  const client = new LoadClient();
  try {
    // The first opens the lane and compiles; memory and time are counted from the second on.
    await fetchAll(client, server, { load: loads[0], hash: true, expected: hash });
    const { bytes } = await fetchAll(client, server, {
      load: loads[1],
      hash: true,
      expected: hash,
    });
    const before = await server.memoryBytes();
    for (const load of loads) {
      if (args.profile !== '') await server.startProfile?.();
      rows.push(await measureLoad(client, server, { load, bytes, before }));
      if (args.profile !== '') {
        await server.stopProfile?.(
          `${args.profile}-list-${load.name.replaceAll(/\W+/g, '-')}.cpuprofile`,
        );
      }
    }
  } finally {
    await client.end();
  }
}

async function measureLoad(
  client: LoadClient,
  server: BenchServer,
  { load, bytes, before }: { load: Load; bytes: number; before: number },
): Promise<Row> {
  const runs: Run[] = [];
  await server.loopDelays();
  for (let i = 0; i < repeats; i++) {
    const timeBefore = processorTime(server.pid);
    const began = performance.now();
    const { firstByteMs } = await fetchAll(client, server, { load, hash: false, expected: '' });
    const seconds = (performance.now() - began) / 1000;
    const time = processorTime(server.pid);
    const megabytes = (bytes * load.atOnce) / MB;
    runs.push({
      wall: megabytes / seconds,
      cpu: (megabytes * 1e6) / (time.usedUs - timeBefore.usedUs),
      first: firstByteMs,
      waited: (time.waitedUs - timeBefore.waitedUs) / 1e6 / seconds,
    });
  }
  const loop = await server.loopDelays();
  const cpus = runs.map(({ cpu }) => cpu);
  const row: Row = {
    server: server.name,
    load: load.name,
    runs,
    bodyMb: bytes / MB,
    mbPerSecond: median(runs.map(({ wall }) => wall)),
    mbPerCpuSecond: median(cpus),
    spread: (Math.max(...cpus) - Math.min(...cpus)) / 2 / median(cpus),
    firstByteMs: median(runs.map(({ first }) => first)),
    rssGrowthMb: (rssBytes(server.pid) - before) / MB,
    serverWaitShare: median(runs.map(({ waited }) => waited)),
    loop,
  };
  console.error(`${row.server}, ${row.load}: ${fixed(row.mbPerCpuSecond, 0)} MB per CPU second`);
  return row;
}

async function fetchAll(
  client: LoadClient,
  server: BenchServer,
  { load, hash, expected }: { load: Load; hash: boolean; expected: string },
): Promise<{ bytes: number; firstByteMs: number }> {
  const { host, port, token } = server;
  const { path, atOnce } = load;
  const target = { host, port, token, protocol: 'h2' as const };
  const bodies = await client.fetchBodies({ target, path, atOnce, each: 1, hash });
  for (const body of bodies) {
    if (body.code !== 200 || !body.complete || (hash && body.itemsHash !== expected)) {
      throw new Error(
        `${server.name}: LIST gave ${body.code}, ${body.bytes} bytes, complete: ${body.complete}, ` +
          `items equal: ${body.itemsHash === expected}`,
      );
    }
  }
  return { bytes: bodies[0].bytes, firstByteMs: median(bodies.map((body) => body.firstByteMs)) };
}

/** Of the items as the cluster itself lists them. */
async function hashOfCluster({ server, kubeconfigServer, token }: BenchCluster): Promise<string> {
  if (server !== undefined) {
    const client = new LoadClient();
    const { host, port } = server;
    const target = { host, port, token, protocol: 'h2' as const };
    const plan = { target, path: PODS_PATH, atOnce: 1, each: 1, hash: true };
    const [{ itemsHash }] = await client.fetchBodies(plan);
    await client.end();
    return itemsHash;
  }
  const body = await new Promise<Buffer>((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, accept: 'application/json' };
    const request = get(`${kubeconfigServer}${PODS_PATH}`, { headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks)));
    });
    request.on('error', reject);
  });
  const items = body.indexOf('"items":[');
  return createHash('sha256').update(body.subarray(items)).digest('hex');
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

function report(): void {
  const points = (value: (run: Run) => number) =>
    rows.map(({ server, load, runs }) => ({ server, name: load, values: runs.map(value) }));
  const one = rows.find(({ server, load }) => server === 'watershed' && load === loads[0].name);
  publish({
    name: args.real ? 'list-real' : 'list',
    title: args.real ? 'LIST, beside kube-apiserver' : 'LIST',
    notes: [
      `${pods} pods, ${fixed(rows[0]?.bodyMb ?? 0)} MB of JSON over TLS and HTTP/2; the items are byte for byte the cluster's own.`,
      '"any" is resourceVersion=0, "exact" is none: proven current before it is answered.',
    ],
    tables: [
      tableOf(
        { title: 'Body per server CPU', unit: 'MB/s', better: 'higher' },
        points((run) => run.cpu),
      ),
      tableOf(
        { title: 'Body per wall clock', unit: 'MB/s', better: 'higher' },
        points((run) => run.wall),
      ),
      tableOf(
        { title: 'First byte', unit: 'ms', better: 'lower' },
        points((run) => run.first),
      ),
    ],
    figures: one === undefined ? {} : { 'list.identity.bytes-per-second': one.mbPerCpuSecond * MB },
  });
}

function print(): void {
  printTable(rows, [
    { title: 'server', cell: (row) => row.server },
    { title: 'load', cell: (row) => row.load },
    { title: 'body MB', cell: (row) => fixed(row.bodyMb) },
    { title: 'MB/s', cell: (row) => fixed(row.mbPerSecond, 0) },
    {
      title: 'MB per CPU s',
      cell: (row) => `${fixed(row.mbPerCpuSecond, 0)}${against(row)}`,
    },
    { title: '+-', cell: (row) => `${fixed(row.spread * 100, 0)} %` },
    { title: 'first byte ms', cell: (row) => fixed(row.firstByteMs) },
    { title: 'RSS growth MB', cell: (row) => fixed(row.rssGrowthMb, 0) },
    { title: 'server waits', cell: (row) => `${fixed(row.serverWaitShare * 100, 0)} %` },
    {
      title: 'loop p99/max ms',
      cell: ({ loop }) =>
        loop === undefined ? '-' : `${fixed(loop.p99Ms)} / ${fixed(loop.maxMs)}`,
    },
  ]);
}

/** ` (6.1x)`: how much more than kube-apiserver for the same load. */
function against(row: Row): string {
  const rival = rows.find((each) => each.server === 'kube-apiserver' && each.load === row.load);
  if (rival === undefined || row.server === 'kube-apiserver') return '';
  return ` (${fixed(row.mbPerCpuSecond / rival.mbPerCpuSecond, 1)}x)`;
}
