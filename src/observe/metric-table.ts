// Every metric of the proxy: name, type, labels, words, and how it is read from ProxyStatus.
// docs/metrics.md is generated from this table. Labels are closed sets: group, version, resource,
// verb, code and words listed here; never users, namespaces, paths or selectors.
// Process and runtime metrics (process_*, nodejs_*) are prom-client's own.

import type { LaneStatus, ProxyStatus } from './status.ts';

export type Labels = Readonly<Record<string, string | number>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface MetricDefinition {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: (status: ProxyStatus) => Iterable<Sample>;
}

export interface HistogramDefinition {
  readonly name: string;
  readonly type: 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets: readonly number[];
}

/** Lanes with series of their own: rendering 900 series blocks the loop for about 49 ms (measured). */
export const MAX_LANES_SHOWN = 64;

const RESOURCE_LABELS = ['group', 'version', 'resource'] as const;
/** A resource has a lane for each form that clients ask for. */
const LANE_LABELS = [...RESOURCE_LABELS, 'form'] as const;
const MS_PER_SECOND = 1_000;

function one(value: number, labels: Labels = {}): readonly Sample[] {
  return [{ labels, value }];
}

function laneOf({ group, version, resource, form }: LaneStatus): Labels {
  return { group, version, resource, form };
}

/** The lanes with the most watches and objects; the rest is counted in watershed_lanes only. */
function shownLanes({ lanes }: ProxyStatus): readonly LaneStatus[] {
  if (lanes.length <= MAX_LANES_SHOWN) return lanes;
  const weight = (lane: LaneStatus) => lane.watches * 1_000 + lane.objects;
  return lanes.toSorted((left, right) => weight(right) - weight(left)).slice(0, MAX_LANES_SHOWN);
}

function laneMetric(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  value: (lane: LaneStatus) => number,
): MetricDefinition {
  return {
    name: `watershed_${name}`,
    type,
    help,
    labels: LANE_LABELS,
    read: (status) =>
      shownLanes(status).map((lane) => ({ labels: laneOf(lane), value: value(lane) })),
  };
}

/** One series per field of a record of counts. */
function counts(label: string, record: Readonly<Record<string, number>>): readonly Sample[] {
  return Object.entries(record).map(([word, value]) => ({ labels: { [label]: word }, value }));
}

const requestMetrics: readonly MetricDefinition[] = [
  {
    name: 'watershed_requests_total',
    type: 'counter',
    help: 'Requests answered, by verb, resource, status code and source (cache, passthrough, local).',
    labels: ['verb', ...RESOURCE_LABELS, 'code', 'source'],
    read: ({ requests }) => requests.rows.map(({ count, ...labels }) => ({ labels, value: count })),
  },
  {
    name: 'watershed_passthrough_reasons_total',
    type: 'counter',
    help: 'Requests passed through to the apiserver, by the reason they were not served from memory.',
    labels: ['reason'],
    read: ({ requests }) =>
      requests.passThroughReasons.map(({ reason, count }) => ({
        labels: { reason },
        value: count,
      })),
  },
  {
    name: 'watershed_connections',
    type: 'gauge',
    help: 'Open client connections.',
    labels: ['protocol'],
    read: ({ connections: { http1, http2 } }) => counts('protocol', { http1, http2 }),
  },
  {
    name: 'watershed_connections_accepted_total',
    type: 'counter',
    help: 'Client connections accepted.',
    labels: [],
    read: ({ connections }) => one(connections.accepted),
  },
  {
    name: 'watershed_connections_refused_total',
    type: 'counter',
    help: 'Client connections refused because of a limit or a failed handshake.',
    labels: [],
    read: ({ connections }) => one(connections.refused),
  },
  {
    name: 'watershed_watches_started_total',
    type: 'counter',
    help: 'Watches served from memory since the start.',
    labels: [],
    read: ({ watches }) => one(watches.started),
  },
  {
    name: 'watershed_watches_ended_total',
    type: 'counter',
    help: 'Watches ended, by reason: timeout, client, slow, expired, drain, upstream, denied.',
    labels: ['reason'],
    read: ({ watches }) => counts('reason', { ...watches.ended }),
  },
];

