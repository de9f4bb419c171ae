// A ProxyStatus with a value in every field, shared by the tests of what can be seen.

import type { LaneStatus, ProxyStatus } from '../../src/observe/status.ts';

export function laneStatus(over: Partial<LaneStatus> = {}): LaneStatus {
  return {
    form: 'json',
    group: '',
    version: 'v1',
    resource: 'pods',
    state: 'live',
    reason: '',
    pinned: false,
    objects: 300,
    objectBytes: 1_800_000,
    headRevision: 9_000,
    frontierRevision: 9_100,
    window: { floorRevision: 8_000, events: 1_000, bytes: 6_000_000, ageMs: 299_000 },
    slabs: 3,
    slabBytes: 12_582_912,
    received: { added: 310, modified: 5_000, deleted: 10, bookmark: 7 },
    initializations: 1,
    initializationMs: 250,
    watches: 18,
    filterGroups: 4,
    filterEvaluations: 20_000,
    lagEvents: 2,
    eventsSent: 40_000,
    bytesSent: 240_000_000,
    lists: 12,
    listObjectsRead: 3_600,
    listObjectsSent: 1_200,
    freshness: {
      proofs: { probe: 6, wait: 3, validate: 1, delta: 1, forward: 2, unproven: 1 },
      waitedMs: 4_500,
      lists: 1,
      deltas: 1,
    },
    ...over,
  };
}

const LIMITS_REACHED: ProxyStatus['limits'] = {
  connections: 0,
  connections_per_address: 0,
  stream_resets: 2,
  control_frames: 0,
  silent_connections: 0,
  pipelined: 0,
  header_bytes: 0,
  watches: 0,
  watches_per_identity: 0,
  requests: 0,
  requests_per_connection: 0,
  requests_per_identity: 0,
  forwarded_per_identity: 0,
  refused_token: 0,
  unauthenticated: 0,
  unauthenticated_per_address: 0,
  unauthenticated_forwarded: 0,
  filter_groups_per_identity: 0,
  lists: 0,
  lists_per_identity: 0,
  stalled_lists: 0,
  upgrades: 0,
};

export function proxyStatus(over: Partial<ProxyStatus> = {}): ProxyStatus {
  return {
    version: '0.1.0',
    startedAt: 1_700_000_000_000,
    phase: 'serving',
    upstream: {
      url: 'https://127.0.0.1:6443',
      connected: true,
      reached: true,
      lastError: '',
      requests: [{ verb: 'watch', code: 200, count: 2 }],
    },
    discoveredResources: 60,
    lanes: [
      laneStatus(),
      laneStatus({ group: 'coordination.k8s.io', resource: 'leases', objects: 5_000 }),
    ],
    probes: [{ group: '', version: 'v1', resource: 'pods', count: 42 }],
    requests: {
      rows: [
        {
          verb: 'list',
          group: '',
          version: 'v1',
          resource: 'pods',
          code: 200,
          source: 'cache',
          count: 12,
        },
      ],
      passThroughReasons: [{ reason: 'write', count: 3 }],
    },
    watches: {
      open: 36,
      started: 40,
      ended: { timeout: 1, client: 2, slow: 1, expired: 0, drain: 0, upstream: 0, denied: 0 },
    },
    connections: { http1: 1, http2: 2, accepted: 9, refused: 1 },
    limits: LIMITS_REACHED,
    strangers: 0,
    compression: { bodies: 0, plainBytes: 0, gzipBytes: 0 },
    authorization: {
      cached: 5,
      hits: 100,
      allowed: 6,
      denied: 1,
      undecided: 0,
      rechecks: 4,
      revoked: 0,
      recheckLagMs: 1_500,
      tokenReviews: { known: 3, unknown: 1, undecided: 0 },
    },
    eventLoop: { utilization: 0.25, delayP50Ms: 0.1, delayP99Ms: 2, delayMaxMs: 4 },
    memory: { rssBytes: 150_000_000, heapUsedBytes: 40_000_000, externalBytes: 60_000_000 },
    ...over,
  };
}
