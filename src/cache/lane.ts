/**
 * A lane: one resource in one encoding. It owns a log, the index that follows it, the filter groups that are offered each
 * event, and the window's limits. `watch/` holds it as a writer (see LaneWriter there), `proxy/` as a reader.
 *
 * One call, `append`, has all effects of an event in a fixed order: window trimmed, bytes into a slab, record into the
 * log, index, filter groups marked. Nobody else writes.
 */
import type { Codec, StoredObject } from '../k8s/encoding.ts';
import type { Resource } from '../k8s/resource.ts';
import { resourceId } from '../k8s/resource.ts';
import { parseRevisionBytes } from '../k8s/revision.ts';
import type { SelectableField } from '../k8s/selectable-fields.ts';
import type { Place } from './arena.ts';
import { Arena, NO_PLACE } from './arena.ts';
import { Bridges } from './bridges.ts';
import { candidatesOf } from './candidates.ts';
import type { Filter } from './filter.ts';
import { hashBytes } from './key-table.ts';
import { LaneBookmarks } from './lane-bookmarks.ts';
import { LaneCounters } from './lane-counters.ts';
import { LaneGroups } from './lane-groups.ts';
import { LaneLoad } from './lane-load.ts';
import type { ScannedEvent } from './lane-load.ts';
import type { NewRecord } from './log.ts';
import { ADDED, BOOKMARK, DELETED, Log, MODIFIED, MOVE } from './log.ts';
import { ObjectIndex } from './object-index.ts';
import type { WindowLimits } from './retention.ts';
import { Retention } from './retention.ts';
import { ScratchKey } from './scratch-key.ts';
import type { SlabPool } from './slab.ts';
import type { KeyRange, ObjectWalk, View } from './snapshot.ts';
import { countAt } from './snapshot.ts';

export type LaneState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'live' }
  | { readonly kind: 'disconnected'; readonly since: number; readonly reason: string }
  | { readonly kind: 'closed'; readonly reason: string };

export interface LaneOptions {
  /** Unique among the lanes of a process; the resource's id when absent. */
  readonly id?: string;
  readonly resource: Resource;
  /** The encoding of its objects. */
  readonly codec: Codec;
  readonly fields: readonly SelectableField[];
  readonly window: WindowLimits;
  readonly pool: SlabPool;
  readonly maxFilterGroups: number;
  /** Upstream's 410 is bridged by synthetic events instead of ending the watches (semantics 9.5). */
  readonly bridgeExpiry: boolean;
  /** Milliseconds, monotonic; for tests. */
  readonly now?: () => number;
}

