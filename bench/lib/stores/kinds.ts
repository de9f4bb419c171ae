/** The stores that are compared, under the names the tables use. */
import { LaneStore } from './lane-store.ts';
import { BTreeStore, MapBTreeStore, MapSortStore } from './map-stores.ts';
import type { StoreKind } from './ordered-store.ts';

const UTF16 = {
  'orders keys by their bytes beyond the basic plane': 'strings compare by UTF-16 units',
};

export const STORE_KINDS: readonly StoreKind[] = [
  { name: 'Watershed', make: () => new LaneStore(), skips: {} },
  { name: 'Map + sort', make: () => new MapSortStore(), skips: UTF16 },
  { name: 'Map + sorted-btree', make: () => new MapBTreeStore(), skips: UTF16 },
  { name: 'sorted-btree', make: () => new BTreeStore(), skips: UTF16 },
];
