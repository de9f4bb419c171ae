/**
 * Api: from one HTTP request to its answer, in the apiserver's order: who, may they, what, do it.
 *
 * Resources go to the serve-*.ts files; the other paths (version, health, discovery, OpenAPI, pod
 * logs, faults) are answered here.
 */
import type { Access, User } from './access.ts';
import type { Collection } from './collection.ts';
import { DISCOVERY_TYPE, aggregatedDiscovery, discoveryDocument } from './discovery.ts';
import { failure, methodNotAllowed, noSuchPath, unsupportedMediaType } from './errors.ts';
import type { Faults } from './faults.ts';
import { viewOf } from './media.ts';
import { goText } from './object.ts';
import { openapiDocument } from './openapi.ts';
import type { SimulatorOptions } from './options.ts';
import { parseReadOptions, parseRevisionText } from './read-options.ts';
import { actionOf, verbOf } from './request.ts';
import type { ApiRequest, Target } from './request.ts';
import type { Response } from './response.ts';
import { isProtobuf } from './review-protobuf.ts';
import { answerReview, isReview } from './reviews.ts';
import { Selection } from './selection.ts';
import { serveList } from './serve-list.ts';
import { serveWatch } from './serve-watch.ts';
import {
  keyOf,
  serveCreate,
  serveDelete,
  serveDeleteCollection,
  servePatch,
  serveUpdate,
} from './serve-write.ts';
import type { WriteRequest } from './serve-write.ts';
import type { Store } from './store.ts';
import { createView } from './view.ts';
import type { WatchHub } from './watch-hub.ts';
import type { Writes } from './writes.ts';

const VERSION = JSON.stringify(
  {
    major: '1',
    minor: '36',
    emulationMajor: '1',
    emulationMinor: '36',
    minCompatibilityMajor: '1',
    minCompatibilityMinor: '35',
    gitVersion: 'v1.36.3+watershed-simulator',
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: 'none',
    compiler: 'none',
    platform: `${process.platform}/${process.arch}`,
  },
  undefined,
  2,
);

export interface ApiParts {
  readonly store: Store;
  readonly writes: Writes;
  readonly hub: WatchHub;
  readonly access: Access;
  readonly faults: Faults;
  readonly options: SimulatorOptions;
  /** Body of the request; throws 413 when it is too long. */
  readonly readBody: () => Promise<Buffer>;
}

export async function answer(
  request: ApiRequest,
  response: Response,
  parts: ApiParts,
): Promise<void> {
  const { path } = request;
  if (['/healthz', '/livez', '/readyz'].includes(path)) return response.text(200, 'ok');
  const impersonated = request.headers['impersonate-user'];
  const user = parts.access.authenticate(
    request.headers.authorization,
    typeof impersonated === 'string' ? impersonated : undefined,
  );
  if (request.target === undefined) return answerPath(request, response, { ...parts, user });
  const { target } = request;
  if (isReview(target)) {
    if (request.method !== 'POST') throw methodNotAllowed();
    return response.json(201, answerReview(target, await parts.readBody(), user, parts.access));
  }
  const collection = parts.store.find(target);
  if (collection === undefined) {
    if (target.group !== '' && !parts.store.hasGroup(target.group)) return notFoundText(response);
    throw noSuchPath();
  }
  parts.access.require(user, actionOf(request, target));
  parts.faults.check();
  return answerResource({ request, target, collection, response }, parts);
}

interface ResourceRequest {
  readonly request: ApiRequest;
  readonly target: Target;
  readonly collection: Collection;
  readonly response: Response;
}

async function answerResource(resource: ResourceRequest, parts: ApiParts): Promise<void> {
  const { request, target, collection, response } = resource;
  if (target.subresource !== '' && !collection.kind.subresources.includes(target.subresource)) {
    throw noSuchPath();
  }
  if (target.subresource === 'log') return serveLog(resource, parts);
  const verb = verbOf(request, target);
  if (verb === 'list' || verb === 'watch') return serveRead(resource, parts);
  const view = viewOf(request.headers.accept, false);
  const write: WriteRequest = {
    request,
    target,
    collection,
    writes: parts.writes,
    view: createView(collection.kind, view),
    body: request.method === 'GET' ? Buffer.alloc(0) : await parts.readBody(),
  };
  if (isProtobuf(write.body)) throw unsupportedMediaType();
  switch (verb) {
    case 'get':
      return serveGet(resource, parts, write);
    case 'create':
      return serveCreate(write, response);
    case 'update':
      return serveUpdate(write, response);
    case 'patch':
      return servePatch(write, response);
    case 'delete':
      return serveDelete(write, response);
    default:
      return serveDeleteCollection(write, selectionOf(resource), response);
  }
}

