/**
 * POST, PUT, PATCH and DELETE on resources: bodies in, writes.ts in the middle, answers out.
 */
import { goJson } from '../k8s/go-text.ts';
import { apiVersion } from '../k8s/resource.ts';
import type { Collection } from './collection.ts';
import {
  badRequestError,
  methodNotAllowed,
  objectDetails,
  unsupportedMediaType,
} from './errors.ts';
import type { Json, KubeObject } from './object.ts';
import { applyPatch, patchFormats } from './patch.ts';
import type { ApiRequest, Target } from './request.ts';
import type { Response } from './response.ts';
import type { Selection } from './selection.ts';
import { listPieces } from './serve-list.ts';
import { objectKey } from './stored-object.ts';
import type { StoredObject } from './stored-object.ts';
import type { ObjectView } from './view.ts';
import type { DeleteOptions, WriteContext, Writes } from './writes.ts';

export interface WriteRequest {
  readonly request: ApiRequest;
  readonly target: Target;
  readonly collection: Collection;
  readonly writes: Writes;
  readonly view: ObjectView;
  readonly body: Buffer;
}

/** The object, checked against the path and with the path's namespace. */
export function parseObject(write: WriteRequest): KubeObject {
  const { kind } = write.collection;
  const object = parseJson(write, kind.kind) as KubeObject | null;
  if (object === null || typeof object !== 'object' || Array.isArray(object)) {
    throw badRequestError(`the object provided is unrecognized (must be of type ${kind.kind})`);
  }
  const wanted = apiVersion(kind);
  if ((object.kind ?? kind.kind) !== kind.kind || (object.apiVersion ?? wanted) !== wanted) {
    throw badRequestError(
      `${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ` +
        `${kind.kind}: no kind ${JSON.stringify(object.kind)} is registered for version ` +
        JSON.stringify(object.apiVersion),
    );
  }
  object.metadata ??= {};
  if (kind.namespaced) placeInNamespace(object, write.target.namespace);
  else delete object.metadata.namespace;
  return object;
}

export function serveCreate(write: WriteRequest, response: Response): void {
  const { target, collection, writes, view } = write;
  if (target.name !== '' || (collection.kind.namespaced && target.namespace === '')) {
    throw methodNotAllowed();
  }
  requireJson(write.request);
  const stored = writes.create(collection, parseObject(write), contextOf(write.request));
  response.json(201, view.object(stored));
}

export function serveUpdate(write: WriteRequest, response: Response): void {
  const { target, collection, writes, view, request } = write;
  requireJson(request);
  const object = parseObject(write);
  const { name } = object.metadata;
  if (name !== undefined && name !== '' && name !== target.name) {
    throw badRequestError(
      `the name of the object (${name}) does not match the name on the URL (${target.name})`,
    );
  }
  object.metadata.name = target.name;
  const context = { ...contextOf(request), subresource: subresourceOf(target) };
  const stored = writes.update(collection, keyOf(target, collection), () => object, context);
  response.json(200, view.object(stored));
}

export function servePatch(write: WriteRequest, response: Response): void {
  const { target, collection, writes, view, request } = write;
  const type = (request.headers['content-type'] ?? '').split(';')[0].trim();
  const format = Object.hasOwn(patchFormats, type) ? patchFormats[type] : undefined;
  if (format === undefined) throw unsupportedMediaType();
  const key = keyOf(target, collection);
  if (type === 'application/apply-patch+yaml' && collection.get(key) === undefined) {
    const stored = writes.create(collection, parseObject(write), contextOf(request));
    return response.json(201, view.object(stored));
  }
  const patch = parseJson(write, collection.kind.kind);
  const stored = writes.update(
    collection,
    key,
    (object) => applyPatch(format, object as Json, patch) as unknown as KubeObject,
    { ...contextOf(request), subresource: subresourceOf(target) },
  );
  response.json(200, view.object(stored));
}

export function serveDelete(write: WriteRequest, response: Response): void {
  const { target, collection, writes, view } = write;
  const key = keyOf(target, collection);
  const stored = writes.delete(collection, key, deleteOptions(write));
  const { kind } = collection;
  const stays = collection.get(key) !== undefined;
  if (stays || kind.plural === 'pods' || kind.plural === 'namespaces') {
    return response.json(200, view.object(stored));
  }
  const details = { ...objectDetails(kind, target.name), uid: stored.decode().metadata.uid };
  const head = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };
  response.json(200, goJson({ ...head, details }));
}

/** Deletes everything the selection means; answers with a list of it. */
export function serveDeleteCollection(
  write: WriteRequest,
  selection: Selection,
  response: Response,
): void {
  const { collection, writes, view } = write;
  const options = deleteOptions(write);
  const deleted: StoredObject[] = [];
  for (const object of collection.snapshot()) {
    if (!selection.matches(object.facts) || collection.get(object.key) === undefined) continue;
    deleted.push(writes.delete(collection, object.key, options));
  }
  const revision = deleted.at(-1)?.revision ?? collection.window.floor;
  const meta = { revision, token: '', remaining: undefined };
  response.json(
    200,
    Buffer.concat([...listPieces(deleted, meta, view)])
      .toString()
      .trimEnd(),
  );
}

export function keyOf(target: Target, { kind }: Collection): string {
  return objectKey(kind.namespaced ? target.namespace : '', target.name);
}

export function parseJson({ body }: Pick<WriteRequest, 'body'>, kind: string): Json {
  try {
    return JSON.parse(body.toString()) as Json;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw badRequestError(
      `the object provided is unrecognized (must be of type ${kind}): ` +
        `couldn't get version/kind; json parse error: ${problem}`,
    );
  }
}

function contextOf({ query, headers }: ApiRequest): WriteContext {
  const agent = headers['user-agent']?.split('/')[0];
  return {
    manager: query.get('fieldManager') || agent || 'unknown',
    dryRun: query.get('dryRun') === 'All',
  };
}

function deleteOptions(write: WriteRequest): DeleteOptions & { dryRun: boolean } {
  const { request, body } = write;
  const sent = body.length === 0 ? {} : parseJson({ body }, 'DeleteOptions');
  const options = (sent ?? {}) as DeleteOptions & { dryRun?: string[] };
  const grace = request.query.get('gracePeriodSeconds');
  return {
    gracePeriodSeconds: grace === null ? options.gracePeriodSeconds : Number(grace),
    preconditions: options.preconditions ?? undefined,
    dryRun: request.query.get('dryRun') === 'All' || options.dryRun?.includes('All') === true,
  };
}

function subresourceOf(target: Target): 'status' | undefined {
  return target.subresource === 'status' ? 'status' : undefined;
}

function requireJson({ headers }: ApiRequest): void {
  const type = (headers['content-type'] ?? 'application/json').split(';')[0].trim();
  if (type !== 'application/json' && type !== '*/*') throw unsupportedMediaType();
}

function placeInNamespace(object: KubeObject, namespace: string): void {
  const sent = object.metadata.namespace;
  if (sent !== undefined && sent !== '' && sent !== namespace) {
    throw badRequestError(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  }
  object.metadata.namespace = namespace;
}
