/**
 * The body of a LIST: objects copied out of the slabs into one reused buffer at a time, written under back-pressure. A big
 * list never holds the loop for more than about a millisecond, and only a bounded number of them run at once; small ones
 * need no place. Copying into reused buffers runs at 3-8 GB/s; fresh buffers or concatenation stop the world
 * (cache-measurements 5).
 */
import type { Filter } from '../cache/filter.ts';
import type { Lane } from '../cache/lane.ts';
import type { ObjectWalk, View } from '../cache/snapshot.ts';
import { type ObjectForm, StoredObject } from '../k8s/encoding.ts';
import { breathe } from './breathe.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { Exchange } from './exchange.ts';
import type { Places } from './places.ts';
import type { Sink } from './sink.ts';

export interface ListServices {
  readonly pool: BufferPool;
  /** Places for lists that need more than one buffer. */
  readonly places: Places;
}

export interface ListPlan {
  readonly lane: Lane;
  /** How its objects are shown. */
  readonly objects: ObjectForm;
  readonly filter: Filter;
  readonly view: View;
  readonly from: Buffer;
  /** At most this many items. */
  readonly items: number;
  readonly continueToken: string;
  readonly remaining: number | undefined;
  /** Raw pairs sent with the answer. */
  readonly warnings: readonly string[];
}

const SLICE_MS = 1;
const SLICE_OBJECTS = 64;
/** Objects measured before the loop gets a turn: about a millisecond. */
const MEASURED_OBJECTS = 4000;

export class ListWriter {
  readonly #services: ListServices;
  readonly #plan: ListPlan;
  readonly #exchange: Exchange;
  readonly #walk: ObjectWalk;
  #buffer: Buffer;
  #length = 0;
  #left: number;
  #items = 0;
  readonly #object = new StoredObject();

  constructor(services: ListServices, plan: ListPlan, exchange: Exchange) {
    this.#services = services;
    this.#plan = plan;
    this.#exchange = exchange;
    this.#walk = plan.lane.candidates(plan.filter, plan.view.position, plan.from);
    this.#left = plan.items;
    this.#buffer = services.pool.take();
  }

  /** Resolves when the body is handed over, or the client is gone; false when the view was lost before anything was sent. */
  async run(): Promise<boolean> {
    const { lane, objects, continueToken, remaining } = this.#plan;
    const meta = { revision: this.#plan.view.revision, continueToken, remaining };
    lane.counters.lists++;
    try {
      const itemsBytes = objects.headCountsItems ? await this.#measure() : 0;
      if (itemsBytes === undefined || this.#walk.expired) return false;
      this.#append(objects.listHead(meta, itemsBytes));
      const complete = this.#fill();
      const tail = objects.listTail(meta, itemsBytes);
      if (complete && this.#length + tail.length <= this.#buffer.length) {
        this.#append(tail);
        this.#respondWhole();
      } else {
        await this.#stream(complete, tail);
      }
      return true;
    } finally {
      this.#services.pool.give(this.#buffer);
    }
  }

  /** Fits one buffer: answered like any small body. */
  #respondWhole(): void {
    const body = Buffer.from(this.#buffer.subarray(0, this.#length));
    this.#plan.lane.counters.listBytesSent += body.length;
    this.#exchange.respondBytes(
      200,
      this.#plan.lane.codec.encoding.contentType,
      body,
      this.#plan.warnings,
    );
  }

  async #stream(filled: boolean, tail: Buffer): Promise<void> {
    const { places } = this.#services;
    this.#walk.pause();
    await places.take();
    try {
      if (this.#exchange.aborted) return;
      const headers = [
        'Content-Type',
        this.#plan.lane.codec.encoding.contentType,
        ...this.#plan.warnings,
      ];
      const sink = this.#exchange.respond(200, headers);
      let complete = filled;
      while (!complete) {
        if (!(await this.#send(sink))) return;
        complete = this.#fill();
        this.#walk.pause();
      }
      if (this.#length + tail.length > this.#buffer.length && !(await this.#send(sink))) return;
      this.#append(tail);
      if (await this.#send(sink)) sink.end();
    } finally {
      places.give();
    }
  }

  /** Writes the buffer and waits until it may be reused; false when nobody reads any more. */
  async #send(sink: Sink): Promise<boolean> {
    if (this.#length === 0) await breathe();
    else await this.#written(sink);
    if (sink.closed) return false;
    const { lane } = this.#plan;
    if (!this.#walk.expired && lane.state.kind !== 'closed') return true;
    lane.counters.listsExpired++;
    sink.destroy();
    return false;
  }

  #written(sink: Sink): Promise<void> {
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#plan.lane.counters.listBytesSent += bytes.length;
    this.#length = 0;
    return new Promise((resolve) => {
      sink.onReady = resolve;
      sink.onClose = resolve;
      if (!sink.write(bytes)) resolve();
    });
  }

  /** Copies objects until the buffer is full, the slice is over, or the page is complete (true). */
  #fill(): boolean {
    const { lane, filter } = this.#plan;
    const began = performance.now();
    let looked = 0;
    while (this.#left > 0 && this.#walk.next()) {
      lane.counters.listObjectsRead++;
      if (filter.matches(lane.arena, this.#walk.place)) {
        if (!this.#copyItem(this.#walk.place)) {
          this.#walk.unread();
          return false;
        }
        this.#left--;
      }
      if (++looked % SLICE_OBJECTS === 0 && performance.now() - began > SLICE_MS) return false;
    }
    return true;
  }

  /** One item. False when it does not fit what is left of the buffer. */
  #copyItem(place: number): boolean {
    const { lane, objects } = this.#plan;
    const object = lane.describe(place, this.#object);
    const needed = objects.itemBytes(object, this.#items);
    if (this.#length + needed > this.#buffer.length) {
      if (this.#length > 0) return false;
      this.#services.pool.give(this.#buffer);
      this.#buffer = this.#services.pool.take(needed);
    }
    this.#length = objects.writeItem(object, this.#items, this.#buffer, this.#length);
    this.#items++;
    lane.counters.listObjectsSent++;
    return true;
  }

  /** Bytes of all items, for an encoding whose head says so; undefined when the view was lost meanwhile. */
  async #measure(): Promise<number | undefined> {
    const { lane, objects, filter, view, from } = this.#plan;
    const walk = lane.candidates(filter, view.position, from);
    let bytes = 0;
    let items = 0;
    let looked = 0;
    while (items < this.#left && walk.next()) {
      if (filter.matches(lane.arena, walk.place)) {
        bytes += objects.itemBytes(lane.describe(walk.place, this.#object), items++);
      }
      if (++looked % MEASURED_OBJECTS !== 0) continue;
      walk.pause();
      await breathe();
      if (walk.expired || lane.state.kind === 'closed') return undefined;
    }
    return bytes;
  }

  #append(bytes: Buffer): void {
    this.#length += bytes.copy(this.#buffer, this.#length);
  }
}
