/**
 * Watch events as bytes: constant head + stored object + tail, copied into a reused buffer. Cursors of one group at the
 * same place share one batch, so a broadcast is encoded once however many watchers it has.
 */
import type { FilterGroup } from '../cache/filter-group.ts';
import { SEND_LEFT } from '../cache/filter-group.ts';
import type { Lane } from '../cache/lane.ts';
import { StoredObject } from '../k8s/encoding.ts';
import { EVENT_DELETED } from '../k8s/scan-json.ts';
import type { BufferPool } from './buffer-pool.ts';

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
  readonly #object = new StoredObject();
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
    const { objects } = lane.codec;
    return objects.eventBytes(eventType(group, number), this.#describe(lane, group, number));
  }

  #writeEvent(lane: Lane, group: FilterGroup, number: number, to: Buffer, at: number): number {
    const object = this.#describe(lane, group, number);
    return lane.codec.objects.writeEvent(eventType(group, number), object, to, at);
  }

  /** An object that left the selector shows its previous content under the revision that made it leave (semantics 4.7). */
  #describe(lane: Lane, group: FilterGroup, number: number): StoredObject {
    const sequence = group.sequence(number);
    if (group.send(number) !== SEND_LEFT) {
      return lane.describe(lane.log.place(sequence), this.#object);
    }
    const object = lane.describe(lane.log.replacedPlace(sequence), this.#object);
    object.revision = lane.log.revision(sequence);
    return object;
  }
}

function eventType(group: FilterGroup, number: number): number {
  const send = group.send(number);
  return send === SEND_LEFT ? EVENT_DELETED : send;
}
