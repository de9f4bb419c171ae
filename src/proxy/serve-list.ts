/**
 * Which snapshot answers a LIST (semantics 3.1), and the page of it that was asked for. Every row of that table that the
 * window can answer is answered here; older revisions go upstream.
 */
import type { Authorized } from '../auth/authorize.ts';
import { prefixOf } from '../cache/candidates.ts';
import type { LaneEntry } from '../cache/lanes.ts';
import type { Filter } from '../cache/filter.ts';
import type { Lane } from '../cache/lane.ts';
import type { View } from '../cache/snapshot.ts';
import { encodeContinueToken } from '../k8s/continue-token.ts';
import { requiredValue } from '../k8s/field-selector.ts';
import type { ListOptions } from '../k8s/list-options.ts';
import { compileFilter } from './compile-filter.ts';
import type { Exchange } from './exchange.ts';
import { breathe } from './breathe.ts';
import { holderOf } from './holder.ts';
import type { Served } from './served.ts';
import { notServed } from './served.ts';
import { upstreamListMs } from './upstream-cost.ts';
import type { ListServices, ListPlan } from './write-list.ts';
import { ListWriter } from './write-list.ts';

export interface ListRequest {
  readonly exchange: Exchange;
  readonly entry: LaneEntry;
  readonly namespace: string;
  readonly options: ListOptions;
  readonly barrierTimeoutMs: number;
}

/** A page that is not complete: how many items it has, its last key, and what is left after it. */
interface Page {
  readonly items: number;
  readonly lastKey: Buffer | undefined;
  readonly remaining: number | undefined;
}

const NOTHING = Buffer.alloc(0);
/** No key is smaller: a walk from here goes through the whole range, without an index. */
const FIRST_KEY = Buffer.from([0]);
/** Key of the last item + NUL is the first key of the next page. */
const NUL = Buffer.from([0]);

export async function serveList(
  services: ListServices,
  request: ListRequest,
  _authorized: Authorized,
): Promise<Served> {
  const { entry, options, exchange } = request;
  const { lane } = entry;
  const found = await viewOf(request);
  if (found.kind === 'not-served') return found;
  await services.answers.turn(holderOf(exchange).key);
  const view = found.value;
  if (!readable(lane, view)) return notServed('view left the window');
  const filter = compileFilter(lane, request.namespace, options);
  // "Any state" ignores the limit and is always whole.
  const whole = options.resourceVersion === 0 && options.continueToken === undefined;
  const limit = whole ? 0 : options.limit;
  const reason = limit > 0 ? uncertainPage(request, filter) : undefined;
  if (reason !== undefined) return notServed(reason);
  const from = firstKey(request);
  const page = limit > 0 ? await measurePage(request, { filter, view, from, limit }) : COMPLETE;
  if (page === undefined || !readable(lane, view)) return notServed('view left the window');
  const plan: ListPlan = {
    lane,
    objects: entry.objects,
    filter,
    view,
    from,
    items: page.items,
    continueToken: tokenAfter(filter, view, page),
    remaining: page.remaining,
    shards: options.shards?.canonical,
    warnings: entry.source.warnings,
  };
  const writer = new ListWriter(services, plan, exchange);
  entry.usedAt = performance.now();
  if ((await writer.run()) === 'lost') return notServed('view left the window');
  return { kind: 'served', value: undefined };
}

const COMPLETE: Page = { items: Infinity, lastKey: undefined, remaining: undefined };

function readable(lane: Lane, view: View): boolean {
  return lane.state.kind !== 'closed' && view.position >= lane.log.floor - 1;
}

/** Rows 1-9 of semantics 3.1. */
async function viewOf(request: ListRequest): Promise<Served<View>> {
  const { entry, options, barrierTimeoutMs } = request;
  const { lane } = entry;
  const { freshness } = entry.source;
  const revision = options.resourceVersion;
  const { continueToken } = options;
  if (continueToken !== undefined && continueToken.revision > 0) {
    return exactly(lane, continueToken.revision);
  }
  if (revision === undefined || continueToken !== undefined) {
    const metadata = entry.objects !== lane.codec.objects;
    const upstreamMs = upstreamListMs(lane, { namespace: request.namespace, options, metadata });
    const proven = await freshness.view(barrierTimeoutMs, upstreamMs);
    if (proven.kind === 'unproven') return notServed(proven.reason);
    return { kind: 'served', value: proven.view };
  }
  if (revision === 0) return { kind: 'served', value: lane.newest };
  if (isExact(request)) return exactly(lane, revision);
  if (revision > lane.frontier && !(await freshness.atLeast(revision, barrierTimeoutMs))) {
    return notServed('revision not reached');
  }
  return { kind: 'served', value: lane.newest };
}