function selectionOf({ request, target, collection }: ResourceRequest): Selection {
  return new Selection({
    kind: collection.kind,
    namespace: collection.kind.namespaced ? target.namespace : '',
    labelSelector: request.query.get('labelSelector') ?? '',
    fieldSelector: request.query.get('fieldSelector') ?? '',
  });
}

function serveRead(resource: ResourceRequest, parts: ApiParts): Promise<void> {
  const { request, collection, response } = resource;
  if (request.method !== 'GET') throw methodNotAllowed();
  const { store, hub, options: limits } = parts;
  const { revisions } = store;
  const watch = verbOf(request, resource.target) === 'watch';
  const view = viewOf(request.headers.accept, watch);
  const options = parseReadOptions(request.query);
  const selection = selectionOf(resource);
  if (watch) {
    const parsed = { collection, hub, revisions, options, selection, view, limits };
    return serveWatch(parsed, response);
  }
  const { freshnessTimeoutMs } = limits;
  const list = { collection, revisions, options, selection, freshnessTimeoutMs };
  return serveList({ ...list, view: createView(collection.kind, view) }, response);
}

async function serveGet(
  { request, target, collection, response }: ResourceRequest,
  { store, writes, options }: ApiParts,
  { view }: WriteRequest,
): Promise<void> {
  const revision = parseRevisionText(request.query.get('resourceVersion') ?? '', 'get') ?? 0;
  await store.revisions.waitFor(revision, options.freshnessTimeoutMs);
  const stored = writes.require(collection, keyOf(target, collection));
  response.json(200, view.object(stored));
}

/** A few lines, so that `kubectl logs` has something to show. */
function serveLog({ target, collection, response }: ResourceRequest, { writes }: ApiParts): void {
  const pod = writes.require(collection, keyOf(target, collection)).decode();
  const since = pod.status?.startTime ?? pod.metadata.creationTimestamp;
  const node = pod.spec?.nodeName ?? 'no node yet';
  response.text(200, `${since} simulated pod ${target.name} on ${node}\n`);
}

async function answerPath(
  request: ApiRequest,
  response: Response,
  parts: ApiParts & { readonly user: User },
): Promise<void> {
  const { store, options } = parts;
  const path = request.path.replace(/(.)\/$/, '$1');
  if (path === '/_faults') {
    if (request.method !== 'POST') throw methodNotAllowed();
    if (parts.user.rules !== 'all') {
      throw failure({ code: 403, message: 'faults need full rights', reason: 'Forbidden' });
    }
    return response.json(200, goText(parts.faults.apply(request.query)));
  }
  if (request.method !== 'GET') throw methodNotAllowed();
  if (path === '/version') return response.send(200, VERSION);
  if (path.startsWith('/openapi/v3')) {
    const document = openapiDocument(path, store);
    if (document !== undefined) return response.json(200, document);
  }
  if (viewOf(request.headers.accept, false) === 'discovery') {
    const document = aggregatedDiscovery(path, store);
    const headers = { 'Content-Type': DISCOVERY_TYPE, Vary: 'Accept' };
    if (document !== undefined) return response.json(200, document, headers);
  }
  const address = request.headers.host ?? `${options.host}:${options.port}`;
  const document = discoveryDocument(path, store, address);
  return document === undefined ? notFoundText(response) : response.json(200, document);
}

function notFoundText(response: Response): void {
  response.text(404, '404 page not found\n');
}

/** Reads a body up to the limit. */
export async function readBody(chunks: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      const message = `Request entity too large: limit is ${maxBytes}`;
      throw failure({ code: 413, message, reason: 'RequestEntityTooLarge' });
    }
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}
