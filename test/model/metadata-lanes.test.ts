// Which lane answers a request for metadata, against a model that only knows the rules: a view of a lane of
// whole objects that others read, if upstream's own metadata equalled it since the lane's last list; a lane of its own
// otherwise. Upstream is text that the test writes, and a difference is planted in it and taken out again.

import * as fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import type { LaneEntry, LaneSubject } from '../../src/cache/lanes.ts';
import { Lanes } from '../../src/cache/lanes.ts';
import { jsonCodec } from '../../src/k8s/encoding-json.ts';
import { MetadataLanes } from '../../src/main-metadata.ts';
import type { ReadResponse, UpstreamReader } from '../../src/watch/upstream-reader.ts';
import { PODS } from '../cache/support.ts';
import { FakeClock } from '../support/clock.ts';

const options = { resource: PODS, custom: false, fields: [] };
const whole: LaneSubject = {
  resource: PODS,
  fields: [],
  codec: jsonCodec(options),
  laneId: 'v1/pods',
};
const own: LaneSubject = {
  resource: PODS,
  fields: [],
  codec: jsonCodec({ ...options, metadataOnly: true }),
  laneId: 'v1/pods (json metadata)',
  cutFrom: whole,
};
const RETRY_MS = 30_000;
const FOR_EVER_MS = 1e9;

/** One pod, or none, whose metadata form may have an annotation that the whole object has not. */
class Upstream implements UpstreamReader {
  isEmpty = false;
  isPlanted = false;
  /** The same in the answer to a GET alone. */
  isPlantedInObject = false;
  isFailing = false;
  readonly asked: string[] = [];

  #metadataOf(isPlanted: boolean): object {
    const annotations = isPlanted ? { 'made-up': '1' } : undefined;
    return { name: 'web', namespace: 'a', uid: 'u', resourceVersion: '7', annotations };
  }

  get wholeItems(): string[] {
    const metadata = { name: 'web', namespace: 'a', uid: 'u', resourceVersion: '7' };
    return this.isEmpty ? [] : [JSON.stringify({ metadata, spec: {} })];
  }

  open(path: string): Promise<ReadResponse> {
    this.asked.push(path);
    if (this.isFailing) return Promise.reject(new Error('refused'));
    const apiVersion = 'meta.k8s.io/v1';
    const isObject = path.endsWith('/web');
    const metadata = this.#metadataOf(this.isPlanted || (isObject && this.isPlantedInObject));
    const object = { kind: 'PartialObjectMetadata', apiVersion, metadata };
    const list = {
      kind: 'PartialObjectMetadataList',
      apiVersion,
      metadata: { resourceVersion: '9' },
      items: this.isEmpty ? null : [object],
    };
    const text = `${JSON.stringify(isObject ? object : list)}\n`;
    return Promise.resolve({ status: 200, headers: [], body: bodyOf(text) });
  }
}

function bodyOf(text: string): ReadResponse['body'] {
  return {
    destroy() {},
    async *[Symbol.asyncIterator]() {
      yield await Promise.resolve(Buffer.from(text));
    },
  };
}

class World {
  readonly upstream = new Upstream();
  readonly clock = new FakeClock();
  readonly lanes: Lanes;
  readonly shown: MetadataLanes;
  readonly outcomes: string[] = [];

  constructor(idleMs = FOR_EVER_MS) {
    this.lanes = new Lanes(
      {
        window: { durationMs: 60_000, maxBytes: 1 << 24, minEvents: 0, maxRecords: 1_000 },
        totalWindowBytes: 1 << 26,
        maxLanes: 10,
        maxFilterGroupsPerLane: 10,
        maxSpareSlabs: 2,
        startTimeoutMs: 10_000,
        idleMs,
        bridgeExpiry: true,
      },
      (lane) => {
        this.#list(lane, lane.codec === whole.codec ? this.upstream.wholeItems : []);
        return { freshness: NO_PROOF, streamingLists: true, warnings: [], stop: () => {} };
      },
    );
    this.shown = new MetadataLanes({
      lanes: this.lanes,
      reader: this.upstream,
      idleMs,
      clock: this.clock,
      onCompared: (_id, { kind }) => this.outcomes.push(kind),
    });
  }

