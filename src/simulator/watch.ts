/**
 * Watch: one open WATCH: which events it gets, its bookmarks, its deadline, its unwritten bytes.
 *
 * Fed by its collection, written by the hub once per turn under the socket's back-pressure. Live
 * events that pile up beyond a bound cut it, as the apiserver gives up slow watchers; the initial
 * state does not count, as it is only pointers into stored objects.
 */
import { resourceId } from '../k8s/resource.ts';
import { eventHeads, eventTail } from '../k8s/envelope.ts';
import type { Collection, Listener } from './collection.ts';
import type { EventType, StoreEvent } from './event-window.ts';
import type { Selection } from './selection.ts';
import { StoredObject } from './stored-object.ts';
import type { ObjectView } from './view.ts';
import type { WatchHub } from './watch-hub.ts';
import type { Response } from './response.ts';

const WRITE_BYTES = 256 * 1024;
/** The last bookmark comes this long before the deadline (semantics 4.5). */
const BOOKMARK_BEFORE_END_MS = 2_000;

const heads: Readonly<Record<EventType, Buffer>> = {
  ADDED: eventHeads.added,
  MODIFIED: eventHeads.modified,
  DELETED: eventHeads.deleted,
};

export interface WatchParts {
  readonly hub: WatchHub;
  readonly collection: Collection;
  readonly selection: Selection;
  readonly view: ObjectView;
  /** Stored bytes are what is sent, so ready-made lines may be used. */
  readonly plain: boolean;
  readonly response: Response;
  /** Nothing up to this revision is sent. */
  readonly afterRevision: number;
  readonly bookmarks: boolean;
  readonly bookmarkMs: number;
  readonly durationMs: number;
  readonly maxBacklogBytes: number;
  /** The store's revision now. */
  readonly currentRevision: () => number;
}

export class Watch implements Listener {
  readonly resource: string;
  readonly #parts: WatchParts;
  readonly #deadlineMs: number;
  readonly #deadline: NodeJS.Timeout;
  #queue: Buffer[] = [];
  /** First piece of the queue that was not written. */
  #at = 0;
  #liveBytes = 0;
  #liveRevision: number;
  /** Bookmarks must be newer than where the live phase began. */
  #entryRevision: number;
  #bookmarkAtMs: number;
  #first = true;
  #blocked = false;
  #ending = false;

