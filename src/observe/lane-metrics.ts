// Metrics of lanes: one series per resource and form, for the busiest of them. Part of metric-table.ts.

import { MS_PER_SECOND, RESOURCE_LABELS, counts } from './metric.ts';
import type { Labels, MetricDefinition } from './metric.ts';
import type { LaneStatus, ProxyStatus } from './status.ts';

/** Lanes with series of their own: rendering 900 series blocks the loop for about 49 ms (measured). */
export const MAX_LANES_SHOWN = 64;

/** A resource has a lane for each form that clients ask for. */
const LANE_LABELS = [...RESOURCE_LABELS, 'form'] as const;

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

export const laneMetrics: readonly MetricDefinition[] = [
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
