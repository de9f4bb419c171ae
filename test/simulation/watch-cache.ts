/**
 * The watch cache of one apiserver: it hears of changes late but in order, keeps the latest in a ring, and hands them to
 * its watchers later still (apiserver-semantics 3.2, 3.8, 4.3, 4.5). Several of them follow one store, each with a lag of
 * its own.
 *
 *   store --etcd--> applied (what a LIST shows) --dispatch--> dispatched (what watchers and bookmarks have)
 */
import type { Random, Spread } from './random.ts';
import { bookmarkOf, initialEventOf, statusOf, type Store } from './store.ts';
import type { Stream } from './stream.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface CacheOptions {
  readonly store: Store;
  readonly time: VirtualTime;
  readonly random: Random;
  /** From the store to the cache. */
  readonly etcdDelay: Spread;
  /** From the cache to the watchers. */
  readonly dispatchDelay: Spread;
  /** Changes kept for watches that resume. */
  readonly ringChanges: number;
}

interface Watcher {
  readonly stream: Stream;
  /** Nothing at or below this revision is sent by the live phase. */
  readonly liveFrom: number;
}

/** The consistent read of a LIST gives up after this long. */
const FRESH_TIMEOUT_MS = 3_000;
const PROGRESS_REQUEST_MS = 100;
/** The dispatcher looks for due bookmarks once in this time. */
const BOOKMARK_TICK_MS = 1_250;
const BOOKMARK_PERIOD_MS = 60_000;
const BOOKMARK_BEFORE_END_MS = 2_000;

