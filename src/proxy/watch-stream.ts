/**
 * One WATCH being served: initial objects from a snapshot, then events from a cursor, bookmarks in between, until its
 * deadline, the client, or the lane ends it.
 *
 *   initial --walk done--> live --end asked--> ending --write in flight taken--> ended
 *
 * It keeps one write in flight and nothing else: what it has not sent waits in the log. It never sends an event or a
 * bookmark with a revision at or below one it has sent (design P3), and it never resets a stream that ends well
 * (semantics 9.4).
 */
import type { Cursor, CursorReader, EndReason, WriteShare } from '../cache/filter-group.ts';
import type { Filter } from '../cache/filter.ts';
import type { Lane } from '../cache/lane.ts';
import type { ObjectWalk, View } from '../cache/snapshot.ts';
import { type ObjectForm, StoredObject } from '../k8s/encoding.ts';
import { EVENT_ADDED } from '../k8s/scan-json.ts';
import { expiredWatch } from '../k8s/status.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { EventBatch, EventWriter } from './event-writer.ts';
import type { FlushScheduler } from './flush.ts';
import type { Sink } from './sink.ts';
import type { StartQueue } from './start-queue.ts';
import type { ClockedWatch, WatchClock } from './watch-clock.ts';
import type { WriteShares } from './write-shares.ts';

/** What every watch of a server shares. */
export interface WatchServices {
  readonly writer: EventWriter;
  readonly flush: FlushScheduler;
  readonly clock: WatchClock;
  readonly pool: BufferPool;
  readonly shares: WriteShares;
  /** By identity, who goes on with an answer. */
  readonly answers: Pick<StartQueue<string>, 'turn'>;
  readonly counters: WatchCounters;
}

/** Plain numbers for metrics. */
export class WatchCounters {
  open = 0;
  started = 0;
  readonly ended = {
    timeout: 0,
    client: 0,
    slow: 0,
    expired: 0,
    drain: 0,
    upstream: 0,
    denied: 0,
  };
}

export type WatchEnd = keyof WatchCounters['ended'];

export interface WatchPlan {
  readonly lane: Lane;
  /** How its objects are shown. */
  readonly objects: ObjectForm;
  readonly filter: Filter;
  readonly cursor: Cursor;
  /** Of the identity that watches. */
  readonly share: WriteShare;
  /** Where the cursor starts, and what the snapshot is called. */
  readonly view: View;
  /** Send the objects of the view first, as ADDED events. */
  readonly initialEvents: boolean;
  /** Mark the end of the initial events with a bookmark (needs `bookmarks`). */
  readonly initialEventsEnd: boolean;
  readonly bookmarks: boolean;
  /** Nothing at or below this revision is sent by the live phase. */
  readonly startRevision: number;
  /** The client says that it has seen that revision; this lane has not been shown to be at it. */
  readonly ahead: boolean;
  readonly lifetimeMs: number;
}

type Phase =
  | { readonly kind: 'initial'; readonly walk: ObjectWalk }
  | { readonly kind: 'live' }
  /** Bytes to send before the end, once the write in flight is taken. `held`: it lasted too short a time to end yet. */
  | { readonly kind: 'ending'; readonly last: Buffer | undefined; readonly held: boolean }
  | { readonly kind: 'ended' };

/** Upstream's period, and how long before the deadline the last one comes (semantics 4.5). */
const BOOKMARK_PERIOD_MS = 60_000;
const LAST_BOOKMARK_MS = 2_000;
/** client-go lists anew after a watch that ended sooner than this without an event (semantics 9.2). */
const LEAST_LIFE_MS = 1_000;
/** A client that does not even take its last bytes in this time is let go. */
const END_GRACE_MS = 60_000;
/** The walk gives the loop back after this long. */
const SLICE_MS = 1;
/** Objects looked at between two looks at the clock. */
const SLICE_OBJECTS = 64;

export class WatchStream implements CursorReader, ClockedWatch {
  readonly share: WriteShare;
  deferred = false;
  readonly #services: WatchServices;
  readonly #plan: WatchPlan;
  readonly #sink: Sink;
  readonly #onEnd: () => void;
  readonly #deadline: number;
  readonly #startedAt: number;
  readonly #object = new StoredObject();
  #phase: Phase = { kind: 'live' };
  #sentRevision: number;
  /** What was looked through to begin with is not worth a bookmark, shown or not: upstream's rule (semantics 4.5). */
  readonly #lookedThrough: number;
  #nextBookmark: number;
  #clockSlot = 0;
  /** Something was written: an event or a bookmark. */
  #told = false;
  /** What the write in flight is read from. */
  #batch: EventBatch | undefined;
  #buffer: Buffer | undefined;

