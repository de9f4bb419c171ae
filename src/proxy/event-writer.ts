/**
 * Watch events as bytes: constant head + stored object + tail, copied into a reused buffer. Cursors of one group at the
 * same place share one batch per form, so a broadcast is encoded once however many watchers it has.
 */
import type { Cursor, FilterGroup } from '../cache/filter-group.ts';
import { SEND_LEFT } from '../cache/filter-group.ts';
import type { Lane } from '../cache/lane.ts';
import { type ObjectForm, StoredObject } from '../k8s/encoding.ts';
import { EVENT_DELETED } from '../k8s/scan-json.ts';
import type { BufferPool } from './buffer-pool.ts';

/** Encoded events of one group; held by every sink that writes it, freed by the last. */
export class EventBatch {
  readonly #pool: BufferPool;
  readonly #buffer: Buffer;
  readonly group: FilterGroup;
  readonly objects: ObjectForm;
  /** Queue numbers [from, to) are inside. */
  readonly from: number;
  readonly to: number;
  readonly bytes: Buffer;
  /** What its events were thought to need: no less than their bytes. */
  readonly room: number;
  /** Revision of the last event inside. */
  readonly revision: number;
  #holders = 1;

  constructor(pool: BufferPool, buffer: Buffer, source: EventSource, made: BatchContent) {
    this.#pool = pool;
    this.#buffer = buffer;
    this.group = source.cursor.group;
    this.objects = source.objects;
    this.from = made.from;
    this.to = made.to;
    this.revision = made.revision;
    this.room = made.room;
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

/** Whose events, from where, and how they are shown. */
export interface EventSource {
  readonly lane: Lane;
  readonly cursor: Cursor;
  readonly objects: ObjectForm;
}

interface BatchContent {
  readonly from: number;
  readonly to: number;
  readonly length: number;
  readonly room: number;
  readonly revision: number;
}

export class EventWriter {
  readonly #pool: BufferPool;
  readonly #object = new StoredObject();
  /** One for each way to show objects: watchers of all of them sit in one group, and are flushed in turn. */
  readonly #last: (EventBatch | undefined)[] = FORMS.map(() => undefined);

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** The cursor's next events, as many as fit one write (at least one). The caller must hold it. */
  batch(source: EventSource): EventBatch {
    const form = formOf(source);
    const last = this.#last[form];
    if (last !== undefined && this.#isEnough(last, source)) return last;
    const made = this.#encode(source);
    last?.release();
    this.#last[form] = made;
    return made;
  }

  /** Lets the last batches go; call at the end of a flush. */
  forget(): void {
    for (const last of this.#last) last?.release();
    this.#last.fill(undefined);
  }

  #isEnough(last: EventBatch, { cursor, objects }: EventSource): boolean {
    if (last.group !== cursor.group || last.objects !== objects) return false;
    if (last.from !== cursor.next) return false;
    return last.to === cursor.group.next || last.room * 2 > this.#pool.bufferBytes;
  }

  #encode(source: EventSource): EventBatch {
    const { lane, cursor, objects } = source;
    const { group, next: from } = cursor;
    let bytes = this.#size(source, from);
    let to = from + 1;
    for (; to < group.next; to++) {
      const size = this.#size(source, to);
      if (bytes + size > this.#pool.bufferBytes) break;
      bytes += size;
    }
    const buffer = this.#pool.take(bytes);
    let length = 0;
    for (let number = from; number < to; number++) {
      const object = this.#describe(lane, group, number);
      length = objects.writeEvent(eventType(group, number), object, buffer, length);
    }
    const revision = lane.log.revision(group.sequence(to - 1));
    return new EventBatch(this.#pool, buffer, source, { from, to, length, room: bytes, revision });
  }

  #size({ lane, cursor, objects }: EventSource, number: number): number {
    const { group } = cursor;
    return objects.eventBytes(eventType(group, number), this.#describe(lane, group, number));
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

/** Whole objects or their metadata, with managedFields or without. */
const FORMS = [0, 1, 2, 3];

function formOf({ lane, objects }: EventSource): number {
  const whole = lane.codec.objects;
  const isWhole = objects === whole || objects === whole.withoutManagedFields;
  return (isWhole ? 0 : 1) + (objects === objects.withoutManagedFields ? 2 : 0);
}

function eventType(group: FilterGroup, number: number): number {
  const send = group.send(number);
  return send === SEND_LEFT ? EVENT_DELETED : send;
}
