/**
 * PartialObjectMetadata as the items of a LIST: cut out of whole objects that are kept anyway, copied from a lane of its own
 * that keeps it a second time, or taken from the whole object by JSON.parse. All three must write the same bytes.
 */
import type { Place } from '../../src/cache/arena.ts';
import { Lane } from '../../src/cache/lane.ts';
import { SlabPool } from '../../src/cache/slab.ts';
import type { ObjectForm } from '../../src/k8s/encoding.ts';
import { StoredObject } from '../../src/k8s/encoding.ts';
import { jsonCodec } from '../../src/k8s/encoding-json.ts';
import type { Resource } from '../../src/k8s/resource.ts';
import type { Rival } from '../lib/compare.ts';
import { check, compareRivals, secondsOf, sink, tableOf } from '../lib/compare.ts';
import { publish, QUICK } from '../lib/report.ts';
import type { Table } from '../lib/report.ts';
import type { ObjectKind } from '../lib/workload.ts';
import { Workload } from '../lib/workload.ts';

const OBJECTS = 256;
const REPEATS = QUICK ? 5 : 11;
const ROUNDS = QUICK ? 100 : 400;
/** JSON.parse is 30 to 100 times slower. */
const PARSED_ROUNDS = QUICK ? 2 : 8;
const HEAD = '{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":';

const RESOURCES: Readonly<Record<ObjectKind, Resource>> = {
  lease: {
    group: 'coordination.k8s.io',
    version: 'v1',
    plural: 'leases',
    kind: 'Lease',
    namespaced: true,
  },
  pod: { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true },
  node: { group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false },
};

function objectsOf(kind: ObjectKind): Buffer[] {
  const workload = new Workload(kind);
  return Array.from({ length: OBJECTS }, (_, i) => {
    const event = workload.events([i]);
    return Buffer.from(event.subarray('{"type":"MODIFIED","object":'.length, event.length - 2));
  });
}

function metadataOf(object: Buffer): Buffer {
  const { metadata } = JSON.parse(object.toString()) as { readonly metadata: unknown };
  return Buffer.from(`${HEAD}${JSON.stringify(metadata)}}`);
}

/** A lane that holds the objects, and how it shows their metadata. */
class Kept {
  readonly #lane: Lane;
  readonly #form: ObjectForm;
  readonly #places: Place[] = [];
  readonly #object = new StoredObject();

  constructor(kind: ObjectKind, objects: readonly Buffer[], metadataOnly: boolean) {
    const resource = RESOURCES[kind];
    const codec = jsonCodec({ resource, custom: false, fields: [], metadataOnly });
    this.#form = codec.metadata!;
    this.#lane = new Lane({
      resource,
      codec,
      fields: [],
      window: { durationMs: 60_000, maxBytes: 1 << 26, minEvents: 0, maxRecords: 1_000 },
      pool: new SlabPool({ maxSpareSlabs: 0 }),
      maxFilterGroups: 1,
      bridgeExpiry: false,
    });
    const scan = codec.makeScanner();
    const load = this.#lane.beginLoad();
    for (const object of objects) {
      check(scan.scanItem(object, 0, object.length), scan.problem);
      load.add(object, scan);
    }
    load.finish(2_000_000_000);
    const position = this.#lane.head;
    for (const object of objects) {
      const { name, namespace = '' } = (
        JSON.parse(object.toString()) as { metadata: { name: string; namespace?: string } }
      ).metadata;
      this.#places.push(this.#lane.placeAt(position, namespace, name));
    }
  }

  get bytesPerObject(): number {
    return this.#lane.arena.liveBytes / this.#places.length;
  }

  write(number: number, to: Buffer): number {
    const object = this.#lane.describe(this.#places[number], this.#object);
    return this.#form.writeItem(object, 0, to, 0);
  }
}

interface Written {
  readonly name: string;
  readonly write: (number: number, to: Buffer) => number;
  readonly rounds: number;
}

function rivalOf({ name, write, rounds }: Written, metadata: readonly Buffer[]): Rival {
  const to = Buffer.alloc(64 * 1024);
  for (const [i, expected] of metadata.entries()) {
    check(to.subarray(0, write(i, to)).equals(expected), `${name} writes other bytes`);
  }
  const run = (): Record<string, number> => {
    const seconds = secondsOf(() => {
      for (let round = 0; round < rounds; round++) {
        for (let i = 0; i < metadata.length; i++) sink.value += write(i, to);
      }
    });
    return { items: (rounds * metadata.length) / seconds };
  };
  return { name, run };
}

const tables: Table[] = [];
const figures: Record<string, number> = {};
const kept: string[] = [];
for (const kind of ['lease', 'pod', 'node'] as const) {
  const objects = objectsOf(kind);
  const metadata = objects.map(metadataOf);
  const whole = new Kept(kind, objects, false);
  const own = new Kept(kind, metadata, true);
  const comparison = compareRivals(
    [
      {
        name: 'view of whole objects',
        write: (number: number, to: Buffer) => whole.write(number, to),
        rounds: ROUNDS,
      },
      {
        name: 'lane of its own',
        write: (number: number, to: Buffer) => own.write(number, to),
        rounds: ROUNDS,
      },
      {
        name: 'JSON.parse, JSON.stringify',
        write: (number: number, to: Buffer) => metadataOf(objects[number]).copy(to),
        rounds: PARSED_ROUNDS,
      },
    ].map((written) => rivalOf(written, metadata)),
    REPEATS,
  );
  const title = `${kind}, ${objects[0].length.toLocaleString('en')} B, metadata ${metadata[0].length.toLocaleString('en')} B`;
  tables.push(
    tableOf(comparison, { title, unit: 'items/s', better: 'higher' }, { items: 'items written' }),
  );
  kept.push(`${kind} ${Math.round(own.bytesPerObject)} B`);
  figures[`metadata.${kind}`] = comparison.samples.get('items')![0]!.median;
}
publish({
  name: 'metadata-view',
  title: 'Metadata out of whole objects',
  notes: [
    'All write the same bytes; this is checked first.',
    `A lane of its own keeps every object's metadata a second time, headers included: ${kept.join(', ')}. A view keeps nothing.`,
    'It also costs a watch upstream, its own window, and 17 bytes of index per object.',
  ],
  tables,
  figures,
});
