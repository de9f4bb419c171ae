/**
 * Key tables and ordered stores: Watershed's lane (with its log and window) against a Map that is sorted on demand, a Map
 * with a B-tree of keys, and a B-tree alone. Keys arrive as bytes; rivals make the string they need.
 */
import type { Figures, Rival } from '../lib/compare.ts';
import { check, clockSecondsOf, compareRivals, secondsOf, sink, tableOf } from '../lib/compare.ts';
import type { Table } from '../lib/report.ts';
import { publish, QUICK } from '../lib/report.ts';
import { STORE_KINDS } from '../lib/stores/kinds.ts';
import type { OrderedStore, StoreKind } from '../lib/stores/ordered-store.ts';
import { NOTHING, WHOLE } from '../lib/stores/ordered-store.ts';
import { Random } from '../lib/workload.ts';

const SIZES = QUICK ? [10_000, 100_000] : [10_000, 100_000, 1_000_000];
const REPEATS: Readonly<Record<number, number>> = { 10_000: 5, 100_000: 3, 1_000_000: 3 };
const KEYS_PER_NAMESPACE = 550;
const PAGE = 500;
/** Structures other than the store that a garbage collection must not count: keys and orders are made before. */
const MAX_OPERATIONS = 300_000;

interface Keys {
  readonly sorted: readonly Buffer[];
  /** Keys that are not in the store at first. */
  readonly fresh: readonly Buffer[];
  readonly order: Uint32Array;
  readonly namespaces: number;
}

/** About 30 bytes each, in byte order. */
function keysOf(count: number): Keys {
  const random = new Random(count);
  const namespaces = Math.ceil(count / KEYS_PER_NAMESPACE);
  const key = (i: number): Buffer => {
    const namespace = String(Math.floor(i / KEYS_PER_NAMESPACE)).padStart(4, '0');
    return Buffer.from(
      `team-${namespace}/svc-${String(i).padStart(7, '0')}-${random.hex(8)}`,
      'latin1',
    );
  };
  const sorted = Array.from({ length: count }, (_, i) => key(i));
  const fresh = Array.from({ length: count / 10 }, () => key(random.below(count)));
  return { sorted, fresh, order: random.order(count).subarray(0, MAX_OPERATIONS), namespaces };
}

function measure(kind: StoreKind, keys: Keys): Figures {
  const { sorted, fresh, order, namespaces } = keys;
  const heapBefore = heapBytes();
  const store = kind.make();
  let revision = 0;
  const figures: Record<string, number> = {};
  const rate = (name: string, operations: number, work: () => void): void => {
    figures[name] = operations / secondsOf(work);
  };
  rate('load', sorted.length, () => {
    for (const key of sorted) store.upsert(key, ++revision);
  });
  if (globalThis.gc !== undefined) {
    globalThis.gc();
    figures.bytes = (heapBytes() - heapBefore + store.offHeapBytes) / sorted.length;
  }
  rate('upsert', order.length, () => {
    for (const i of order) store.upsert(sorted[i], ++revision);
  });
  rate('get', order.length, () => {
    for (const i of order) sink.value += store.get(sorted[i]);
  });
  const reads = scans(store, keys);
  rate('insert', fresh.length, () => {
    for (const key of fresh) store.upsert(key, ++revision);
  });
  rate('delete', fresh.length, () => {
    for (const key of fresh) store.delete(key, ++revision);
  });
  check(store.size === sorted.length, `${kind.name} holds ${store.size} keys`);
  store.scan({ ...WHOLE, limit: 1 }, () => {});
  figures.snapshot = clockSecondsOf(() => store.snapshot()) * 1e6;
  const snapshot = store.snapshot();
  const writes = Math.min(order.length, 50_000);
  rate('upsertAfterSnapshot', writes, () => {
    for (let i = 0; i < writes; i++) store.upsert(sorted[order[i]], ++revision);
  });
  let before = 0;
  snapshot.scan({ ...WHOLE, limit: PAGE }, (seen) => (before += seen > revision - writes ? 1 : 0));
  check(before === 0, `${kind.name} shows writes in an older snapshot`);
  check(namespaces > 0, 'there are namespaces');
  return { ...figures, ...reads };
}