const laneMetrics: readonly MetricDefinition[] = [
  {
    name: 'watershed_lanes',
    type: 'gauge',
    help: 'Resources followed, by state.',
    labels: ['state'],
    read: ({ lanes }) => {
      const states = { starting: 0, live: 0, disconnected: 0, closed: 0 };
      for (const lane of lanes) states[lane.state] += 1;
      return counts('state', states);
    },
  },
  laneMetric('gauge', 'open_watches', 'Open watches served from memory.', (lane) => lane.watches),
  laneMetric('gauge', 'objects', 'Live objects held.', (lane) => lane.objects),
  laneMetric('gauge', 'object_bytes', 'Bytes of live objects held.', (lane) => lane.objectBytes),
  laneMetric(
    'gauge',
    'resource_version',
    'Highest resourceVersion the lane is proven to contain.',
    (lane) => lane.frontierRevision,
  ),
  laneMetric(
    'gauge',
    'window_floor_revision',
    'Oldest resourceVersion a watch may resume from.',
    (lane) => lane.window.floorRevision,
  ),
  laneMetric('gauge', 'window_events', 'Events held in the window.', (lane) => lane.window.events),
  laneMetric('gauge', 'window_bytes', 'Bytes of events held.', (lane) => lane.window.bytes),
  laneMetric(
    'gauge',
    'window_age_seconds',
    'Age of the oldest event held.',
    (lane) => lane.window.ageMs / MS_PER_SECOND,
  ),
  laneMetric('gauge', 'log_slabs', 'Slabs behind the log.', (lane) => lane.slabs),
  laneMetric(
    'gauge',
    'log_retained_bytes',
    'Memory behind the log, outside the heap.',
    (lane) => lane.slabBytes,
  ),
  {
    name: 'watershed_events_received_total',
    type: 'counter',
    help: 'Events received from the apiserver, by type.',
    labels: [...LANE_LABELS, 'type'],
    read: (status) =>
      shownLanes(status).flatMap((lane) =>
        Object.entries(lane.received).map(([type, value]) => ({
          labels: { ...laneOf(lane), type },
          value,
        })),
      ),
  },
  laneMetric(
    'counter',
    'initializations_total',
    'Complete listings from the apiserver, the first and every relist.',
    (lane) => lane.initializations,
  ),
  laneMetric(
    'counter',
    'initialization_seconds_total',
    'Time spent in complete listings.',
    (lane) => lane.initializationMs / MS_PER_SECOND,
  ),
  laneMetric(
    'gauge',
    'watch_lag_events',
    'Events between the slowest watch and the head of its lane.',
    (lane) => lane.lagEvents,
  ),
  laneMetric(
    'counter',
    'watch_events_sent_total',
    'Events sent to watches.',
    (lane) => lane.eventsSent,
  ),
  laneMetric(
    'counter',
    'watch_bytes_sent_total',
    'Bytes sent to watches.',
    (lane) => lane.bytesSent,
  ),
  laneMetric(
    'gauge',
    'filter_groups',
    'Different scopes and selectors being watched; each is matched once per event.',
    (lane) => lane.filterGroups,
  ),
  laneMetric(
    'counter',
    'filter_evaluations_total',
    'Times an event was matched against a filter group.',
    (lane) => lane.filterEvaluations,
  ),
  laneMetric('counter', 'lists_total', 'LISTs served from memory.', (lane) => lane.lists),
  laneMetric(
    'counter',
    'list_objects_read_total',
    'Objects looked at by LISTs.',
    (lane) => lane.listObjectsRead,
  ),
  laneMetric(
    'counter',
    'list_objects_sent_total',
    'Objects sent by LISTs.',
    (lane) => lane.listObjectsSent,
  ),
  {
    name: 'watershed_read_waits_total',
    type: 'counter',
    help: 'Consistent reads by how they were proven current: probe, wait (for events), validate (metadata list), delta (short watch); forward and unproven were passed through.',
    labels: [...LANE_LABELS, 'proof'],
    read: (status) =>
      shownLanes(status).flatMap((lane) =>
        Object.entries(lane.freshness.proofs).map(([proof, value]) => ({
          labels: { ...laneOf(lane), proof },
          value,
        })),
      ),
  },
  laneMetric(
    'counter',
    'read_wait_seconds_total',
    'Time consistent reads spent waiting for proof of freshness.',
    (lane) => lane.freshness.waitedMs / MS_PER_SECOND,
  ),
  laneMetric(
    'counter',
    'proof_lists_total',
    'Metadata lists asked of the apiserver to prove the lane current.',
    (lane) => lane.freshness.lists,
  ),
  laneMetric(
    'counter',
    'proof_watches_total',
    'Short watches opened to prove the lane current.',
    (lane) => lane.freshness.deltas,
  ),
  {
    name: 'watershed_proof_probes_total',
    type: 'counter',
    help: 'Times the apiserver was asked for the current revision of a resource.',
    labels: RESOURCE_LABELS,
    read: ({ probes }) => probes.map(({ count, ...labels }) => ({ labels, value: count })),
  },
];

