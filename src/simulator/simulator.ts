/**
 * Simulator: an in-memory Kubernetes cluster behind a real HTTP API, for demo, tests and load.
 *
 * It speaks as much of kube-apiserver's dialect as clients notice (v1.36), keeps everything in
 * memory and loses it at the end. It is never the judge of semantics: each behaviour it fakes is
 * also tried against a real apiserver by the conformance tests.
 */
import { Access } from './access.ts';
import { CustomResources } from './custom-resources.ts';
import { Faults } from './faults.ts';
import { LEASE_NAMESPACE, generateCluster } from './generate/cluster.ts';
import { LeaseRenewer } from './lease-renewer.ts';
import { LeaseStorm } from './lease-storm.ts';
import type { LeaseStormOptions } from './lease-storm.ts';
import { defaultOptions } from './options.ts';
import type { SimulatorOptions } from './options.ts';
import { PodLife } from './pod-life.ts';
import { Random } from './random.ts';
import { SimulatorServer } from './server.ts';
import { Store } from './store.ts';
import { WatchHub } from './watch-hub.ts';
import { Writes } from './writes.ts';

export interface Simulator {
  /** `https://127.0.0.1:34567`, without a final slash. */
  readonly url: string;
  readonly port: number;
  /** All objects; for tests that look behind the API. */
  readonly store: Store;
  /** Changes objects as a client would, without HTTP. */
  readonly writes: Writes;
  readonly faults: Faults;
  /** Open watches per resource: `v1/pods` -> 2. */
  watchCounts(): Record<string, number>;
  /** Renews node leases at a rate, besides the ordinary heartbeat. */
  startStorm(options: LeaseStormOptions): LeaseStorm;
  /** Cuts every connection and frees the port. */
  close(): Promise<void>;
}

/** How often the ordinary heartbeat renews the leases that are due. */
const HEARTBEAT_TICK_MS = 50;

/** Resolves when the cluster exists and the port is open. */
export async function startSimulator(given: Partial<SimulatorOptions> = {}): Promise<Simulator> {
  const options: SimulatorOptions = { ...defaultOptions, ...defined(given) };
  const random = new Random(options.seed);
  const store = new Store(options.windowEvents);
  const writes = new Writes(store, random);
  const hub = new WatchHub(options.bookmarkTickMs);
  const customResources = new CustomResources(store, writes);
  const nodes = generateCluster({ store, writes, random }, options);
  const faults = new Faults(hub, store);
  const access = new Access(options.tokens);
  const server = new SimulatorServer({ store, writes, hub, access, faults, options });
  const port = await server.listen();

  const keys = random.shuffle(nodes.map((name) => `${LEASE_NAMESPACE}/${name}`));
  const renewer = new LeaseRenewer(store, LEASE_NAMESPACE, keys);
  const storms = new Set<LeaseStorm>();
  const startStorm = (storm: LeaseStormOptions): LeaseStorm => {
    const parts = { renewer, hub, maxBacklogBytes: options.maxWatchBacklogBytes };
    const started = new LeaseStorm(parts, storm);
    storms.add(started);
    return started;
  };
  if (options.leaseRenewMs > 0 && nodes.length > 0) {
    const ratePerSecond = (nodes.length * 1000) / options.leaseRenewMs;
    startStorm({ ratePerSecond, tickMs: HEARTBEAT_TICK_MS });
  }
  const podLife = new PodLife({ ...options, store, writes, random, nodes });
  const scheme = options.tls === undefined ? 'http' : 'https';
  return {
    url: `${scheme}://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    port,
    store,
    writes,
    faults,
    watchCounts: () => hub.counts(),
    startStorm,
    close: async () => {
      for (const storm of storms) storm.stop();
      podLife.stop();
      customResources.stop();
      hub.close();
      await server.close();
    },
  };
}

/** Options that were given as undefined count as not given. */
function defined(options: Partial<SimulatorOptions>): Partial<SimulatorOptions> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
