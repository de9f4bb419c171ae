/**
 * Consistent reads of one lane: proves that it holds every write acknowledged before the question was asked.
 *
 * 1. Ask upstream for its revision now (probe). A frontier that is there already is proof enough.
 * 2. Wait for the frontier to get there; on a busy lane its next events do that within milliseconds.
 * 3. A lane that rests gets no events, so prove that nothing was missed: by comparing with a list of metadata, which is a
 *    probe as well (lane-validator.ts), or on very large lanes by short watches that bring a bookmark (delta-watch.ts).
 * 4. Where upstream answers the read itself sooner than all that, say so: the reader is sent there.
 *
 * Which of them comes first is a matter of cost and a guess; what counts as proof is not. Never takes the passing of time
 * for a proof (design 3.3, apiserver-semantics 12). Every call is shared by all who wait for one of its kind, and every
 * wait has an end, after which the answer is 'unproven' and the reader is sent upstream.
 */

import type { Resource } from '../k8s/resource.ts';
import { type Clock, systemClock } from './clock.ts';
import { DeltaWatch, type LoadingLane } from './delta-watch.ts';
import { EventGap } from './event-gap.ts';
import {
  DEFAULT_FRESHNESS_LIMITS,
  type FreshnessCounters,
  type FreshnessLimits,
  type ProofPath,
  unproven,
  type View,
  type ViewOutcome,
} from './freshness-limits.ts';
import type { IngestCounters } from './ingest-counters.ts';
import { LaneValidator } from './lane-validator.ts';
import type { LaneWriter } from './lane-writer.ts';
import type { ProbeOutcome } from './probe.ts';
import { RevisionWaiters } from './revision-waiters.ts';
import type { CallBounds, UpstreamReader } from './upstream-reader.ts';
import { UpstreamRevision } from './upstream-revision.ts';

/** What freshness needs of the reflector of the same lane. */
export interface FollowedLane extends LoadingLane {
  readonly loadedOnce: boolean;
  relist(reason: string): void;
}

export interface FreshnessOptions {
  readonly resource: Resource;
  readonly writer: LaneWriter;
  readonly reader: UpstreamReader;
  readonly lane: FollowedLane;
  readonly clock?: Clock;
  readonly limits?: Partial<FreshnessLimits>;
  /** Shared by the lanes of one resource; default one of its own. */
  readonly revision?: UpstreamRevision;
  /** Told of every consistent read. */
  readonly onRead?: (path: ProofPath, tookMs: number) => void;
}

interface Proof {
  readonly path: ProofPath;
  readonly outcome: ViewOutcome;
}

/** A list of nothing, about what one object read upstream takes. */
const CALL_MS = 4;
/** A bookmark of a delta watch comes within about two seconds, in the mean after one (semantics 4.5). */
const DELTA_MS = 1_000;
/** Up to this a list is not worth a probe before it. */
const CHEAP_LIST_MS = 20;

export class Freshness {
  readonly counters: FreshnessCounters = {
    paths: { probe: 0, wait: 0, validate: 0, delta: 0, forward: 0, unproven: 0 },
    waitedMs: 0,
  };
  readonly #writer: LaneWriter;
  readonly #lane: FollowedLane;
  readonly #clock: Clock;
  readonly #limits: FreshnessLimits;
  readonly #onRead: ((path: ProofPath, tookMs: number) => void) | undefined;
  readonly #upstream: UpstreamRevision;
  readonly #ownsUpstream: boolean;
  readonly #validator: LaneValidator;
  readonly #waiters: RevisionWaiters;
  /** Waiters that only a delta watch can help. */
  readonly #deltaWaiters: RevisionWaiters;
  readonly #delta: DeltaWatch;
  readonly #gap: EventGap;
  readonly #calls = new Set<AbortController>();
  #head = 0;
  #closed = '';
  #reading = 0;

