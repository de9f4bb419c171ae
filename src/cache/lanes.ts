/**
 * The registry of lanes: opens one on first demand, gives it to all who ask, lets it go when nobody has used it for a
 * while. What fills a lane is handed in as `starter` (main.ts), because the cache does not know where bytes come from.
 */
import type { Codec, ObjectForm } from '../k8s/encoding.ts';
import type { Resource } from '../k8s/resource.ts';
import { resourceId } from '../k8s/resource.ts';
import type { SelectableField } from '../k8s/selectable-fields.ts';
import { Lane } from './lane.ts';
import type { WindowLimits } from './retention.ts';
import { SlabPool } from './slab.ts';
import type { View } from './snapshot.ts';

/** What discovery says of a resource, as far as a lane needs it. */
export interface LaneSubject {
  readonly resource: Resource;
  readonly fields: readonly SelectableField[];
  /** The encoding, and whether the objects are whole. */
  readonly codec: Codec;
  /** Names the lane: the resource, and how it is encoded where that is not plain JSON. */
  readonly laneId: string;
  /** The lane of whole objects whose metadata is this one's objects; a view of it may stand in for this lane. */
  readonly cutFrom?: LaneSubject;
}

export type ProvenView =
  | { readonly kind: 'view'; readonly view: View }
  | { readonly kind: 'unproven'; readonly reason: string };

/** Proof that a lane holds everything written before now (design 3.3). Deadlines are milliseconds from now. */
export interface LaneFreshness {
  /** `upstreamMs`: what upstream would take to answer the read itself; a costlier proof is not worth it. */
  view(timeoutMs: number, upstreamMs?: number): Promise<ProvenView>;
  /** For the read of one object, which takes upstream no longer than it takes to be asked for its revision. */
  quick(timeoutMs: number): Promise<ProvenView>;
  /** The lane has reached `revision`. */
  atLeast(revision: number, timeoutMs: number): Promise<boolean>;
}

/** A running source of a lane. */
export interface LaneSource {
  readonly freshness: LaneFreshness;
  /** Upstream speaks streaming lists (sendInitialEvents); where it does not, neither do we. */
  readonly streamingLists: boolean;
  /** `Warning` headers upstream sends with this resource (deprecated versions), as raw pairs. */
  readonly warnings: readonly string[];
  stop(): void;
}

/** A lane as its readers see it. */
export interface LaneEntry {
  readonly lane: Lane;
  /** How its objects are shown. */
  readonly objects: ObjectForm;
  readonly source: LaneSource;
  /** Open watches; an entry with any is in use. */
  watches: number;
  /** Milliseconds, monotonic. */
  readonly openedAt: number;
  usedAt: number;
  /** Listed in the configuration: never idle. */
  pinned: boolean;
}

export interface LanesOptions {
  readonly window: WindowLimits;
  /** Budget of all windows together; above it each lane's share shrinks. */
  readonly totalWindowBytes: number;
  readonly maxLanes: number;
  readonly maxFilterGroupsPerLane: number;
  readonly maxSpareSlabs: number;
  /** A request waits this long for a lane's first list before it is passed through. */
  readonly startTimeoutMs: number;
  readonly idleMs: number;
  readonly bridgeExpiry: boolean;
  /** False when the resource has changed since the subject was looked up: no lane is opened for it any more. */
  readonly isCurrent?: (subject: LaneSubject) => boolean;
}

export class Lanes {
  readonly #options: LanesOptions;
  readonly #start: (lane: Lane) => LaneSource;
  readonly #entries = new Map<string, LaneEntry>();
  readonly #waiters = new Map<Lane, Set<() => void>>();
  readonly pool: SlabPool;
  /** Told of every lane that opens, before it has data: the flush attaches here. */
  onOpen: ((lane: Lane) => void) | undefined;
  opened = 0;
  closed = 0;
  /** Requests that found every place taken. */
  refused = 0;

  constructor(options: LanesOptions, start: (lane: Lane) => LaneSource) {
    this.#options = options;
    this.#start = start;
    this.pool = new SlabPool({ maxSpareSlabs: options.maxSpareSlabs });
  }

