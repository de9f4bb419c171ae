// Every metric of the proxy: name, type, labels, words, and how it is read from ProxyStatus.
// docs/metrics.md is generated from this table. Labels are closed sets: group, version, resource,
// verb, code and words listed here; never users, namespaces, paths or selectors.
// Process and runtime metrics (process_*, nodejs_*) are prom-client's own.

import { laneMetrics } from './lane-metrics.ts';
import { MS_PER_SECOND, RESOURCE_LABELS, counts, one } from './metric.ts';
import type { HistogramDefinition, MetricDefinition } from './metric.ts';

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
    name: 'watershed_limits_reached_total',
    type: 'counter',
    help: 'Requests refused (429, 431), connections closed and watches not shared because of a limit, by the limit.',
    labels: ['limit'],
    read: ({ limits }) => counts('limit', { ...limits }),
  },
  {
    name: 'watershed_unauthenticated_requests',
    type: 'gauge',
    help: 'Requests and watches now counted as of strangers: without a token, or with one the apiserver has not accepted yet.',
    labels: [],
    read: ({ strangers }) => one(strangers),
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
    name: 'watershed_token_reviews_total',
    type: 'counter',
    help: 'Tokens meant for the proxy that the apiserver was asked about, by what it said: known, unknown, undecided.',
    labels: ['result'],
    read: ({ authorization }) => counts('result', authorization.tokenReviews),
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
  {
    name: 'watershed_authorization_recheck_lag_seconds',
    type: 'gauge',
    help: 'How late the permission behind an open watch was checked again, the last time. Revocations are seen so much later.',
    labels: [],
    read: ({ authorization }) => one(authorization.recheckLagMs / 1_000),
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
