/**
 * The code under test, wired as main-feeds.ts wires it, but on virtual time and in front of a simulated cluster: a real
 * Lane, Reflector and Freshness, and the real watch streams of proxy/ with a flush that takes its turns from the seed.
 */
import type { CursorReader } from '../../src/cache/filter-group.ts';
import { Lane } from '../../src/cache/lane.ts';
import type { LaneEntry } from '../../src/cache/lanes.ts';
import type { WindowLimits } from '../../src/cache/retention.ts';
import { SlabPool } from '../../src/cache/slab.ts';
import { jsonCodec } from '../../src/k8s/encoding-json.ts';
import { BufferPool } from '../../src/proxy/buffer-pool.ts';
import { EventWriter } from '../../src/proxy/event-writer.ts';
import { WriteShares } from '../../src/proxy/write-shares.ts';
import { WatchCounters, type WatchServices } from '../../src/proxy/watch-stream.ts';
import { Freshness } from '../../src/watch/freshness.ts';
import type { FreshnessLimits } from '../../src/watch/freshness-limits.ts';
import { Reflector } from '../../src/watch/reflector.ts';
import type { UpstreamReader } from '../../src/watch/upstream-reader.ts';
import type { Random } from './random.ts';
import { PODS } from './store.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface ProxyOptions {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly upstream: UpstreamReader;
  readonly window: WindowLimits;
  readonly freshness: Partial<FreshnessLimits>;
  readonly bridgeExpiry: boolean;
  readonly onProgress: () => void;
  readonly onFault: (error: unknown) => void;
}

// Shared by the runs of a thread, which come one after the other.
const slabs = new SlabPool({ maxSpareSlabs: 8 });
const buffers = new BufferPool(64 * 1024, 8);
const codec = jsonCodec({ resource: PODS, custom: false, fields: [] });

export class Proxy {
  readonly lane: Lane;
  readonly reflector: Reflector;
  readonly freshness: Freshness;
  readonly entry: LaneEntry;
  readonly services: WatchServices;

  constructor(options: ProxyOptions) {
    const { time, random, upstream, window, bridgeExpiry } = options;
    const now = (): number => time.now();
    const pool = slabs;
    const fixed = { resource: PODS, codec, fields: [], pool, maxFilterGroups: 100 };
    const lane = new Lane({ ...fixed, window, bridgeExpiry, now });
    const shared = { resource: PODS, writer: lane, reader: upstream, clock: time };
    const reflector: Reflector = new Reflector({
      ...shared,
      onProgress: () => {
        options.onProgress();
        freshness.advanced();
      },
      onFault: options.onFault,
    });
    const freshness: Freshness = new Freshness({
      ...shared,
      lane: reflector,
      limits: options.freshness,
    });
    this.lane = lane;
    this.reflector = reflector;
    this.freshness = freshness;
    const entry = {
      lane,
      objects: codec.objects,
      source: {
        freshness,
        get streamingLists(): boolean {
          return reflector.streamingLists;
        },
        warnings: [],
        stop: () => {},
      },
      watches: 0,
      openedAt: 0,
      usedAt: 0,
      pinned: true,
    };
    this.entry = entry;
    this.services = servicesOf(lane, time, random);
  }

  /** Requests are answered from the lane; else they are passed through (cache/lanes.ts `get`). */
  get serving(): boolean {
    const { kind } = this.lane.state;
    return kind === 'live' || kind === 'disconnected';
  }

  /** As main-feeds.ts and lanes.ts let a lane go. */
  async close(): Promise<void> {
    this.freshness.close('the run is over');
    const stopped = this.reflector.stop('the run is over');
    this.lane.close('the run is over');
    await stopped;
  }
}

/**
 * A flush whose passes come when the seed says, and a watch clock that never ticks by itself: bookmarks and ends of watches
 * are steps of the run.
 */
function servicesOf(lane: Lane, time: VirtualTime, random: Random): WatchServices {
  const writer = new EventWriter(buffers);
  let armed = false;
  let woken: CursorReader[] = [];
  const pass = (): void => {
    armed = false;
    const readers = woken;
    woken = [];
    for (const reader of readers) if (reader.ready) reader.flush();
    for (const group of lane.groups.dirty.splice(0)) {
      group.dirty = false;
      group.trim(lane.log.floor);
      for (const { reader, pending } of group.cursors.slice()) {
        if (reader?.ready && pending) reader.flush();
      }
    }
    writer.forget();
    time.touch();
  };
  const arm = (): void => {
    if (armed) return;
    armed = true;
    time.after(random.chance(0.7) ? 0 : random.between(0, 100), pass);
  };
  lane.groups.onDirty = arm;
  const flush = {
    wake: (reader: CursorReader): void => {
      woken.push(reader);
      arm();
    },
  };
  const clock = { at: () => 0, forget: () => {} };
  const counters = new WatchCounters();
  const shares = new WriteShares();
  // Its turn may come long after what it waited for.
  const later = (): Promise<void> =>
    new Promise((resolve) => {
      time.after(random.between(0, 200), () => {
        time.touch();
        resolve();
      });
    });
  const answers = { turn: () => (random.chance(0.5) ? undefined : later()) };
  return {
    writer,
    flush,
    clock,
    pool: buffers,
    shares,
    answers,
    counters,
  } as unknown as WatchServices;
}
