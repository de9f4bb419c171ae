/**
 * The one flush: a pass that gives every ready connection its pending bytes in one write. Events wait in the log until
 * then, so a burst costs one write a watcher instead of one an event (20-25x, fanout-measurements 0.2).
 *
 * The first event after quiet is flushed at once. Under load the pause after a pass grows with how long the pass took, so
 * that flushing stays under `maxShare` of the loop; without it an overloaded loop collapses (fanout 1.3). A pass gives the
 * loop back every `watchersPerTurn` writes. Groups are taken in turn, and within a group the start rotates.
 *
 * Fair by identity: in a pass the watches of one get as many writes as a turn has; the rest of them is deferred behind
 * everybody else's. Of those, a pass that others wait for takes a turn's worth, so that they are late but not left.
 */
import type { FilterGroup } from '../cache/filter-group.ts';
import type { CursorReader } from '../cache/filter-group.ts';
import type { Lane } from '../cache/lane.ts';

export interface FlushOptions {
  readonly maxIntervalMs: number;
  /** Writes before the loop gets a turn: 200 cuts the stall from ~60 ms to ~10 ms at no cost (fanout 1.3). */
  readonly watchersPerTurn: number;
  /** Share of the loop that flushing may take. */
  readonly maxShare: number;
}

/** Below this a pass is too short to be worth spacing out. */
const FREE_PASS_MS = 1;

/** Of the list of deferred readers, looked through and not yet let go. */
const DEFERRED_KEPT = 4_096;

interface Pass {
  readonly number: number;
  readonly groups: FilterGroup[];
  readonly readers: CursorReader[];
  group: number;
  /** Cursors of the current group looked at so far, and where its round began. */
  cursor: number;
  start: number;
  /** Of those deferred, written in this pass. */
  late: number;
  spentMs: number;
}

export class FlushScheduler {
  readonly #options: FlushOptions;
  readonly #endOfTurn: () => void;
  #lanes: Lane[] = [];
  #readers: CursorReader[] = [];
  /** Behind all others, in the order they came; each at most once. */
  readonly #deferred: CursorReader[] = [];
  #deferredAt = 0;
  #pass: Pass | undefined;
  #armed = false;
  #notBefore = 0;
  #rotation = 0;
  passes = 0;
  /** Milliseconds spent flushing. */
  busyMs = 0;
  /** The pause after the last pass. */
  intervalMs = 0;

  /** `endOfTurn` runs whenever the loop is given back: shared batches are let go there. */
  constructor(options: FlushOptions, endOfTurn: () => void) {
    this.#options = options;
    this.#endOfTurn = endOfTurn;
  }

  attach(lane: Lane): void {
    lane.groups.onDirty = (): void => {
      this.#lanes.push(lane);
      this.#arm();
    };
  }

  /** A reader that had something in flight may go on. */
  wake(reader: CursorReader): void {
    this.#readers.push(reader);
    this.#arm();
  }

  #arm(): void {
    if (this.#armed || this.#pass !== undefined) return;
    this.#armed = true;
    const wait = this.#notBefore - performance.now();
    if (wait > 0) setTimeout(this.#begin, wait);
    else setImmediate(this.#begin);
  }

  readonly #begin = (): void => {
    this.#armed = false;
    const groups: FilterGroup[] = [];
    for (const lane of this.#lanes) {
      for (const group of lane.groups.dirty) {
        group.dirty = false;
        group.trim(lane.log.floor);
        groups.push(group);
      }
      lane.groups.dirty.length = 0;
    }
    this.#lanes = [];
    const readers = this.#readers;
    this.#readers = [];
    const start = this.#rotation++;
    const number = ++this.passes;
    this.#pass = { number, groups, readers, group: 0, cursor: 0, start, late: 0, spentMs: 0 };
    this.#turn();
  };

  readonly #turn = (): void => {
    const pass = this.#pass!;
    const began = performance.now();
    let left = this.#options.watchersPerTurn;
    left = this.#flushReaders(pass, left);
    if (left > 0) left = this.#flushGroups(pass, left);
    if (left > 0) this.#flushDeferred(pass, left);
    this.#endOfTurn();
    const spent = performance.now() - began;
    pass.spentMs += spent;
    this.busyMs += spent;
    if (pass.readers.length > 0 || pass.group < pass.groups.length || this.#isLateOn(pass)) {
      setImmediate(this.#turn);
      return;
    }
    this.#finish(pass);
  };

  #finish(pass: Pass): void {
    this.#pass = undefined;
    const { maxShare, maxIntervalMs } = this.#options;
    const pause = pass.spentMs <= FREE_PASS_MS ? 0 : (pass.spentMs * (1 - maxShare)) / maxShare;
    this.intervalMs = Math.min(maxIntervalMs, pause);
    this.#notBefore = performance.now() + this.intervalMs;
    if (this.#lanes.length > 0 || this.#readers.length > 0 || this.#hasDeferred) this.#arm();
  }

  get #hasDeferred(): boolean {
    return this.#deferredAt < this.#deferred.length;
  }

  /** Whether this pass goes on with those deferred: all of them, or a turn's worth when others wait. */
  #isLateOn(pass: Pass): boolean {
    if (!this.#hasDeferred) return false;
    const othersWait = this.#lanes.length > 0 || this.#readers.length > 0;
    return !othersWait || pass.late < this.#options.watchersPerTurn;
  }

  #flushReaders(pass: Pass, budget: number): number {
    let left = budget;
    while (left > 0 && pass.readers.length > 0) left -= this.#offer(pass, pass.readers.pop()!);
    return left;
  }

  #flushGroups(pass: Pass, budget: number): number {
    let left = budget;
    while (left > 0 && pass.group < pass.groups.length) {
      const { cursors } = pass.groups[pass.group];
      while (left > 0 && pass.cursor < cursors.length) {
        const { reader, pending } = cursors[(pass.start + pass.cursor++) % cursors.length];
        if (reader !== undefined && pending) left -= this.#offer(pass, reader);
      }
      if (pass.cursor >= cursors.length) {
        pass.group++;
        pass.cursor = 0;
      }
    }
    return left;
  }

  /** Writes made: 0 or 1. */
  #offer(pass: Pass, reader: CursorReader): number {
    if (!reader.ready || reader.deferred) return 0;
    const { share } = reader;
    if (share.pass !== pass.number) {
      share.pass = pass.number;
      share.writes = 0;
    }
    if (share.writes++ < this.#options.watchersPerTurn) {
      reader.flush();
      return 1;
    }
    reader.deferred = true;
    this.#deferred.push(reader);
    return 0;
  }

  #flushDeferred(pass: Pass, budget: number): void {
    for (let left = budget; left > 0 && this.#isLateOn(pass);) {
      const reader = this.#deferred[this.#deferredAt++];
      reader.deferred = false;
      if (!reader.ready) continue;
      reader.flush();
      pass.late++;
      left--;
    }
    if (this.#deferredAt < this.#deferred.length && this.#deferredAt < DEFERRED_KEPT) return;
    this.#deferred.splice(0, this.#deferredAt);
    this.#deferredAt = 0;
  }
}
