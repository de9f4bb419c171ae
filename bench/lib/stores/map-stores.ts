/**
 * Rivals made of a Map: sorted on demand, or with a B-tree of keys beside it (the shape of mem_etcd). A snapshot is a
 * copy of the Map. Values are objects with a place in them, as a cache needs.
 */
import sortedBtree from 'sorted-btree';
import type { OrderedStore, ScanRange, StoreSnapshot } from './ordered-store.ts';

/** The package is CommonJS: some loaders unwrap its default export, some do not. */
export const BTree = sortedBtree.default ?? (sortedBtree as unknown as typeof sortedBtree.default);

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What a cache keeps per object besides its bytes. */
export interface StoredValue {
  readonly revision: number;
  readonly slab: number;
  readonly offset: number;
  readonly length: number;
}

export function storedValue(revision: number): StoredValue {
  return { revision, slab: revision >>> 12, offset: revision & 0xfff, length: 838 };
}

/** First index whose key is >= `from`. */
export function lowerBound(keys: readonly string[], from: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle] < from) low = middle + 1;
    else high = middle;
  }
  return low;
}

function scanSorted(
  keys: readonly string[],
  values: ReadonlyMap<string, StoredValue>,
  range: ScanRange,
  visit: (revision: number) => void,
): number {
  const prefix = range.prefix.toString();
  const from = range.from.toString();
  let count = 0;
  for (let i = lowerBound(keys, from > prefix ? from : prefix); i < keys.length; i++) {
    if (count >= range.limit || !keys[i].startsWith(prefix)) break;
    visit(values.get(keys[i])!.revision);
    count++;
  }
  return count;
}

/** Map, and an array of keys that is sorted again when a key came or went. */
export class MapSortStore implements OrderedStore {
  readonly #values = new Map<string, StoredValue>();
  #sorted: string[] | undefined = [];
  readonly offHeapBytes = 0;

  get size(): number {
    return this.#values.size;
  }

  upsert(key: Buffer, revision: number): void {
    const text = key.toString();
    const before = this.#values.size;
    this.#values.set(text, storedValue(revision));
    if (this.#values.size !== before) this.#sorted = undefined;
  }

  delete(key: Buffer): boolean {
    const deleted = this.#values.delete(key.toString());
    if (deleted) this.#sorted = undefined;
    return deleted;
  }

  get(key: Buffer): number {
    return this.#values.get(key.toString())?.revision ?? -1;
  }

  scan(range: ScanRange, visit: (revision: number) => void): number {
    return scanSorted(this.#keys(), this.#values, range, visit);
  }

  snapshot(): StoreSnapshot {
    const values = new Map(this.#values);
    const keys = this.#keys();
    return { scan: (range, visit) => scanSorted(keys, values, range, visit) };
  }

  #keys(): string[] {
    this.#sorted ??= [...this.#values.keys()].sort();
    return this.#sorted;
  }
}

/** Map for the values, B-tree for the order of the keys. */
export class MapBTreeStore implements OrderedStore {
  readonly #values = new Map<string, StoredValue>();
  readonly #keys = new BTree<string, undefined>(undefined, compareText);
  readonly offHeapBytes = 0;

  get size(): number {
    return this.#values.size;
  }

  upsert(key: Buffer, revision: number): void {
    const text = key.toString();
    const before = this.#values.size;
    this.#values.set(text, storedValue(revision));
    if (this.#values.size !== before) this.#keys.set(text, undefined);
  }

  delete(key: Buffer): boolean {
    const text = key.toString();
    return this.#values.delete(text) && this.#keys.delete(text);
  }

  get(key: Buffer): number {
    return this.#values.get(key.toString())?.revision ?? -1;
  }

  scan(range: ScanRange, visit: (revision: number) => void): number {
    return scanTree(this.#keys, range, (key) => visit(this.#values.get(key)!.revision));
  }

  snapshot(): StoreSnapshot {
    const values = new Map(this.#values);
    const keys = this.#keys.clone();
    return {
      scan: (range, visit) => scanTree(keys, range, (key) => visit(values.get(key)!.revision)),
    };
  }
}

/** The B-tree alone; its clone() shares nodes and copies them at the next write. */
export class BTreeStore implements OrderedStore {
  readonly #tree = new BTree<string, StoredValue>(undefined, compareText);
  readonly offHeapBytes = 0;

  get size(): number {
    return this.#tree.size;
  }

  upsert(key: Buffer, revision: number): void {
    this.#tree.set(key.toString(), storedValue(revision));
  }

  delete(key: Buffer): boolean {
    return this.#tree.delete(key.toString());
  }

  get(key: Buffer): number {
    return this.#tree.get(key.toString())?.revision ?? -1;
  }

  scan(range: ScanRange, visit: (revision: number) => void): number {
    return scanTree(this.#tree, range, (_key, value) => visit(value.revision));
  }

  snapshot(): StoreSnapshot {
    const tree = this.#tree.clone();
    return {
      scan: (range, visit) => scanTree(tree, range, (_key, value) => visit(value.revision)),
    };
  }
}

function scanTree<V>(
  tree: InstanceType<typeof sortedBtree.default<string, V>>,
  range: ScanRange,
  visit: (key: string, value: V) => void,
): number {
  const prefix = range.prefix.toString();
  const from = range.from.toString();
  const highest = tree.maxKey();
  if (highest === undefined || range.limit === 0) return 0;
  let count = 0;
  tree.forRange(from > prefix ? from : prefix, highest, true, (key, value) => {
    if (!key.startsWith(prefix)) return { break: 0 };
    visit(key, value);
    count++;
    return count >= range.limit ? { break: 0 } : undefined;
  });
  return count;
}