/**
 * A limit without a match rule means exactly that revision (row 4), but only where upstream reads a range. A name in a
 * known scope is one key to it, unless it cannot be part of a path (`NamespaceKeyFunc`, `IsValidPathSegmentName`).
 */
function isExact(request: ListRequest): boolean {
  const { options } = request;
  if (options.match === 'Exact') return true;
  if (options.match !== '' || options.limit === 0 || !options.resourceVersion) return false;
  return !isOneKey(request);
}

function isOneKey(request: ListRequest): boolean {
  const name = requiredValue(request.options.fields, 'metadata.name') ?? '';
  if (name === '' || name === '.' || name === '..' || /[/%]/.test(name)) return false;
  return !request.entry.lane.resource.namespaced || scopeOf(request) !== '';
}

/** What a namespace may be called; upstream looks in all of them for any other name. */
const NAMESPACE_NAME = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

/** The namespace upstream reads: that of the path, or the one a field selector narrows the first page to. */
function scopeOf({ options, namespace }: ListRequest): string {
  if (namespace !== '') return namespace;
  const wanted = requiredValue(options.fields, 'metadata.namespace') ?? '';
  return NAMESPACE_NAME.test(wanted) ? wanted : '';
}

/** Why it is not certain what upstream puts on the page, or says comes after it. */
function uncertainPage(
  { options, entry, namespace }: ListRequest,
  filter: Filter,
): string | undefined {
  if (options.continueToken !== undefined) {
    if (options.resourceVersion === 0) return 'any state, continued';
    // Upstream reads the key of such a token, relative to the namespace, in all namespaces.
    const isNarrowed = filter.namespace.length > 0 && namespace === '';
    return isNarrowed ? 'page narrowed by a field selector' : undefined;
  }
  const { fields } = entry.lane;
  const isNothing = filter.terms.some(
    ({ field, negated, value, missing }) =>
      field >= 0 && !negated && fields[field].indexed && value.equals(missing),
  );
  // Upstream's index has a row for it, so that it sees what is left; ours has none.
  return isNothing ? 'page of what has no indexed value' : undefined;
}

function exactly(lane: Lane, revision: number): Served<View> {
  const view = lane.viewAt(revision);
  if (view === undefined) return notServed('revision outside the window');
  return { kind: 'served', value: view };
}

function firstKey(request: ListRequest): Buffer {
  const { continueToken } = request.options;
  if (continueToken === undefined) return NOTHING;
  const prefix = request.namespace === '' ? '' : `${request.namespace}/`;
  return Buffer.from(prefix + continueToken.start);
}

interface PageQuestion {
  readonly filter: Filter;
  readonly view: View;
  readonly from: Buffer;
  readonly limit: number;
}

/**
 * Looks ahead for the end of the page, since the head of the list says what comes after it. More items means more where
 * the apiserver looks: in the row of an index for the newest state, else in the range, matching or not. How many is only
 * said when there is no selector (semantics 3.5).
 */
async function measurePage(
  request: ListRequest,
  { filter, view, from, limit }: PageQuestion,
): Promise<Page | undefined> {
  const { lane } = request.entry;
  const inRange = isExact(request) && !isOneKey(request);
  const walk = lane.candidates(filter, view.position, inRange ? FIRST_KEY : from);
  let items = 0;
  let looked = 0;
  while (walk.next()) {
    if (filter.matches(lane.arena, walk.place) && ++items === limit) {
      const lastKey = keyOf(lane, walk.place);
      if (!walk.next()) return { items, lastKey: undefined, remaining: undefined };
      // Upstream counts the objects of other shards too.
      const { labels, fields } = request.options;
      const isSelective = labels.canonical !== '' || fields.canonical !== '';
      const range = { prefix: prefixOf(filter), from };
      const remaining = isSelective ? undefined : lane.count(view.position, range) - limit;
      return { items, lastKey, remaining };
    }
    if (++looked % LOOK_AHEAD === 0) {
      walk.pause();
      await breathe();
      if (walk.expired || !readable(lane, view)) return undefined;
    }
  }
  return COMPLETE;
}

/** Objects looked at before the loop gets a turn: about a millisecond. */
const LOOK_AHEAD = 2000;

function keyOf(lane: Lane, place: number): Buffer {
  const start = lane.arena.keyStart(place);
  const { bytes } = lane.arena.slabOf(place);
  return Buffer.from(bytes.subarray(start, start + lane.arena.keyLength(place)));
}

/** As the apiserver's cache writes it: a leading slash, the namespace that was read cut off. */
function tokenAfter(filter: Filter, view: View, page: Page): string {
  if (page.lastKey === undefined) return '';
  const cut = prefixOf(filter).length;
  const start = Buffer.concat([page.lastKey.subarray(cut), NUL]).toString('utf8');
  return encodeContinueToken(view.revision, `/${start}`);
}
