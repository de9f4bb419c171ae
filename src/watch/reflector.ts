/**
 * Keeps one lane equal to upstream: performs what reflector-state.ts decides.
 *
 * One request or one wait at a time, in one loop; everything the loop learns goes through `step`. It is the lane's writer;
 * freshness proofs write beside it only while no load is under way (`loading`, `epoch`). It never gives up by itself: it
 * ends when it is stopped, or when the lane itself throws.
 */

import type { Resource } from '../k8s/resource.ts';
import type { Scanner } from '../k8s/encoding.ts';
import { backoffMs, type BackoffOptions, DEFAULT_BACKOFF, retryAfterMs } from './backoff.ts';
import { type Clock, sleep, systemClock } from './clock.ts';
import { Follow } from './follow.ts';
import { IngestCounters } from './ingest-counters.ts';
import { pagedList } from './initial-list.ts';
import type { LaneLoad, LaneState, LaneWriter } from './lane-writer.ts';
import { streamingListPath, watchPath } from './paths.ts';
import { probe } from './probe.ts';
import { statusReason } from './read-body.ts';
import {
  type Effect,
  INITIAL_STATE,
  type Input,
  type ReflectorState,
  step,
} from './reflector-state.ts';
import { headerOf, openWithin, reasonOf, type UpstreamReader } from './upstream-reader.ts';

export interface ReflectorLimits {
  /** Silence after which a watch is opened anew; upstream's bookmarks come about every 60 s. */
  readonly watchSilenceMs: number;
  /** Silence after which a list is given up; a streaming list may first wait 3 s for freshness. */
  readonly listSilenceMs: number;
  /** Wait for a response to begin. */
  readonly openTimeoutMs: number;
  /** Longest watch frame; objects of the API are at most a few MiB. */
  readonly maxFrameBytes: number;
  /** Longest body of one list page. */
  readonly maxPageBytes: number;
  /** Bounds of the random timeoutSeconds of a watch; client-go asks for 300 to 600. */
  readonly minWatchSeconds: number;
  readonly maxWatchSeconds: number;
  readonly backoff: BackoffOptions;
}

export const DEFAULT_REFLECTOR_LIMITS: ReflectorLimits = Object.freeze({
  watchSilenceMs: 90_000,
  listSilenceMs: 30_000,
  openTimeoutMs: 30_000,
  maxFrameBytes: 16 * 1024 * 1024,
  maxPageBytes: 1024 * 1024 * 1024,
  minWatchSeconds: 300,
  maxWatchSeconds: 600,
  backoff: DEFAULT_BACKOFF,
});

export interface ReflectorOptions {
  readonly resource: Resource;
  readonly writer: LaneWriter;
  readonly reader: UpstreamReader;
  readonly clock?: Clock;
  readonly limits?: Partial<ReflectorLimits>;
  /** Called after each chunk that moved the lane, after each load and each change of state. */
  readonly onProgress?: () => void;
  /**
   * Upstream ended a watch cleanly before its time, as it does when a definition changes. True: what the lane holds may
   * be of the old one, and is listed anew.
   */
  readonly doubt?: () => boolean;
  /** The lane threw: it is closed and not followed any longer. */
  readonly onFault?: (error: unknown) => void;
}

/** A watch that ends cleanly this long before its time was ended by somebody. */
const EARLY_MS = 1_000;

export class Reflector {
  readonly counters = new IngestCounters();

  /** Upstream has not refused a streaming list so far. */
  get streamingLists(): boolean {
    return !this.#state.streamingRefused;
  }

  readonly #resource: Resource;
  readonly #writer: LaneWriter;
  readonly #reader: UpstreamReader;
  readonly #clock: Clock;
  readonly #limits: ReflectorLimits;
  readonly #onProgress: () => void;
  readonly #doubt: () => boolean;
  readonly #onFault: (error: unknown) => void;
  readonly #scan: Scanner;
  #state: ReflectorState = INITIAL_STATE;
  #laneState: LaneState = { kind: 'starting' };
  #loadedOnce = false;
  #epoch = 0;
  #loading = false;
  #controller = new AbortController();
  #interruption: Input | undefined;
  /** Ends the wait under way, when it may be ended. */
  #wait: AbortController | undefined;
  #running: Promise<void> | undefined;

