/**
 * Consistent reads of one lane: proves that it holds every write acknowledged before the question was asked.
 *
 * 1. Ask upstream for its revision now (probe), unless step 3 answers that as well.
 * 2. Wait for the frontier to get there; on a busy lane its next events do that within milliseconds.
 * 3. An idle lane gets no events, so prove that nothing was missed: small lanes by comparing with a list of metadata
 *    (validate.ts), larger ones by short watches that bring a bookmark (delta-watch.ts).
 *
 * Never guesses and never takes the passing of time for a proof (design 3.3, apiserver-semantics 12). Every call is
 * shared by all who wait for one of its kind, and every wait has an end, after which the answer is 'unproven' and the
 * reader is sent upstream.
 */

import type { Resource } from '../k8s/resource.ts';
import { type Clock, systemClock } from './clock.ts';
import { Coalesced } from './coalesced.ts';
import { DeltaWatch, type LoadingLane } from './delta-watch.ts';
import type { IngestCounters } from './ingest-counters.ts';
import type { LaneWriter } from './lane-writer.ts';
import { probe, type ProbeOutcome } from './probe.ts';
import { RevisionWaiters } from './revision-waiters.ts';
import type { CallBounds, UpstreamReader } from './upstream-reader.ts';
import { Comparer, fetchMetadataList } from './validate.ts';

/** Serve the snapshot at this position and call it this revision. */
export interface View {
  readonly position: number;
  readonly revision: number;
}

export type ViewOutcome =
  | { readonly kind: 'view'; readonly view: View }
  | { readonly kind: 'unproven'; readonly reason: string };

export interface FreshnessLimits {
  /** How long a busy lane's own events are waited for before a proof is started. */
  readonly patienceMs: number;
  /** A lane without events for this long is idle: no use in waiting for the next. */
  readonly idleAfterMs: number;
  /** Lanes up to this many objects are proven by a list of metadata. */
  readonly validateMaxObjects: number;
  readonly validateMaxBytes: number;
  /** Least time between the starts of two probes. */
  readonly probeSpacingMs: number;
  /** Longest wait for one answer from upstream. */
  readonly callTimeoutMs: number;
  /** Readers waiting at one time; further ones are 'unproven' at once. */
  readonly maxWaiters: number;
  readonly maxFrameBytes: number;
}

export const DEFAULT_FRESHNESS_LIMITS: FreshnessLimits = Object.freeze({
  patienceMs: 100,
  idleAfterMs: 300,
  validateMaxObjects: 2_000,
  validateMaxBytes: 64 * 1024 * 1024,
  probeSpacingMs: 5,
  callTimeoutMs: 3_000,
  maxWaiters: 10_000,
  maxFrameBytes: 16 * 1024 * 1024,
});

/** What freshness needs of the reflector of the same lane. */
export interface FollowedLane extends LoadingLane {
  readonly loadedOnce: boolean;
  readonly counters: IngestCounters;
  relist(reason: string): void;
}

export interface FreshnessOptions {
  readonly resource: Resource;
  readonly writer: LaneWriter;
  readonly reader: UpstreamReader;
  readonly lane: FollowedLane;
  readonly clock?: Clock;
  readonly limits?: Partial<FreshnessLimits>;
}

/** How consistent reads were answered; plain numbers, read at scrape time. */
export interface FreshnessCounters {
  /** The frontier was there when the probe came back. */
  atOnce: number;
  /** The lane's own events or bookmarks brought it there. */
  byEvents: number;
  byList: number;
  byDelta: number;
  unproven: number;
  /** Milliseconds that readers waited, all together. */
  waitedMs: number;
}

export class Freshness {
  readonly counters: FreshnessCounters = {
    atOnce: 0,
    byEvents: 0,
    byList: 0,
    byDelta: 0,
    unproven: 0,
    waitedMs: 0,
  };
  readonly #resource: Resource;
  readonly #writer: LaneWriter;
  readonly #reader: UpstreamReader;
  readonly #lane: FollowedLane;
  readonly #clock: Clock;
  readonly #limits: FreshnessLimits;
  readonly #probes: Coalesced<ProbeOutcome>;
  readonly #validations: Coalesced<ViewOutcome>;
  readonly #comparer: Comparer;
  readonly #waiters: RevisionWaiters;
  /** Waiters that only a delta watch can help. */
  readonly #deltaWaiters: RevisionWaiters;
  readonly #delta: DeltaWatch;
  readonly #calls = new Set<AbortController>();
  #closed = '';
  #reading = 0;

