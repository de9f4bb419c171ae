// The shape of everything that can be seen from outside: the status page shows it, /metrics turns
// it into series, the health checks judge it. Plain numbers and words only; main.ts fills it from
// the parts, so this folder imports none of them. Counters only ever grow. `Ms` and `Bytes` are units.

/** Where an answer came from. `local` is one the proxy made itself: limits, shutdown, bad requests. */
export type Source = 'cache' | 'passthrough' | 'local';

export type Phase = 'starting' | 'serving' | 'draining';

export type LaneStateName = 'starting' | 'live' | 'disconnected' | 'closed';

export interface ResourceLabels {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

export interface EventCounts {
  readonly added: number;
  readonly modified: number;
  readonly deleted: number;
  readonly bookmark: number;
}

export interface WindowStatus {
  /** Oldest revision a watch may resume from; older is answered with 410. */
  readonly floorRevision: number;
  readonly events: number;
  readonly bytes: number;
  /** Age of the oldest event held. */
  readonly ageMs: number;
}

/** Consistent reads by how they were proven current; the last two were passed through. */
export interface ProofCounts {
  readonly probe: number;
  readonly wait: number;
  readonly validate: number;
  readonly delta: number;
  /** The apiserver answers the read itself sooner than it could be proven. */
  readonly forward: number;
  /** Not proven before the barrier timeout. */
  readonly unproven: number;
}

export interface FreshnessCounts {
  readonly proofs: ProofCounts;
  /** Sum over all. */
  readonly waitedMs: number;
  /** Lists of metadata asked for, to compare with. */
  readonly lists: number;
  /** Short watches opened. */
  readonly deltas: number;
}

/** Times the apiserver was asked for the revision of a resource. */
export interface ProbeCount extends ResourceLabels {
  readonly count: number;
}

export interface LaneStatus extends ResourceLabels {
  /** `json`, `protobuf`, `json metadata` or `protobuf metadata`. */
  readonly form: string;
  readonly state: LaneStateName;
  /** Why it is disconnected or closed; empty otherwise. */
  readonly reason: string;
  readonly pinned: boolean;
  readonly objects: number;
  readonly objectBytes: number;
  /** Revision of the newest event. */
  readonly headRevision: number;
  /** Highest revision the lane has been proven to contain. */
  readonly frontierRevision: number;
  readonly window: WindowStatus;
  readonly slabs: number;
  /** Memory behind the slabs, including what waits to be reused. */
  readonly slabBytes: number;
  readonly received: EventCounts;
  /** Complete listings from upstream: the first and every relist. */
  readonly initializations: number;
  readonly initializationMs: number;
  readonly watches: number;
  readonly filterGroups: number;
  readonly filterEvaluations: number;
  /** How many events the slowest watch is behind the head. */
  readonly lagEvents: number;
  readonly eventsSent: number;
  readonly bytesSent: number;
  readonly lists: number;
  readonly listObjectsRead: number;
  readonly listObjectsSent: number;
  readonly freshness: FreshnessCounts;
}

export interface RequestCount extends ResourceLabels {
  readonly verb: string;
  readonly code: number;
  readonly source: Source;
  readonly count: number;
}

export interface RequestStatus {
  readonly rows: readonly RequestCount[];
  /** Why requests were not answered from memory, most frequent first. */
  readonly passThroughReasons: readonly { readonly reason: string; readonly count: number }[];
}

/** Reasons a watch ended, as labels. */
export interface WatchesEnded {
  readonly timeout: number;
  readonly client: number;
  readonly slow: number;
  readonly expired: number;
  readonly drain: number;
  readonly upstream: number;
  readonly denied: number;
}

export interface WatchStatus {
  readonly open: number;
  readonly started: number;
  readonly ended: WatchesEnded;
}

export interface ConnectionStatus {
  readonly http1: number;
  readonly http2: number;
  readonly accepted: number;
  readonly refused: number;
}

/** Times each limit was the reason for a refusal; a closed set of words, which are labels. */
export interface LimitsReached {
  /** Connections of all. */
  readonly connections: number;
  readonly connections_per_address: number;
  /** Connections cut: streams reset, PING and SETTINGS, and those without a request in time. */
  readonly stream_resets: number;
  readonly control_frames: number;
  readonly silent_connections: number;
  /** Requests waiting behind one another on an HTTP/1.1 connection. */
  readonly pipelined: number;
  /** Answered 431. */
  readonly header_bytes: number;
  readonly watches: number;
  readonly watches_per_identity: number;
  readonly requests: number;
  readonly requests_per_connection: number;
  readonly requests_per_identity: number;
  readonly forwarded_per_identity: number;
  readonly refused_token: number;
  readonly unauthenticated: number;
  readonly unauthenticated_per_address: number;
  readonly unauthenticated_forwarded: number;
  readonly filter_groups_per_identity: number;
  readonly lists: number;
  readonly lists_per_identity: number;
  /** LISTs whose client took nothing for long. */
  readonly stalled_lists: number;
  readonly upgrades: number;
}

export interface UpstreamStatus {
  readonly url: string;
  readonly connected: boolean;
  /** Whether the apiserver has answered at all since the start. */
  readonly reached: boolean;
  /** Empty when there was none. Never holds credentials. */
  readonly lastError: string;
  readonly requests: readonly {
    readonly verb: string;
    readonly code: number;
    readonly count: number;
  }[];
}

export interface AuthorizationStatus {
  readonly cached: number;
  readonly hits: number;
  readonly allowed: number;
  readonly denied: number;
  readonly undecided: number;
  readonly rechecks: number;
  /** Watches ended because the permission behind them was gone. */
  readonly revoked: number;
  /** How late the last recheck was. */
  readonly recheckLagMs: number;
  /** Of tokens that are meant for the proxy. */
  readonly tokenReviews: Readonly<Record<'known' | 'unknown' | 'undecided', number>>;
}

/** Answers compressed by the proxy itself. */
export interface CompressionStatus {
  readonly bodies: number;
  readonly plainBytes: number;
  readonly gzipBytes: number;
}

export interface EventLoopStatus {
  /** 0..1 since the last reading. */
  readonly utilization: number;
  readonly delayP50Ms: number;
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
}

export interface MemoryStatus {
  readonly rssBytes: number;
  readonly heapUsedBytes: number;
  /** Buffers outside the heap, slabs included. */
  readonly externalBytes: number;
}

export interface ProxyStatus {
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly phase: Phase;
  readonly upstream: UpstreamStatus;
  /** Resource types known from discovery; 0 until it has been read. */
  readonly discoveredResources: number;
  readonly lanes: readonly LaneStatus[];
  readonly probes: readonly ProbeCount[];
  readonly requests: RequestStatus;
  readonly watches: WatchStatus;
  readonly connections: ConnectionStatus;
  readonly authorization: AuthorizationStatus;
  readonly limits: LimitsReached;
  /** Requests and watches of strangers now. */
  readonly strangers: number;
  readonly compression: CompressionStatus;
  readonly eventLoop: EventLoopStatus;
  readonly memory: MemoryStatus;
}

export type ReadStatus = () => ProxyStatus;
