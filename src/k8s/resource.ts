/**
 * Resource: group + version + plural name of one API resource, with its kind and scope.
 *
 * Written by discovery, read by every part: the id is the key of lanes and decisions, the paths are
 * what the proxy asks upstream for. Values are taken verbatim from discovery; nothing is guessed
 * (a plural is never derived from a kind).
 */

/** One API resource as discovery names it. The core group is the empty string. */
export interface Resource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Of a lane that holds the objects of one namespace only. */
  readonly within?: string;
}

/** Group and version as objects carry them: `v1`, `apps/v1`. */
export function apiVersion(resource: Pick<Resource, 'group' | 'version'>): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** Map key and name in logs: `v1/pods`, `apps/v1/deployments`. */
export function resourceId(resource: Pick<Resource, 'group' | 'version' | 'plural'>): string {
  return `${apiVersion(resource)}/${resource.plural}`;
}

/** Name in upstream's messages (Go `GroupResource.String`): `pods`, `deployments.apps`. */
export function qualifiedName(resource: Pick<Resource, 'group' | 'plural'>): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
}

/**
 * Path of the collection, without a query: `/api/v1/pods`, `/apis/apps/v1/namespaces/x/deployments`.
 * An empty namespace means all namespaces, or a cluster-scoped resource.
 */
export function collectionPath(
  resource: Pick<Resource, 'group' | 'version' | 'plural'>,
  namespace = '',
): string {
  const root = resource.group === '' ? '/api/' : '/apis/';
  const scope = namespace === '' ? '' : `/namespaces/${namespace}`;
  return `${root}${apiVersion(resource)}${scope}/${resource.plural}`;
}
