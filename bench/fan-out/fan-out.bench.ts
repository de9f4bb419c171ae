/**
 * Fan-out: N watchers over TLS, events of 1 KB, one server core. For every load it is checked that each watcher got every
 * event once and in order. With `--upstream real` kube-apiserver and Watershed in front of it do the same in turns.
 *
 * Deliveries per second and microseconds count from the first write until the last watcher has the last event. "Saturated"
 * asks for more than any server can do; a server that slows its writers down instead shows it in the written column. What
 * the writes themselves cost kube-apiserver is taken off. Events for one watcher each ("unicast") need more writes than a
 * real apiserver takes, so they are left out there.
 */
import { publish } from '../lib/report.ts';
import type { Table } from '../lib/report.ts';
import { benchArguments, startCluster } from '../support/arguments.ts';
import type { BenchArguments } from '../support/arguments.ts';
import { EVENTS_PATH } from '../support/cluster.ts';
import type { BenchCluster, WriteLoad } from '../support/cluster.ts';
import type { Protocol } from '../support/dial.ts';
import { LoadClient } from '../support/load-client.ts';
import { costOfWrites, measure, medianOf } from '../support/measure.ts';
import type { Measured } from '../support/measure.ts';
import { CLIENT_CORE, pin } from '../support/processes.ts';
import { fixed, printTable, tableOf, thousands } from '../support/results.ts';
import type { Point } from '../support/results.ts';
import type { BenchServer } from '../support/server.ts';
import { startWatershed } from '../support/watershed-server.ts';
import type { WatershedServer } from '../support/watershed-server.ts';

interface Crowd {
  readonly watchers: number;
  readonly streams: number;
  readonly protocol: Protocol;
}

interface Load {
  readonly name: string;
  readonly perSecond: (watchers: number) => number;
  readonly audience: WriteLoad['audience'];
}

interface Row extends Measured {
  readonly server: string;
  readonly crowd: Crowd;
  readonly load: string;
  readonly spread: number;
  readonly runs: readonly Measured[];
}

interface MemoryRow {
  readonly server: string;
  readonly crowd: Crowd;
  readonly idleKiB: number;
  readonly afterKiB: number;
}

/** Deliveries per second no server reaches here. */
const TOO_MUCH = 1_400_000;
const TOO_MANY_WRITES = 60_000;
/** Broadcast events go round over so many objects. */
const OBJECTS = 64;
const WARM_UP_MS = 500;
const CHECKED_EVENTS = 30;

const args = benchArguments();
const windowMs = args.quick ? 1_200 : 4_000;
const repeats = args.quick ? 2 : 3;

const loads: readonly Load[] = [
  { name: '20/s', perSecond: () => 20, audience: 'all' },
  { name: '100/s', perSecond: () => 100, audience: 'all' },
  {
    name: 'saturated',
    perSecond: (watchers) => Math.min(4_000, TOO_MUCH / watchers),
    audience: 'all',
  },
];
const unicast: Load = { name: 'unicast', perSecond: () => TOO_MANY_WRITES, audience: 'one' };

await runAll(args);

async function runAll({ quick, real, profile }: BenchArguments): Promise<void> {
  pin(process.pid, CLIENT_CORE);
  const cluster = await startCluster(real);
  const rows: Row[] = [];
  const memory: MemoryRow[] = [];
  const crowds = crowdsOf(quick, real).filter(
    ({ watchers, streams }) => args.crowd === '' || args.crowd === `${watchers}x${streams}`,
  );
  await cluster.createObjects(Math.max(OBJECTS, ...crowds.map(({ watchers }) => watchers)));
  try {
    for (const crowd of crowds) {
      if (cluster.server !== undefined) {
        await loadServer({ server: cluster.server, cluster, crowd, rows, memory });
      }
      cluster.server?.behind();
      const { kubeconfig, token } = cluster;
      const server = await startWatershed({ kubeconfig, token });
      await loadServer({ server, cluster, crowd, rows, memory, profile });
      await server.end();
      cluster.server?.front();
    }
  } finally {
    await cluster.end();
  }
  print(rows, memory);
  report(real, rows, memory);
}

function crowdsOf(quick: boolean, real: boolean): Crowd[] {
  const sizes = quick ? [500, real ? 1_000 : 2_000] : real ? [500, 2_000] : [500, 2_000, 8_000];
  const crowds: Crowd[] = sizes.flatMap((watchers): Crowd[] => [
    { watchers, streams: 1, protocol: 'h2' },
    { watchers, streams: 20, protocol: 'h2' },
  ]);
  if (quick) crowds.splice(1, 1);
  else crowds.push({ watchers: 2_000, streams: 1, protocol: 'http/1.1' });
  return crowds;
}

interface Job {
  readonly server: BenchServer & Partial<WatershedServer>;
  readonly cluster: BenchCluster;
  readonly crowd: Crowd;
  readonly rows: Row[];
  readonly memory: MemoryRow[];
  readonly profile?: string;
}

