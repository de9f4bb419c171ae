/**
 * What every ordered store must do, whatever it is made of. Cases are named, so that a store can say which of them does
 * not hold for it, and why.
 */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type {
  OrderedStore,
  ScanRange,
  StoreKind,
  StoreSnapshot,
} from '../../bench/lib/stores/ordered-store.ts';
import { NOTHING, WHOLE } from '../../bench/lib/stores/ordered-store.ts';

const key = (text: string): Buffer => Buffer.from(text);

function revisionsOf(store: StoreSnapshot, range: Partial<ScanRange> = {}): number[] {
  const revisions: number[] = [];
  const count = store.scan({ ...WHOLE, ...range }, (revision) => revisions.push(revision));
  expect(count).toBe(revisions.length);
  return revisions;
}

/** A store with these keys at revisions 1, 2, ... */
function filled(kind: StoreKind, keys: readonly string[]): OrderedStore {
  const store = kind.make();
  for (const [i, text] of keys.entries()) store.upsert(key(text), i + 1);
  return store;
}

const CASES: Readonly<Record<string, (kind: StoreKind) => void>> = {
  'finds what was put last under a key': (kind) => {
    const store = filled(kind, ['a/x', 'a/y', 'a/x']);
    expect(store.get(key('a/x'))).toBe(3);
    expect(store.get(key('a/y'))).toBe(2);
    expect(store.get(key('a/z'))).toBe(-1);
    expect(store.size).toBe(2);
  },
  'forgets what was deleted and says whether it was there': (kind) => {
    const store = filled(kind, ['a/x', 'a/y']);
    expect(store.delete(key('a/x'), 3)).toBe(true);
    expect(store.delete(key('a/x'), 4)).toBe(false);
    expect(store.get(key('a/x'))).toBe(-1);
    expect(store.size).toBe(1);
    expect(revisionsOf(store)).toEqual([2]);
  },
  'takes a key again after its deletion': (kind) => {
    const store = filled(kind, ['a/x', 'a/y']);
    store.delete(key('a/x'), 3);
    store.upsert(key('a/x'), 4);
    expect(revisionsOf(store)).toEqual([4, 2]);
  },
  'scans in byte order, with a dash and a dot before the slash': (kind) => {
    const store = filled(kind, ['b/a', 'a/x', 'a-b/x', 'a.b/x', 'a0/x', 'a/x-1', 'a/x.1', 'A/x']);
    expect(revisionsOf(store)).toEqual([8, 3, 4, 2, 6, 7, 5, 1]);
  },
  'orders keys by their bytes beyond the basic plane': (kind) => {
    const store = filled(kind, ['a/\u{1f600}', 'a/\uffee']);
    expect(revisionsOf(store)).toEqual([2, 1]);
  },
  'scans one namespace and not those whose names begin alike': (kind) => {
    const store = filled(kind, ['a/x', 'a-b/x', 'a/y', 'ab/x', 'a']);
    expect(revisionsOf(store, { prefix: key('a/') })).toEqual([1, 3]);
    expect(revisionsOf(store, { prefix: key('c/') })).toEqual([]);
  },
  'continues from a key that is there and from one that is not': (kind) => {
    const store = filled(kind, ['a/a', 'a/c', 'b/a']);
    expect(revisionsOf(store, { from: key('a/c') })).toEqual([2, 3]);
    expect(revisionsOf(store, { from: key('a/b') })).toEqual([2, 3]);
    expect(revisionsOf(store, { from: key('a/c\0'), prefix: key('a/') })).toEqual([]);
    expect(revisionsOf(store, { from: key('z') })).toEqual([]);
  },
  'stops at the limit': (kind) => {
    const store = filled(kind, ['a', 'b', 'c']);
    expect(revisionsOf(store, { limit: 2 })).toEqual([1, 2]);
    expect(revisionsOf(store, { limit: 0 })).toEqual([]);
  },
  'is empty at first and after everything was deleted': (kind) => {
    const store = kind.make();
    expect(revisionsOf(store)).toEqual([]);
    store.upsert(key('a'), 1);
    store.delete(key('a'), 2);
    expect(store.size).toBe(0);
    expect(revisionsOf(store)).toEqual([]);
    expect(revisionsOf(store.snapshot())).toEqual([]);
  },
  'keeps a snapshot as it was while updates, inserts and deletes go on': (kind) => {
    const store = filled(kind, ['a', 'b', 'c']);
    const before = store.snapshot();
    store.upsert(key('b'), 4);
    store.upsert(key('aa'), 5);
    store.delete(key('c'), 6);
    const after = store.snapshot();
    store.upsert(key('c'), 7);
    expect(revisionsOf(before)).toEqual([1, 2, 3]);
    expect(revisionsOf(after)).toEqual([1, 5, 4]);
    expect(revisionsOf(store)).toEqual([1, 5, 4, 7]);
  },
  'holds thousands of keys that came in random order': (kind) => {
    const store = kind.make();
    const keys = Array.from(
      { length: 3000 },
      (_, i) => `ns-${(i * 7919) % 10}/n-${(i * 104_729) % 3001}`,
    );
    const newest = new Map<string, number>();
    for (const [i, text] of keys.entries()) {
      store.upsert(key(text), i + 1);
      newest.set(text, i + 1);
    }
    const expected = [...newest.keys()].sort().map((text) => newest.get(text)!);
    expect(revisionsOf(store)).toEqual(expected);
  },
  'agrees with a Map after any sequence of operations': (kind) => {
    const text = fc.stringMatching(/^[ab]{1,2}[-./]?[ab]{0,2}$/).filter((s) => s.length > 0);
    const operation = fc.record({
      text,
      kind: fc.constantFrom('upsert', 'upsert', 'delete', 'snapshot'),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60, size: 'max' }), (operations) => {
        const store = kind.make();
        const naive = new Map<string, number>();
        const snapshots: { real: StoreSnapshot; expected: number[] }[] = [];
        const ordered = (): number[] => [...naive.keys()].sort().map((k) => naive.get(k)!);
        for (const [i, { kind: what, text: of }] of operations.entries()) {
          if (what === 'upsert') {
            store.upsert(key(of), i + 1);
            naive.set(of, i + 1);
          } else if (what === 'delete') {
            expect(store.delete(key(of), i + 1)).toBe(naive.delete(of));
          } else {
            snapshots.push({ real: store.snapshot(), expected: ordered() });
          }
        }
        expect(revisionsOf(store)).toEqual(ordered());
        for (const { real, expected } of snapshots) expect(revisionsOf(real)).toEqual(expected);
        for (const k of naive.keys()) {
          const from = [...naive.keys()].filter((other) => other >= k).sort();
          expect(revisionsOf(store, { from: key(k), prefix: NOTHING })).toEqual(
            from.map((other) => naive.get(other)!),
          );
        }
      }),
      { numRuns: 50 },
    );
  },
};

/** Declares the suite for one store. */
export function orderedStoreContract(kind: StoreKind): void {
  for (const [name, run] of Object.entries(CASES)) {
    const reason = kind.skips[name];
    if (reason === undefined) test(name, () => run(kind));
    else test.skip(`${name} (${reason})`, () => {});
  }
}