export class WatchCache {
  readonly #options: CacheOptions;
  readonly #watchers = new Set<Watcher>();
  readonly #waiters = new Set<{
    readonly revision: number;
    readonly done: (ok: boolean) => void;
  }>();
  /** Changes with every start; what is on its way to an earlier start is ignored. */
  #epoch = 0;
  /** Changes that are on their way from the store or have come. */
  #heard = 0;
  #lastHeardMs = 0;
  #lastDispatchMs = 0;
  /** First change in the ring, and the oldest revision a watch may resume from. */
  #ringStart = 0;
  #oldest = 0;
  ready = false;
  /** Changes in the cache, and its revision. */
  applied = 0;
  revision = 0;
  #dispatched = 0;
  #dispatchedRevision = 0;

  constructor(options: CacheOptions) {
    this.#options = options;
  }

  /** Lists the store: the ring begins empty, so older revisions are expired. */
  start(): void {
    const { store } = this.#options;
    this.stop();
    this.ready = true;
    this.revision = store.revision;
    this.applied = store.changes.length;
    this.#heard = this.applied;
    this.#dispatched = this.applied;
    this.#dispatchedRevision = this.revision;
    this.#ringStart = this.applied;
    this.#oldest = this.revision;
  }

  /** Ends every watch. */
  stop(): void {
    this.#epoch++;
    this.ready = false;
    for (const { stream } of this.#watchers) stream.end();
    this.#watchers.clear();
    for (const { done } of this.#waiters) done(false);
    this.#waiters.clear();
  }

  // ---- the way in -----------------------------------------------------------------------------------------------------

  /** The store has changed: the changes set out for here. */
  hear(): void {
    const { store } = this.#options;
    while (this.ready && this.#heard < store.changes.length) {
      const index = this.#heard++;
      this.#fromStore(() => this.#apply(index));
    }
  }

  /** The store says its revision, behind everything it has sent. */
  progress(): void {
    const { revision } = this.#options.store;
    if (this.ready) this.#fromStore(() => this.#advance(revision));
  }

  /** Nothing comes from the store for a while. */
  freeze(durationMs: number): void {
    this.#lastHeardMs = Math.max(this.#lastHeardMs, this.#options.time.now() + durationMs);
  }

  #fromStore(arrive: () => void): void {
    const { time, random, etcdDelay } = this.#options;
    const epoch = this.#epoch;
    this.#lastHeardMs = Math.max(this.#lastHeardMs, time.now() + random.spread(etcdDelay)) + 1e-6;
    time.after(this.#lastHeardMs - time.now(), () => {
      if (epoch === this.#epoch) arrive();
    });
  }

  #apply(index: number): void {
    this.applied = index + 1;
    if (this.applied - this.#ringStart > this.#options.ringChanges) this.forget(1);
    this.#advance(this.#options.store.changes[index].revision);
  }

  /** Drops the oldest of the ring. */
  forget(changes: number): void {
    const { store } = this.#options;
    this.#ringStart = Math.min(this.applied, this.#ringStart + changes);
    if (this.#ringStart > 0) {
      const last = store.changes[this.#ringStart - 1].revision;
      this.#oldest = Math.max(this.#oldest, last);
    }
  }

  #advance(revision: number): void {
    this.revision = Math.max(this.revision, revision);
    for (const waiter of this.#waiters) if (waiter.revision <= this.revision) waiter.done(true);
    const { time, random, dispatchDelay } = this.#options;
    const epoch = this.#epoch;
    const { applied, revision: reached } = this;
    this.#lastDispatchMs =
      Math.max(this.#lastDispatchMs, time.now() + random.spread(dispatchDelay)) + 1e-6;
    time.after(this.#lastDispatchMs - time.now(), () => {
      if (epoch === this.#epoch) this.#dispatch(applied, reached);
    });
  }

  #dispatch(applied: number, revision: number): void {
    const { store } = this.#options;
    for (; this.#dispatched < applied; this.#dispatched++) {
      const change = store.changes[this.#dispatched];
      const line = store.eventOf(this.#dispatched);
      for (const { stream, liveFrom } of this.#watchers) {
        if (change.revision > liveFrom) stream.send(line);
      }
    }
    this.#dispatchedRevision = Math.max(this.#dispatchedRevision, revision);
  }

  // ---- the way out ----------------------------------------------------------------------------------------------------

  /** Calls `done` once the cache is at `revision`, with false when that takes too long or the cache is gone. */
  whenFresh(revision: number, done: (fresh: boolean) => void): void {
    if (this.revision >= revision) {
      done(true);
      return;
    }
    const { time } = this.#options;
    const waiter = {
      revision,
      done: (fresh: boolean): void => {
        if (this.#waiters.delete(waiter)) done(fresh);
      },
    };
    this.#waiters.add(waiter);
    time.after(FRESH_TIMEOUT_MS, () => waiter.done(false));
    const ask = (): void => {
      if (!this.#waiters.has(waiter)) return;
      this.progress();
      time.after(PROGRESS_REQUEST_MS, ask);
    };
    ask();
  }

  /** A watch from a revision: what the ring holds behind it, then what is dispatched. */
  watch(stream: Stream, from: number, timeoutMs: number): void {
    const { store } = this.#options;
    if (from < this.#oldest) {
      const message = `too old resource version: ${from} (${this.#oldest})`;
      stream.send(Buffer.from(`{"type":"ERROR","object":${statusOf(410, 'Expired', message)}}\n`));
      stream.end();
      return;
    }
    let liveFrom = from;
    const replayed: Buffer[] = [];
    for (let index = store.changesUpTo(from); index < this.applied; index++) {
      replayed.push(store.eventOf(index));
      liveFrom = store.changes[index].revision;
    }
    stream.send(Buffer.concat(replayed));
    this.#goLive(stream, liveFrom, timeoutMs);
  }

  /** The current state as events and its mark, then what is dispatched. */
  watchList(stream: Stream, timeoutMs: number): void {
    const { store } = this.#options;
    const objects = [...store.stateAfter(this.applied).values()];
    stream.send(Buffer.from(objects.map(initialEventOf).join('')));
    stream.send(bookmarkOf(this.revision, true));
    this.#goLive(stream, this.revision, timeoutMs);
  }

  #goLive(stream: Stream, liveFrom: number, timeoutMs: number): void {
    const { time } = this.#options;
    const watcher = { stream, liveFrom };
    this.#watchers.add(watcher);
    stream.onGone = (): void => void this.#watchers.delete(watcher);
    const endsAtMs = time.now() + timeoutMs;
    time.after(timeoutMs, () => {
      this.#watchers.delete(watcher);
      stream.end();
    });
    this.#scheduleBookmark(watcher, time.now(), endsAtMs);
  }

  #scheduleBookmark(watcher: Watcher, lastMs: number, endsAtMs: number): void {
    const { time, random } = this.#options;
    const dueMs = Math.min(lastMs + BOOKMARK_PERIOD_MS, endsAtMs - BOOKMARK_BEFORE_END_MS);
    if (dueMs <= time.now()) return;
    time.after(dueMs - time.now() + random.next() * BOOKMARK_TICK_MS, () => {
      if (!this.#watchers.has(watcher)) return;
      if (this.#dispatchedRevision > watcher.liveFrom) {
        watcher.stream.send(bookmarkOf(this.#dispatchedRevision, false));
      }
      this.#scheduleBookmark(watcher, dueMs, endsAtMs);
    });
  }
}
