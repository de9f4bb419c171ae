/**
 * Builders for the tests of the cache: objects as upstream's bytes, scanned events, and lanes with a clock that stands
 * still until it is told to move.
 */
import { SnapshotWalk } from '../../src/cache/snapshot.ts';
import { jsonCodec } from '../../src/k8s/encoding-json.ts';
import { Filter } from '../../src/cache/filter.ts';
import type { Cursor } from '../../src/cache/filter-group.ts';
import type { LaneOptions } from '../../src/cache/lane.ts';
import { Lane } from '../../src/cache/lane.ts';
import { SlabPool } from '../../src/cache/slab.ts';
import { JsonScanner } from '../../src/k8s/scan-json.ts';
import type { Resource } from '../../src/k8s/resource.ts';
import type { SelectableField } from '../../src/k8s/selectable-fields.ts';

export const PODS: Resource = {
  group: '',
  version: 'v1',
  plural: 'pods',
  kind: 'Pod',
  namespaced: true,
};

/** One indexed field and one that is not, with a default. */
export const FIELDS: readonly SelectableField[] = [
  { name: 'spec.nodeName', path: ['spec', 'nodeName'], missing: '', indexed: true },
  { name: 'spec.hostNetwork', path: ['spec', 'hostNetwork'], missing: 'false', indexed: false },
];

export const EVERYTHING = { prefix: Buffer.alloc(0), from: Buffer.alloc(0) };

/** What a test says about an object. */
export interface PodSpec {
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly nodeName?: string;
  readonly hostNetwork?: boolean;
  /** Filler, to make the object large. */
  readonly bytes?: number;
}

/** Watch form: kind and apiVersion first, as upstream prints built-ins. */
export function podText(pod: PodSpec): string {
  return `{"kind":"Pod","apiVersion":"v1",${itemText(pod).slice(1)}`;
}

/** Item of a LIST: no kind, no apiVersion. */
export function itemText(pod: PodSpec): string {
  return JSON.stringify({
    metadata: {
      name: pod.name,
      namespace: pod.namespace === '' ? undefined : pod.namespace,
      uid: `uid-${pod.name}`,
      resourceVersion: String(pod.revision),
      labels: pod.labels,
    },
    spec: { nodeName: pod.nodeName, hostNetwork: pod.hostNetwork },
    status: { filler: 'x'.repeat(pod.bytes ?? 0) },
  });
}

export class TestLane {
  readonly lane: Lane;
  readonly scanner: JsonScanner;
  readonly pool: SlabPool;
  nowMs = 0;

  constructor(options: Partial<LaneOptions> = {}) {
    const fields = options.fields ?? FIELDS;
    this.pool = options.pool ?? new SlabPool({ maxSpareSlabs: 2 });
    this.scanner = new JsonScanner(fields);
    this.lane = new Lane({
      resource: PODS,
      codec: jsonCodec({ resource: PODS, custom: false, fields }),
      fields,
      window: { durationMs: 60_000, maxBytes: 1 << 26, minEvents: 0, maxRecords: 100_000 },
      maxFilterGroups: 100,
      bridgeExpiry: false,
      now: () => this.nowMs,
      ...options,
      pool: this.pool,
    });
  }

  /** Appends one event of an object given as text. */
  event(type: number, object: string): void {
    const bytes = Buffer.from(object);
    this.#scan(bytes);
    this.lane.append(type, bytes, this.scanner);
  }

  /** Lists the lane with these objects, in watch or item form. */
  list(revision: number, objects: readonly string[]): void {
    const load = this.lane.beginLoad();
    for (const object of objects) {
      const bytes = Buffer.from(object);
      this.#scan(bytes);
      load.add(bytes, this.scanner);
    }
    load.finish(revision);
    this.lane.setState({ kind: 'live' });
  }

  /** Lists and then breaks off. */
  abandonedList(objects: readonly string[]): void {
    const load = this.lane.beginLoad();
    for (const object of objects) {
      const bytes = Buffer.from(object);
      this.#scan(bytes);
      load.add(bytes, this.scanner);
    }
    load.abandon();
  }

  objectAt(place: number): string {
    const { arena } = this.lane;
    const start = arena.objectStart(place);
    return arena.slabOf(place).bytes.toString('utf8', start, start + arena.objectLength(place));
  }

  keyAt(place: number): string {
    const { arena } = this.lane;
    const start = arena.keyStart(place);
    return arena.slabOf(place).bytes.toString('utf8', start, start + arena.keyLength(place));
  }

  /** Keys of an ordered walk. */
  keys(position = this.lane.log.head, prefix = '', from = ''): string[] {
    const keys: string[] = [];
    const walk = new SnapshotWalk(this.lane, position, {
      prefix: Buffer.from(prefix),
      from: Buffer.from(from),
    });
    while (walk.next()) keys.push(this.keyAt(walk.place));
    return keys;
  }

  #scan(bytes: Buffer): void {
    if (!this.scanner.scanObject(bytes, 0, bytes.length)) throw new Error(this.scanner.problem);
  }
}

/** An object of namespace `a`. */
export function podOfA(name: string, revision: number, bytes = 0): string {
  return podText({ namespace: 'a', name, revision, bytes });
}

/** A filter that selects everything, and a cursor of it at the head that notes how the lane ends the watch. */
export function watchAll(test: TestLane): { cursor: Cursor; ends: string[] } {
  const all = new Filter({
    namespace: '',
    name: '',
    labels: undefined,
    terms: [],
    identity: 'all',
  });
  const cursor = test.lane.groups.join(all, test.lane.log.head)!;
  const ends: string[] = [];
  cursor.reader = {
    ready: true,
    share: { pass: 0, writes: 0 },
    deferred: false,
    aheadRevision: 0,
    flush: () => {},
    expire: (reason) => {
      ends.push(reason);
      test.lane.groups.leave(cursor);
    },
  };
  return { cursor, ends };
}
