/**
 * Collection: all objects of one resource, their order, their recent events, their watchers.
 *
 * Written by writes.ts and by the lease storm, read by lists and watches. Promise: the live state,
 * the window and every watcher see the same events in the same order, within one call.
 */
import { EventWindow } from './event-window.ts';
import type { StoreEvent } from './event-window.ts';
import type { Kind } from './kinds.ts';
import type { StoredObject } from './stored-object.ts';

/** One that wants to hear of events as they happen. */
export interface Listener {
  event(event: StoreEvent): void;
  /** Many events at once: `frames` holds their watch lines one after another, in this order. */
  batch(events: readonly StoreEvent[], frames: Buffer, namespace: string): void;
  /** The collection is gone (its CRD was deleted). */
  closed(): void;
}

export class Collection {
  readonly kind: Kind;
  readonly window: EventWindow;
  readonly listeners = new Set<Listener>();
  readonly #live = new Map<string, StoredObject>();
  /** Sorted keys; undefined while many inserts happen and nobody asked for the order. */
  #order: string[] | undefined;

  constructor(kind: Kind, windowEvents: number, revision: number) {
    this.kind = kind;
    this.window = new EventWindow(windowEvents, revision);
  }

  get size(): number {
    return this.#live.size;
  }

  get(key: string): StoredObject | undefined {
    return this.#live.get(key);
  }

  /** The key at a place of the order. */
  keyAt(index: number): string | undefined {
    return this.#keys()[index];
  }

  /** In no order. */
  values(): Iterable<StoredObject> {
    return this.#live.values();
  }

  apply(event: StoreEvent): void {
    this.#change(event);
    for (const listener of this.listeners) listener.event(event);
  }

  /** MODIFIED events of objects that exist, with their watch lines already made. */
  applyBatch(events: readonly StoreEvent[], frames: Buffer, namespace: string): void {
    for (const event of events) this.#change(event);
    for (const listener of this.listeners) listener.batch(events, frames, namespace);
  }

  close(): void {
    for (const listener of this.listeners) listener.closed();
    this.listeners.clear();
  }

  /** The state now, sorted by key. */
  snapshot(): StoredObject[] {
    return this.#keys().map((key) => this.#live.get(key) as StoredObject);
  }

  /** The state at a revision of the window, sorted by key: today's with newer events undone. */
  snapshotAt(revision: number): StoredObject[] {
    const undone = new Map<string, StoredObject | undefined>();
    for (const event of this.window.backTo(revision)) {
      undone.set(event.object.key, event.previous);
    }
    if (undone.size === 0) return this.snapshot();
    const state = new Map(this.#live);
    for (const [key, object] of undone) {
      if (object === undefined) state.delete(key);
      else state.set(key, object);
    }
    return [...state.keys()].sort().map((key) => state.get(key) as StoredObject);
  }

  #change(event: StoreEvent): void {
    const { key } = event.object;
    if (event.type === 'DELETED') {
      this.#live.delete(key);
      this.#order?.splice(place(this.#order, key), 1);
    } else {
      if (event.previous === undefined) this.#insert(key);
      this.#live.set(key, event.object);
    }
    this.window.push(event);
  }

  #insert(key: string): void {
    if (this.#order === undefined) return;
    const at = place(this.#order, key);
    // Far from the end, a run of inserts is cheaper sorted once than moved one by one.
    if (this.#order.length - at > 50_000) this.#order = undefined;
    else this.#order.splice(at, 0, key);
  }

  #keys(): readonly string[] {
    // Names and namespaces are ASCII, where string order is byte order.
    this.#order ??= [...this.#live.keys()].sort();
    return this.#order;
  }
}

/** Where the key is, or would be. */
function place(order: readonly string[], key: string): number {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (order[middle] < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