  constructor(options: FreshnessOptions) {
    const clock = options.clock ?? systemClock;
    const limits = { ...DEFAULT_FRESHNESS_LIMITS, ...options.limits };
    const { resource, writer, reader, lane } = options;
    const frontier = (): number => writer.frontier;
    this.#writer = writer;
    this.#lane = lane;
    this.#clock = clock;
    this.#limits = limits;
    this.#onRead = options.onRead;
    this.#gap = new EventGap(clock);
    this.#ownsUpstream = options.revision === undefined;
    this.#upstream =
      options.revision ??
      new UpstreamRevision({
        resource,
        reader,
        clock,
        pace: limits.pace,
        timeoutMs: limits.callTimeoutMs,
      });
    this.#validator = new LaneValidator({
      resource,
      reader,
      writer,
      lane,
      clock,
      maxBytes: limits.validateMaxBytes,
      callTimeoutMs: limits.callTimeoutMs,
      pace: this.#upstream.pace,
      call: (call) => this.#call(call),
      onRevision: (revision, asked) => {
        this.#upstream.latest = revision;
        return this.#setBack(revision, asked);
      },
      nextEvent: (revision, timeoutMs) => this.#nextEvent(revision, timeoutMs),
      closed: () => this.#closed,
    });
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

  /** Probes of this lane's resource so far, whichever lane asked for them. */
  get probes(): number {
    return this.#upstream.probes;
  }

  get validations(): number {
    return this.#validator.calls;
  }

  get deltaCounters(): IngestCounters {
    return this.#delta.counters;
  }

  /** Readers waiting now. */
  get waiting(): number {
    return this.#reading;
  }

  /**
   * A view that holds every write acknowledged before this call; waits at most `timeoutMs`.
   *
   * @param upstreamMs what upstream would take to answer the read itself; by default too long to ask it.
   */
  view(timeoutMs: number, upstreamMs = Number.POSITIVE_INFINITY): Promise<ViewOutcome> {
    return this.#counted(() => this.#prove(timeoutMs, upstreamMs));
  }

  /** The same for the read of one object, which takes upstream no longer than a probe. */
  quick(timeoutMs: number): Promise<ViewOutcome> {
    return this.view(timeoutMs, CALL_MS);
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
    const { head } = this.#writer;
    if (head !== this.#head) this.#gap.happened();
    this.#head = head;
    this.#waiters.advanced();
    this.#deltaWaiters.advanced();
  }

  /** The lane is let go: whoever waits is answered 'unproven'. */
  close(reason: string): void {
    this.#closed = reason;
    for (const controller of this.#calls) controller.abort();
    if (this.#ownsUpstream) this.#upstream.close();
    this.#delta.stop();
    this.#waiters.failAll();
    this.#deltaWaiters.failAll();
  }

  async #counted(read: () => Promise<Proof>): Promise<ViewOutcome> {
    const problem = this.#unusable();
    if (problem !== '') return this.#answered(failed(problem), 0);
    if (this.#reading >= this.#limits.maxWaiters) {
      return this.#answered(failed('too many readers are waiting'), 0);
    }
    this.#reading++;
    const beganMs = this.#clock.now();
    try {
      const proof = await read();
      const since = this.#unusable();
      return this.#answered(since === '' ? proof : failed(since), this.#clock.now() - beganMs);
    } finally {
      this.#reading--;
    }
  }

  #answered({ path, outcome }: Proof, tookMs: number): ViewOutcome {
    this.counters.paths[path]++;
    this.counters.waitedMs += tookMs;
    this.#onRead?.(path, tookMs);
    return outcome;
  }

  async #prove(timeoutMs: number, upstreamMs: number): Promise<Proof> {
    const endsAtMs = this.#clock.now() + timeoutMs;
    if (this.#listFirst(upstreamMs)) return this.#byList(timeoutMs);
    if (this.#hopeless() && this.#upstreamIsSooner(upstreamMs)) return FORWARD;
    const probed = await this.#probe(timeoutMs);
    if (probed.kind !== 'revision') return failed(probed.reason);
    const { revision } = probed;
    const known = this.#known(revision);
    if (known !== undefined) return proven('probe', known);
    const waitMs = Math.min(this.#patienceMs(), 3 * this.#upstreamTotalMs(upstreamMs));
    if (await this.#waiters.wait(revision, Math.min(waitMs, this.#leftMs(endsAtMs)))) {
      return proven('wait', this.#current());
    }
    if (this.#upstreamIsSooner(upstreamMs)) return FORWARD;
    if (this.#canList()) return this.#byList(this.#leftMs(endsAtMs));
    if (await this.#byDelta(revision, this.#leftMs(endsAtMs))) {
      return proven('delta', this.#current());
    }
    return failed('no proof came in time');
  }

  /** A list that costs hardly more than the probe it saves, on a lane whose next event may be a while. */
  #listFirst(upstreamMs: number): boolean {
    const listMs = this.#validator.costMs;
    const gapMs = this.#gap.expectedMs;
    if (!this.#canList() || listMs > CHEAP_LIST_MS || gapMs <= this.#limits.graceMs) return false;
    return listMs <= CALL_MS + gapMs && !this.#upstreamIsSooner(upstreamMs);
  }

  /** A probe would only say what is known: upstream is beyond what can be shown, and no event is to be expected. */
  #hopeless(): boolean {
    const best = Math.max(this.#writer.frontier, this.#validator.remembered?.revision ?? 0);
    return this.#upstream.latest > best && this.#gap.expectedMs > this.#limits.patienceMs;
  }

  /** Than the proof that is left when the lane's own events do not help; all who wait would go there. */
  #upstreamIsSooner(upstreamMs: number): boolean {
    const proofMs = this.#canList() ? this.#validator.costMs : DELTA_MS;
    return this.#upstreamTotalMs(upstreamMs) < proofMs;
  }

  #upstreamTotalMs(upstreamMs: number): number {
    return upstreamMs * this.#reading;
  }

  #canList(): boolean {
    return this.#writer.objects <= this.#limits.validateMaxObjects;
  }

  /** A view that holds everything up to `revision` without further ado. */
  #known(revision: number): View | undefined {
    if (this.#writer.frontier >= revision) return this.#current();
    const { remembered } = this.#validator;
    return remembered !== undefined && remembered.revision >= revision ? remembered : undefined;
  }

  async #probe(timeoutMs: number): Promise<ProbeOutcome> {
    const { frontier } = this.#writer;
    const { epoch } = this.#lane;
    const outcome = await this.#within(this.#upstream.now(), timeoutMs);
    if (outcome.kind === 'failed' || epoch !== this.#lane.epoch) return outcome;
    const reason = this.#setBack(outcome.revision, frontier);
    return reason === '' ? outcome : { kind: 'failed', reason };
  }

  /** What we held was committed before upstream was asked: its store was set back if it is behind that now. */
  #setBack(revision: number, frontier: number): string {
    if (revision >= frontier) return '';
    const reason = `upstream is at revision ${revision}, behind our ${frontier}`;
    this.#lane.relist(reason);
    return reason;
  }

  async #byList(timeoutMs: number): Promise<Proof> {
    const outcome = await this.#within(this.#validator.view(), timeoutMs);
    if (outcome.kind === 'view') return proven('validate', outcome.view);
    return failed(outcome.reason);
  }

  async #byDelta(revision: number, timeoutMs: number): Promise<boolean> {
    const waiting = this.#deltaWaiters.wait(revision, timeoutMs);
    if (this.#deltaWaiters.size > 0) this.#delta.run();
    const reached = await waiting;
    if (this.#deltaWaiters.size === 0) this.#delta.stop();
    return reached;
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

  #current(): View {
    return { position: this.#writer.head, revision: this.#writer.frontier };
  }

  #unusable(): string {
    if (this.#closed !== '') return this.#closed;
    return this.#lane.loadedOnce ? '' : 'the lane has no complete list yet';
  }

  /** How long the lane's own events are waited for: as long as they are likely to come. */
  #patienceMs(): number {
    const { patienceMs, graceMs } = this.#limits;
    const gapMs = this.#gap.expectedMs;
    if (gapMs > patienceMs) return Math.min(graceMs, patienceMs);
    return Math.min(patienceMs, Math.max(graceMs, 4 * gapMs));
  }

  #leftMs(endsAtMs: number): number {
    return endsAtMs - this.#clock.now();
  }
}

interface TooLate {
  readonly kind: 'failed';
  readonly reason: string;
}

const TOO_LATE: TooLate = { kind: 'failed', reason: 'upstream did not answer in time' };

function proven(path: ProofPath, view: View): Proof {
  return { path, outcome: { kind: 'view', view } };
}

function failed(reason: string): Proof {
  return { path: 'unproven', outcome: unproven(reason) };
}

const FORWARD: Proof = {
  path: 'forward',
  outcome: unproven('upstream answers this sooner than a proof'),
};
