/**
 * What can be seen from outside, read from the parts when somebody asks: the status page, the metrics and the health
 * checks all see this one object. Nothing here is kept.
 */
import type { LaneEntry, Lanes } from './cache/lanes.ts';
import type { Lane } from './cache/lane.ts';
import type { RequestCounters } from './observe/requests.ts';
import type { RuntimeMeter } from './observe/runtime.ts';
import type { LaneStatus, Phase, ProxyStatus, UpstreamStatus } from './observe/status.ts';
import type { ServerStats } from './proxy/limits.ts';
import type { WatchCounters } from './proxy/watch-stream.ts';
import type { Feed } from './main-feeds.ts';

export interface StatusParts {
  readonly version: string;
  readonly startedAt: number;
  readonly phase: () => Phase;
  readonly lanes: Lanes;
  readonly feedOf: (lane: Lane) => Feed | undefined;
  readonly probes: () => ProxyStatus['probes'];
  readonly requests: RequestCounters;
  readonly watches: WatchCounters;
  readonly server: ServerStats;
  readonly runtime: RuntimeMeter;
  readonly upstream: () => UpstreamStatus;
  readonly discoveredResources: () => number;
  readonly authorization: () => ProxyStatus['authorization'];
  readonly limits: () => ProxyStatus['limits'];
  readonly strangers: () => number;
  readonly compression: ProxyStatus['compression'];
}

export function readStatus(parts: StatusParts): ProxyStatus {
  const { watches, server } = parts;
  return {
    version: parts.version,
    startedAt: parts.startedAt,
    phase: parts.phase(),
    upstream: parts.upstream(),
    discoveredResources: parts.discoveredResources(),
    lanes: Array.from(parts.lanes.entries, (entry) => laneStatus(entry, parts.feedOf(entry.lane))),
    probes: parts.probes(),
    requests: parts.requests.status(),
    watches: { open: watches.open, started: watches.started, ended: { ...watches.ended } },
    connections: {
      http1: server.openConnections - server.openSessions,
      http2: server.openSessions,
      accepted: server.connections,
      refused: server.droppedConnections + server.handshakeFailures,
    },
    authorization: parts.authorization(),
    limits: parts.limits(),
    strangers: parts.strangers(),
    compression: {
      bodies: parts.compression.bodies,
      plainBytes: parts.compression.plainBytes,
      gzipBytes: parts.compression.gzipBytes,
    },
    eventLoop: parts.runtime.eventLoop(),
    memory: parts.runtime.memory(),
  };
}

function laneStatus(entry: LaneEntry, feed: Feed | undefined): LaneStatus {
  const { lane } = entry;
  const { counters, retention } = lane;
  const { group, version, plural } = lane.resource;
  const { state } = lane;
  return {
    group,
    version,
    resource: plural,
    form: lane.codec.form,
    state: state.kind,
    reason: 'reason' in state ? state.reason : '',
    pinned: entry.pinned,
    objects: lane.objects,
    objectBytes: lane.liveBytes,
    headRevision: lane.frontier,
    frontierRevision: lane.frontier,
    window: {
      floorRevision: lane.floorRevision,
      events: retention.events,
      bytes: retention.windowBytes,
      ageMs: lane.windowAgeMs,
    },
    slabs: lane.arena.slabCount,
    slabBytes: lane.arena.allocatedBytes,
    received: {
      added: feed?.reflector.counters.added ?? 0,
      modified: feed?.reflector.counters.modified ?? 0,
      deleted: feed?.reflector.counters.deleted ?? 0,
      bookmark: feed?.reflector.counters.bookmarks ?? 0,
    },
    initializations: counters.loads,
    initializationMs: counters.loadMs,
    watches: entry.watches,
    filterGroups: lane.groups.size,
    filterEvaluations: lane.groups.evaluations,
    lagEvents: lane.groups.lag,
    eventsSent: counters.eventsSent,
    bytesSent: counters.watchBytesSent,
    lists: counters.lists,
    listObjectsRead: counters.listObjectsRead,
    listObjectsSent: counters.listObjectsSent,
    freshness: feed?.freshnessCounts() ?? NO_READS,
  };
}

const NO_READS: LaneStatus['freshness'] = {
  proofs: { probe: 0, wait: 0, validate: 0, delta: 0, forward: 0, unproven: 0 },
  waitedMs: 0,
  lists: 0,
  deltas: 0,
};