  constructor(options: ReflectorOptions) {
    this.#resource = options.resource;
    this.#writer = options.writer;
    this.#reader = options.reader;
    this.#clock = options.clock ?? systemClock;
    this.#limits = { ...DEFAULT_REFLECTOR_LIMITS, ...options.limits };
    this.#onProgress = options.onProgress ?? (() => {});
    this.#doubt = options.doubt ?? (() => false);
    this.#onFault = options.onFault ?? (() => {});
    this.#scan = options.writer.codec.makeScanner();
  }

  get state(): ReflectorState {
    return this.#state;
  }

  /** A load is under way: nothing else may write into the lane. */
  get loading(): boolean {
    return this.#loading;
  }

  /** Loads begun so far; a stream that was opened in an earlier epoch must not be written into the lane. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The lane has held a complete list at some time. */
  get loadedOnce(): boolean {
    return this.#loadedOnce;
  }

  /** Starts to follow; a second call changes nothing. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends the request under way and everything after it; the lane becomes `closed`. Resolves when nothing runs. */
  async stop(reason: string): Promise<void> {
    if (this.#running === undefined) this.#apply({ kind: 'stop', reason });
    else this.#interrupt({ kind: 'stop', reason });
    await this.#running;
  }

  /** Lists anew, because the lane was found not to be continuous with upstream. */
  relist(reason: string): void {
    const { kind } = this.#state.phase;
    if (this.#running === undefined || kind === 'listing' || kind === 'stopped') return;
    this.#interrupt({ kind: 'relist', reason });
  }

  /** Upstream is known to answer again: a wait after a failure ends now, one that upstream asked for does not. */
  nudge(): void {
    this.#wait?.abort();
  }

  #interrupt(input: Input): void {
    if (this.#interruption?.kind === 'stop') return;
    this.#interruption = input;
    this.#controller.abort();
  }

  async #run(): Promise<void> {
    try {
      let effect = this.#apply({ kind: 'start' });
      while (effect.kind !== 'halt') {
        this.#controller = new AbortController();
        const outcome = this.#interruption ?? (await this.#perform(effect));
        const input = this.#interruption ?? outcome;
        this.#interruption = undefined;
        effect = this.#apply(input);
      }
    } catch (error) {
      this.#apply({ kind: 'stop', reason: `the lane failed: ${reasonOf(error)}` });
      this.#onFault(error);
    }
  }

  /** Takes one step; what it says to the lane is said, the effect is returned. */
  #apply(input: Input): Effect {
    const { state, effect, lane } = step(this.#state, input);
    this.#state = state;
    if (effect.kind === 'wait') this.counters.failures++;
    if (lane?.kind === 'disconnected') {
      this.counters.lastError = lane.reason;
      // A lane that never held a list has nothing to be disconnected from.
      if (this.#loadedOnce) this.#tellLane({ ...lane, since: this.#clock.now() });
    } else if (lane !== undefined) {
      this.#tellLane(lane);
    } else if (effect.kind === 'halt' && state.phase.kind === 'stopped') {
      this.#tellLane({ kind: 'closed', reason: state.phase.reason });
    }
    return effect;
  }

  #tellLane(next: LaneState): void {
    const now = this.#laneState;
    if (now.kind === next.kind && next.kind !== 'disconnected') return;
    const since = now.kind === 'disconnected' ? now.since : undefined;
    this.#laneState =
      next.kind === 'disconnected' && since !== undefined ? { ...next, since } : next;
    this.#writer.setState(this.#laneState);
    this.#onProgress();
  }

  async #perform(effect: Exclude<Effect, { kind: 'halt' }>): Promise<Input> {
    switch (effect.kind) {
      case 'none':
        throw new Error('reflector: nothing to do');
      case 'wait': {
        const { failures, atLeastMs } = effect;
        const delayMs = backoffMs(failures, atLeastMs, this.#clock.random(), this.#limits.backoff);
        await this.#sleep(delayMs, atLeastMs === 0);
        return { kind: 'timer' };
      }
      case 'list':
        return effect.how === 'stream' ? this.#stream(true) : this.#pages();
      case 'watch':
        return (effect.probe ? await this.#checkRevision() : undefined) ?? this.#stream(false);
    }
  }

  async #sleep(delayMs: number, mayEnd: boolean): Promise<void> {
    const { signal } = this.#controller;
    this.#wait = mayEnd ? new AbortController() : undefined;
    const ends = this.#wait === undefined ? signal : AbortSignal.any([signal, this.#wait.signal]);
    await sleep(this.#clock, delayMs, ends);
    this.#wait = undefined;
  }

  async #pages(): Promise<Input> {
    try {
      const outcome = await pagedList({
        resource: this.#resource,
        reader: this.#reader,
        codec: this.#writer.codec,
        scan: this.#scan,
        counters: this.counters,
        beginLoad: () => this.#beginLoad(),
        maxPageBytes: this.#limits.maxPageBytes,
        silenceMs: this.#limits.listSilenceMs,
        ...this.#bounds(),
      });
      if (outcome.kind !== 'complete') return outcome;
      this.#loadedOnce = true;
      return { kind: 'loaded' };
    } finally {
      this.#loading = false;
      this.#onProgress();
    }
  }

  /** Opens a watch and follows it to its end; with `list`, its first part is a load. */
  async #stream(list: boolean): Promise<Input> {
    const { counters } = this;
    const seconds = this.#watchSeconds();
    const path = list
      ? streamingListPath(this.#resource, seconds)
      : watchPath(this.#resource, this.#writer.frontier, seconds);
    const clock = this.#clock;
    const bounds = this.#bounds();
    let response;
    try {
      const request = { headers: { accept: this.#writer.codec.acceptWatch }, longRunning: true };
      response = await openWithin(this.#reader, path, request, bounds);
    } catch (error) {
      return { kind: 'failed', reason: reasonOf(error) };
    }
    if (response.status !== 200) {
      const retry = retryAfterMs(headerOf(response, 'retry-after'));
      const limits = { clock, silenceMs: this.#limits.openTimeoutMs, maxBytes: 0 };
      const reason = await statusReason(response, limits, this.#writer.codec.encoding);
      return { kind: 'refused', status: response.status, retryAfterMs: retry, reason };
    }
    counters.connects++;
    const openedAtMs = clock.now();
    counters.connectedAtMs = openedAtMs;
    if (!list) this.#apply({ kind: 'opened' });
    const load = list ? this.#beginLoad() : undefined;
    const follow = new Follow(this.#writer, this.#scan, counters, {
      clock,
      silenceMs: list ? this.#limits.listSilenceMs : this.#limits.watchSilenceMs,
      silenceAfterLoadMs: this.#limits.watchSilenceMs,
      maxFrameBytes: this.#limits.maxFrameBytes,
      signal: bounds.controller.signal,
      onProgress: this.#onProgress,
      onLoaded: () => this.#loaded(),
      load,
    });
    try {
      const end = await follow.run(response.body);
      counters.disconnects++;
      if (end.kind === 'silent') counters.stalls++;
      const lastedMs = clock.now() - openedAtMs;
      const early = end.kind === 'clean' && lastedMs < seconds * 1000 - EARLY_MS;
      if (early && !follow.loading && this.#doubt()) {
        return { kind: 'relist', reason: 'upstream ended the watch, perhaps of an old definition' };
      }
      return { kind: 'ended', end, lastedMs, revision: this.#writer.frontier };
    } finally {
      counters.connectedAtMs = -1;
      if (follow.loading) load?.abandon();
      this.#loading = false;
    }
  }

  #beginLoad(): LaneLoad {
    this.#epoch++;
    this.#loading = true;
    return this.#writer.beginLoad();
  }

  /** The mark of a streaming list came. */
  #loaded(): void {
    this.counters.lists++;
    this.#loadedOnce = true;
    this.#loading = false;
    this.#apply({ kind: 'loaded' });
  }

  /** After a silence: has upstream gone back behind what we hold (a restored store)? Then no watch would tell. */
  async #checkRevision(): Promise<Input | undefined> {
    const { frontier } = this.#writer;
    const outcome = await probe(this.#reader, this.#resource, this.#bounds());
    if (outcome.kind === 'failed') return outcome;
    if (outcome.revision >= frontier) return undefined;
    const reason = `upstream is at revision ${outcome.revision}, behind our ${frontier}`;
    return { kind: 'relist', reason };
  }

  #bounds(): { clock: Clock; controller: AbortController; openTimeoutMs: number } {
    const { openTimeoutMs } = this.#limits;
    return { clock: this.#clock, controller: this.#controller, openTimeoutMs };
  }

  #watchSeconds(): number {
    const { minWatchSeconds, maxWatchSeconds } = this.#limits;
    const spread = maxWatchSeconds - minWatchSeconds + 1;
    return minWatchSeconds + Math.floor(this.#clock.random() * spread);
  }
}
