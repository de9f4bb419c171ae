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
import type { Compressor } from './gzip.ts';
import { GZIP_HEADERS, GZIP_THRESHOLD_BYTES, respondWhole } from './gzip.ts';
import type { Places } from './places.ts';
import type { Sink } from './sink.ts';

export interface ListServices {
  readonly pool: BufferPool;
  /** Places for lists that need more than one buffer. */
  readonly places: Places;
  readonly gzip: Compressor;
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
  readonly shards: string | undefined;
  /** Raw pairs sent with the answer. */
  readonly warnings: readonly string[];
}

const SLICE_MS = 1;
const SLICE_OBJECTS = 64;
/** Objects measured before the loop gets a turn: about a millisecond. */
const MEASURED_OBJECTS = 4000;
const NO_BUFFER = Buffer.alloc(0);

/** Why filling the buffer stopped: nothing is left, the next item does not fit, or others have their turn. */
type Filled = 'complete' | 'full' | 'slice';

export class ListWriter {
  readonly #services: ListServices;
  readonly #plan: ListPlan;
  readonly #exchange: Exchange;
  readonly #walk: ObjectWalk;
  readonly #gzip: boolean;
  #buffer: Buffer = NO_BUFFER;
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
    this.#gzip = services.gzip.accepts(exchange);
  }

  /** Resolves when the body is handed over, or the client is gone; false when the view was lost before anything was sent. */
  async run(): Promise<boolean> {
    const { lane, objects, continueToken, remaining, shards } = this.#plan;
    const { pool } = this.#services;
    const meta = { revision: this.#plan.view.revision, continueToken, remaining, shards };
    lane.counters.lists++;
    const itemsBytes = objects.headNeeds === 'nothing' ? 0 : await this.#measure();
    if (itemsBytes === undefined || this.#walk.expired) return false;
    const head = objects.listHead(meta, itemsBytes);
    const tail = objects.listTail(meta, itemsBytes);
    // What overflows the buffer is then surely long enough for gzip.
    const least = this.#gzip ? GZIP_THRESHOLD_BYTES : 0;
    this.#buffer = pool.take(Math.max(pool.bufferBytes, least, head.length, tail.length));
    try {
      this.#append(head);
      const filled = this.#fill();
      if (this.#fits(filled, tail)) {
        await this.#respondWhole(tail);
        return true;
      }
      this.#walk.pause();
      return await this.#inPlace(filled, tail);
    } finally {
      pool.give(this.#buffer);
    }
  }

  /** What is not written in one slice waits for a place, and is streamed once the buffer is full. */
  async #inPlace(begun: Filled, tail: Buffer): Promise<boolean> {
    const { places } = this.#services;
    await places.take();
    try {
      let filled = begun;
      while (filled === 'slice') {
        await breathe();
        if (this.#exchange.aborted) return true;
        if (!this.#viewHolds()) return false;
        filled = this.#fill();
        this.#walk.pause();
      }
      if (this.#exchange.aborted) return true;
      if (filled !== 'complete' && !this.#viewHolds()) return false;
      if (this.#fits(filled, tail)) await this.#respondWhole(tail);
      else await this.#stream(filled, tail);
      return true;
    } finally {
      places.give();
    }
  }

  #fits(filled: Filled, tail: Buffer): boolean {
    return filled === 'complete' && this.#length + tail.length <= this.#buffer.length;
  }

  /** Fits one buffer: answered like any small body. */
  async #respondWhole(tail: Buffer): Promise<void> {
    this.#append(tail);
    const { lane, warnings } = this.#plan;
    const bytes = Buffer.from(this.#buffer.subarray(0, this.#length));
    lane.counters.listBytesSent += bytes.length;
    await respondWhole(this.#exchange, this.#services.gzip, {
      contentType: lane.codec.encoding.contentType,
      bytes,
      warnings,
    });
  }

  async #stream(begun: Filled, tail: Buffer): Promise<void> {
    const sink = this.#respond();
    let filled = begun;
    while (filled !== 'complete') {
      if (!(await this.#send(sink))) return;
      filled = this.#fill();
      this.#walk.pause();
    }
    if (this.#length + tail.length > this.#buffer.length && !(await this.#send(sink))) return;
    this.#append(tail);
    if (await this.#send(sink)) sink.end();
  }

  #respond(): Sink {
    const { lane, warnings } = this.#plan;
    const type = ['Content-Type', lane.codec.encoding.contentType, ...warnings];
    if (!this.#gzip) return this.#exchange.respond(200, type);
    return this.#services.gzip.over(this.#exchange.respond(200, [...type, ...GZIP_HEADERS]));
  }

  /** Writes the buffer and waits until it may be reused; false when nobody reads any more. */
  async #send(sink: Sink): Promise<boolean> {
    if (this.#length === 0) await breathe();
    else await this.#written(sink);
    if (sink.closed) return false;
    if (this.#viewHolds()) return true;
    this.#plan.lane.counters.listsExpired++;
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

  #viewHolds(): boolean {
    return !this.#walk.expired && this.#plan.lane.state.kind !== 'closed';
  }

  /** Copies objects until the buffer is full, the slice is over, or the page is complete. */
  #fill(): Filled {
    const { lane, filter } = this.#plan;
    const began = performance.now();
    let looked = 0;
    while (this.#left > 0 && this.#walk.next()) {
      lane.counters.listObjectsRead++;
      if (filter.matches(lane.arena, this.#walk.place)) {
        if (!this.#copyItem(this.#walk.place)) {
          this.#walk.unread();
          return 'full';
        }
        this.#left--;
      }
      if (++looked % SLICE_OBJECTS === 0 && performance.now() - began > SLICE_MS) return 'slice';
    }
    return 'complete';
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

  /** Bytes of all items, or of the first if that is enough for the head; undefined when the view was lost meanwhile. */
  async #measure(): Promise<number | undefined> {
    const { lane, objects, filter, view, from } = this.#plan;
    const walk = lane.candidates(filter, view.position, from);
    let bytes = 0;
    let items = 0;
    let looked = 0;
    while (items < this.#left && walk.next()) {
      if (filter.matches(lane.arena, walk.place)) {
        bytes += objects.itemBytes(lane.describe(walk.place, this.#object), items++);
        if (objects.headNeeds === 'emptiness') return bytes;
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
