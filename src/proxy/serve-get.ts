/**
 * GET of one object (semantics 2): the newest state by proof, any state, or one not older than a revision. A proof that would
 * cost more than the read itself is not made: the read goes upstream.
 */
import type { Authorized } from '../auth/authorize.ts';
import { NO_PLACE } from '../cache/arena.ts';
import type { LaneEntry } from '../cache/lanes.ts';
import type { View } from '../cache/snapshot.ts';
import { StoredObject } from '../k8s/encoding.ts';
import type { GetOptions } from '../k8s/list-options.ts';
import { notFound } from '../k8s/status.ts';
import type { Exchange } from './exchange.ts';
import { respondWhole } from './gzip.ts';
import { holderOf } from './holder.ts';
import type { Served } from './served.ts';
import { notServed } from './served.ts';
import type { ListServices } from './write-list.ts';

export interface GetRequest {
  readonly exchange: Exchange;
  readonly entry: LaneEntry;
  readonly namespace: string;
  readonly name: string;
  readonly options: GetOptions;
  /** Errors have the encoding of the lane; else upstream negotiates them by rules of their own. */
  readonly plainErrors: boolean;
  readonly barrierTimeoutMs: number;
}

export type GetServices = Pick<ListServices, 'answers' | 'gzip'>;

export async function serveGet(
  { answers, gzip }: GetServices,
  request: GetRequest,
  _authorized: Authorized,
): Promise<Served> {
  const { exchange, entry } = request;
  const { lane } = entry;
  const found = await viewOf(request);
  if (found.kind === 'not-served') return found;
  await answers.turn(holderOf(exchange).key);
  if (lane.state.kind === 'closed') return notServed('lane closed');
  if (found.value.position < lane.log.floor - 1) return notServed('view left the window');
  // A Namespace carries its own name as namespace in the request, not in its key.
  const namespace = lane.resource.namespaced ? request.namespace : '';
  const place = lane.placeAt(found.value.position, namespace, request.name);
  if (place === NO_PLACE) {
    if (!request.plainErrors) return notServed('not found, in a form of its own');
    const { encoding } = lane.codec;
    const status = notFound(lane.resource, request.name);
    const body = encoding.statusBody(status);
    exchange.respondBytes(status.code, encoding.contentType, body, entry.source.warnings);
    return { kind: 'served', value: undefined };
  }
  const { encoding } = lane.codec;
  const { objects } = entry;
  const object = lane.describe(place, new StoredObject());
  const bytes = Buffer.allocUnsafe(objects.objectBytes(object));
  objects.writeObject(object, bytes, 0);
  const { warnings } = entry.source;
  await respondWhole(exchange, gzip, { contentType: encoding.contentType, bytes, warnings });
  return { kind: 'served', value: undefined };
}

async function viewOf(request: GetRequest): Promise<Served<View>> {
  const { entry, options, barrierTimeoutMs } = request;
  const { freshness } = entry.source;
  const revision = options.resourceVersion;
  if (revision === undefined) {
    const proven = await freshness.quick(barrierTimeoutMs);
    if (proven.kind === 'unproven') return notServed(proven.reason);
    return { kind: 'served', value: proven.view };
  }
  if (revision > entry.lane.frontier && !(await freshness.atLeast(revision, barrierTimeoutMs))) {
    return notServed('revision not reached');
  }
  return { kind: 'served', value: entry.lane.newest };
}
