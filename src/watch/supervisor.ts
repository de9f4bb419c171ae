/**
 * Which lanes are followed: starts a reflector and its freshness proofs per lane, lets go of lanes nobody uses.
 *
 * A lane is idle when its owner says that nobody reads it and nobody has touched it for `idleMs`. Pinned lanes are never
 * let go. The number of lanes is bounded; at the bound a new one is refused and its readers are sent upstream.
 */

import type { Resource } from '../k8s/resource.ts';
import { resourceId } from '../k8s/resource.ts';
import { type Clock, systemClock, type Timer } from './clock.ts';
import { Freshness, type FreshnessLimits } from './freshness.ts';
import type { LaneWriter } from './lane-writer.ts';
import { Reflector, type ReflectorLimits } from './reflector.ts';
import { reasonOf, type UpstreamReader } from './upstream-reader.ts';

export interface SupervisorOptions {
  readonly reader: UpstreamReader;
  readonly clock?: Clock;
  /** Lanes followed at one time. */
  readonly maxLanes: number;
  /** A lane unused for this long is let go. */
  readonly idleMs: number;
  readonly reflector?: Partial<ReflectorLimits>;
  readonly freshness?: Partial<FreshnessLimits>;
}

/** What the owner of a lane tells about its use. */
export interface LaneUse {
  /** Never let go for being idle. */
  readonly pinned: boolean;
  /** Somebody watches or reads it right now. */
  inUse(): boolean;
  /** It is followed no longer; called once, after the last write. `fault` when the lane itself threw. */
  onClosed(reason: string, fault?: unknown): void;
}

/** One lane that is being followed. */
export interface Followed {
  readonly id: string;
  readonly resource: Resource;
  readonly reflector: Reflector;
  readonly freshness: Freshness;
  /** Clock milliseconds of the last use. */
  readonly lastUsedAtMs: number;
  /** Somebody asked for it: the idle time begins anew. */
  touch(): void;
}

interface Entry extends Followed {
  lastUsedAtMs: number;
  readonly use: LaneUse;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  #sweepTimer: Timer | undefined;
  /** Lanes let go because nobody used them. */
  idled = 0;
  /** Lanes not started because there were too many. */
  refused = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(resource: Resource): Followed | undefined {
    return this.#entries.get(resourceId(resource));
  }

  all(): Iterable<Followed> {
    return this.#entries.values();
  }

  /**
   * Begins to follow a resource into a lane; the same resource again gives what is running already.
   *
   * @returns undefined when there are `maxLanes` lanes.
   */
  start(resource: Resource, writer: LaneWriter, use: LaneUse): Followed | undefined {
    const id = resourceId(resource);
    const running = this.#entries.get(id);
    if (running !== undefined) return running;
    if (this.#entries.size >= this.#options.maxLanes) {
      this.refused++;
      return undefined;
    }
    const clock = this.#clock;
    const { reader } = this.#options;
    const reflector: Reflector = new Reflector({
      resource,
      writer,
      reader,
      clock,
      limits: this.#options.reflector,
      onProgress: () => freshness.advanced(),
      onFault: (fault) => this.#faulted(entry, fault),
    });
    const freshness: Freshness = new Freshness({
      resource,
      writer,
      reader,
      clock,
      lane: reflector,
      limits: this.#options.freshness,
    });
    const entry: Entry = {
      id,
      resource,
      reflector,
      freshness,
      use,
      lastUsedAtMs: clock.now(),
      touch() {
        this.lastUsedAtMs = clock.now();
      },
    };
    this.#entries.set(id, entry);
    reflector.start();
    this.#scheduleSweep();
    return entry;
  }

  /** Stops following; resolves when nothing writes into the lane any more. */
  async stop(resource: Resource, reason: string): Promise<void> {
    const entry = this.#entries.get(resourceId(resource));
    if (entry !== undefined) await this.#close(entry, reason);
  }

  async stopAll(reason: string): Promise<void> {
    this.#sweepTimer?.cancel();
    this.#sweepTimer = undefined;
    await Promise.all(Array.from(this.#entries.values(), (entry) => this.#close(entry, reason)));
  }

  async #close(entry: Entry, reason: string): Promise<void> {
    if (this.#entries.get(entry.id) !== entry) return;
    this.#entries.delete(entry.id);
    entry.freshness.close(reason);
    await entry.reflector.stop(reason);
    entry.use.onClosed(reason);
  }

  #faulted(entry: Entry, fault: unknown): void {
    if (this.#entries.get(entry.id) !== entry) return;
    this.#entries.delete(entry.id);
    const reason = `the lane failed: ${reasonOf(fault)}`;
    entry.freshness.close(reason);
    entry.use.onClosed(reason, fault);
  }

  /** Looks four times per idle time, so that a lane is let go at most a quarter late. */
  #scheduleSweep(): void {
    if (this.#sweepTimer !== undefined) return;
    this.#sweepTimer = this.#clock.timer(Math.max(this.#options.idleMs / 4, 100), () => {
      this.#sweepTimer = undefined;
      this.#sweep();
      if (this.#entries.size > 0) this.#scheduleSweep();
    });
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const entry of this.#entries.values()) {
      if (entry.use.pinned) continue;
      if (entry.use.inUse()) {
        entry.lastUsedAtMs = now;
      } else if (now - entry.lastUsedAtMs >= this.#options.idleMs) {
        this.idled++;
        void this.#close(entry, 'idle');
      }
    }
  }
}
