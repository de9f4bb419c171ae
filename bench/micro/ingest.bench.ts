/**
 * Ingest end to end: chunks of a watch body -> frames -> scan -> lane (slab, log, index, window). Renewal order is how
 * heartbeats come (each object once per round); random order is the worst case for memory and caches. Rival: JSON.parse
 * and a Map, which is what an informer keeps.
 */
import { SnapshotWalk } from '../../src/cache/snapshot.ts';
import { jsonCodec } from '../../src/k8s/encoding-json.ts';
import { Lane } from '../../src/cache/lane.ts';
import { SlabPool } from '../../src/cache/slab.ts';
import { JsonFrames } from '../../src/k8s/frames-json.ts';
import { JsonScanner } from '../../src/k8s/scan-json.ts';
import type { Resource } from '../../src/k8s/resource.ts';
import { selectableFields } from '../../src/k8s/selectable-fields.ts';
import { check, secondsOf } from '../lib/compare.ts';
import type { Row, Table } from '../lib/report.ts';
import { publish, QUICK, sampleOf } from '../lib/report.ts';
import { Random, Workload } from '../lib/workload.ts';

const CHUNK_BYTES = 64 * 1024;
const WINDOW_BYTES = 64 * 1024 * 1024;
/** Events made ahead and then timed: keeps the maker out of the measurement and memory small. */
const BATCH_BYTES = 32 * 1024 * 1024;

const LEASES: Resource = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
};
const PODS: Resource = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true };

interface Case {
  readonly kind: 'lease' | 'pod';
  readonly objects: number;
  /** Events per pass. */
  readonly events: number;
  readonly passes: number;
}

const CASES: readonly Case[] = QUICK
  ? [
      { kind: 'lease', objects: 100_000, events: 200_000, passes: 3 },
      { kind: 'pod', objects: 20_000, events: 30_000, passes: 3 },
    ]
  : [
      { kind: 'lease', objects: 100_000, events: 300_000, passes: 5 },
      { kind: 'lease', objects: 1_000_000, events: 500_000, passes: 5 },
      { kind: 'pod', objects: 100_000, events: 100_000, passes: 5 },
    ];

interface Sink {
  take(chunk: Buffer): void;
}

/** Hands the bytes out as a socket does. */
function feed(sink: Sink, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    sink.take(bytes.subarray(at, Math.min(bytes.length, at + CHUNK_BYTES)));
  }
}

class OurIngest implements Sink {
  readonly lane: Lane;
  readonly #frames = new JsonFrames(4 * 1024 * 1024);
  readonly #scanner: JsonScanner;
  readonly #onFrame = (bytes: Uint8Array, start: number, end: number): void => {
    if (!this.#scanner.scanEvent(bytes, start, end)) throw new Error(this.#scanner.problem);
    this.lane.append(this.#scanner.eventType, bytes, this.#scanner);
  };

  constructor(resource: Resource) {
    const fields = selectableFields(resource);
    this.#scanner = new JsonScanner(fields);
    this.lane = new Lane({
      resource,
      codec: jsonCodec({ resource, custom: false, fields }),
      fields,
      window: { durationMs: 300_000, maxBytes: WINDOW_BYTES, minEvents: 0, maxRecords: 1_000_000 },
      pool: new SlabPool(),
      maxFilterGroups: 10,
      bridgeExpiry: false,
    });
    this.lane.beginLoad().finish(1);
  }

  take(chunk: Buffer): void {
    this.#frames.push(chunk, this.#onFrame);
  }
}

interface Parsed {
  readonly type: string;
  readonly object: { readonly metadata: { readonly namespace: string; readonly name: string } };
}

class ParsingIngest implements Sink {
  readonly objects = new Map<string, Parsed['object']>();
  readonly #frames = new JsonFrames(4 * 1024 * 1024);
  readonly #onFrame = (bytes: Uint8Array, start: number, end: number): void => {
    const event = JSON.parse((bytes as Buffer).toString('latin1', start, end)) as Parsed;
    const { namespace, name } = event.object.metadata;
    this.objects.set(`${namespace}/${name}`, event.object);
  };

  take(chunk: Buffer): void {
    this.#frames.push(chunk, this.#onFrame);
  }
}

/** Events/s of `numbers`, made in batches outside the measured time. */
function pass(sink: Sink, workload: Workload, numbers: Uint32Array): number {
  const perBatch = Math.max(1, Math.floor(BATCH_BYTES / workload.events([0]).length));
  let seconds = 0;
  for (let from = 0; from < numbers.length; from += perBatch) {
    const bytes = workload.events(numbers.subarray(from, from + perBatch));
    seconds += secondsOf(() => feed(sink, bytes));
  }
  return numbers.length / seconds;
}

function inOrder(objects: number, events: number, round: number): Uint32Array {
  return Uint32Array.from({ length: events }, (_, i) => (round * events + i) % objects);
}

function inRandomOrder(objects: number, events: number, random: Random): Uint32Array {
  return Uint32Array.from({ length: events }, () => random.below(objects));
}