  get entries(): Iterable<LaneEntry> {
    return this.#entries.values();
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * The lane of a resource once it has data; opens it when needed. Undefined when it did not start in time, was closed,
   * or no more lanes may be open: pass the request through then.
   */
  async get(subject: LaneSubject): Promise<LaneEntry | undefined> {
    const entry = this.open(subject);
    if (entry === undefined) return undefined;
    entry.usedAt = performance.now();
    return (await this.started(entry)) ? entry : undefined;
  }

  /** The lane if it is open; asking is no use of it. */
  find(subject: LaneSubject): LaneEntry | undefined {
    return this.#entries.get(subject.laneId);
  }

  /** Waits until a lane has data; false when it did not start in time or was closed. */
  async started(entry: LaneEntry): Promise<boolean> {
    if (entry.lane.state.kind === 'starting') await this.#wait(entry);
    const { kind } = entry.lane.state;
    return kind === 'live' || kind === 'disconnected';
  }

  /** Opens a lane without waiting for it. */
  open(subject: LaneSubject, pinned = false): LaneEntry | undefined {
    const id = subject.laneId;
    const existing = this.#entries.get(id);
    if (existing !== undefined) {
      existing.pinned ||= pinned;
      return existing;
    }
    if (this.#options.isCurrent?.(subject) === false) return undefined;
    if (this.#entries.size >= this.#options.maxLanes) {
      this.refused++;
      return undefined;
    }
    const lane = new Lane({
      ...subject,
      id,
      window: this.#options.window,
      pool: this.pool,
      maxFilterGroups: this.#options.maxFilterGroupsPerLane,
      bridgeExpiry: this.#options.bridgeExpiry,
    });
    lane.onStateChange = (): void => this.#stateChanged(lane);
    this.onOpen?.(lane);
    const entry = {
      lane,
      objects: lane.codec.objects,
      source: this.#start(lane),
      watches: 0,
      openedAt: performance.now(),
      usedAt: performance.now(),
      pinned,
    };
    this.#entries.set(id, entry);
    this.opened++;
    return entry;
  }

  /** Ends all lanes of a resource and their watches: it went away or changed its meaning. */
  closeResource(resource: Resource, reason: string): void {
    const id = resourceId(resource);
    for (const [laneId, { lane }] of this.#entries) {
      if (resourceId(lane.resource) === id) this.close(laneId, reason);
    }
  }

  /** Ends a lane and its watches. */
  close(id: string, reason: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    entry.source.stop();
    entry.lane.close(reason);
    this.closed++;
  }

  closeAll(reason: string): void {
    for (const id of this.#entries.keys()) this.close(id, reason);
  }

  /** About once a second: housekeeping of every lane, and the end of idle ones. */
  sweep(): void {
    const now = performance.now();
    for (const [id, entry] of this.#entries) {
      entry.lane.sweep();
      const idle = !entry.pinned && entry.watches === 0;
      if (idle && now - entry.usedAt > this.#options.idleMs) this.close(id, 'idle');
    }
    this.#shareBudget();
  }

  /** Keeps the sum of all windows under the total: the largest window gives way first. */
  #shareBudget(): void {
    let sum = 0;
    let largest: Lane | undefined;
    for (const { lane } of this.#entries.values()) {
      sum += lane.retention.windowBytes;
      if (lane.retention.windowBytes > (largest?.retention.windowBytes ?? 0)) largest = lane;
    }
    const excess = sum - this.#options.totalWindowBytes;
    if (excess > 0) largest?.shrinkWindow(excess);
  }

  /** Waits for the first list, but no longer than since the lane was opened: one that never starts delays nobody twice. */
  #wait({ lane, openedAt }: LaneEntry): Promise<void> {
    const left = openedAt + this.#options.startTimeoutMs - performance.now();
    if (left <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(lane) ?? new Set();
      this.#waiters.set(lane, waiters);
      const done = (): void => {
        clearTimeout(timer);
        waiters.delete(done);
        if (waiters.size === 0) this.#waiters.delete(lane);
        resolve();
      };
      const timer = setTimeout(done, left);
      waiters.add(done);
    });
  }

  #stateChanged(lane: Lane): void {
    if (lane.state.kind === 'starting') return;
    for (const done of this.#waiters.get(lane) ?? []) done();
  }
}
