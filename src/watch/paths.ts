/**
 * The request targets watch/ sends upstream.
 */

import { collectionPath, type Resource } from '../k8s/resource.ts';

export const ACCEPT_JSON = 'application/json';

const AS_METADATA = ';as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';

/** Metadata only where the server can, as protobuf where it can; the full objects carry the same metadata. */
export const ACCEPT_METADATA = [
  `application/vnd.kubernetes.protobuf${AS_METADATA}`,
  `${ACCEPT_JSON}${AS_METADATA}`,
  ACCEPT_JSON,
].join(',');

/** The current state as events, a marked bookmark, then changes; everything in one stream. */
export function streamingListPath(resource: Resource, timeoutSeconds: number): string {
  return (
    `${collectionOf(resource)}?watch=1&allowWatchBookmarks=true&sendInitialEvents=true` +
    `&resourceVersionMatch=NotOlderThan&resourceVersion=&timeoutSeconds=${timeoutSeconds}`
  );
}

/** One page of the most recent state; with a token, the page behind it. limit 0 means everything. */
export function listPath(resource: Resource, limit: number, continueToken: string): string {
  const query = [
    ...(limit > 0 ? [`limit=${limit}`] : []),
    ...(continueToken === '' ? [] : [`continue=${encodeURIComponent(continueToken)}`]),
  ].join('&');
  return query === '' ? collectionOf(resource) : `${collectionOf(resource)}?${query}`;
}

export function watchPath(resource: Resource, revision: number, timeoutSeconds: number): string {
  return (
    `${collectionOf(resource)}?watch=1&resourceVersion=${revision}` +
    `&allowWatchBookmarks=true&timeoutSeconds=${timeoutSeconds}`
  );
}

/**
 * A list of nothing, whose revision is the store's revision now: one seat and one key look-up upstream, because name and
 * namespace make it a single key (apiserver-semantics 12.2). No object can have this name: names are DNS labels, and
 * even where any path segment is a name, an object found would do no harm.
 */
export function probePath(resource: Resource): string {
  const namespace = resource.within ?? (resource.namespaced ? 'default' : '');
  return `${collectionPath(resource, namespace)}?fieldSelector=metadata.name%3Dwatershed_probe`;
}

/** Everything that a lane of this resource holds. */
function collectionOf(resource: Resource): string {
  return collectionPath(resource, resource.within);
}
