/**
 * LeaseRenewer: renews node leases by the thousand without encoding any of them.
 *
 * A renewal changes two things in an object of 600 bytes: resourceVersion and renewTime. So the last
 * watch line is copied into one buffer per batch and patched in place; that buffer is at once the
 * stored objects and the bytes every plain watch is sent. A lease that somebody else wrote is laid
 * out anew from its stored bytes.
 */
import { eventHeads, eventTail } from '../k8s/envelope.ts';
import type { Collection } from './collection.ts';
import type { StoreEvent } from './event-window.ts';
import { StoredObject } from './stored-object.ts';
import type { Store } from './store.ts';

const HEAD = eventHeads.modified;
const REVISION_MARK = '"resourceVersion":"';
const TIME_MARK = '"renewTime":"';
/** `2026-11-23T14:10:00.123456Z` */
const TIME_BYTES = 27;
const QUOTE = 0x22;
/** A revision has at most 16 digits. */
const MAX_GROWTH = 16;
/** Bounds a batch, and with it what one old lease can keep in memory. */
const MAX_BATCH = 10_000;

/** One lease: its newest state here, and where the changing bytes lie after its start. */
interface Slot {
  stored: StoredObject;
  revisionAt: number;
  revisionDigits: number;
  timeAt: number;
}

export class LeaseRenewer {
  readonly #store: Store;
  readonly #leases: Collection;
  readonly #namespace: string;
  readonly #keys: readonly string[];
  readonly #slots: (Slot | undefined)[];
  #next = 0;

  /** @param keys the leases, in the order of their turns; all in one namespace. */
  constructor(store: Store, namespace: string, keys: readonly string[]) {
    this.#store = store;
    this.#leases = store.get('coordination.k8s.io/v1', 'leases');
    this.#namespace = namespace;
    this.#keys = keys;
    this.#slots = Array.from({ length: keys.length });
  }

  get size(): number {
    return this.#keys.length;
  }

  /** Renews the next `count` leases in turn; returns how many there were to renew. */
  renew(count: number): number {
    let renewed = 0;
    for (let left = count; left > 0;) {
      // One batch holds each lease at most once, as it is one state per object.
      const turns = Math.min(left, MAX_BATCH, this.#keys.length);
      if (turns === 0) break;
      renewed += this.#batch(turns);
      left -= turns;
    }
    return renewed;
  }

  #batch(turns: number): number {
    const slots = this.#take(turns);
    if (slots.length === 0) return 0;
    let bytes = 0;
    for (const { stored } of slots) {
      bytes += HEAD.length + stored.end - stored.start + MAX_GROWTH + eventTail.length;
    }
    const frames = Buffer.allocUnsafeSlow(bytes);
    const time = Buffer.from(`${new Date().toISOString().slice(0, 23)}000Z`, 'latin1');
    const events: StoreEvent[] = [];
    let revision = this.#store.revisions.take(slots.length);
    let at = 0;
    for (const slot of slots) {
      const previous = slot.stored;
      at += HEAD.copy(frames, at);
      const object = renew(slot, { frames, at, revision, time });
      events.push({ type: 'MODIFIED', revision, object, previous });
      at = object.end + eventTail.copy(frames, object.end);
      revision += 1;
    }
    this.#leases.applyBatch(events, frames.subarray(0, at), this.#namespace);
    return events.length;
  }

  /** The next leases in turn; deleted ones are skipped. */
  #take(turns: number): Slot[] {
    const slots: Slot[] = [];
    for (let turn = 0; turn < turns; turn += 1) {
      const index = this.#next;
      this.#next = (this.#next + 1) % this.#keys.length;
      const stored = this.#leases.get(this.#keys[index]);
      if (stored === undefined) continue;
      if (this.#slots[index]?.stored !== stored) this.#slots[index] = layOut(stored);
      const slot = this.#slots[index];
      if (slot !== undefined) slots.push(slot);
    }
    return slots;
  }
}

interface Place {
  readonly frames: Buffer;
  readonly at: number;
  readonly revision: number;
  readonly time: Buffer;
}

/** Writes the renewed object to its place and moves the slot on to it. */
function renew(slot: Slot, { frames, at, revision, time }: Place): StoredObject {
  const { buffer, start, end, key, facts } = slot.stored;
  const digits = String(revision);
  const shift = digits.length - slot.revisionDigits;
  const rest = start + slot.revisionAt + slot.revisionDigits;
  buffer.copy(frames, at, start, start + slot.revisionAt);
  frames.write(digits, at + slot.revisionAt, 'latin1');
  buffer.copy(frames, at + slot.revisionAt + digits.length, rest, end);
  slot.timeAt += shift;
  slot.revisionDigits = digits.length;
  time.copy(frames, at + slot.timeAt);
  const place = { buffer: frames, start: at, end: at + end - start + shift };
  slot.stored = new StoredObject(key, revision, facts, place);
  return slot.stored;
}

/** undefined for a lease without a renewTime of the usual form. */
function layOut(stored: StoredObject): Slot | undefined {
  const { bytes } = stored;
  const revisionText = String(stored.revision);
  const revisionMark = bytes.indexOf(`${REVISION_MARK}${revisionText}"`, 0, 'latin1');
  const timeMark = bytes.lastIndexOf(TIME_MARK, undefined, 'latin1');
  if (revisionMark === -1 || timeMark < revisionMark) return undefined;
  const timeAt = timeMark + TIME_MARK.length;
  if (bytes[timeAt + TIME_BYTES] !== QUOTE) return undefined;
  const revisionAt = revisionMark + REVISION_MARK.length;
  return { stored, revisionAt, revisionDigits: revisionText.length, timeAt };
}
