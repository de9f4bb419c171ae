// An apiserver that has just started forgets the past: a watch passed through to it before our own lane
// is in step again would get 410. So a watch that resumes while nobody can say what its caller may see,
// because upstream is not there, is asked to come again.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { credentialOf } from '../../src/auth/authenticate.ts';
import type { Decision } from '../../src/auth/authorize.ts';
import { Lanes } from '../../src/cache/lanes.ts';
import type { Lane } from '../../src/cache/lane.ts';
import type { LaneSubject } from '../../src/cache/lanes.ts';
import { jsonCodec } from '../../src/k8s/encoding-json.ts';
import { MetadataLanes } from '../../src/main-metadata.ts';
import { Admission } from '../../src/proxy/admit.ts';
import { PassThrough } from '../../src/proxy/pass-through.ts';
import { RequestLog } from '../../src/proxy/request-log.ts';
import type { FinishedExchange } from '../../src/proxy/request-log.ts';
import { Route } from '../../src/proxy/route.ts';
import type { RouteParts } from '../../src/proxy/route.ts';
import { Upstream } from '../../src/upstream/upstream.ts';
import { EdgeFixture, eventually } from '../proxy/edge-fixture.ts';
import type { RunningServer } from '../proxy/edge-fixture.ts';
import { PODS } from '../cache/support.ts';

const path = '/api/v1/pods?watch=1';
const headers = { authorization: 'Bearer token', accept: 'application/json' };
const expired = '{"type":"ERROR","object":{"code":410}}\n';
const subject: LaneSubject = {
  resource: PODS,
  fields: [],
  codec: jsonCodec({ resource: PODS, custom: false, fields: [] }),
  laneId: 'v1/pods',
};

let edge: EdgeFixture;
let running: RunningServer;
let lane: Lane;
const finished: FinishedExchange[] = [];

beforeAll(async () => {
  edge = await EdgeFixture.create();
  const server = createServer((_request, response) => response.end(expired));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  edge.onClose(() => {
    server.close();
    server.closeAllConnections();
  });
  const upstream = Upstream.connect({
    origin: 'test',
    scheme: 'http',
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    basePath: '',
    insecureSkipTlsVerify: false,
    tlsServerName: '',
    reader: {},
  });
  edge.onClose(() => void upstream.close());
  const route = new Route(partsOf(upstream));
  running = await edge.start({ handle: (exchange) => route.handle(exchange) });
});

afterAll(() => edge.close());

/** A lane of pods, and a judge who cannot reach upstream. */
function partsOf(upstream: Upstream): RouteParts {
  const lanes = new Lanes(
    {
      window: { durationMs: 60_000, maxBytes: 1 << 26, minEvents: 0, maxRecords: 1_000 },
      totalWindowBytes: 1 << 26,
      maxLanes: 10,
      maxFilterGroupsPerLane: 10,
      maxSpareSlabs: 1,
      startTimeoutMs: 1,
      idleMs: 60_000,
      bridgeExpiry: true,
    },
    () => ({ freshness: NEVER, streamingLists: true, warnings: [], stop: () => {} }),
  );
  lane = lanes.open(subject)!.lane;
  lane.beginLoad().finish(10);
  const undecided: Decision = { kind: 'undecided', reason: 'unreachable' };
  return {
    subjects: {
      lookup: () => ({ resource: PODS, custom: false, holds: () => true, lane: () => subject }),
      resourceOf: () => PODS,
    },
    lanes: new MetadataLanes({ lanes, reader: upstream, idleMs: 1, onCompared: () => {} }),
    callers: { of: (rawHeaders) => credentialOf(rawHeaders) },
    judge: { authorize: () => Promise.resolve(undecided) },
    passThrough: new PassThrough(upstream),
    admission: new Admission(),
    log: new RequestLog(
      (request) => finished.push(request),
      (error) => {
        throw error;
      },
    ),
    barrierTimeoutMs: 1,
    maxSelectorBytes: 100,
    shardedListAndWatch: false,
    managedFieldsOptOut: false,
    // Nothing gets as far as these.
    ...({} as Pick<RouteParts, 'watches' | 'watchServices' | 'listServices'>),
  };
}

const NEVER = {
  view: () => Promise.resolve({ kind: 'unproven' as const, reason: 'down' }),
  quick: () => Promise.resolve({ kind: 'unproven' as const, reason: 'down' }),
  atLeast: () => Promise.resolve(false),
};

async function ask(query: string): Promise<{ status: number; retryAfter?: string; text: string }> {
  const client = await running.client('http/1.1');
  const response = await client.send({ path: path + query, headers });
  return {
    status: response.status,
    retryAfter: response.header('retry-after'),
    text: response.text,
  };
}

test('a watch that resumes while its lane is cut off is asked to come again', async () => {
  lane.setState({ kind: 'disconnected', since: 0, reason: 'down' });
  expect(await ask('&resourceVersion=10')).toMatchObject({ status: 429, retryAfter: '1' });
  await eventually(() => finished.length > 0);
  expect(finished.map(({ source }) => source)).toEqual(['local']);
});

test('one that starts from nothing goes upstream: it has no place to lose', async () => {
  lane.setState({ kind: 'disconnected', since: 0, reason: 'down' });
  expect(await ask('')).toMatchObject({ status: 200, text: expired });
  expect(await ask('&resourceVersion=0')).toMatchObject({ status: 200, text: expired });
});

test('while the lane is in step it goes upstream: who cannot be judged is not for us', async () => {
  lane.setState({ kind: 'live' });
  expect(await ask('&resourceVersion=10')).toMatchObject({ status: 200, text: expired });
});