async function loadServer(job: Job): Promise<void> {
  const { server, cluster, crowd, rows, memory } = job;
  const client = new LoadClient();
  const { watchers } = crowd;
  try {
    await warmUp(job, client);
    const usPerWrite = await costOfWrites(server, cluster);
    const before = await server.memoryBytes();
    await open(client, job, `?watch=1&resourceVersion=${await cluster.revision()}`);
    const perWatcher = (bytes: number): number => (bytes - before) / watchers / 1024;
    const idleKiB = perWatcher(await server.memoryBytes());
    const setting = { server, cluster, client, watchers, stalled: 0, usPerWrite };
    // Slow enough for every event to be written alone: each stamp of each watcher is looked at.
    await measure(setting, {
      perSecond: 40,
      durationMs: (CHECKED_EVENTS / 40) * 1000,
      audience: 'all',
      objects: OBJECTS,
    });
    for (const load of loads) {
      if (!load.name.includes(args.only)) continue;
      const runs: Measured[] = [];
      for (let i = 0; i < repeats; i++) {
        runs.push(await profiled(job, load, setting));
        // Those who are left would be another crowd.
        if (runs[i].ended > 0) break;
      }
      rows.push({ server: server.name, crowd, load: load.name, ...medianOf(runs), runs });
      console.error(describe(rows[rows.length - 1]));
    }
    memory.push({
      server: server.name,
      crowd,
      idleKiB,
      afterKiB: perWatcher(await server.memoryBytes()),
    });
    await client.closeWatches();
    if (!args.real && unicast.name.includes(args.only)) await loadUnicast(job, client);
  } finally {
    await client.end();
  }
}

async function loadUnicast(job: Job, client: LoadClient): Promise<void> {
  const { server, cluster, crowd, rows } = job;
  const { watchers } = crowd;
  const revision = await cluster.revision();
  const selector = encodeURIComponent('metadata.name=object-');
  await open(client, job, `?watch=1&resourceVersion=${revision}&fieldSelector=${selector}{}`);
  const setting = { server, cluster, client, watchers, stalled: 0 };
  const runs: Measured[] = [];
  for (let i = 0; i < repeats; i++) runs.push(await profiled(job, unicast, setting));
  rows.push({ server: server.name, crowd, load: unicast.name, ...medianOf(runs), runs });
  console.error(describe(rows[rows.length - 1]));
  await client.closeWatches();
}

/** The first watchers and events pay for compilation and buffers. */
async function warmUp(job: Job, client: LoadClient): Promise<void> {
  const { server, cluster } = job;
  const watchers = 100;
  const crowd = { ...job.crowd, watchers };
  await open(client, { ...job, crowd }, `?watch=1&resourceVersion=${await cluster.revision()}`);
  const setting = { server, cluster, client, watchers, stalled: 0 };
  await measure(setting, {
    perSecond: 500,
    durationMs: WARM_UP_MS,
    audience: 'all',
    objects: OBJECTS,
  });
  await client.closeWatches();
}

function open(client: LoadClient, { server, crowd }: Job, query: string): Promise<void> {
  const { host, port, token } = server;
  return client.open({
    target: { host, port, token, protocol: crowd.protocol },
    path: EVENTS_PATH + query,
    watchers: crowd.watchers,
    streamsPerConnection: crowd.streams,
    stalled: 0,
  });
}

async function profiled(
  job: Job,
  load: Load,
  setting: Parameters<typeof measure>[0],
): Promise<Measured> {
  const { server, crowd, profile = '' } = job;
  const run = (): Promise<Measured> =>
    measure(setting, {
      perSecond: load.perSecond(crowd.watchers),
      durationMs: windowMs,
      audience: load.audience,
      objects: load.audience === 'all' ? OBJECTS : crowd.watchers,
    });
  if (profile === '' || server.startProfile === undefined) return run();
  await server.startProfile();
  const measured = await run();
  const name = `${profile}-${crowd.watchers}x${crowd.streams}-${load.name.replace('/', '-')}`;
  await server.stopProfile?.(`${name}.cpuprofile`);
  return measured;
}

function describe(row: Row): string {
  const { server, crowd, load, usPerDelivery, deliveriesPerSecond } = row;
  const who = `${server}, ${crowd.watchers} watchers on ${crowd.protocol} by ${crowd.streams}`;
  return `${who}, ${load}: ${fixed(usPerDelivery)} us, ${thousands(deliveriesPerSecond)}/s`;
}

function nameOf({ watchers, streams, protocol }: Crowd): string {
  return `${watchers} watchers, ${streams} per ${protocol} connection`;
}

