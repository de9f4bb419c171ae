/**
 * Watch events as bytes: constant head + stored object + tail, copied into a reused buffer. Cursors of one group at the
 * same place share one batch, so a broadcast is encoded once however many watchers it has.
 */
import type { Arena, Place } from '../cache/arena.ts';
import type { FilterGroup } from '../cache/filter-group.ts';
import { SEND_ADDED, SEND_LEFT, SEND_MODIFIED } from '../cache/filter-group.ts';
import type { Lane } from '../cache/lane.ts';
import { eventHeads, eventTail } from '../k8s/envelope.ts';
import type { BufferPool } from './buffer-pool.ts';

/** Digits of the largest revision. */
const MAX_REVISION_DIGITS = 16;

/** Encoded events of one group; held by every sink that writes it, freed by the last. */
export class EventBatch {
  readonly #pool: BufferPool;
  readonly #buffer: Buffer;
  readonly group: FilterGroup;
  /** Queue numbers [from, to) are inside. */
  readonly from: number;
  readonly to: number;
  readonly bytes: Buffer;
  /** Revision of the last event inside. */
  readonly revision: number;
  #holders = 1;

  constructor(pool: BufferPool, buffer: Buffer, group: FilterGroup, made: BatchContent) {
    this.#pool = pool;
    this.#buffer = buffer;
    this.group = group;
    this.from = made.from;
    this.to = made.to;
    this.revision = made.revision;
    this.bytes = buffer.subarray(0, made.length);
  }

  hold(): void {
    this.#holders++;
  }

  release(): void {
    this.#holders--;
    if (this.#holders === 0) this.#pool.give(this.#buffer);
  }
}

interface BatchContent {
  readonly from: number;
  readonly to: number;
  readonly length: number;
  readonly revision: number;
}

export class EventWriter {
  readonly #pool: BufferPool;
  #last: EventBatch | undefined;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** Events of `group` from queue number `from` on, as many as fit one write (at least one). The caller must hold it. */
  batch(lane: Lane, group: FilterGroup, from: number): EventBatch {
    const last = this.#last;
    if (last !== undefined && last.group === group && last.from === from) {
      if (last.to === group.next || last.bytes.length * 2 > this.#pool.bufferBytes) return last;
    }
    this.forget();
    this.#last = this.#encode(lane, group, from);
    return this.#last;
  }

  /** Lets the last batch go; call at the end of a flush. */
  forget(): void {
    this.#last?.release();
    this.#last = undefined;
  }

  #encode(lane: Lane, group: FilterGroup, from: number): EventBatch {
    let bytes = this.#size(lane, group, from);
    let to = from + 1;
    for (; to < group.next; to++) {
      const size = this.#size(lane, group, to);
      if (bytes + size > this.#pool.bufferBytes) break;
      bytes += size;
    }
    const buffer = this.#pool.take(bytes);
    let length = 0;
    for (let number = from; number < to; number++) {
      length = this.#writeEvent(lane, group, number, buffer, length);
    }
    const revision = lane.log.revision(group.sequence(to - 1));
    return new EventBatch(this.#pool, buffer, group, { from, to, length, revision });
  }

  #size(lane: Lane, group: FilterGroup, number: number): number {
    const sequence = group.sequence(number);
    const left = group.send(number) === SEND_LEFT;
    const place = left ? lane.log.replacedPlace(sequence) : lane.log.place(sequence);
    return (
      eventHeads.modified.length +
      lane.arena.objectLength(place) +
      (left ? MAX_REVISION_DIGITS : 0) +
      eventTail.length
    );
  }

  #writeEvent(lane: Lane, group: FilterGroup, number: number, to: Buffer, at: number): number {
    const sequence = group.sequence(number);
    const send = group.send(number);
    const { arena, log } = lane;
    if (send === SEND_LEFT) {
      at += eventHeads.deleted.copy(to, at);
      return this.#writeLeft(arena, log.replacedPlace(sequence), log.revision(sequence), to, at);
    }
    const head =
      send === SEND_ADDED
        ? eventHeads.added
        : send === SEND_MODIFIED
          ? eventHeads.modified
          : eventHeads.deleted;
    at += head.copy(to, at);
    at += copyObject(arena, log.place(sequence), to, at);
    return at + eventTail.copy(to, at);
  }

  /** The object left the selector: its previous content under the revision that made it leave (semantics 4.7). */
  #writeLeft(arena: Arena, place: Place, revision: number, to: Buffer, at: number): number {
    const bytes = arena.slabOf(place).bytes;
    const start = arena.objectStart(place);
    const text = start + arena.headerWord(place, 8);
    at += bytes.copy(to, at, start, text);
    at += to.write(String(revision), at, 'latin1');
    at += bytes.copy(to, at, text + arena.headerWord(place, 9), start + arena.objectLength(place));
    return at + eventTail.copy(to, at);
  }
}

/** Bytes of an ADDED line for this object. */
export function addedLength(arena: Arena, place: Place): number {
  return eventHeads.added.length + arena.objectLength(place) + eventTail.length;
}

/** Writes the ADDED line of an object as it lies in the cache; returns the new end. */
export function writeAdded(arena: Arena, place: Place, to: Buffer, at: number): number {
  at += eventHeads.added.copy(to, at);
  at += copyObject(arena, place, to, at);
  return at + eventTail.copy(to, at);
}

function copyObject(arena: Arena, place: Place, to: Buffer, at: number): number {
  const start = arena.objectStart(place);
  return arena.slabOf(place).bytes.copy(to, at, start, start + arena.objectLength(place));
}
