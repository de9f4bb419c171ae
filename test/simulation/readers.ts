/**
 * Reads of every kind that the proxy answers through the proofs, each judged against the store: strict ones (no
 * resourceVersion), those of any state, not-older-than reads, and reads at a revision of the past.
 */
import { judgeView, type World } from './world.ts';

/** Timers fire at their moment; what follows takes a few turns of the loop. */
const SLACK_MS = 5;

/** What a client knows after a list: its revision, and whether the proxy itself answered. */
export interface ListRead {
  readonly revision: number;
}

export interface Barrier {
  readonly timeoutMs: number;
  /** Above this a proof costs more than the read; without it, proof is always sought. */
  readonly upstreamMs?: number;
}

/** LIST or GET without a resourceVersion. Undefined when it was passed through. */
export async function strictRead(
  world: World,
  { timeoutMs, upstreamMs }: Barrier,
): Promise<ListRead | undefined> {
  const { proxy, store, time, tally } = world;
  if (!proxy.serving) {
    tally.passedThrough++;
    return undefined;
  }
  const began = store.revision;
  const beganMs = time.now();
  const what = `a strict read begun at revision ${began}`;
  world.note(() => `${what}`);
  world.waiting++;
  try {
    const outcome = await proxy.freshness.view(timeoutMs, upstreamMs);
    const tookMs = time.now() - beganMs;
    if (tookMs > timeoutMs + SLACK_MS) {
      world.violate(`${what} took ${tookMs.toFixed(1)} ms of ${timeoutMs}`);
    }
    if (outcome.kind === 'unproven') {
      world.note(() => `${what} is passed through: ${outcome.reason}`);
      tally.passedThrough++;
      return undefined;
    }
    const { view } = outcome;
    world.note(() => `${what} is answered at revision ${view.revision}, position ${view.position}`);
    if (!proxy.serving) return undefined;
    tally.proven++;
    judgeView(world, what, view, began);
    return { revision: view.revision };
  } catch (error) {
    world.violate(`${what} throws ${String(error)}`);
    return undefined;
  } finally {
    world.waiting--;
  }
}

/** resourceVersion=0: whatever there is, but something that was. */
export function anyRead(world: World): void {
  const { proxy, tally } = world;
  if (!proxy.serving) return;
  tally.anyReads++;
  judgeView(world, 'a read of any state', proxy.lane.newest, 0);
}

/** A continue token or an exact list: the state at a revision that the window still reaches. */
export function pastRead(world: World): void {
  const { proxy, random, store } = world;
  const { lane } = proxy;
  // What a bridge could not see is not in the window, so states of the past may never have been.
  if (!proxy.serving || world.bridged) return;
  const low = Math.max(1, lane.floorRevision - 3);
  const revision = low + random.below(store.revision - low + 3);
  const view = lane.viewAt(revision);
  if (view !== undefined) judgeView(world, `a read at revision ${revision}`, view, revision);
}

/** A list not older than a revision that the client saw elsewhere. */
export async function atLeastRead(world: World, timeoutMs: number): Promise<void> {
  const { proxy, random, store, time } = world;
  if (!proxy.serving) return;
  // One beyond the store: a revision of the future is waited for, never answered early.
  const revision = Math.max(1, store.revision + (random.chance(0.1) ? 1 : -random.below(4)));
  const beganMs = time.now();
  world.note(() => `a list not older than ${revision}`);
  world.waiting++;
  try {
    const reached = await proxy.freshness.atLeast(revision, timeoutMs);
    const tookMs = time.now() - beganMs;
    if (tookMs > timeoutMs + SLACK_MS) {
      world.violate(`a list not older than ${revision} took ${tookMs} ms of ${timeoutMs}`);
    }
    if (reached && proxy.serving) {
      judgeView(world, 'a not-older-than list', proxy.lane.newest, revision);
    }
  } catch (error) {
    world.violate(`a not-older-than list throws ${String(error)}`);
  } finally {
    world.waiting--;
  }
}