  get whole(): LaneEntry | undefined {
    return this.lanes.find(whole);
  }

  relist(): void {
    if (this.whole !== undefined) this.#list(this.whole.lane, this.upstream.wholeItems);
  }

  /** 'view' or 'own', by what the answer would be read from. */
  async ask(): Promise<string> {
    const entry = await this.shown.get(own, true);
    if (entry === undefined) return 'none';
    expect(entry.lane.state.kind).toBe('live');
    if (entry.lane.codec !== whole.codec) return 'own';
    expect(entry.objects).toBe(whole.codec.metadata);
    return 'view';
  }

  #list(lane: LaneEntry['lane'], items: readonly string[]): void {
    const scan = lane.codec.makeScanner();
    const load = lane.beginLoad();
    for (const item of items) {
      const bytes = Buffer.from(item);
      expect(scan.scanItem(bytes, 0, bytes.length)).toBe(true);
      load.add(bytes, scan);
    }
    load.finish(lane.frontier + 10);
    lane.setState({ kind: 'live' });
  }
}

const NO_PROOF = {
  view: () => Promise.resolve({ kind: 'unproven', reason: 'not asked for here' } as const),
  quick: () => Promise.resolve({ kind: 'unproven', reason: 'not asked for here' } as const),
  atLeast: () => Promise.resolve(false),
};

const worlds: World[] = [];

function world(idleMs?: number): World {
  const made = new World(idleMs);
  worlds.push(made);
  return made;
}

afterEach(() => {
  for (const { lanes } of worlds.splice(0)) lanes.closeAll('the test is over');
});

/** The rules, without any of the means. */
class Model {
  isWholeOpen = false;
  isRead = true;
  /** Of the comparison that still counts. */
  verdict: 'equal' | 'different' | 'nothing' | undefined;
  retryAtMs = 0;

  #holds = false;

  listed(holds: boolean): void {
    this.#holds = holds;
    this.verdict = undefined;
  }

  ask(upstream: Upstream, nowMs: number): string {
    if (!this.isWholeOpen || !this.isRead) return 'own';
    const isDue = this.verdict === 'nothing' && nowMs >= this.retryAtMs;
    if (this.verdict === undefined || isDue) {
      const isSilent = upstream.isFailing || upstream.isEmpty || !this.#holds;
      const said = upstream.isPlanted ? 'different' : 'equal';
      this.verdict = isSilent ? 'nothing' : said;
      this.retryAtMs = nowMs + RETRY_MS;
    }
    return this.verdict === 'equal' ? 'view' : 'own';
  }
}

const steps = ['ask', 'open', 'close', 'relist', 'plant', 'empty', 'fail', 'idle', 'wait'] as const;
type Step = (typeof steps)[number];

/** Takes one step in the world and in the model; they must agree. */
async function take(step: Step, real: World, model: Model): Promise<void> {
  const { upstream, clock, lanes } = real;
  switch (step) {
    case 'plant':
      upstream.isPlanted = !upstream.isPlanted;
      break;
    case 'empty':
      upstream.isEmpty = !upstream.isEmpty;
      break;
    case 'fail':
      upstream.isFailing = !upstream.isFailing;
      break;
    case 'wait':
      await clock.advance(RETRY_MS / 2);
      break;
    case 'open':
      if (!model.isWholeOpen) model.listed(!upstream.isEmpty);
      model.isWholeOpen = model.isRead = true;
      await lanes.get(whole);
      break;
    case 'close':
      lanes.close(whole.laneId, 'the test says so');
      model.isWholeOpen = false;
      break;
    case 'relist':
      real.relist();
      model.listed(!upstream.isEmpty);
      break;
    case 'idle':
      if (real.whole !== undefined) real.whole.usedAt = -2 * FOR_EVER_MS;
      model.isRead = false;
      break;
    case 'ask':
      expect(await real.ask()).toBe(model.ask(upstream, clock.now()));
  }
}

