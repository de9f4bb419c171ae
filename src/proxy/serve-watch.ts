/**
 * Which cursor answers a WATCH (semantics 4.3): where it starts, whether the objects of a snapshot come first, and what is
 * waited for. Everything that cannot be answered exactly is left to upstream.
 */
import type { Authorized } from '../auth/authorize.ts';
import type { LaneEntry } from '../cache/lanes.ts';
import type { View } from '../cache/snapshot.ts';
import type { ListOptions } from '../k8s/list-options.ts';
import { expiredWatch } from '../k8s/status.ts';
import { compileFilter } from './compile-filter.ts';
import type { Exchange } from './exchange.ts';
import { holderOf } from './holder.ts';
import type { Served } from './served.ts';
import { notServed } from './served.ts';
import type { WatchServices } from './watch-stream.ts';
import { WatchStream } from './watch-stream.ts';

/** Upstream's default life of a watch without timeoutSeconds: `--min-request-timeout` x [1, 2) (semantics 4.6). */
const MIN_LIFETIME_MS = 1_800_000;

interface Start {
  readonly view: View;
  readonly startRevision: number;
  readonly ahead: boolean;
  readonly initialEvents: boolean;
}

export interface WatchRequest {
  readonly exchange: Exchange;
  readonly entry: LaneEntry;
  readonly namespace: string;
  readonly options: ListOptions;
  readonly barrierTimeoutMs: number;
}

function headersOf(entry: LaneEntry): string[] {
  return ['Content-Type', entry.lane.codec.encoding.watchContentType, ...entry.source.warnings];
}

/** Serves the watch, or says why it must go upstream. The caller was allowed to see what it asks for. */
export async function serveWatch(
  services: WatchServices,
  request: WatchRequest,
  _authorized: Authorized,
): Promise<Served<WatchStream | undefined>> {
  const { exchange, entry, options } = request;
  const { lane, objects } = entry;
  const start = await startOf(request);
  if (start.kind === 'not-served') return start;
  const { key } = holderOf(exchange);
  const { loads } = lane.counters;
  await services.answers.turn(key);
  if (lane.state.kind === 'closed' || exchange.aborted) return notServed('lane closed');
  // A list taken meanwhile told those who were watching what it led over; this one would not have heard.
  if (lane.counters.loads !== loads) return notServed('lane listed anew');
  const begin = start.value;
  if (begin === 'expired') {
    const sink = exchange.respond(200, headersOf(entry));
    const status = expiredWatch(options.resourceVersion ?? 0, lane.floorRevision);
    sink.write(lane.codec.encoding.errorEvent(status));
    sink.end();
    return { kind: 'served', value: undefined };
  }
  if (!isInWindow(request, begin.view)) return notServed('view left the window');
  const initialEventsEnd = begin.initialEvents && options.allowWatchBookmarks;
  if (initialEventsEnd && lane.bookmarks.in(objects) === undefined)
    return notServed('no bookmark seen yet');
  const filter = compileFilter(lane, request.namespace, options);
  const cursor = lane.groups.join(filter, begin.view.position);
  if (cursor === undefined) return notServed('too many filter groups');
  const plan = {
    lane,
    objects,
    filter,
    cursor,
    share: services.shares.take(key),
    view: begin.view,
    initialEvents: begin.initialEvents,
    initialEventsEnd,
    bookmarks: options.allowWatchBookmarks,
    startRevision: begin.startRevision,
    ahead: begin.ahead,
    lifetimeMs:
      options.timeoutSeconds === undefined
        ? MIN_LIFETIME_MS * (1 + Math.random())
        : options.timeoutSeconds * 1000,
  };
  entry.watches++;
  const stream = new WatchStream(services, plan, exchange.respond(200, headersOf(entry)), () => {
    services.shares.give(key);
    entry.watches--;
    entry.usedAt = performance.now();
  });
  stream.start();
  return { kind: 'served', value: stream };
}

async function startOf(request: WatchRequest): Promise<Served<Start | 'expired'>> {
  const { options, entry } = request;
  const { lane } = entry;
  const initialEvents = options.sendInitialEvents === true;
  if (initialEvents && !entry.source.streamingLists)
    return notServed('no streaming lists upstream');
  const revision = options.resourceVersion;
  if (revision === undefined) {
    const proven = await entry.source.freshness.view(request.barrierTimeoutMs);
    if (proven.kind === 'unproven') return notServed(proven.reason);
    const { view } = proven;
    return { kind: 'served', value: stateOf(view, initialEvents) };
  }
  if (revision === 0 || initialEvents) {
    if (revision > lane.frontier) {
      const reached = await entry.source.freshness.atLeast(revision, request.barrierTimeoutMs);
      if (!reached) return notServed('revision not reached');
    }
    return { kind: 'served', value: stateOf(lane.newest, initialEvents) };
  }
  // A revision beyond ours (another replica was ahead) is held: only newer events are sent (semantics 9.4 rule 9).
  const beyond = revision > lane.frontier;
  const view = beyond ? { position: lane.head, revision } : lane.viewAt(revision);
  if (view === undefined) return lane.untrimmed ? fromUpstream(request) : EXPIRED;
  const ahead = beyond && revision !== lane.namedRevision;
  return { kind: 'served', value: { view, startRevision: revision, ahead, initialEvents: false } };
}

function stateOf(view: View, initialEvents: boolean): Start {
  return { view, startRevision: view.revision, ahead: false, initialEvents };
}

const EXPIRED: Served<'expired'> = { kind: 'served', value: 'expired' };

/** Bounds of a watch that only has to carry its client over to revisions this lane knows. */
const MIN_CARRY_SECONDS = 5;
const MAX_CARRY_SECONDS = 15;

/**
 * A revision from before this lane began (the proxy was restarted, the lane was let go): upstream may still know it, so
 * that nobody has to list again. Its watch is kept short where a bookmark before its end brings the client past the
 * lane's beginning; the next one is then served from here. Spread, so that a fleet does not come back in one moment.
 */
function fromUpstream({ exchange, options }: WatchRequest): Served<never> {
  const reason = 'revision from before this lane';
  if (!options.allowWatchBookmarks) return notServed(reason);
  const spread = Math.random() * (MAX_CARRY_SECONDS - MIN_CARRY_SECONDS);
  const seconds = Math.round(MIN_CARRY_SECONDS + spread);
  if (options.timeoutSeconds !== undefined && options.timeoutSeconds <= seconds) {
    return notServed(reason);
  }
  const without = exchange.target
    .replace(/([?&])timeoutSeconds=[^&]*&?/, '$1')
    .replace(/[?&]$/, '');
  return notServed(
    reason,
    `${without}${without.includes('?') ? '&' : '?'}timeoutSeconds=${seconds}`,
  );
}

function isInWindow(request: WatchRequest, view: View): boolean {
  return view.position >= request.entry.lane.log.floor - 1;
}
