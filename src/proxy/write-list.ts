/**
 * The body of a LIST: objects copied out of the slabs into one reused buffer at a time, written under back-pressure. A big
 * list never holds the loop for more than about a millisecond, and each piece needs a turn of its own (list-turns.ts), which
 * is given back before the client has taken the bytes. Copying into reused buffers runs at 3-8 GB/s; fresh buffers or concatenation stop the world
 * (cache-measurements 5).
 */
import type { Filter } from '../cache/filter.ts';
import type { Lane } from '../cache/lane.ts';
import type { ObjectWalk, View } from '../cache/snapshot.ts';
import { type ObjectForm, StoredObject } from '../k8s/encoding.ts';
import { tooManyRequests } from '../k8s/status.ts';
import { breathe } from './breathe.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { Exchange } from './exchange.ts';
import type { Compressor } from './gzip.ts';
import { GZIP_HEADERS, GZIP_THRESHOLD_BYTES, respondWhole } from './gzip.ts';
import { holderOf } from './holder.ts';
import type { ListTurns } from './list-turns.ts';
import type { Sink } from './sink.ts';
import type { StartQueue } from './start-queue.ts';

export interface ListServices {
  readonly pool: BufferPool;
  readonly turns: ListTurns;
  readonly gzip: Compressor;
  /** By identity, who goes on with an answer. */
  readonly answers: Pick<StartQueue<string>, 'turn'>;
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
/** A whole body up to this length is not counted as a LIST under way: it lies in the socket's own buffers. */
const UNCOUNTED_BYTES = 16 * 1024;
const TOO_MANY_LISTS = 'Too many lists are being sent, please try again later.';

/** Why filling the buffer stopped: nothing is left, the next item does not fit, or others have their turn. */
type Filled = 'complete' | 'full' | 'slice';

/**
 * `answered`: the body is handed over, a refusal was sent, or the client is gone. `lost`: the view went before anything was
 * sent.
 */
export type ListOutcome = 'answered' | 'lost';

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
  readonly #key: string;
  /** In `turns`: a turn is used, and this LIST is counted as under way. */
  #hasTurn = false;
  #counted = false;

  constructor(services: ListServices, plan: ListPlan, exchange: Exchange) {
    this.#services = services;
    this.#plan = plan;
    this.#exchange = exchange;
    this.#walk = plan.lane.candidates(plan.filter, plan.view.position, plan.from);
    this.#left = plan.items;
    this.#gzip = services.gzip.accepts(exchange);
    this.#key = holderOf(exchange).key;
  }

