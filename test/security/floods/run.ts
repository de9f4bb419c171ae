// The measured flood suite: 200 watchers over TLS, each on a connection of its own, a steady rate of events, and one
// attack after another from a process of its own. For each: how long a write takes to the watchers before, during and after
// it, what it costs the proxy, and whether descriptors and memory come back. `npm run floods`; numbers by the environment:
//
//   WATCHERS=200 RATE=25 SECONDS=20 REPEATS=3 ONLY='reset|PING' PROFILE=/tmp/profiles RELENTLESS=1 NODE_ARGS=--trace-gc
//
// The attacks come in turns, with a quiet stretch before each, so that a busy neighbour on the machine meets all of them; an
// attack is compared with the median of all quiet stretches, since one of them alone is as noisy as it is. The proxy has a
// core to itself and is started as for one (docs/operations.md, "Processors"); the attacker, the simulated cluster and the
// watchers share the other, the attacker when it is idle: the line "none, attacker busy" shows what is left of its influence
// there. Exit code 1 when a watcher lost an event or its watch, or descriptors did not come back.

import { readdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describeMachine } from '../../../bench/lib/machine.ts';
import { EVENTS_PATH } from '../../../bench/support/cluster.ts';
import type { BenchCluster } from '../../../bench/support/cluster.ts';
import { LoadClient } from '../../../bench/support/load-client.ts';
import { measure } from '../../../bench/support/measure.ts';
import type { Measured, Setting } from '../../../bench/support/measure.ts';
import {
  CLIENT_CORE,
  endProcess,
  makeIdle,
  pin,
  rssBytes,
  startNode,
} from '../../../bench/support/processes.ts';
import { fixed, printTable } from '../../../bench/support/results.ts';
import { Questions } from '../../../bench/support/rpc.ts';
import { startSimulated } from '../../../bench/support/simulated-cluster.ts';
import { startWatershed } from '../../../bench/support/watershed-server.ts';
import type { WatershedServer } from '../../../bench/support/watershed-server.ts';
import type { Attacked, AttackOrder } from './attacker.ts';
import { ATTACKS } from './attacks.ts';

const { env } = process;
const watchers = Number(env['WATCHERS'] ?? 200);
const perSecond = Number(env['RATE'] ?? 25);
const seconds = Number(env['SECONDS'] ?? 20);
const repeats = Number(env['REPEATS'] ?? 3);
const only = (env['ONLY'] ?? '').split('|');
/** Attackers begin anew when they were cut. */
const relentless = env['RELENTLESS'] === '1';
/** Flags of the proxy's Node: those of the image, and of one processor. */
const nodeArgs = (
  env['NODE_ARGS'] ?? '--v8-pool-size=0 --max-semi-space-size=4 --initial-old-space-size=128'
)
  .split(' ')
  .filter((arg) => arg !== '');
/** Where to put a CPU profile of the proxy under each attack. */
const profiles = env['PROFILE'] ?? '';

const OBJECTS = 64;
const ALLOWED_GROWTH = 0.25;
/** V8 gives the pages back that a burst took when it was let alone for a while. */
const GIVE_BACK_MS = 120_000;
const GIVE_BACK_STEP_MS = 10_000;
/** Connections that were cut linger, and slow ones are reaped, within this. */
const SETTLE_MS = 15_000;
const SETTLE_STEP_MS = 100;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

interface Round {
  readonly quiet: Measured;
  readonly during: Measured;
  readonly attacked: Attacked;
  readonly descriptors: readonly [before: number, after: number];
  readonly rssMiB: readonly [before: number, after: number];
}

interface Stand {
  readonly setting: Setting;
  readonly server: WatershedServer;
  readonly attacker: Questions;
  readonly token: string;
}

function descriptorsOf({ pid }: WatershedServer): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

const rssMiB = async (server: WatershedServer): Promise<number> =>
  (await server.memoryBytes()) / 1024 ** 2;

/** As the kernel has it, without a collection first. */
const residentMiB = ({ pid }: WatershedServer): number => rssBytes(pid) / 1024 ** 2;

