/**
 * What all actors of one run share: time, chance, the truth, the code under test, and the place where a violation is
 * reported. The first violation counts; the run ends there.
 */
import type { View } from '../../src/cache/snapshot.ts';
import { SnapshotWalk } from '../../src/cache/snapshot.ts';
import type { Cluster, Weather } from './apiserver.ts';
import type { Proxy } from './proxy.ts';
import type { Random } from './random.ts';
import { signatureOf, type Store } from './store.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface Tally {
  /** Strict reads that were answered from memory, and those that went upstream. */
  proven: number;
  passedThrough: number;
  anyReads: number;
  /** Events and bookmarks that watch clients got. */
  events: number;
  bookmarks: number;
  watches: number;
  /** Watches that were told 410. */
  expired: number;
  /** Requests to upstream, and complete lists the lane took. */
  requests: number;
  lists: number;
  /** Which way strict reads were proven. */
  byProbe: number;
  byWait: number;
  byList: number;
  byDelta: number;
}

export interface World {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly store: Store;
  readonly cluster: Cluster;
  readonly weather: Weather;
  readonly proxy: Proxy;
  /** Upstream's 410 is bridged: a watch may miss what happened in between, but never the outcome. */
  readonly bridged: boolean;
  readonly tally: Tally;
  /** Reads and watch starts that have not ended. */
  waiting: number;
  violation: string;
  /** Writes a line of the trace, if there is one. */
  note(line: () => string): void;
  violate(message: string): void;
}

const EVERYTHING = { prefix: Buffer.alloc(0), from: Buffer.alloc(0) };

/** What a list of the lane at a position would hold, in the form of Store.signatureAt. */
export function signatureOfView({ proxy: { lane } }: World, view: View): string {
  const walk = new SnapshotWalk(lane, view.position, EVERYTHING);
  const objects: [string, number][] = [];
  while (walk.next()) {
    const start = lane.arena.keyStart(walk.place);
    const end = start + lane.arena.keyLength(walk.place);
    const key = lane.arena.slabOf(walk.place).bytes.toString('latin1', start, end);
    objects.push([key, lane.arena.revision(walk.place)]);
  }
  return signatureOf(objects);
}

/** Judges the state that a read was given, under the revision that it was given. */
export function judgeView(world: World, what: string, view: View, atLeast: number): void {
  const { store, proxy } = world;
  if (view.position < proxy.lane.log.floor - 1) return;
  if (view.revision < atLeast) {
    world.violate(`${what} at revision ${view.revision} misses writes up to ${atLeast}`);
  } else if (view.revision > store.revision) {
    world.violate(`${what} at revision ${view.revision} comes from the future`);
  } else {
    const seen = signatureOfView(world, view);
    const truth = store.signatureAt(view.revision);
    if (seen !== truth) {
      world.violate(`${what} at revision ${view.revision} shows [${seen}], it was [${truth}]`);
    }
  }
}