  async run(): Promise<ListOutcome> {
    const { lane, objects, continueToken, remaining, shards } = this.#plan;
    const meta = { revision: this.#plan.view.revision, continueToken, remaining, shards };
    lane.counters.lists++;
    const itemsBytes = objects.headNeeds === 'nothing' ? 0 : await this.#measure();
    if (itemsBytes === undefined || this.#walk.expired) return 'lost';
    const head = objects.listHead(meta, itemsBytes);
    const tail = objects.listTail(meta, itemsBytes);
    try {
      return await this.#write(head, tail);
    } finally {
      this.#endTurn();
      if (this.#buffer.length > 0) this.#services.pool.give(this.#buffer);
      if (this.#counted) this.#services.turns.end(this.#key);
    }
  }

  async #write(head: Buffer, tail: Buffer): Promise<ListOutcome> {
    const { pool, turns } = this.#services;
    if (turns.tryTake()) {
      this.#hasTurn = true;
    } else {
      if (!this.#count()) return this.#refuse();
      this.#walk.pause();
      if (!(await this.#takeTurn())) return this.#exchange.aborted ? 'answered' : 'lost';
    }
    // What overflows the buffer is then surely long enough for gzip.
    const least = this.#gzip ? GZIP_THRESHOLD_BYTES : 0;
    this.#buffer = pool.take(Math.max(pool.bufferBytes, least, head.length, tail.length));
    this.#append(head);
    let filled = this.#fill();
    while (filled === 'slice') {
      if (!this.#count()) return this.#refuse();
      const more = await this.#next();
      if (more === undefined) return this.#exchange.aborted ? 'answered' : 'lost';
      filled = more;
    }
    const isWhole = this.#fits(filled, tail);
    const needsCount = !isWhole || this.#length + tail.length > UNCOUNTED_BYTES;
    if (needsCount && !this.#count()) return this.#refuse();
    if (isWhole) await this.#respondWhole(tail);
    else await this.#stream(filled, tail);
    return 'answered';
  }

  /** Counts this LIST as under way; false when there are too many. */
  #count(): boolean {
    this.#counted ||= this.#services.turns.begin(this.#key);
    return this.#counted;
  }

  #refuse(): ListOutcome {
    this.#exchange.respondStatus(tooManyRequests(TOO_MANY_LISTS));
    return 'answered';
  }

  /** Waits for a turn; false when it is of no use any more. */
  async #takeTurn(): Promise<boolean> {
    await this.#services.turns.take(this.#key);
    this.#hasTurn = true;
    return !this.#exchange.aborted && this.#viewHolds();
  }

  /** The turn lasts until the loop comes round, so that the others come first and so does everything else. */
  #endTurn(): void {
    if (!this.#hasTurn) return;
    this.#hasTurn = false;
    setImmediate(() => this.#services.turns.give());
  }

  /** Fills on, in a turn of its own; undefined when nobody reads any more or the view is lost. */
  async #next(): Promise<Filled | undefined> {
    this.#walk.pause();
    this.#endTurn();
    if (!(await this.#takeTurn())) return undefined;
    return this.#fill();
  }

  #fits(filled: Filled, tail: Buffer): boolean {
    return filled === 'complete' && this.#length + tail.length <= this.#buffer.length;
  }

  /** Fits one buffer: answered like any small body. */
  async #respondWhole(tail: Buffer): Promise<void> {
    this.#append(tail);
    this.#endTurn();
    if (this.#counted) this.#countUntilClosed();
    const { lane, warnings } = this.#plan;
    const body = this.#buffer.subarray(0, this.#length);
    // zlib's thread may still read when the client has gone.
    const bytes = this.#gzip ? Buffer.from(body) : this.#kept(body);
    lane.counters.listBytesSent += bytes.length;
    await respondWhole(this.#exchange, this.#services.gzip, {
      contentType: lane.codec.encoding.contentType,
      bytes,
      warnings,
    });
  }

  /**
   * The body in a buffer of its size, which is used again once the client has it: fresh ones live until a full collection,
   * and what a thousand LISTs a second leave in the heap of malloc does not go back to the system (60 MiB in ten seconds).
   */
  #kept(body: Buffer): Buffer {
    const { pool } = this.#services;
    const kept = pool.take(body.length);
    this.#exchange.onClose(() => pool.give(kept));
    return kept.subarray(0, body.copy(kept));
  }

  /** The body is with the socket, but not with the client. */
  #countUntilClosed(): void {
    this.#counted = false;
    this.#exchange.onClose(() => this.#services.turns.end(this.#key));
  }

  async #stream(begun: Filled, tail: Buffer): Promise<void> {
    const sink = this.#respond();
    let filled = begun;
    while (filled !== 'complete') {
      this.#walk.pause();
      if (!(await this.#send(sink))) return;
      const more = await this.#next();
      if (more === undefined) {
        this.#breakOff(sink);
        return;
      }
      filled = more;
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
    this.#endTurn();
    if (this.#length > 0) await this.#written(sink);
    if (sink.closed) return false;
    if (this.#viewHolds()) return true;
    this.#breakOff(sink);
    return false;
  }

  #breakOff(sink: Sink): void {
    if (sink.closed) return;
    this.#plan.lane.counters.listsExpired++;
    sink.destroy();
  }

  #written(sink: Sink): Promise<void> {
    const { turns } = this.#services;
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#plan.lane.counters.listBytesSent += bytes.length;
    this.#length = 0;
    return new Promise((resolve) => {
      const stalled = setTimeout(() => {
        turns.reached.stalled_lists++;
        sink.destroy();
      }, turns.limits.stallMs);
      const taken = (): void => {
        clearTimeout(stalled);
        resolve();
      };
      sink.onReady = taken;
      sink.onClose = taken;
      if (!sink.write(bytes)) taken();
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
