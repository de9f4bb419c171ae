/**
 * Finds the records of the window that may concern a filter, for readers who resume from the past. A fleet that
 * reconnects brings thousands of filters at once, one node's name each; walking a window of 100,000 records for each of
 * them would hold the loop for minutes. So the first few walk, and when that has cost as much as the window is long, the
 * records are chained by the hash of what they have in the pinned column, before and after:
 *
 *   heads    bucket -> newest link          link 2i   = record base+i by its new version
 *   next     link   -> older link           link 2i+1 = the same record by the version it replaced
 *
 * A chain is walked from the newest record down to the reader's position, so what left the window is never met. It holds
 * strangers of the same hash as well: the filter is still asked. Chains grow on demand and are let go when no reader has
 * come for a while; the writer never touches them.
 */
import type { Arena } from './arena.ts';
import { NO_PLACE } from './arena.ts';
import { hashBytes } from './key-table.ts';
import type { Log } from './log.ts';
import { BOOKMARK, MOVE } from './log.ts';
import type { Pin } from './pin.ts';
import { PinSpan } from './pin.ts';

/** Below this many records a walk is as good as any index. */
const SHORT_WALK = 256;
/** Sweeps without a reader after which chains are let go; the lane sweeps about once a second. */
const IDLE_SWEEPS = 30;

export class WindowIndex {
  readonly #arena: Arena;
  readonly #log: Log;
  readonly #chains = new Map<number, Chain>();
  /** Records walked for want of a chain, by column. */
  readonly #walked = new Map<number, number>();
  #idleSweeps = 0;

  constructor(arena: Arena, log: Log) {
    this.#arena = arena;
    this.#log = log;
  }

  /** Bytes held by chains. */
  get bytes(): number {
    let sum = 0;
    for (const chain of this.#chains.values()) sum += chain.bytes;
    return sum;
  }

  /**
   * Sequence numbers in (position, last] of records that may concern a filter with this pin, oldest first; undefined
   * when they should all be walked.
   */
  find(pin: Pin | undefined, position: number, last: number): readonly number[] | undefined {
    if (pin === undefined || last - position < SHORT_WALK) return undefined;
    this.#idleSweeps = 0;
    let chain = this.#chains.get(pin.field);
    if (chain === undefined || !chain.covers(position, this.#log)) {
      const walked = (this.#walked.get(pin.field) ?? 0) + (last - position);
      this.#walked.set(pin.field, walked);
      if (walked <= this.#log.length) return undefined;
      chain = new Chain(this.#arena, this.#log, pin.field);
      this.#chains.set(pin.field, chain);
      this.#walked.delete(pin.field);
    }
    chain.extend(this.#log.head);
    return chain.find(pin.value, position, last);
  }

  /** Lets go of chains that nobody has asked for a while. */
  sweep(): void {
    if (++this.#idleSweeps < IDLE_SWEEPS) return;
    this.#chains.clear();
    this.#walked.clear();
  }
}

class Chain {
  readonly #arena: Arena;
  readonly #log: Log;
  readonly #field: number;
  /** Sequence number of link 0. */
  readonly #base: number;
  readonly #heads: Int32Array;
  readonly #mask: number;
  readonly #span = new PinSpan();
  #next: Int32Array;
  /** Newest record that is linked. */
  #last: number;

  constructor(arena: Arena, log: Log, field: number) {
    this.#arena = arena;
    this.#log = log;
    this.#field = field;
    this.#base = log.floor;
    this.#last = log.floor - 1;
    const buckets = 2 ** Math.ceil(Math.log2(log.length));
    this.#heads = new Int32Array(buckets).fill(-1);
    this.#mask = buckets - 1;
    this.#next = new Int32Array(buckets * 2);
  }

  get bytes(): number {
    return (this.#heads.length + this.#next.length) * 4;
  }

  /** False when the window has moved so far that most links are dead: it is made anew. */
  covers(position: number, log: Log): boolean {
    return position >= this.#base - 1 && log.head - this.#base < 2 * log.length + SHORT_WALK;
  }

  extend(head: number): void {
    const links = (head - this.#base + 1) * 2;
    if (links > this.#next.length) {
      const next = new Int32Array(Math.max(links, this.#next.length * 2));
      next.set(this.#next);
      this.#next = next;
    }
    for (let sequence = this.#last + 1; sequence <= head; sequence++) this.#link(sequence);
    this.#last = head;
  }

  find(value: Buffer, position: number, last: number): number[] {
    const found: number[] = [];
    const bucket = hashBytes(value, 0, value.length) & this.#mask;
    for (let link = this.#heads[bucket]; link >= 0; link = this.#next[link]) {
      const sequence = this.#base + (link >> 1);
      if (sequence <= position) break;
      if (sequence <= last) found.push(sequence);
    }
    return found.toReversed();
  }

  #link(sequence: number): void {
    const type = this.#log.type(sequence);
    if (type === BOOKMARK || type === MOVE) return;
    const link = (sequence - this.#base) * 2;
    const bucket = this.#bucketOf(this.#log.place(sequence));
    this.#push(bucket, link);
    // Name and namespace are the key: a new version has the same.
    const replaced = this.#field >= 0 ? this.#log.replacedPlace(sequence) : NO_PLACE;
    if (replaced === NO_PLACE) return;
    const before = this.#bucketOf(replaced);
    if (before !== bucket) this.#push(before, link + 1);
  }

  #bucketOf(place: number): number {
    const span = this.#span;
    span.read(this.#arena, place, this.#field);
    return hashBytes(span.bytes, span.start, span.length) & this.#mask;
  }

  #push(bucket: number, link: number): void {
    this.#next[link] = this.#heads[bucket];
    this.#heads[bucket] = link;
  }
}