  constructor(options: FreshnessOptions) {
    const clock = options.clock ?? systemClock;
    const limits = { ...DEFAULT_FRESHNESS_LIMITS, ...options.limits };
    const { resource, writer, reader, lane } = options;
    const frontier = (): number => writer.frontier;
    this.#resource = resource;
    this.#writer = writer;
    this.#reader = reader;
    this.#lane = lane;
    this.#clock = clock;
    this.#limits = limits;
    this.#probes = new Coalesced(
      () => this.#probe(),
      clock,
      () => limits.probeSpacingMs,
    );
    this.#validations = new Coalesced(
      () => this.#validate(),
      clock,
      () => this.#listSpacingMs(),
    );
    this.#comparer = new Comparer(writer, () => clock.turn());
    this.#waiters = new RevisionWaiters(clock, frontier, limits.maxWaiters);
    this.#deltaWaiters = new RevisionWaiters(clock, frontier, limits.maxWaiters);
    this.#delta = new DeltaWatch({
      resource,
      writer,
      reader,
      clock,
      lane,
      openTimeoutMs: limits.callTimeoutMs,
      maxFrameBytes: limits.maxFrameBytes,
      onProgress: () => this.advanced(),
      wanted: () => this.#deltaWaiters.size > 0 && this.#closed === '',
      onFailed: () => this.#deltaWaiters.failAll(),
    });
  }

  /** Calls to upstream so far, for the status page. */
  get probes(): number {
    return this.#probes.calls;
  }

  get validations(): number {
    return this.#validations.calls;
  }

  get deltaCounters(): IngestCounters {
    return this.#delta.counters;
  }

  /** Readers waiting now. */
  get waiting(): number {
    return this.#reading;
  }

  /** A view that holds every write acknowledged before this call; waits at most `timeoutMs`. */
  view(timeoutMs: number): Promise<ViewOutcome> {
    return this.#counted(() => this.#view(timeoutMs));
  }

  /** The same without the proofs for idle lanes: for reads that are cheaper to send upstream than to prove. */
  quick(timeoutMs: number): Promise<ViewOutcome> {
    return this.#counted(() => this.#quick(timeoutMs));
  }

  /** Whether the lane has reached `revision` within `timeoutMs`. */
  async atLeast(revision: number, timeoutMs: number): Promise<boolean> {
    if (this.#unusable() !== '') return false;
    if (this.#writer.frontier >= revision) return true;
    if (this.#reading >= this.#limits.maxWaiters) return false;
    const endsAtMs = this.#clock.now() + timeoutMs;
    this.#reading++;
    try {
      const patienceMs = Math.min(this.#patienceMs(), timeoutMs);
      if (await this.#waiters.wait(revision, patienceMs)) return true;
      return await this.#byDelta(revision, endsAtMs - this.#clock.now());
    } finally {
      this.#reading--;
    }
  }

  /** To be called whenever the lane may have moved. */
  advanced(): void {
    this.#waiters.advanced();
    this.#deltaWaiters.advanced();
  }

  /** The lane is let go: whoever waits is answered 'unproven'. */
  close(reason: string): void {
    this.#closed = reason;
    for (const controller of this.#calls) controller.abort();
    this.#delta.stop();
    this.#waiters.failAll();
    this.#deltaWaiters.failAll();
  }

  async #counted(read: () => Promise<ViewOutcome>): Promise<ViewOutcome> {
    const problem = this.#unusable();
    let outcome: ViewOutcome;
    if (problem !== '') {
      outcome = unproven(problem);
    } else if (this.#reading >= this.#limits.maxWaiters) {
      outcome = unproven('too many readers are waiting');
    } else {
      this.#reading++;
      const beganMs = this.#clock.now();
      try {
        outcome = await read();
      } finally {
        this.#reading--;
        this.counters.waitedMs += this.#clock.now() - beganMs;
      }
      if (this.#unusable() !== '') outcome = unproven(this.#unusable());
    }
    if (outcome.kind === 'unproven') this.counters.unproven++;
    return outcome;
  }

  async #view(timeoutMs: number): Promise<ViewOutcome> {
    const endsAtMs = this.#clock.now() + timeoutMs;
    const small = this.#writer.objects <= this.#limits.validateMaxObjects;
    // On an idle lane the list is needed anyway, and it is a probe as well.
    if (small && this.#idle()) return this.#byList(timeoutMs);
    const probed = await this.#within(this.#probes.join(), timeoutMs);
    if (probed.kind !== 'revision') return unproven(probed.reason);
    const found = await this.#byEvents(probed.revision, this.#leftMs(endsAtMs));
    if (found !== undefined) return found;
    if (small) return this.#byList(this.#leftMs(endsAtMs));
    if (await this.#byDelta(probed.revision, this.#leftMs(endsAtMs))) {
      this.counters.byDelta++;
      return this.#current();
    }
    return unproven('no proof came in time');
  }

  async #quick(timeoutMs: number): Promise<ViewOutcome> {
    const endsAtMs = this.#clock.now() + timeoutMs;
    const probed = await this.#within(this.#probes.join(), timeoutMs);
    if (probed.kind !== 'revision') return unproven(probed.reason);
    const found = await this.#byEvents(probed.revision, this.#leftMs(endsAtMs), true);
    return found ?? unproven('the lane did not get there in time');
  }

  async #byEvents(
    revision: number,
    timeoutMs: number,
    allOfIt = false,
  ): Promise<ViewOutcome | undefined> {
    if (this.#writer.frontier >= revision) {
      this.counters.atOnce++;
      return this.#current();
    }
    const waitMs = allOfIt ? timeoutMs : Math.min(this.#patienceMs(), timeoutMs);
    if (!(await this.#waiters.wait(revision, waitMs))) return undefined;
    this.counters.byEvents++;
    return this.#current();
  }

  async #byList(timeoutMs: number): Promise<ViewOutcome> {
    const outcome = await this.#within(this.#validations.join(), timeoutMs);
    if (outcome.kind === 'failed') return unproven(outcome.reason);
    if (outcome.kind === 'view') this.counters.byList++;
    return outcome;
  }

  async #byDelta(revision: number, timeoutMs: number): Promise<boolean> {
    const waiting = this.#deltaWaiters.wait(revision, timeoutMs);
    if (this.#deltaWaiters.size > 0) this.#delta.run();
    const reached = await waiting;
    if (this.#deltaWaiters.size === 0) this.#delta.stop();
    return reached;
  }

  async #probe(): Promise<ProbeOutcome> {
    const { frontier } = this.#writer;
    const { epoch } = this.#lane;
    const outcome = await this.#call((bounds) => probe(this.#reader, this.#resource, bounds));
    if (outcome.kind === 'revision' && outcome.revision < frontier && epoch === this.#lane.epoch) {
      // What we hold was committed before the probe was sent: upstream's store was set back.
      const reason = `upstream is at revision ${outcome.revision}, behind our ${frontier}`;
      this.#lane.relist(reason);
      return { kind: 'failed', reason };
    }
    return outcome;
  }

  /** One list, compared again and again while the events that make the difference arrive. */
  async #validate(): Promise<ViewOutcome> {
    const { epoch } = this.#lane;
    const endsAtMs = this.#clock.now() + this.#limits.callTimeoutMs;
    const { validateMaxBytes: maxBytes } = this.#limits;
    const options = { resource: this.#resource, reader: this.#reader, maxBytes };
    const list = await this.#call((bounds) => fetchMetadataList(options, bounds));
    if (list.kind === 'failed') return unproven(list.reason);
    for (;;) {
      if (this.#lane.epoch !== epoch || this.#lane.loading)
        return unproven('the lane was relisted');
      if (this.#writer.frontier >= list.revision) return this.#current();
      const comparison = await this.#comparer.compare(list);
      if (comparison.kind === 'failed') return unproven(comparison.reason);
      if (this.#lane.epoch !== epoch) return unproven('the lane was relisted');
      if (comparison.kind === 'equal') {
        const { position } = comparison;
        return { kind: 'view', view: { position, revision: list.revision } };
      }
      const leftMs = this.#leftMs(endsAtMs);
      if (leftMs <= 0 || this.#closed !== '') return unproven('the lane differs from upstream');
      if (comparison.kind === 'different') await this.#nextEvent(list.revision, leftMs);
    }
  }

  /** Waits for any movement of the lane: the main stream's, or else that of a delta watch. */
  async #nextEvent(revision: number, timeoutMs: number): Promise<void> {
    const next = Math.min(this.#writer.frontier + 1, revision);
    const patienceMs = Math.min(this.#limits.patienceMs, timeoutMs);
    if (await this.#waiters.wait(next, patienceMs)) return;
    await this.#byDelta(next, timeoutMs - patienceMs);
  }

  async #call<T>(call: (bounds: CallBounds) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    this.#calls.add(controller);
    try {
      const openTimeoutMs = this.#limits.callTimeoutMs;
      return await call({ clock: this.#clock, controller, openTimeoutMs });
    } finally {
      this.#calls.delete(controller);
    }
  }

  #within<T>(promise: Promise<T>, timeoutMs: number): Promise<T | TooLate> {
    if (timeoutMs <= 0) return Promise.resolve(TOO_LATE);
    return new Promise((resolve, reject) => {
      const timer = this.#clock.timer(timeoutMs, () => resolve(TOO_LATE));
      promise.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  #current(): ViewOutcome {
    return {
      kind: 'view',
      view: { position: this.#writer.head, revision: this.#writer.frontier },
    };
  }

  #unusable(): string {
    if (this.#closed !== '') return this.#closed;
    return this.#lane.loadedOnce ? '' : 'the lane has no complete list yet';
  }

  #idle(): boolean {
    const { lastEventAtMs } = this.#lane.counters;
    return this.#clock.now() - lastEventAtMs > this.#limits.idleAfterMs;
  }

  /** No use in waiting for the events of a lane that has none. */
  #patienceMs(): number {
    return this.#idle() ? 0 : this.#limits.patienceMs;
  }

  #leftMs(endsAtMs: number): number {
    return endsAtMs - this.#clock.now();
  }

  /** Between the starts of two validating lists: 5 ms, and 1 ms more per 20 objects, so that polling stays cheap. */
  #listSpacingMs(): number {
    return 5 + this.#writer.objects / 20;
  }
}

interface TooLate {
  readonly kind: 'failed';
  readonly reason: string;
}

const TOO_LATE: TooLate = { kind: 'failed', reason: 'upstream did not answer in time' };

function unproven(reason: string): ViewOutcome {
  return { kind: 'unproven', reason };
}