  constructor(services: WatchServices, plan: WatchPlan, sink: Sink, onEnd: () => void) {
    this.#services = services;
    this.#plan = plan;
    this.share = plan.share;
    this.#sink = sink;
    this.#onEnd = onEnd;
    this.#sentRevision = plan.startRevision;
    this.#lookedThrough = plan.initialEvents ? 0 : plan.lane.eventRevision;
    const now = performance.now();
    this.#startedAt = now;
    this.#deadline = now + plan.lifetimeMs;
    this.#nextBookmark = now + BOOKMARK_PERIOD_MS;
    services.counters.open++;
    services.counters.started++;
    plan.cursor.reader = this;
    sink.onReady = (): void => this.#taken();
    sink.onClose = (): void => this.#closed();
    if (plan.initialEvents) {
      const walk = plan.lane.candidates(plan.filter, plan.view.position, FROM_THE_START);
      this.#phase = { kind: 'initial', walk };
    }
    this.#schedule(now);
  }

  /** Begins to send. */
  start(): void {
    if (this.#phase.kind === 'initial') this.#sendInitialWithRoom();
    else if (this.#plan.cursor.pending) this.#services.flush.wake(this);
  }

  get aheadRevision(): number {
    return this.#plan.ahead ? this.#plan.startRevision : 0;
  }

  get ready(): boolean {
    return this.#phase.kind === 'live' && this.#sink.ready;
  }

  /** Takes pending events: one write. */
  flush(): void {
    const { cursor, lane } = this.#plan;
    cursor.group.trim(lane.log.floor);
    if (cursor.fallenOut) {
      this.expire('expired');
      return;
    }
    this.#skipKnown();
    if (!cursor.pending || !this.ready) return;
    const batch = this.#services.writer.batch(this.#plan);
    const { counters } = lane;
    counters.eventsSent += batch.to - cursor.next;
    counters.watchBytesSent += batch.bytes.length;
    cursor.next = batch.to;
    this.#sentRevision = batch.revision;
    batch.hold();
    this.#batch = batch;
    this.#write(batch.bytes);
  }

  /**
   * Passes over events that are not newer than where the watch starts: a client may start ahead of this lane, and a view
   * proven by comparison may be called a revision whose last, cancelled changes are still on their way. Deletions of a
   * bridge carry the revision from before them: to a watch that starts at it they are news, and one that started ahead
   * of it cannot know them from those it has seen.
   */
  #skipKnown(): void {
    const { cursor, lane, startRevision } = this.#plan;
    const { group } = cursor;
    while (cursor.pending) {
      const sequence = group.sequence(cursor.next);
      const revision = lane.log.revision(sequence);
      if (revision > startRevision) return;
      if (lane.bridges.deleted(sequence, lane.log)) {
        if (revision < startRevision) this.expire('expired');
        return;
      }
      cursor.next++;
    }
  }

  tick(now: number): void {
    if (this.#phase.kind === 'ending') {
      if (this.#phase.held) this.#finishOrWait(now, this.#phase.last);
      else this.#sink.destroy();
      return;
    }
    if (now >= this.#deadline) {
      this.end('timeout');
      return;
    }
    if (now >= Math.min(this.#nextBookmark, this.#deadline - LAST_BOOKMARK_MS)) {
      this.#sendBookmark();
      this.#nextBookmark = now + BOOKMARK_PERIOD_MS;
    }
    this.#schedule(now);
  }

  /** The lane ends this watch: its next event is no longer held, or the lane itself is gone. */
  expire(reason: EndReason): void {
    if (reason === 'closed') {
      this.end('upstream');
      return;
    }
    const status = expiredWatch(this.#sentRevision, this.#plan.lane.floorRevision);
    this.end(
      this.#plan.cursor.fallenOut ? 'slow' : 'expired',
      this.#plan.lane.codec.encoding.errorEvent(status),
    );
  }

  /** Ends the body cleanly behind what is in flight, after `last` when given. */
  end(reason: WatchEnd, last?: Buffer): void {
    if (this.#phase.kind === 'ending' || this.#phase.kind === 'ended') return;
    this.#services.counters.ended[reason]++;
    this.#leave();
    this.#services.clock.forget(this.#clockSlot, this);
    const now = performance.now();
    const earliest = this.#startedAt + LEAST_LIFE_MS;
    if (this.#told || last !== undefined || now >= earliest) {
      this.#finishOrWait(now, last);
      return;
    }
    this.#phase = { kind: 'ending', last, held: true };
    this.#clockSlot = this.#services.clock.at(earliest, this);
  }

  /** Ends the body now, or once the write in flight is taken. */
  #finishOrWait(now: number, last: Buffer | undefined): void {
    this.#phase = { kind: 'ending', last, held: false };
    if (this.#sink.ready) this.#finish();
    this.#clockSlot = this.#services.clock.at(now + END_GRACE_MS, this);
  }

  #finish(): void {
    if (this.#phase.kind !== 'ending' || this.#phase.held) return;
    const { last } = this.#phase;
    if (last !== undefined) {
      this.#phase = { kind: 'ending', last: undefined, held: false };
      this.#write(last);
    }
    this.#sink.end();
  }

  #write(bytes: Uint8Array): void {
    this.#told = true;
    this.#sink.write(bytes);
  }

  /** The write in flight was taken. */
  #taken(): void {
    this.#releaseWritten();
    if (this.#phase.kind === 'initial') this.#sendInitialWithRoom();
    else if (this.#phase.kind === 'ending') this.#finish();
    else if (this.#plan.cursor.pending) this.#services.flush.wake(this);
    // In the middle of a bridge is no place to resume from: it is taken to the end of it at once.
    else if (this.#plan.lane.bridges.passes(this.#sentRevision)) this.#sendBookmark(0);
  }

  /** Nothing is read for one who does not take it. */
  #sendInitialWithRoom(): void {
    this.#sink.awaitRoom(() => this.#sendInitial());
  }

  #sendInitial(): void {
    if (this.#phase.kind !== 'initial' || !this.#sink.ready) return;
    const { lane, filter, objects } = this.#plan;
    const { walk } = this.#phase;
    if (lane.state.kind === 'closed') return;
    if (walk.expired) {
      this.expire('expired');
      return;
    }
    let buffer = this.#services.pool.take();
    let length = 0;
    let looked = 0;
    const began = performance.now();
    let more = walk.next();
    for (; more; more = walk.next()) {
      if (filter.matches(lane.arena, walk.place)) {
        const object = lane.describe(walk.place, this.#object);
        const size = objects.eventBytes(EVENT_ADDED, object);
        if (length + size > buffer.length) {
          if (length > 0) {
            walk.unread();
            break;
          }
          this.#services.pool.give(buffer);
          buffer = this.#services.pool.take(size);
        }
        length = objects.writeEvent(EVENT_ADDED, object, buffer, length);
        lane.counters.eventsSent++;
      }
      if (++looked % SLICE_OBJECTS === 0 && performance.now() - began > SLICE_MS) break;
    }
    walk.pause();
    this.#writeInitial(buffer, length, !more);
  }

  #writeInitial(buffer: Buffer, length: number, done: boolean): void {
    if (done) this.#phase = { kind: 'live' };
    const bytes = buffer.subarray(0, length);
    const marker = done ? this.#endMarker() : undefined;
    if (length === 0) {
      this.#services.pool.give(buffer);
      if (marker !== undefined) this.#write(marker);
      else if (!done) setImmediate(() => this.#sendInitial());
      else if (this.#plan.cursor.pending) this.#services.flush.wake(this);
      return;
    }
    this.#buffer = buffer;
    this.#plan.lane.counters.watchBytesSent += length;
    this.#write(marker === undefined ? bytes : Buffer.concat([bytes, marker]));
  }

  #endMarker(): Buffer | undefined {
    const { lane, objects, view, initialEventsEnd } = this.#plan;
    if (!initialEventsEnd) return undefined;
    this.#sentRevision = Math.max(this.#sentRevision, view.revision);
    lane.counters.bookmarksSent++;
    return lane.bookmarks.in(objects)?.initialEventsEnd(view.revision);
  }

  /** Everything up to the frontier was sent, if nothing is pending: says so. */
  #sendBookmark(above = this.#lookedThrough): void {
    const { lane, objects, cursor, bookmarks } = this.#plan;
    if (!bookmarks || !this.ready || cursor.pending) return;
    if (lane.frontier <= Math.max(this.#sentRevision, above)) return;
    const line = lane.bookmarks.in(objects)?.plain(lane.frontier);
    if (line === undefined) return;
    this.#sentRevision = lane.frontier;
    lane.counters.bookmarksSent++;
    this.#write(line);
  }

  #schedule(now: number): void {
    const beforeEnd = this.#deadline - LAST_BOOKMARK_MS;
    const last = this.#plan.bookmarks && beforeEnd > now ? beforeEnd : this.#deadline;
    const next = this.#plan.bookmarks ? Math.min(this.#nextBookmark, last) : this.#deadline;
    this.#clockSlot = this.#services.clock.at(next, this);
  }

  #releaseWritten(): void {
    this.#batch?.release();
    this.#batch = undefined;
    if (this.#buffer !== undefined) this.#services.pool.give(this.#buffer);
    this.#buffer = undefined;
  }

  #leave(): void {
    if (this.#plan.cursor.reader === undefined) return;
    this.#plan.cursor.reader = undefined;
    this.#plan.lane.groups.leave(this.#plan.cursor);
  }

  #closed(): void {
    if (this.#phase.kind === 'ended') return;
    if (this.#phase.kind !== 'ending') this.#services.counters.ended.client++;
    this.#phase = { kind: 'ended' };
    this.#leave();
    this.#releaseWritten();
    this.#services.clock.forget(this.#clockSlot, this);
    this.#services.counters.open--;
    this.#onEnd();
  }
}

const FROM_THE_START = Buffer.alloc(0);