function report(real: boolean, rows: readonly Row[], memory: readonly MemoryRow[]): void {
  const table = (
    head: Pick<Table, 'title' | 'unit' | 'better'>,
    value: (run: Measured) => number,
  ): Table => {
    const points = rows.map((row): Point => {
      return {
        server: row.server,
        name: `${nameOf(row.crowd)}, ${row.load}`,
        values: row.runs.map(value),
      };
    });
    return tableOf(head, points);
  };
  const perWatcher = (value: (row: MemoryRow) => number): Point[] =>
    memory.map((row) => ({ server: row.server, name: nameOf(row.crowd), values: [value(row)] }));
  const memoryTable = { unit: 'KiB', better: 'lower' } as const;
  publish({
    name: real ? 'fan-out-real' : 'fan-out',
    title: real ? 'Fan-out, beside kube-apiserver' : 'Fan-out',
    notes: [
      'TLS 1.3, 1 KB events, server pinned to one core, clients and upstream on the other; every event of every watcher is checked.',
      'Clients give flow-control window back as Go clients do. Deliveries per CPU second do not depend on how fast the load client is.',
    ],
    tables: [
      table(
        { title: 'Server CPU per delivery', unit: 'us', better: 'lower' },
        (run) => run.usPerDelivery,
      ),
      table(
        { title: 'Deliveries', unit: '1/s', better: 'higher' },
        (run) => run.deliveriesPerSecond,
      ),
      table({ title: 'Delay, p99', unit: 'ms', better: 'lower' }, (run) => run.delays.p99Ms),
      tableOf(
        { ...memoryTable, title: 'Memory per idle watcher' },
        perWatcher((row) => row.idleKiB),
      ),
      tableOf(
        { ...memoryTable, title: 'Memory per watcher after the loads' },
        perWatcher((row) => row.afterKiB),
      ),
    ],
    figures: figures(rows, memory),
  });
}

/** Names as in bench/lib/budgets.ts. */
function figures(rows: readonly Row[], memory: readonly MemoryRow[]): Record<string, number> {
  const find = (load: string): Row | undefined =>
    rows.find(
      ({ server, crowd, load: name }) =>
        server === 'watershed' && crowd.watchers >= 500 && crowd.streams === 1 && name === load,
    );
  const big = rows.find(
    ({ server, crowd, load }) =>
      server === 'watershed' && crowd.watchers === 2_000 && load === 'saturated',
  );
  const idle = memory.find(({ server, crowd }) => server === 'watershed' && crowd.streams === 20);
  return {
    ...(find('20/s') && { 'fan-out.h2.us-per-event': find('20/s')!.usPerDelivery }),
    ...(big && { 'fan-out.saturated': 1e6 / big.usPerDelivery }),
    ...(idle && { 'fan-out.idle-watch-bytes': idle.idleKiB * 1024 }),
  };
}

function print(rows: readonly Row[], memory: readonly MemoryRow[]): void {
  const crowd = {
    title: 'watchers x streams',
    cell: ({ crowd: { watchers, streams, protocol } }: Row | MemoryRow) =>
      `${watchers} x ${streams} ${protocol}`,
  };
  const server = { title: 'server', cell: (row: Row | MemoryRow) => row.server };
  printTable(rows, [
    server,
    crowd,
    { title: 'load', cell: (row) => row.load },
    { title: 'written/s', cell: (row) => thousands(row.writtenPerSecond) },
    { title: 'delivered/s', cell: (row) => thousands(row.deliveriesPerSecond) },
    { title: 'us each', cell: (row) => `${fixed(row.usPerDelivery, 2)}${against(rows, row)}` },
    { title: 'ended', cell: (row) => String(row.ended) },
    { title: '+-', cell: (row) => `${fixed(row.spread * 100, 0)} %` },
    {
      title: 'server CPU/waits, client CPU',
      cell: (row) =>
        `${fixed(row.serverCpuShare * 100, 0)}/${fixed(row.serverWaitShare * 100, 0)} %, ${fixed(row.clientCpuShare * 100, 0)} %`,
    },
    {
      title: 'p50/p99/p99.9 ms',
      cell: ({ delays: { p50Ms, p99Ms, p999Ms } }) =>
        `${fixed(p50Ms)} / ${fixed(p99Ms)} / ${fixed(p999Ms)}`,
    },
    {
      title: 'loop p99.9/max ms',
      cell: ({ loop }) =>
        loop === undefined ? '-' : `${fixed(loop.p999Ms)} / ${fixed(loop.maxMs)}`,
    },
  ]);
  console.log('');
  printTable(memory, [
    server,
    crowd,
    { title: 'KiB per idle watcher', cell: (row) => fixed(row.idleKiB) },
    { title: 'KiB after the loads', cell: (row) => fixed(row.afterKiB) },
  ]);
}

/** ` (0.45x)`: the share of kube-apiserver's cost for the same load. */
function against(rows: readonly Row[], row: Row): string {
  if (row.server === 'kube-apiserver') return '';
  const rival = rows.find(
    (other) =>
      other.server === 'kube-apiserver' && other.crowd === row.crowd && other.load === row.load,
  );
  return rival === undefined ? '' : ` (${fixed(row.usPerDelivery / rival.usPerDelivery, 2)}x)`;
}
