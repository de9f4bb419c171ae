/** One load on one server, from the first write until the last watcher has the last event, and what it cost. */
import type { BenchCluster, WriteLoad } from './cluster.ts';
import type { DelaySummary } from './delays.ts';
import type { LoadClient } from './load-client.ts';
import { processorTime } from './processes.ts';
import type { BenchServer } from './server.ts';
import type { LoopDelays } from './server-probe.ts';

export interface Setting {
  readonly server: BenchServer;
  readonly cluster: BenchCluster;
  readonly client: LoadClient;
  readonly watchers: number;
  /** The first watchers, which stopped reading and are not counted. */
  readonly stalled: number;
  /** What a write itself costs the server; taken off, as it is no part of a delivery. See `costOfWrites`. */
  readonly usPerWrite?: number;
}

export interface Measured {
  readonly writtenPerSecond: number;
  readonly deliveries: number;
  readonly deliveriesPerSecond: number;
  /** Processor time of the server, all threads. */
  readonly usPerDelivery: number;
  readonly serverCpuShare: number;
  /** Share of the time in which the server could have run but somebody else had its core. */
  readonly serverWaitShare: number;
  readonly clientCpuShare: number;
  /** Watches the server ended, up to now. */
  readonly ended: number;
  readonly delays: DelaySummary;
  readonly loop: LoopDelays | undefined;
}

/** Delays looked at per second: enough for p99.9, too few to cost anything. */
const SAMPLES_PER_SECOND = 50_000;
const DRAIN_TIMEOUT_MS = 60_000;
const US_PER_MS = 1000;

/** Throws when a watcher saw an event twice or out of order, or when Watershed lost one or ended a watch. */
export async function measure(setting: Setting, load: WriteLoad): Promise<Measured> {
  const { server, cluster, client, watchers, stalled } = setting;
  const perSecond = load.perSecond * (load.audience === 'all' ? watchers : 1);
  const before = await client.mark(Math.max(1, Math.ceil(perSecond / SAMPLES_PER_SECOND)));
  const readers = watchers - stalled - before.ended;
  await server.loopDelays();
  const began = performance.now();
  const timeBefore = processorTime(server.pid);
  const written = await cluster.write(load);
  const wanted =
    load.audience === 'all'
      ? written.events * readers
      : written.perObject.slice(stalled, watchers).reduce((sum, events) => sum + events, 0);
  const seen = await client.waitFor(before.events + wanted, DRAIN_TIMEOUT_MS);
  const tookMs = performance.now() - began;
  const time = processorTime(server.pid);
  const cpu = time.usedUs - timeBefore.usedUs;
  const deliveries = seen.events - before.events;
  // kube-apiserver ends watches that fall behind; of Watershed nothing may be missing.
  const incomplete = server !== cluster.server && (deliveries !== wanted || seen.ended > 0);
  if (incomplete || seen.misplaced > 0) {
    throw new Error(
      `${server.name}: ${deliveries} of ${wanted} events, ${seen.misplaced} out of place ` +
        `(${seen.firstProblem}), ${seen.ended} watches ended`,
    );
  }
  return {
    writtenPerSecond: (written.events / written.tookMs) * 1000,
    deliveries,
    deliveriesPerSecond: (deliveries / tookMs) * 1000,
    usPerDelivery: (cpu - written.events * (setting.usPerWrite ?? 0)) / deliveries,
    serverCpuShare: cpu / US_PER_MS / tookMs,
    serverWaitShare: (time.waitedUs - timeBefore.waitedUs) / US_PER_MS / tookMs,
    clientCpuShare: (seen.cpuUs - before.cpuUs) / US_PER_MS / tookMs,
    ended: seen.ended,
    delays: seen.delays,
    loop: await server.loopDelays(),
  };
}

/** Processor time per write of a server that takes the writes itself, while nobody watches; 0 for one that does not. */
export async function costOfWrites(server: BenchServer, cluster: BenchCluster): Promise<number> {
  if (server !== cluster.server) return 0;
  const before = processorTime(server.pid);
  const load = { perSecond: 400, durationMs: 2_000, audience: 'all', objects: 64 } as const;
  const { events } = await cluster.write(load);
  return (processorTime(server.pid).usedUs - before.usedUs) / events;
}

/** The run whose cost is the median, and how far the others are from it. */
export function medianOf(runs: readonly Measured[]): Measured & { readonly spread: number } {
  const sorted = [...runs].sort((a, b) => a.usPerDelivery - b.usPerDelivery);
  const median = sorted[Math.floor(sorted.length / 2)];
  const spread = (sorted[sorted.length - 1].usPerDelivery - sorted[0].usPerDelivery) / 2;
  return { ...median, spread: spread / median.usPerDelivery };
}