/** Watches the memory come back with nobody attacking, events as ever. */
async function giveBack({ setting, server }: Stand, wantedMiB: number): Promise<void> {
  const began = performance.now();
  const seen: string[] = [];
  for (;;) {
    const mib = residentMiB(server);
    const afterMs = performance.now() - began;
    seen.push(`${fixed(mib, 0)} after ${fixed(afterMs / 1000, 0)} s`);
    if (mib <= wantedMiB || afterMs > GIVE_BACK_MS) break;
    await measure(setting, {
      perSecond: 1,
      durationMs: GIVE_BACK_STEP_MS,
      audience: 'all',
      objects: OBJECTS,
    });
  }
  say(
    `RSS, MiB: ${fixed(wantedMiB, 0)} before the first attack; after the last: ${seen.join(', ')}.`,
  );
}

async function settled(server: WatershedServer, wanted: number): Promise<number> {
  const endsAt = performance.now() + SETTLE_MS;
  while (descriptorsOf(server) > wanted && performance.now() < endsAt) await sleep(SETTLE_STEP_MS);
  return descriptorsOf(server);
}

function load(setting: Setting): Promise<Measured> {
  const durationMs = seconds * 1_000;
  return measure(setting, { perSecond, durationMs, audience: 'all', objects: OBJECTS });
}