  constructor(parts: WatchParts) {
    const nowMs = Date.now();
    this.#parts = parts;
    this.resource = resourceId(parts.collection.kind);
    this.#liveRevision = parts.afterRevision;
    this.#entryRevision = parts.afterRevision;
    this.#deadlineMs = nowMs + parts.durationMs;
    this.#deadline = setTimeout(() => this.end(), parts.durationMs);
    this.#deadline.unref();
    this.#bookmarkAtMs = this.#nextBookmark(nowMs);
    const { stream } = parts.response;
    stream.on('drain', () => {
      this.#blocked = false;
      parts.hub.wake(this);
    });
    stream.on('close', () => this.#leave());
    stream.on('error', () => this.#leave());
    parts.hub.add(this);
    parts.collection.listeners.add(this);
  }

  get backlogBytes(): number {
    return this.#liveBytes;
  }

  /** Synthetic ADDED lines; before any live event, and all in the same turn. */
  initial(objects: Iterable<StoredObject>): void {
    for (const object of objects) {
      if (this.#parts.selection.matches(object.facts)) this.#line('ADDED', object);
    }
    this.#liveBytes = 0;
  }

  /** Events of the window after the start revision; before any live event. */
  replay(events: Iterable<StoreEvent>): void {
    for (const event of events) this.event(event);
    this.#entryRevision = this.#liveRevision;
    this.#liveBytes = 0;
  }

  bookmark(revision: number, initialEventsEnd: boolean): void {
    const object = this.#parts.view.bookmark(revision, initialEventsEnd);
    this.append(eventHeads.bookmark, object, eventTail);
  }

  event(event: StoreEvent): void {
    if (event.revision <= this.#parts.afterRevision || !this.#keepsUp()) return;
    const { selection } = this.#parts;
    const { object, previous } = event;
    const was = previous !== undefined && selection.matches(previous.facts);
    const is = event.type !== 'DELETED' && selection.matches(object.facts);
    if (is) this.#line(was ? 'MODIFIED' : 'ADDED', object);
    else if (was) this.#line('DELETED', event.type === 'DELETED' ? object : this.#leaving(event));
    if (is || was) this.#liveRevision = event.revision;
  }

  batch(events: readonly StoreEvent[], frames: Buffer, namespace: string): void {
    const { selection, plain, afterRevision } = this.#parts;
    const scoped = selection.namespace === '' || selection.namespace === namespace;
    if (!plain || selection.selective || !scoped || events[0].revision <= afterRevision) {
      for (const event of events) this.event(event);
      return;
    }
    if (!this.#keepsUp()) return;
    this.#liveRevision = events[events.length - 1].revision;
    this.append(frames);
  }

  closed(): void {
    this.end();
  }

  append(...pieces: Buffer[]): void {
    for (const piece of pieces) {
      this.#queue.push(piece);
      this.#liveBytes += piece.length;
    }
    this.#parts.hub.wake(this);
  }

  tick(nowMs: number): void {
    if (nowMs < this.#bookmarkAtMs) return;
    this.#bookmarkAtMs = this.#nextBookmark(nowMs);
    const revision = this.#parts.currentRevision();
    if (revision > this.#entryRevision) this.bookmark(revision, false);
  }

  /** Writes what is waiting until the socket says stop. */
  flush(): void {
    const { stream } = this.#parts.response;
    while (this.#at < this.#queue.length && !this.#blocked) {
      const start = this.#at;
      let bytes = 0;
      while (this.#at < this.#queue.length && bytes < WRITE_BYTES) {
        bytes += this.#queue[this.#at].length;
        this.#at += 1;
      }
      this.#liveBytes = Math.max(0, this.#liveBytes - bytes);
      const gathered = this.#queue.slice(start, this.#at);
      this.#blocked = !stream.write(gathered.length === 1 ? gathered[0] : Buffer.concat(gathered));
    }
    if (this.#at < this.#queue.length) return;
    this.#queue = [];
    this.#at = 0;
    if (this.#ending) stream.end();
  }

  /** Ends the stream cleanly after what is already waiting. */
  end(): void {
    this.#ending = true;
    clearTimeout(this.#deadline);
    this.#parts.collection.listeners.delete(this);
    this.#parts.hub.wake(this);
  }

  destroy(): void {
    const { stream } = this.#parts.response;
    const session = (stream as unknown as { stream?: { session?: { destroy(): void } } }).stream
      ?.session;
    if (session === undefined) stream.destroy();
    else session.destroy();
  }

  #line(type: EventType, object: StoredObject): void {
    const bytes = this.#parts.view.eventObject(object, this.#first);
    this.#first = false;
    this.append(heads[type], bytes, eventTail);
  }

  /** What a watch is told of an object that no longer matches: its old content, at this revision. */
  #leaving(event: StoreEvent): StoredObject {
    const previous = event.previous as StoredObject;
    return StoredObject.encode(this.#parts.collection.kind, previous.decode(), event.revision);
  }

  #keepsUp(): boolean {
    if (this.#liveBytes <= this.#parts.maxBacklogBytes) return true;
    this.destroy();
    return false;
  }

  #nextBookmark(nowMs: number): number {
    if (!this.#parts.bookmarks) return Infinity;
    const lastMs = this.#deadlineMs - BOOKMARK_BEFORE_END_MS;
    const nextMs = Math.min(nowMs + this.#parts.bookmarkMs, lastMs);
    return nextMs > nowMs ? nextMs : Infinity;
  }

  #leave(): void {
    clearTimeout(this.#deadline);
    this.#queue = [];
    this.#parts.collection.listeners.delete(this);
    this.#parts.hub.remove(this);
  }
}