function scans(store: OrderedStore, { sorted, order, namespaces }: Keys): Figures {
  const visit = (revision: number): void => {
    sink.value += revision;
  };
  const whole = secondsOf(() => {
    check(store.scan(WHOLE, visit) === sorted.length, 'a scan sees every key');
  });
  const pages = 200;
  const page = secondsOf(() => {
    for (let i = 0; i < pages; i++) {
      store.scan({ prefix: NOTHING, from: sorted[order[i]], limit: PAGE }, visit);
    }
  });
  const lists = 50;
  const namespace = secondsOf(() => {
    for (let i = 0; i < lists; i++) {
      const number = String((i * 7919) % (namespaces - 1)).padStart(4, '0');
      const prefix = Buffer.from(`team-${number}/`);
      const seen = store.scan({ prefix, from: NOTHING, limit: Infinity }, visit);
      check(seen === KEYS_PER_NAMESPACE, `a namespace has ${seen} keys`);
    }
  });
  return {
    scan: whole * 1e3,
    page: (page / pages) * 1e6,
    namespace: (namespace / lists) * 1e6,
  };
}

function heapBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Rivals are compared with each other before they are timed. */
function checkRivals(): void {
  const keys = keysOf(10_000);
  const stores = STORE_KINDS.map(({ make }) => make());
  for (const store of stores) {
    let revision = 0;
    for (const i of keys.order) store.upsert(keys.sorted[i], ++revision);
    for (let i = 0; i < 1000; i++) store.delete(keys.sorted[keys.order[i]], ++revision);
  }
  const seen = stores.map((store) => {
    const revisions: number[] = [];
    store.scan(WHOLE, (revision) => revisions.push(revision));
    return revisions.join();
  });
  check(new Set(seen).size === 1, 'the stores disagree about the order');
}

const RATES = {
  load: 'load, sorted',
  upsert: 'upsert, random order',
  get: 'get, random order',
  insert: 'insert new keys',
  delete: 'delete',
  upsertAfterSnapshot: 'upsert while a snapshot is held',
};
const TIMES = {
  scan: 'ordered scan of everything (ms)',
  page: `page of ${PAGE} from a random key (us)`,
  namespace: `namespace of ${KEYS_PER_NAMESPACE} keys (us)`,
  snapshot: 'snapshot (us)',
};

checkRivals();
const tables: Table[] = [];
const figures: Record<string, number> = {};
for (const size of SIZES) {
  const keys = keysOf(size);
  const rivals: Rival[] = STORE_KINDS.map((kind) => ({
    name: kind.name,
    run: () => measure(kind, keys),
  }));
  const comparison = compareRivals(rivals, QUICK ? 3 : REPEATS[size]);
  const title = `${size.toLocaleString('en')} keys`;
  tables.push(
    tableOf(
      comparison,
      { title: `${title}: writes and gets`, unit: 'operations/s', better: 'higher' },
      RATES,
    ),
    tableOf(comparison, { title: `${title}: reads`, unit: 'time', better: 'lower' }, TIMES),
    tableOf(
      comparison,
      { title: `${title}: memory`, unit: 'bytes/key', better: 'lower' },
      { bytes: 'bytes per key' },
    ),
  );
  for (const [i, { name }] of rivals.entries()) {
    figures[`upsert.${size}.${name}`] = comparison.samples.get('upsert')![i]!.median;
  }
}

publish({
  name: 'ordered-store',
  title: 'Key tables and ordered stores',
  notes: [
    'Keys of about 30 bytes arrive as bytes; rivals make a string per call, as a cache that decodes its input does.',
    'Watershed pays for its log record, its window and its arena entry in every write here; rivals keep a value of four numbers and no history.',
    'Bytes per key: JavaScript heap after a collection plus memory outside of it. Watershed: arena entries with a 10-byte object, index, log pages and the window; slabs are counted whole, so small sizes show the 4 MiB that any lane takes.',
    'Rivals run in turn in one process, in rotating order. Times are processor time, snapshots excepted.',
  ],
  tables,
  figures,
});