async function roundOf({ setting, server, attacker, token }: Stand, name: string): Promise<Round> {
  const descriptors = descriptorsOf(server);
  const rss = await rssMiB(server);
  const quiet = await load(setting);
  const target = { port: server.port, token, path: EVENTS_PATH };
  // It begins within the measurement, and lasts as long.
  const order: AttackOrder = { name, target, durationMs: seconds * 1_000, relentless };
  if (profiles !== '') await server.startProfile();
  const measured = load(setting);
  await sleep(500);
  const attacking = attacker.ask<Attacked>('attack', order);
  const during = await measured;
  if (profiles !== '') await server.stopProfile(`${profiles}/${name}.cpuprofile`);
  const attacked = await attacking;
  const descriptorsAfter = await settled(server, descriptors);
  return {
    quiet,
    during,
    attacked,
    descriptors: [descriptors, descriptorsAfter],
    rssMiB: [rss, await rssMiB(server)],
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

const middle = (rounds: readonly Round[], of: (round: Round) => number): number =>
  median(rounds.map(of));

/** The p99 delay of the quiet stretches. */
const quietMs = (rounds: readonly Round[]): number => middle(rounds, (r) => r.quiet.delays.p99Ms);

/** By how much an attack made p99 larger than `ms`. */
const growthOf = ({ during }: Round, ms: number): number => during.delays.p99Ms / ms - 1;

function spread(rounds: readonly Round[], ms: number): string {
  const all = rounds.map((round) => growthOf(round, ms)).toSorted((a, b) => a - b);
  const percent = (value: number): string => `${fixed(100 * value, 0)} %`;
  return `${percent(median(all))} (${percent(all[0])}..${percent(all[all.length - 1])})`;
}

function print(results: ReadonlyMap<string, readonly Round[]>, quiet: number): void {
  printTable(
    [...results],
    [
      { title: 'attack', cell: ([name]) => name },
      { title: 'p99 before', cell: ([, all]) => fixed(quietMs(all)) },
      { title: 'during, ms', cell: ([, all]) => fixed(middle(all, (r) => r.during.delays.p99Ms)) },
      { title: 'growth (least..most)', cell: ([, all]) => spread(all, quiet) },
      {
        title: 'loop p99 before',
        cell: ([, all]) => fixed(middle(all, (r) => r.quiet.loop?.p99Ms ?? 0)),
      },
      {
        title: 'during, ms',
        cell: ([, all]) => fixed(middle(all, (r) => r.during.loop?.p99Ms ?? 0)),
      },
      {
        title: 'proxy CPU before',
        cell: ([, all]) => fixed(100 * middle(all, (r) => r.quiet.serverCpuShare), 0),
      },
      {
        title: 'during, %',
        cell: ([, all]) => fixed(100 * middle(all, (r) => r.during.serverCpuShare), 0),
      },
      {
        title: 'attacker CPU, %',
        cell: ([, all]) => fixed(middle(all, (r) => r.attacked.cpuMs) / (10 * seconds), 0),
      },
      { title: 'sent, MiB', cell: ([, all]) => fixed(middle(all, (r) => r.attacked.sentMiB)) },
      {
        title: 'connections cut',
        cell: ([, all]) =>
          `${middle(all, (r) => r.attacked.closed)} of ${middle(all, (r) => r.attacked.connections)}`,
      },
      { title: 'fds', cell: ([, all]) => all.map((r) => r.descriptors.join('>')).join(' ') },
      {
        title: 'RSS, MiB',
        cell: ([, all]) => all.map((r) => r.rssMiB.map((mib) => fixed(mib, 0)).join('>')).join(' '),
      },
    ],
  );
}

/** What must hold on any machine, in words; what depends on it is only shown. */
function broken(results: ReadonlyMap<string, readonly Round[]>): string[] {
  return [...results].flatMap(([name, all]) =>
    all
      .filter(({ descriptors: [before, after] }) => after > before)
      .map(
        ({ descriptors: [before, after] }) => `${name}: ${after - before} descriptors were left`,
      ),
  );
}

/** As the image has it. */
process.env['MALLOC_TRIM_THRESHOLD_'] ??= '131072';
process.env['MALLOC_MMAP_THRESHOLD_'] ??= '65536';

async function startStand(cluster: BenchCluster, client: LoadClient): Promise<Stand> {
  const { kubeconfig, token } = cluster;
  const server = await startWatershed({ kubeconfig, token, nodeArgs });
  const { host, port } = server;
  const target = { host, port, token, protocol: 'h2' } as const;
  // The lane is there before the watchers come.
  await client.fetchBodies({ target, path: EVENTS_PATH, atOnce: 1, each: 1, hash: false });
  const path = `${EVENTS_PATH}?watch=1&resourceVersion=${await cluster.revision()}`;
  await client.open({ target, path, watchers, streamsPerConnection: 1, stalled: 0 });
  const setting: Setting = { server, cluster, client, watchers, stalled: 0 };
  const script = fileURLToPath(new URL('attacker.ts', import.meta.url));
  const child = startNode({ script, core: CLIENT_CORE });
  // It shares a core with those whose delays are measured, and must not be what delays them.
  if (child.pid !== undefined) makeIdle(child.pid);
  process.once('beforeExit', () => void endProcess(child));
  // Nor must the cluster, which is asked more under some attacks.
  if (!client.runFirst()) say('The watchers share their core with the simulated cluster.');
  // Code is warm, and every connection was written to.
  await load(setting);
  return { setting, server, attacker: new Questions(child), token };
}

async function main(): Promise<number> {
  const { cpu, cores, node, load: busyness } = describeMachine();
  pin(process.pid, CLIENT_CORE);
  const cluster = await startSimulated();
  const client = new LoadClient();
  const results = new Map<string, Round[]>();
  say(`${cpu}, ${cores} cores, Node ${node}, load average ${busyness} at the start.`);
  try {
    await cluster.createObjects(OBJECTS);
    const stand = await startStand(cluster, client);
    const memoryBefore = residentMiB(stand.server);
    const attacks = ATTACKS.filter((name) => only.some((part) => name.includes(part)));
    for (let i = 0; i < repeats; i++) {
      for (const name of attacks) {
        const result = await roundOf(stand, name);
        results.set(name, [...(results.get(name) ?? []), result]);
        const [before, during] = [result.quiet, result.during].map(({ delays }) => delays.p99Ms);
        say(`${i + 1}/${repeats} ${name}: p99 ${fixed(before)} ms, then ${fixed(during)} ms`);
      }
    }
    await giveBack(stand, memoryBefore);
    await stand.server.end();
  } finally {
    await client.end();
    await cluster.end();
  }
  const everyone = [...results.values()].flat();
  const quiet = quietMs(everyone);
  const stretches = everyone.map((each) => each.quiet.delays.p99Ms);
  print(results, quiet);
  say(
    `Quiet: p99 ${fixed(quiet)} ms (${fixed(Math.min(...stretches))}..${fixed(Math.max(...stretches))}) in ${stretches.length} stretches.`,
  );
  const slower = [...results].filter(
    ([, all]) => middle(all, (each) => growthOf(each, quiet)) > ALLOWED_GROWTH,
  );
  say(`Load average ${fixed(loadavg()[0])} at the end.`);
  for (const [name] of slower) say(`Above ${100 * ALLOWED_GROWTH} %: ${name}.`);
  const problems = broken(results);
  for (const problem of problems) say(`Broken: ${problem}.`);
  return problems.length === 0 ? 0 : 1;
}

process.exitCode = await main();
// The attacker has a channel that would keep this process.
process.exit();
