/**
 * A list going into a lane. The first one fills it. A later one (upstream forgot our revision) is compared with what the
 * lane holds: objects that are the same stay where they are, the difference is applied.
 *
 * What happened between the two lists is unknown, so by default the relist starts a new window and every open watch ends
 * with 410 (design P3). With `bridge` the difference is shown as events instead: deletions first, under the last revision
 * already sent so that no client's resume point moves past something it has not seen, then changes by rising revision.
 */
import type { Scanner } from '../k8s/encoding.ts';
import { StoredObject } from '../k8s/encoding.ts';
import { parseRevisionBytes } from '../k8s/revision.ts';
import type { Place } from './arena.ts';
import type { Lane } from './lane.ts';
import { ADDED, DELETED } from './log.ts';
import type { ScannedKey } from './scratch-key.ts';
import { ScratchKey } from './scratch-key.ts';

export type ScannedEvent = ScannedKey;

const OPEN_BRACE_BYTES = 1;
const NO_PREFIX = Buffer.alloc(0);

export class LaneLoad {
  readonly #lane: Lane;
  readonly #bridge: boolean;
  readonly #done: (complete: boolean) => void;
  /** The lane holds something already, be it of a load that broke off: compare with it. */
  readonly #relist: boolean;
  readonly #key = new ScratchKey();
  #object: StoredObject | undefined;
  #scanner: Scanner | undefined;
  /** Live slots that the new list holds too. */
  readonly #listed = new Set<number>();
  /** Entries of the new list that the lane does not have yet. */
  readonly #changed: Place[] = [];
  /** The list shows a past that the lane was not told: upstream was restored from a backup, or upgraded. */
  #diverged = false;

  constructor(lane: Lane, bridge: boolean, done: (complete: boolean) => void) {
    this.#lane = lane;
    this.#bridge = bridge;
    this.#done = done;
    this.#relist = lane.loaded || lane.log.head > 0;
  }

  /** Takes one object, in watch form or as a list item without kind and apiVersion. */
  add(bytes: Uint8Array, scan: ScannedEvent): void {
    const lane = this.#lane;
    if (lane.state.kind === 'closed') return;
    const prefix = this.#missingPrefix(bytes, scan);
    if (!this.#relist) {
      lane.loadInitial(bytes, scan, prefix);
      return;
    }
    const revision = parseRevisionBytes(bytes, scan.revisionStart, scan.revisionEnd);
    if (revision < 0) throw new RangeError('resourceVersion is not a decimal below 2^53');
    this.#key.set(bytes, scan);
    const slot = lane.index.findKey(this.#key.bytes, 0, this.#key.length);
    if (slot >= 0 && lane.index.isLive(slot)) {
      this.#listed.add(slot);
      if (this.#holds(lane.index.placeOf(slot), bytes, scan, prefix)) return;
    }
    if (revision <= lane.frontier) this.#diverged = true;
    const place = lane.arena.write(bytes, scan, prefix, this.#key, revision);
    lane.arena.pin(place);
    this.#changed.push(place);
  }

  /** The list is complete and consistent at `revision`. */
  finish(revision: number): void {
    const lane = this.#lane;
    this.#done(true);
    if (lane.state.kind === 'closed') return;
    if (!this.#relist) {
      lane.resetWindow(revision);
      return;
    }
    const vanished = this.#vanished();
    const applyAt = lane.frontier;
    const isSame = vanished.length + this.#changed.length === 0;
    // Nothing was missed: watches go on.
    if (lane.loaded && revision === applyAt && isSame) return;
    const under = lane.namedRevision;
    const isNewer = revision > under || (revision === under && isSame);
    const bridge = this.#bridge && lane.loaded && isNewer && !this.#diverged;
    if (bridge) {
      const before = vanished.length > 0 ? lane.head : undefined;
      lane.bridges.begin({ from: applyAt, under, to: revision, before }, lane.log);
      lane.groups.endPassed(lane.bridges);
    }
    for (const place of vanished) {
      if (bridge) lane.applyEntry(DELETED, this.#withRevision(place, under), under);
      else lane.applyEntry(DELETED, place, applyAt);
    }
    this.#changed.sort((a, b) => lane.arena.revision(a) - lane.arena.revision(b));
    for (const place of this.#changed) {
      const own = bridge ? lane.arena.revision(place) : applyAt;
      lane.applyEntry(ADDED, place, own);
      lane.arena.unpin(place);
    }
    if (bridge) lane.progress(revision);
    else lane.resetWindow(revision);
  }

  /** The list broke off: the lane stays as it was. */
  abandon(): void {
    this.#done(false);
    if (this.#lane.state.kind === 'closed') return;
    for (const place of this.#changed) this.#lane.arena.unpin(place);
    this.#changed.length = 0;
  }

  /** Bytes are compared, not revisions: after a restore from a backup upstream uses the same numbers again. */
  #holds(place: Place, bytes: Uint8Array, scan: ScannedEvent, prefix: Uint8Array): boolean {
    const { arena } = this.#lane;
    const length = scan.objectEnd - scan.objectStart;
    if (arena.objectLength(place) !== length + prefix.length) return false;
    const own = arena.slabOf(place).bytes;
    const open = prefix.length === 0 ? 0 : OPEN_BRACE_BYTES;
    const start = arena.objectStart(place) + prefix.length + open;
    const end = arena.objectStart(place) + arena.objectLength(place);
    return own.compare(bytes, scan.objectStart + open, scan.objectEnd, start, end) === 0;
  }

  #vanished(): Place[] {
    const { index } = this.#lane;
    const places: Place[] = [];
    for (const block of index.order.blocks) {
      for (let i = 0; i < block.length; i++) {
        const slot = block.slots[i];
        if (index.isLive(slot) && !this.#listed.has(slot)) places.push(index.placeOf(slot));
      }
    }
    return places;
  }

  /** The same object under another revision: what a client is told was deleted. */
  #withRevision(place: Place, revision: number): Place {
    const lane = this.#lane;
    this.#object ??= new StoredObject();
    this.#scanner ??= lane.codec.makeScanner();
    const object = lane.describe(place, this.#object);
    object.revision = revision;
    const restated = lane.codec.restate(object);
    if (!this.#scanner.scanItem(restated, 0, restated.length)) {
      throw new Error(`lane ${lane.id} cannot read what it wrote: ${this.#scanner.problem}`);
    }
    this.#key.set(restated, this.#scanner);
    return lane.arena.write(restated, this.#scanner, NO_PREFIX, this.#key, revision);
  }

  /** List items of built-ins lack kind and apiVersion; the lane stores the watch form of every object. */
  #missingPrefix(bytes: Uint8Array, scan: ScannedEvent): Uint8Array {
    const prefix = this.#lane.codec.itemPrefix;
    const start = scan.objectStart + OPEN_BRACE_BYTES;
    if (prefix.length === 0) return prefix;
    for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix[i]) return prefix;
    return NO_PREFIX;
  }
}
