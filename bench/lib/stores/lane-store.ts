/**
 * Watershed's own store as an OrderedStore: a Lane fed with events whose object is the bare minimum. Everything a real
 * event pays besides scanning is paid here: arena entry, log record, window, index.
 */
import { SnapshotWalk } from '../../../src/cache/snapshot.ts';
import { jsonCodec } from '../../../src/k8s/encoding-json.ts';
import { Lane } from '../../../src/cache/lane.ts';
import { ADDED, DELETED } from '../../../src/cache/log.ts';
import { SlabPool } from '../../../src/cache/slab.ts';
import type { ScannedKey } from '../../../src/cache/scratch-key.ts';
import type { OrderedStore, ScanRange, StoreSnapshot } from './ordered-store.ts';

const RESOURCE = { group: '', version: 'v1', plural: 'things', kind: 'Thing', namespaced: true };
const SLASH = 0x2f;
const MAX_KEY_BYTES = 600;

export class LaneStore implements OrderedStore {
  readonly lane: Lane;
  /** `key` + revision digits: all that an event of this store consists of. */
  readonly #bytes = Buffer.alloc(MAX_KEY_BYTES);
  readonly #scan = {
    objectStart: 0,
    objectEnd: 0,
    metadataStart: 0,
    metadataEnd: 0,
    labelsStart: 0,
    labelsEnd: 0,
    revisionStart: 0,
    revisionEnd: 0,
    nameStart: 0,
    nameEnd: 0,
    namespaceStart: 0,
    namespaceEnd: 0,
    escaped: false,
    fieldStarts: [] as number[],
    fieldEnds: [] as number[],
  } satisfies ScannedKey;

  constructor(windowBytes = 16 * 1024 * 1024) {
    this.lane = new Lane({
      resource: RESOURCE,
      codec: jsonCodec({ resource: RESOURCE, custom: true, fields: [] }),
      fields: [],
      window: {
        durationMs: 300_000,
        maxBytes: windowBytes,
        minEvents: 0,
        maxRecords: Math.ceil(windowBytes / 100),
      },
      pool: new SlabPool({ maxSpareSlabs: 4 }),
      maxFilterGroups: 1,
      bridgeExpiry: false,
    });
    this.lane.beginLoad().finish(0);
  }

  get size(): number {
    return this.lane.objects;
  }

  upsert(key: Buffer, revision: number): void {
    this.#fill(key, revision);
    this.lane.append(ADDED, this.#bytes, this.#scan);
  }

  delete(key: Buffer, revision: number): boolean {
    const before = this.lane.objects;
    this.#fill(key, revision);
    this.lane.append(DELETED, this.#bytes, this.#scan);
    return this.lane.objects < before;
  }

  get(key: Buffer): number {
    const { index, arena } = this.lane;
    const slot = index.findKey(key, 0, key.length);
    return slot < 0 || !index.isLive(slot) ? -1 : arena.revision(index.placeOf(slot));
  }

  scan(range: ScanRange, visit: (revision: number) => void): number {
    return this.#walk(this.lane.head, range, visit);
  }

  snapshot(): StoreSnapshot {
    const position = this.lane.head;
    return { scan: (range, visit) => this.#walk(position, range, visit) };
  }

  get offHeapBytes(): number {
    const { arena, index, log } = this.lane;
    return arena.allocatedBytes + index.allocatedBytes + log.allocatedBytes;
  }

  #walk(position: number, range: ScanRange, visit: (revision: number) => void): number {
    const { arena } = this.lane;
    const walk = new SnapshotWalk(this.lane, position, range);
    let count = 0;
    while (count < range.limit && walk.next()) {
      visit(arena.revision(walk.place));
      count++;
    }
    if (walk.expired) throw new Error('the window does not reach back to the snapshot');
    return count;
  }

  #fill(key: Buffer, revision: number): void {
    const scan = this.#scan;
    const bytes = this.#bytes;
    key.copy(bytes);
    const slash = key.indexOf(SLASH);
    scan.namespaceEnd = slash < 0 ? 0 : slash;
    scan.nameStart = slash + 1;
    scan.nameEnd = key.length;
    let end = key.length + 1;
    for (let rest = revision; rest >= 10; rest = Math.floor(rest / 10)) end++;
    scan.objectStart = scan.revisionStart = scan.metadataStart = key.length;
    scan.objectEnd = scan.revisionEnd = scan.metadataEnd = end;
    scan.labelsStart = scan.labelsEnd = key.length;
    for (let i = end - 1, rest = revision; i >= key.length; i--) {
      bytes[i] = 0x30 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
  }
}
