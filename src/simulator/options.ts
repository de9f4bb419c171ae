/**
 * Options of the simulator and their defaults; every bound it keeps is named here.
 */

/** What one bearer token may do. `'all'` includes the faults endpoint and impersonation. */
export type Rules = 'all' | 'none' | readonly Rule[];

/** All three must match; `'*'` matches everything. */
export interface Rule {
  readonly verbs: readonly string[];
  /** Plural names, with the group when it is not the core one: `pods`, `deployments.apps`. */
  readonly resources: readonly string[];
  /** Absent: everywhere. When given, cluster-wide requests need `'*'` among them. */
  readonly namespaces?: readonly string[];
}

export interface TokenUser {
  readonly user: string;
  readonly groups?: readonly string[];
  readonly rules: Rules;
}

export interface SimulatorOptions {
  /** Address to listen on. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** PEM texts; without them plain HTTP/1.1 is spoken, with them HTTP/2 and HTTP/1.1. */
  readonly tls: { readonly cert: string | Buffer; readonly key: string | Buffer } | undefined;
  /** Token -> user. undefined: nobody is asked who they are, everything is allowed. */
  readonly tokens: Readonly<Record<string, TokenUser>> | undefined;
  /** Simulated nodes, each with its lease. */
  readonly nodes: number;
  readonly podsPerNode: number;
  /** How often every node renews its lease; 0: never. A kubelet does it every 10 s. */
  readonly leaseRenewMs: number;
  /** Pods replaced per second; each one means five events. 0: none. */
  readonly podChurnPerSecond: number;
  /** How long a node takes to start a pod, or to stop one. */
  readonly podStepMs: number;
  /** The same seed makes the same cluster. */
  readonly seed: number;
  /** Events kept per resource; a watch that wants older ones gets 410. */
  readonly windowEvents: number;
  /** Time between two bookmarks of one watch; kube-apiserver takes 60 s. */
  readonly bookmarkMs: number;
  /** How often it is looked whose bookmark is due. */
  readonly bookmarkTickMs: number;
  /** How long a request waits for a revision that is still to come. */
  readonly freshnessTimeoutMs: number;
  /** Unwritten bytes of live events after which a slow watch is ended. */
  readonly maxWatchBacklogBytes: number;
  /** Largest request body; etcd's own limit is 1.5 MiB. */
  readonly maxBodyBytes: number;
}

export const defaultOptions: SimulatorOptions = Object.freeze({
  host: '127.0.0.1',
  port: 0,
  tls: undefined,
  tokens: undefined,
  nodes: 100,
  podsPerNode: 20,
  leaseRenewMs: 10_000,
  podChurnPerSecond: 1,
  podStepMs: 700,
  seed: 1,
  windowEvents: 20_000,
  bookmarkMs: 10_000,
  bookmarkTickMs: 1_000,
  freshnessTimeoutMs: 3_000,
  maxWatchBacklogBytes: 64 * 1024 ** 2,
  maxBodyBytes: 3 * 1024 ** 2,
});