function checkLane(lane: Lane, objects: number, workload: Workload): void {
  check(lane.objects === objects, `the lane holds ${lane.objects} of ${objects} objects`);
  check(lane.frontier === workload.revision - 1, 'the lane missed the last event');
  let seen = 0;
  const walk = new SnapshotWalk(lane, lane.head, {
    prefix: Buffer.alloc(0),
    from: Buffer.alloc(0),
  });
  while (walk.next()) {
    if (seen++ % 997 !== 0) continue;
    const start = lane.arena.objectStart(walk.place);
    const length = lane.arena.objectLength(walk.place);
    const text = lane.arena.slabOf(walk.place).bytes.toString('utf8', start, start + length);
    const { metadata } = JSON.parse(text) as { metadata: { resourceVersion: string } };
    check(Number(metadata.resourceVersion) === lane.arena.revision(walk.place), 'wrong bytes');
  }
  check(seen === objects, `a walk sees ${seen} of ${objects} objects`);
}

interface Outcome {
  readonly rates: Row[];
  readonly memory: Row;
  readonly figures: Record<string, number>;
}

function run({ kind, objects, events, passes }: Case): Outcome {
  const workload = new Workload(kind);
  const ours = new OurIngest(kind === 'lease' ? LEASES : PODS);
  const load = pass(ours, workload, inOrder(objects, objects, 0));
  const { arena, index, liveBytes } = ours.lane;
  const overhead = (arena.liveBytes + index.allocatedBytes - liveBytes) / objects;
  const slabs = (arena.occupiedBytes - arena.liveBytes) / objects;
  // The rival keeps a tenth of the objects: decoded objects are 5-10 times as large and would only measure the collector.
  const rivalObjects = Math.min(objects, 20_000);
  const parsing = new ParsingIngest();
  const rivalLoad = new Workload(kind);
  pass(parsing, rivalLoad, inOrder(rivalObjects, rivalObjects, 0));
  const random = new Random(7);
  const rates = { ordered: [] as number[], random: [] as number[], parsed: [] as number[] };
  for (let i = 0; i < passes; i++) {
    rates.ordered.push(pass(ours, workload, inOrder(objects, events, i)));
    rates.random.push(pass(ours, workload, inRandomOrder(objects, events, random)));
    const fewer = Math.min(events, rivalObjects);
    rates.parsed.push(pass(parsing, rivalLoad, inOrder(rivalObjects, fewer, i)));
  }
  checkLane(ours.lane, objects, workload);
  check(parsing.objects.size === rivalObjects, 'the rival lost objects');
  const spread = arena.allocatedBytes / (arena.liveBytes + ours.lane.retention.windowBytes);
  const what = `${objects.toLocaleString('en')} ${kind}s`;
  ours.lane.close('done');
  const parsed = sampleOf(rates.parsed);
  return {
    rates: [
      { name: `${what}, first load`, cells: [sampleOf([load]), null] },
      { name: `${what}, renewal order`, cells: [sampleOf(rates.ordered), parsed] },
      { name: `${what}, random order`, cells: [sampleOf(rates.random), null] },
    ],
    memory: {
      name: what,
      cells: [sampleOf([overhead]), sampleOf([slabs]), sampleOf([spread])],
    },
    figures: {
      [`ingest.${kind}.${objects}.ordered`]: sampleOf(rates.ordered).median,
      [`ingest.${kind}.${objects}.random`]: sampleOf(rates.random).median,
      [`ingest.${kind}.parse`]: parsed.median,
      [`overhead.${kind}.${objects}`]: overhead,
    },
  };
}

const outcomes = CASES.map((one) => run(one));
const tables: Table[] = [
  {
    title: 'events taken',
    unit: 'events/s',
    better: 'higher',
    columns: ['Watershed', 'JSON.parse + Map'],
    rows: outcomes.flatMap(({ rates }) => rates),
  },
  {
    title: 'memory',
    unit: 'B/object, last column a factor',
    better: 'lower',
    columns: [
      'index and entry header',
      'unused in slabs at load',
      'slabs / (live + window) at the end',
    ],
    rows: outcomes.map(({ memory }) => memory),
  },
];
publish({
  name: 'ingest',
  title: 'Ingest, from the bytes of a watch to a readable lane',
  notes: [
    'Chunks of 64 KiB, each event scanned strictly and kept verbatim; the window keeps 64 MiB of replaced objects, and slabs are cleaned as writes go on.',
    'Leases have 838 B, pods 6,193 B with managedFields, in 64 different shapes. Making events is not in the time.',
    'Renewal order: every object in turn. Random order: any object, uniformly, which empties no slab by itself.',
    'JSON.parse + Map keeps 20,000 decoded objects at most.',
    'Times are processor time of one process; the collector runs on other threads and is in it.',
    'At the end every object is walked, and samples are parsed and compared.',
  ],
  tables,
  figures: Object.assign({}, ...outcomes.map(({ figures }) => figures)) as Record<string, number>,
});