export class Lane {
  readonly resource: Resource;
  readonly id: string;
  readonly codec: Codec;
  readonly fields: readonly SelectableField[];
  readonly arena: Arena;
  readonly log = new Log();
  readonly index: ObjectIndex;
  readonly retention: Retention;
  readonly groups: LaneGroups;
  readonly bookmarks = new LaneBookmarks();
  onStateChange: ((state: LaneState) => void) | undefined;
  #state: LaneState = { kind: 'starting' };
  readonly #options: LaneOptions;
  readonly #key = new ScratchKey();
  readonly #now: () => number;
  readonly #startedAt: number;
  #load: LaneLoad | undefined;
  /** A list was taken whole: from then on the window tells everything that happened. */
  loaded = false;
  readonly bridges = new Bridges();
  readonly #record: NewRecord = {
    type: ADDED,
    revision: 0,
    hash: 0,
    place: NO_PLACE,
    replacedPlace: NO_PLACE,
    replacedSequence: 0,
    deadBytes: 0,
    timeMs: 0,
  };
  /** Revision of the newest change since the lane began; a bookmark or a list is none. */
  eventRevision = 0;
  readonly counters = new LaneCounters();
  /** Events dropped because they were known already. */
  duplicates = 0;

  constructor(options: LaneOptions) {
    const indexed = options.fields.map((field) => field.indexed);
    this.#options = options;
    this.resource = options.resource;
    this.id = options.id ?? resourceId(options.resource);
    this.codec = options.codec;
    this.fields = options.fields;
    this.arena = new Arena(options.pool, options.fields.length);
    this.index = new ObjectIndex(this.arena, indexed);
    this.groups = new LaneGroups(this.arena, this.log, indexed, options.maxFilterGroups);
    this.retention = new Retention(options.window, this.arena, this.log, this.index);
    this.#now = options.now ?? (() => performance.now());
    this.#startedAt = this.#now();
  }

  // ---- writer -----------------------------------------------------------------------------------------------------

  /** Set when the state at a position was compared with upstream's at a revision beyond the frontier, and is the same. */
  proven: View = { position: -1, revision: 0 };

  /** The highest revision that the newest state was called by. */
  get namedRevision(): number {
    const { position, revision } = this.proven;
    return position === this.log.head ? Math.max(revision, this.frontier) : this.frontier;
  }

  /** Revision of the newest event, bookmark or list: everything up to it is applied. */
  get frontier(): number {
    return this.log.headRevision;
  }

  /** Position of the newest record. */
  get head(): number {
    return this.log.head;
  }

  get objects(): number {
    return this.index.objects;
  }

  get liveBytes(): number {
    return this.#liveBytes;
  }
  #liveBytes = 0;

  /**
   * Applies one scanned event (ADDED, MODIFIED or DELETED). An event that is not newer than the frontier is a duplicate
   * from a second stream and is dropped. Throws RangeError for a revision beyond 2^53 - 1.
   */
  append(type: number, bytes: Uint8Array, scan: ScannedEvent): void {
    if (this.#load !== undefined || this.#state.kind === 'closed') return;
    const revision = parseRevisionBytes(bytes, scan.revisionStart, scan.revisionEnd);
    if (revision < 0) throw new RangeError('resourceVersion is not a decimal below 2^53');
    if (revision <= this.log.headRevision) {
      this.duplicates++;
      return;
    }
    this.#trim();
    this.#key.set(bytes, scan);
    this.#apply(type, bytes, scan, revision);
    if (this.retention.cleanDue) {
      this.retention.keepDense(this.#commitRecord, this.#newRecord(MOVE, revision));
    }
  }

  /** Upstream proved that everything up to `revision` was sent. */
  progress(revision: number): void {
    if (this.#load !== undefined || this.#state.kind === 'closed') return;
    if (revision <= this.log.headRevision) return;
    this.#trim();
    const record = this.#newRecord(BOOKMARK, revision);
    this.#commit(record);
  }

  /** Takes a real upstream bookmark as the template of ours. */
  learnBookmark(bytes: Uint8Array, scan: ScannedEvent): void {
    this.bookmarks.learn(bytes, scan);
  }

  /** Starts an initial list or a relist; events are ignored until it is finished or abandoned. */
  beginLoad(): LaneLoad {
    if (this.#load !== undefined) throw new Error('lane is already loading');
    const began = this.#now();
    this.#load = new LaneLoad(this, this.#options.bridgeExpiry, (complete) => {
      this.#load = undefined;
      if (!complete) return;
      this.counters.loads++;
      this.counters.loadMs += this.#now() - began;
    });
    return this.#load;
  }

  /** Is the scanned object live here at the same revision? A closed lane holds nothing. */
  contains(bytes: Uint8Array, scan: ScannedEvent): boolean {
    if (this.#state.kind === 'closed') return false;
    this.#key.set(bytes, scan);
    const slot = this.index.findKey(this.#key.bytes, 0, this.#key.length);
    if (slot < 0 || !this.index.isLive(slot)) return false;
    const revision = parseRevisionBytes(bytes, scan.revisionStart, scan.revisionEnd);
    return this.arena.revision(this.index.placeOf(slot)) === revision;
  }

  /** A closed lane stays closed: what is still on its way to it is ignored. */
  setState(state: LaneState): void {
    if (this.#state.kind === 'closed') return;
    this.#state = state;
    this.onStateChange?.(state);
  }

  get state(): LaneState {
    return this.#state;
  }

  /** Age of the oldest record of the window; 0 when it is empty. */
  get windowAgeMs(): number {
    if (this.log.length === 0) return 0;
    return Math.max(0, this.#now() - this.#startedAt - this.log.timeMs(this.log.floor));
  }

  /** Ends every watch and gives the memory back. */
  close(reason: string): void {
    this.setState({ kind: 'closed', reason });
    this.groups.end('closed');
    this.groups.clear();
    this.arena.close();
  }

  // ---- reader -----------------------------------------------------------------------------------------------------

  get floorRevision(): number {
    return this.log.floorRevision;
  }

  /** Nothing was dropped since the list this window began with: what lies before it was never seen here. */
  get untrimmed(): boolean {
    return this.log.floorRevision === this.#loadRevision;
  }
  #loadRevision = 0;

  /** Points `object` at an entry; valid until the loop is given back. */
  describe(place: Place, object: StoredObject): StoredObject {
    return this.arena.describe(place, object);
  }

  /** The newest state. */
  get newest(): View {
    return { position: this.log.head, revision: this.log.headRevision };
  }

  /** The state at a revision, or undefined when the window does not reach it. */
  viewAt(revision: number): View | undefined {
    if (revision < this.log.floorRevision || revision > this.log.headRevision) return undefined;
    if (this.bridges.passes(revision)) return undefined;
    const position = this.bridges.positionAt(revision) ?? this.log.positionOf(revision);
    return position < this.log.floor - 1 ? undefined : { position, revision };
  }

  /**
   * The objects a filter may select at a position, in key order, starting at `from`. The caller still asks the filter
   * about each.
   */
  candidates(filter: Filter, position: number, from: Buffer): ObjectWalk {
    return candidatesOf(this, filter, { position, from, namespaced: this.resource.namespaced });
  }

  count(position: number, range: KeyRange): number {
    return countAt(this, position, range);
  }

  /** One object by key at a position, or NO_PLACE. */
  placeAt(position: number, namespace: string, name: string): Place {
    const key = Buffer.from(namespace === '' ? name : `${namespace}/${name}`);
    const slot = this.index.findKey(key, 0, key.length);
    return slot < 0 ? NO_PLACE : this.index.visible(slot, position, this.log);
  }

  /** Drops the oldest records until `bytes` of the window are given back. */
  shrinkWindow(bytes: number): void {
    this.retention.release(bytes);
  }

  /**
   * Housekeeping, about once a second: trims by age, cleans one slab, forgets empty groups, ends the cursors that left
   * the window.
   */
  sweep(): void {
    if (this.#state.kind === 'closed' || this.#load !== undefined) return;
    this.#trim();
    this.retention.clean(this.#commitRecord, this.#newRecord(MOVE, this.log.headRevision));
    this.groups.sweep();
  }

  /** @internal The initial list: like an event, but nothing is kept for a window. */
  loadInitial(bytes: Uint8Array, scan: ScannedEvent, prefix: Uint8Array): void {
    const revision = parseRevisionBytes(bytes, scan.revisionStart, scan.revisionEnd);
    if (revision < 0) throw new RangeError('resourceVersion is not a decimal below 2^53');
    this.#key.set(bytes, scan);
    const record = this.#newRecord(ADDED, this.log.headRevision);
    record.place = this.arena.write(bytes, scan, prefix, this.#key, revision);
    record.hash = hashBytes(this.#key.bytes, 0, this.#key.length);
    const slot = this.index.find(record.hash, this.#key.bytes, 0, this.#key.length);
    const replaced = slot >= 0 && this.index.isLive(slot) ? this.index.placeOf(slot) : NO_PLACE;
    this.arena.addLive(record.place);
    this.#liveBytes += this.arena.objectLength(record.place);
    this.index.follow(this.log, this.log.append(record));
    if (replaced !== NO_PLACE) this.#dropLive(replaced);
    this.log.startWindow(this.log.headRevision);
  }

  /** @internal Applies an entry that lies in the arena already (relist). */
  applyEntry(type: number, place: Place, revision: number): void {
    const start = this.arena.keyStart(place);
    this.#key.copy(this.arena.slabOf(place).bytes, start, this.arena.keyLength(place));
    this.#applyPlace(type, place, revision);
  }

  /** @internal Nobody may read across this point: a new window starts at `revision`. */
  resetWindow(revision: number): void {
    this.loaded = true;
    this.#loadRevision = revision;
    this.bridges.clear();
    this.retention.clear();
    this.log.startWindow(revision);
    this.groups.trim();
    this.groups.end('expired');
  }

  #apply(type: number, bytes: Uint8Array, scan: ScannedEvent, revision: number): void {
    const place = this.arena.write(bytes, scan, NO_PREFIX, this.#key, revision);
    this.#applyPlace(type, place, revision);
  }

  #applyPlace(type: number, place: Place, revision: number): void {
    const key = this.#key;
    const record = this.#newRecord(ADDED, revision);
    record.hash = hashBytes(key.bytes, 0, key.length);
    const slot = this.index.find(record.hash, key.bytes, 0, key.length);
    const live = slot >= 0 && this.index.isLive(slot);
    if (slot >= 0) record.replacedSequence = this.index.sequenceOf(slot);
    if (live) {
      record.replacedPlace = this.index.placeOf(slot);
      record.deadBytes = this.arena.entryBytes(record.replacedPlace);
    }
    if (type === DELETED && !live) {
      // A deletion of something never shown to us: nothing changes but the frontier.
      record.type = BOOKMARK;
      record.replacedSequence = 0;
      record.deadBytes = 0;
      this.#commit(record);
      return;
    }
    record.place = place;
    record.type = type === DELETED ? DELETED : live ? MODIFIED : ADDED;
    if (type === DELETED) record.deadBytes += this.arena.entryBytes(place);
    this.#commit(record);
    if (type !== DELETED) {
      this.arena.addLive(place);
      this.#liveBytes += this.arena.objectLength(place);
    }
    if (live) this.#dropLive(record.replacedPlace);
    this.eventRevision = record.revision;
    this.groups.offer(this.log.head, place, record.replacedPlace);
  }

  #commit(record: NewRecord): void {
    const sequence = this.log.append(record);
    this.retention.enter(sequence);
    this.index.follow(this.log, sequence);
  }

  readonly #commitRecord = (record: NewRecord): void => this.#commit(record);

  #dropLive(place: Place): void {
    this.#liveBytes -= this.arena.objectLength(place);
    this.arena.dropLive(place);
  }

  #trim(): void {
    this.retention.trim(this.#now() - this.#startedAt);
  }

  #newRecord(type: NewRecord['type'], revision: number): NewRecord {
    const record = this.#record;
    record.type = type;
    record.revision = revision;
    record.hash = 0;
    record.place = NO_PLACE;
    record.replacedPlace = NO_PLACE;
    record.replacedSequence = 0;
    record.deadBytes = 0;
    record.timeMs = this.#now() - this.#startedAt;
    return record;
  }
}

const NO_PREFIX = Buffer.alloc(0);
