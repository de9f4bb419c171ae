/**
 * From a write to its watchers: delays of many watchers while a few have stopped reading, beside the same without those.
 * A stalled watcher takes its first 64 KiB and never gives window back. Two loads: events for everybody, and a flood in
 * which every event has one watcher. With `--upstream real` kube-apiserver does the same first.
 */
import { publish } from '../lib/report.ts';
import { benchArguments, startCluster } from '../support/arguments.ts';
import { EVENTS_PATH } from '../support/cluster.ts';
import type { Audience } from '../support/cluster.ts';
import { LoadClient } from '../support/load-client.ts';
import { measure, medianOf } from '../support/measure.ts';
import type { Measured } from '../support/measure.ts';
import { CLIENT_CORE, pin } from '../support/processes.ts';
import { fixed, printTable, tableOf, thousands } from '../support/results.ts';
import type { BenchServer } from '../support/server.ts';
import { startWatershed } from '../support/watershed-server.ts';

interface Row extends Measured {
  readonly server: string;
  readonly load: string;
  readonly stalled: number;
  readonly spread: number;
  readonly runs: readonly Measured[];
}

interface Load {
  readonly name: string;
  readonly perSecond: number;
  readonly audience: Audience;
}

const STALLED = 10;
/** Two windows' worth: from then on the stalled watchers cost what they cost. */
const FILL_EVENTS = 150;

const args = benchArguments();
const watchers = args.quick ? 200 : 1_000;
const windowMs = args.quick ? 1_500 : 5_000;
const repeats = 3;
const loads: readonly Load[] = [
  { name: 'all, 20/s', perSecond: 20, audience: 'all' },
  { name: 'one each, flood', perSecond: args.quick ? 5_000 : 20_000, audience: 'one' },
];

pin(process.pid, CLIENT_CORE);
const cluster = await startCluster(args.real);
const rows: Row[] = [];
try {
  await cluster.createObjects(watchers);
  if (cluster.server !== undefined) await loadServer(cluster.server);
  cluster.server?.behind();
  const { kubeconfig, token } = cluster;
  const server = await startWatershed({ kubeconfig, token });
  await loadServer(server);
  await server.end();
} finally {
  await cluster.end();
}
print();
report();

async function loadServer(server: BenchServer): Promise<void> {
  const client = new LoadClient();
  try {
    // The first round only warms the server up.
    await crowd(server, client, { load: loads[0], stalled: 0 });
    for (const load of loads) {
      for (const stalled of [0, STALLED]) {
        const row = await crowd(server, client, { load, stalled });
        rows.push(row);
        const { p50Ms, p99Ms } = row.delays;
        console.error(
          `${server.name}, ${load.name}, ${stalled} stalled: p50 ${fixed(p50Ms)} ms, p99 ${fixed(p99Ms)} ms`,
        );
      }
    }
  } finally {
    await client.end();
  }
}

async function crowd(
  server: BenchServer,
  client: LoadClient,
  { load, stalled }: { load: Load; stalled: number },
): Promise<Row> {
  const { host, port, token } = server;
  const revision = await cluster.revision();
  const selector = encodeURIComponent('metadata.name=object-');
  const one = load.audience === 'one' ? `&fieldSelector=${selector}{}` : '';
  await client.open({
    target: { host, port, token, protocol: 'h2' },
    path: `${EVENTS_PATH}?watch=1&resourceVersion=${revision}${one}`,
    watchers,
    streamsPerConnection: 1,
    stalled,
  });
  const setting = { server, cluster, client, watchers, stalled };
  const perObject = load.audience === 'one' ? watchers : 1;
  const run = (perSecond: number, durationMs: number): Promise<Measured> =>
    measure(setting, { perSecond, durationMs, audience: load.audience, objects: watchers });
  const fillPerSecond = Math.min(300 * perObject, 20_000);
  await run(fillPerSecond, ((FILL_EVENTS * perObject) / fillPerSecond) * 1000);
  const runs: Measured[] = [];
  for (let i = 0; i < repeats; i++) runs.push(await run(load.perSecond, windowMs));
  await client.closeWatches();
  const { delays } = [...runs].sort((a, b) => a.delays.p99Ms - b.delays.p99Ms)[1];
  return { server: server.name, load: load.name, stalled, ...medianOf(runs), delays, runs };
}

function report(): void {
  const points = (value: (run: Measured) => number) =>
    rows.map(({ server, load, stalled, runs }) => ({
      server,
      name: `${load}, ${stalled} of ${watchers} stalled`,
      values: runs.map(value),
    }));
  const flood = rows.find(
    ({ server, load, stalled }) =>
      server === 'watershed' && load === loads[1].name && stalled === STALLED,
  );
  publish({
    name: args.real ? 'latency-real' : 'latency',
    title: args.real ? 'Write to watcher, beside kube-apiserver' : 'Write to watcher',
    notes: ['From before the write to when the watcher has read the event, over TLS and HTTP/2.'],
    tables: [
      tableOf(
        { title: 'Delay, p50', unit: 'ms', better: 'lower' },
        points((run) => run.delays.p50Ms),
      ),
      tableOf(
        { title: 'Delay, p99', unit: 'ms', better: 'lower' },
        points((run) => run.delays.p99Ms),
      ),
    ],
    figures: flood === undefined ? {} : { 'latency.p99-ms': flood.delays.p99Ms },
  });
}

function print(): void {
  printTable(rows, [
    { title: 'server', cell: (row) => row.server },
    { title: 'load', cell: (row) => row.load },
    { title: 'watchers', cell: () => String(watchers) },
    { title: 'stalled', cell: (row) => String(row.stalled) },
    { title: 'written/s', cell: (row) => thousands(row.writtenPerSecond) },
    { title: 'p50 ms', cell: (row) => fixed(row.delays.p50Ms, 2) },
    { title: 'p99 ms', cell: (row) => fixed(row.delays.p99Ms, 2) },
    { title: 'p99.9 ms', cell: (row) => fixed(row.delays.p999Ms, 2) },
    { title: 'us each', cell: (row) => fixed(row.usPerDelivery, 1) },
    {
      title: 'server CPU/waits',
      cell: (row) =>
        `${fixed(row.serverCpuShare * 100, 0)}/${fixed(row.serverWaitShare * 100, 0)} %`,
    },
  ]);
}
