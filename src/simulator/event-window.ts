/**
 * EventWindow: the last events of one collection, in revision order, bounded by their number.
 *
 * Written by the collection, read by watches that resume and by lists at a past revision. `floor`
 * is the oldest revision one may start from: everything after it is still here.
 */
import type { StoredObject } from './stored-object.ts';

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

export interface StoreEvent {
  readonly type: EventType;
  readonly revision: number;
  /** The new state; for DELETED the last one, carrying the deletion's revision. */
  readonly object: StoredObject;
  /** The state before, unless there was none. */
  readonly previous: StoredObject | undefined;
}

export class EventWindow {
  readonly #capacity: number;
  readonly #events: (StoreEvent | undefined)[];
  /** Number of events ever pushed; event i lies at i % capacity. */
  #pushed = 0;
  #oldest = 0;
  #floor: number;

  constructor(capacity: number, floor: number) {
    this.#capacity = capacity;
    this.#events = [];
    this.#floor = floor;
  }

  get floor(): number {
    return this.#floor;
  }

  get length(): number {
    return this.#pushed - this.#oldest;
  }

  push(event: StoreEvent): void {
    if (this.length === this.#capacity) {
      this.#floor = this.#at(this.#oldest).revision;
      this.#oldest += 1;
    }
    this.#events[this.#pushed % this.#capacity] = event;
    this.#pushed += 1;
  }

  /** Forgets everything up to `revision`, the newest there is. */
  clear(revision: number): void {
    this.#events.length = 0;
    this.#pushed = 0;
    this.#oldest = 0;
    this.#floor = Math.max(this.#floor, revision);
  }

  /** Events after `revision`, oldest first. */
  *after(revision: number): Generator<StoreEvent> {
    let low = this.#oldest;
    let high = this.#pushed;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#at(middle).revision > revision) high = middle;
      else low = middle + 1;
    }
    for (let at = low; at < this.#pushed; at += 1) yield this.#at(at);
  }

  /** Events after `revision`, newest first. */
  *backTo(revision: number): Generator<StoreEvent> {
    for (let at = this.#pushed - 1; at >= this.#oldest; at -= 1) {
      const event = this.#at(at);
      if (event.revision <= revision) return;
      yield event;
    }
  }

  #at(index: number): StoreEvent {
    return this.#events[index % this.#capacity] as StoreEvent;
  }
}