const upstreamMetrics: readonly MetricDefinition[] = [
  {
    name: 'watershed_upstream_connected',
    type: 'gauge',
    help: 'Whether the apiserver can be reached (1) or not (0).',
    labels: [],
    read: ({ upstream }) => one(upstream.connected ? 1 : 0),
  },
  {
    name: 'watershed_upstream_requests_total',
    type: 'counter',
    help: 'Requests the proxy itself made to the apiserver: listings, watches, probes, discovery, reviews.',
    labels: ['verb', 'code'],
    read: ({ upstream }) =>
      upstream.requests.map(({ count, ...labels }) => ({ labels, value: count })),
  },
  {
    name: 'watershed_discovered_resources',
    type: 'gauge',
    help: 'Resource types known from discovery.',
    labels: [],
    read: ({ discoveredResources }) => one(discoveredResources),
  },
  {
    name: 'watershed_authorization_decisions_total',
    type: 'counter',
    help: 'Permission questions, by result: hit (remembered), allowed, denied, undecided.',
    labels: ['result'],
    read: ({ authorization: { hits, allowed, denied, undecided } }) =>
      counts('result', { hit: hits, allowed, denied, undecided }),
  },
  {
    name: 'watershed_authorization_cached_decisions',
    type: 'gauge',
    help: 'Permissions remembered now.',
    labels: [],
    read: ({ authorization }) => one(authorization.cached),
  },
  {
    name: 'watershed_authorization_rechecks_total',
    type: 'counter',
    help: 'Times the permission behind an open watch was checked again.',
    labels: [],
    read: ({ authorization }) => one(authorization.rechecks),
  },
  {
    name: 'watershed_authorization_revoked_total',
    type: 'counter',
    help: 'Watches ended because the permission behind them was gone.',
    labels: [],
    read: ({ authorization }) => one(authorization.revoked),
  },
];

const compressionMetrics: readonly MetricDefinition[] = [
  {
    name: 'watershed_gzip_responses_total',
    type: 'counter',
    help: 'LISTs and GETs from memory that were sent compressed.',
    labels: [],
    read: ({ compression }) => one(compression.bodies),
  },
  {
    name: 'watershed_gzip_plain_bytes_total',
    type: 'counter',
    help: 'Bytes of compressed answers before compression.',
    labels: [],
    read: ({ compression }) => one(compression.plainBytes),
  },
  {
    name: 'watershed_gzip_bytes_total',
    type: 'counter',
    help: 'Bytes of compressed answers as they were sent.',
    labels: [],
    read: ({ compression }) => one(compression.gzipBytes),
  },
];

const processMetrics: readonly MetricDefinition[] = [
  {
    name: 'watershed_build_info',
    type: 'gauge',
    help: 'Always 1; the version is a label.',
    labels: ['version'],
    read: ({ version }) => one(1, { version }),
  },
  {
    name: 'watershed_event_loop_utilization_ratio',
    type: 'gauge',
    help: 'Share of time the event loop was busy since the last reading.',
    labels: [],
    read: ({ eventLoop }) => one(eventLoop.utilization),
  },
  {
    name: 'watershed_event_loop_delay_max_seconds',
    type: 'gauge',
    help: 'Longest delay of the event loop since the last reading.',
    labels: [],
    read: ({ eventLoop }) => one(eventLoop.delayMaxMs / MS_PER_SECOND),
  },
];

export const metricTable: readonly MetricDefinition[] = Object.freeze([
  ...requestMetrics,
  ...laneMetrics,
  ...upstreamMetrics,
  ...compressionMetrics,
  ...processMetrics,
]);

export const proofDuration: HistogramDefinition = Object.freeze({
  name: 'watershed_read_proof_seconds',
  type: 'histogram',
  help: 'Time a consistent read waited until it was proven current, or sent to the apiserver, by way of proof.',
  labels: ['proof'],
  buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
});

export const requestDuration: HistogramDefinition = Object.freeze({
  name: 'watershed_request_duration_seconds',
  type: 'histogram',
  help: 'Time from a request to the last byte of its answer; watches and upgrades are not in it.',
  labels: ['verb', 'source'],
  // From a GET out of memory to the apiserver's own request timeout of 60 s.
  buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
});