test('a request for metadata gets a view exactly when the rules say so', async () => {
  const step = fc.oneof({ weight: 2, arbitrary: fc.constant('ask') }, fc.constantFrom(...steps));
  const run = async (taken: readonly Step[]): Promise<void> => {
    const real = new World();
    const model = new Model();
    try {
      for (const each of taken) await take(each, real, model);
      await take('ask', real, model);
    } finally {
      real.lanes.closeAll('the run is over');
    }
  };
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), run), { numRuns: 300 });
});

test('a planted difference leads to a lane of its own, until a new list is without it', async () => {
  const real = world();
  real.upstream.isPlanted = true;
  await real.lanes.get(whole);
  expect(await real.ask()).toBe('own');
  real.upstream.isPlanted = false;
  expect(await real.ask()).toBe('own');
  real.relist();
  expect(await real.ask()).toBe('view');
  expect(real.outcomes).toEqual(['different', 'equal']);
});

test('a difference in a single object counts like one in the list', async () => {
  const real = world();
  real.upstream.isPlantedInObject = true;
  await real.lanes.get(whole);
  expect(await real.ask()).toBe('own');
  expect(real.outcomes).toEqual(['different']);
});

test('a comparison that said nothing is made again after a while', async () => {
  const real = world();
  real.upstream.isFailing = true;
  await real.lanes.get(whole);
  expect(await real.ask()).toBe('own');
  real.upstream.isFailing = false;
  await real.clock.advance(RETRY_MS - 1);
  expect(await real.ask()).toBe('own');
  await real.clock.advance(1);
  expect(await real.ask()).toBe('view');
  expect(real.outcomes).toEqual(['nothing', 'equal']);
});

test('a view opens no lane, and all who ask at once share one comparison', async () => {
  const real = world();
  await real.lanes.get(whole);
  const asked = await Promise.all(Array.from({ length: 10 }, () => real.ask()));
  expect(new Set(asked)).toEqual(new Set(['view']));
  expect(real.upstream.asked).toEqual(['/api/v1/pods?limit=500', '/api/v1/namespaces/a/pods/web']);
  expect([...real.lanes.entries].map(({ lane }) => lane.id)).toEqual([whole.laneId]);
});

test('a request that only a view could answer opens no lane', async () => {
  const { shown, lanes } = world();
  expect(await shown.get(own, false)).toBeUndefined();
  expect(lanes.size).toBe(0);
});

test('a view does not keep whole objects that nobody else reads, nor lose its watches', async () => {
  const real = world(0);
  const entry = (await real.lanes.get(whole))!;
  entry.watches = 1;
  const view = (await real.shown.get(own, true))!;
  expect(view.objects).toBe(whole.codec.metadata);
  view.watches++;
  expect(entry.watches).toBe(2);
  expect(await real.ask()).toBe('view');
  // The last reader of whole objects leaves.
  entry.watches--;
  entry.usedAt = -1;
  expect(await real.ask()).toBe('own');
  real.lanes.sweep();
  expect(entry.lane.state.kind).toBe('live');
  view.watches--;
  real.lanes.sweep();
  expect(entry.lane.state.kind).toBe('closed');
});

test('a list that was bridged and brought a difference ends the watches of the view', async () => {
  const real = world();
  const { lane } = (await real.lanes.get(whole))!;
  const view = (await real.shown.get(own, true))!;
  view.watches++;
  real.upstream.isPlanted = true;
  real.relist();
  expect(await real.ask()).toBe('own');
  expect(lane.state.kind).toBe('closed');
});
