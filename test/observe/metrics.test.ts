import { describe, expect, test } from 'vitest';
import { MAX_LANES_SHOWN } from '../../src/observe/lane-metrics.ts';
import { metricTable, proofDuration, requestDuration } from '../../src/observe/metric-table.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import { RequestCounters } from '../../src/observe/requests.ts';
import { laneStatus, proxyStatus } from './support.ts';

const definitions = [...metricTable, requestDuration, proofDuration];

describe('metric names', () => {
  // The classes of fault that `promtool check metrics` reports.
  test.each(definitions.map((definition) => [definition.name, definition] as const))(
    '%s follows the conventions',
    (name, definition) => {
      expect(name).toMatch(/^watershed_[a-z][a-z0-9]*(_[a-z0-9]+)*$/);
      expect(name.endsWith('_total')).toBe(definition.type === 'counter');
      expect(name).not.toMatch(/_(count|sum|bucket|info_total)$/);
      expect(name).not.toMatch(/_(secs?|ms|millis|milliseconds|kb|mb|kilobytes|percent)(_|$)/);
      expect(name).not.toMatch(/_(counter|gauge|histogram)(_|$)/);
      expect(definition.help).toMatch(/^[A-Z].*\.$/);
      for (const label of definition.labels) expect(label).toMatch(/^[a-z][a-z_]*$/);
      expect(definition.labels).not.toContain('le');
    },
  );

  test('are used once', () => {
    const names = definitions.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  test('never label by user, namespace, path or selector', () => {
    const labels = new Set(definitions.flatMap((definition) => definition.labels));
    for (const label of ['user', 'namespace', 'path', 'selector', 'name', 'client']) {
      expect(labels).not.toContain(label);
    }
  });
});

describe('the /metrics text', () => {
  test('holds every metric with its words and type', async () => {
    const text = await new Metrics(proxyStatus, new RequestCounters()).render();
    for (const { name, help, type } of definitions) {
      expect(text).toContain(`# HELP ${name} [ALPHA] ${help}\n# TYPE ${name} ${type}\n`);
    }
    expect(text).toContain('# TYPE process_resident_memory_bytes gauge');
  });

  test('shows the numbers it was given', async () => {
    const text = await new Metrics(proxyStatus, new RequestCounters()).render();
    const lines = text.split('\n');
    for (const line of [
      'watershed_authorization_recheck_lag_seconds 1.5',
      'watershed_requests_total{verb="list",group="",version="v1",resource="pods",code="200",source="cache"} 12',
      'watershed_objects{group="coordination.k8s.io",version="v1",resource="leases",form="json"} 5000',
      'watershed_window_floor_revision{group="",version="v1",resource="pods",form="json"} 8000',
      'watershed_events_received_total{group="",version="v1",resource="pods",form="json",type="modified"} 5000',
      'watershed_watches_ended_total{reason="slow"} 1',
      'watershed_read_waits_total{group="",version="v1",resource="pods",form="json",proof="unproven"} 1',
      'watershed_proof_probes_total{group="",version="v1",resource="pods"} 42',
      'watershed_upstream_connected 1',
      'watershed_lanes{state="live"} 2',
    ]) {
      expect(lines).toContain(line);
    }
  });

  test('holds how long each way of proof took', async () => {
    const metrics = new Metrics(proxyStatus, new RequestCounters());
    metrics.observeProof('validate', 30);
    const lines = (await metrics.render()).split('\n');
    expect(lines).toContain('watershed_read_proof_seconds_bucket{le="0.025",proof="validate"} 0');
    expect(lines).toContain('watershed_read_proof_seconds_bucket{le="0.05",proof="validate"} 1');
  });

  test('counters are totals, not sums of scrapes', async () => {
    const metrics = new Metrics(proxyStatus, new RequestCounters());
    const first = await metrics.render();
    const second = await metrics.render();
    const started = /^watershed_watches_started_total (\d+)$/m;
    expect(started.exec(first)?.[1]).toBe('40');
    expect(started.exec(second)?.[1]).toBe('40');
  });

  test('a lane that is gone leaves no series behind', async () => {
    let lanes = [laneStatus()];
    const metrics = new Metrics(() => proxyStatus({ lanes }), new RequestCounters());
    expect(await metrics.render()).toContain('watershed_objects{');
    lanes = [];
    expect(await metrics.render()).not.toContain('watershed_objects{');
  });

  test('the number of lanes with series is bounded and the busiest are kept', async () => {
    const lanes = Array.from({ length: 200 }, (_, index) =>
      laneStatus({ resource: `r${index}`, watches: index }),
    );
    const text = await new Metrics(() => proxyStatus({ lanes }), new RequestCounters()).render();
    expect(text.match(/^watershed_objects\{/gm)).toHaveLength(MAX_LANES_SHOWN);
    expect(text).toContain('resource="r199"');
    expect(text).toContain('watershed_lanes{state="live"} 200');
  });
});

describe('finished requests', () => {
  const request = {
    verb: 'list',
    group: '',
    version: 'v1',
    resource: 'pods',
    code: 200,
    source: 'cache',
    durationMs: 3,
    reason: '',
  } as const;

  test('are counted by verb, resource, code and source', () => {
    const counters = new RequestCounters();
    counters.record(request);
    counters.record(request);
    counters.record({ ...request, code: 410 });
    expect(counters.status().rows.map(({ code, count }) => [code, count])).toEqual([
      [200, 2],
      [410, 1],
    ]);
  });

  test('are timed unless they run long', async () => {
    const metrics = new Metrics(proxyStatus, new RequestCounters());
    metrics.observeRequest(request);
    metrics.observeRequest({ ...request, verb: 'watch', durationMs: undefined });
    const text = await metrics.render();
    expect(text).toContain(
      'watershed_request_duration_seconds_count{verb="list",source="cache"} 1',
    );
    expect(text).not.toContain('verb="watch",source="cache"');
  });

  test('made-up verbs, resources and codes make no series of their own', () => {
    const counters = new RequestCounters();
    for (let index = 0; index < 2_000; index++) {
      counters.record({
        ...request,
        verb: `v${index}`,
        resource: `r${index}`,
        code: 1_000 + index,
      });
    }
    expect(counters.status().rows.length).toBeLessThanOrEqual(501);
    expect(new Set(counters.status().rows.map(({ verb }) => verb))).toEqual(new Set(['other']));
    expect(new Set(counters.status().rows.map(({ code }) => code))).toEqual(new Set([0]));
  });

  test('reasons of pass-through are counted, most frequent first, and bounded', () => {
    const counters = new RequestCounters();
    counters.record({ ...request, source: 'passthrough', reason: 'write' });
    for (let index = 0; index < 200; index++) {
      counters.record({ ...request, source: 'passthrough', reason: `reason ${index}` });
    }
    const reasons = counters.status().passThroughReasons;
    expect(reasons[0].reason).toBe('other');
    expect(reasons.length).toBeLessThanOrEqual(65);
  });
});
