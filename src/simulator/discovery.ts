/**
 * Discovery: which groups, versions and resources there are, in both forms clients ask for.
 *
 * Computed from the store at each request, so a new CRD shows at once. Aggregated discovery (v2) is
 * what kubectl asks first; the older documents are kept for everything else.
 */
import { createHash } from 'node:crypto';
import { apiVersion } from '../k8s/resource.ts';
import type { Kind } from './kinds.ts';
import { goText } from './object.ts';
import { reviewKinds } from './reviews.ts';
import type { Store } from './store.ts';

export const DISCOVERY_TYPE =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

const SUBRESOURCE_VERBS: Readonly<Record<string, readonly string[]>> = {
  log: ['get'],
  status: ['get', 'patch', 'update'],
};

/** The document at a discovery path as JSON, or undefined when there is none. */
export function discoveryDocument(path: string, store: Store, address: string): string | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  if (path === '/api') {
    const serverAddressByClientCIDRs = [{ clientCIDR: '0.0.0.0/0', serverAddress: address }];
    return goText({ kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs });
  }
  const groups = groupVersions(store);
  if (path === '/apis') {
    const named = [...groups.keys()].filter((groupVersion) => groupVersion.includes('/'));
    return goText({ kind: 'APIGroupList', apiVersion: 'v1', groups: named.map(groupDocument) });
  }
  if (parts[0] === 'apis' && parts.length === 2) {
    const found = [...groups.keys()].find((groupVersion) =>
      groupVersion.startsWith(`${parts[1]}/`),
    );
    return found && goText({ kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(found) });
  }
  const groupVersion = parts.slice(1).join('/');
  const kinds = groups.get(groupVersion);
  if (kinds === undefined || parts[0] !== (groupVersion === 'v1' ? 'api' : 'apis'))
    return undefined;
  const resources = [...kinds.flatMap(resourceDocuments), ...reviewDocuments(groupVersion)];
  const head = groupVersion === 'v1' ? {} : { apiVersion: 'v1' };
  return goText({ kind: 'APIResourceList', ...head, groupVersion, resources });
}

/** The aggregated form of `/api` or `/apis`. */
export function aggregatedDiscovery(path: string, store: Store): string | undefined {
  if (path !== '/api' && path !== '/apis') return undefined;
  const items = [];
  for (const [groupVersion, kinds] of groupVersions(store)) {
    if (groupVersion.includes('/') !== (path === '/apis')) continue;
    const [group, version] = groupVersion.includes('/') ? groupVersion.split('/') : ['', 'v1'];
    const resources = [...kinds.map(aggregatedResource), ...aggregatedReviews(groupVersion)];
    items.push({
      metadata: group === '' ? {} : { name: group },
      versions: [{ version, resources, freshness: 'Current' }],
    });
  }
  const head = {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
  };
  return goText({ ...head, items });
}

/** Every group version, in the order of the kinds table. */
export function groupVersions(store: Store): Map<string, Kind[]> {
  const groups = new Map<string, Kind[]>();
  for (const { kind } of store.all()) {
    const groupVersion = apiVersion(kind);
    groups.set(groupVersion, [...(groups.get(groupVersion) ?? []), kind]);
  }
  for (const groupVersion of Object.keys(reviewKinds)) groups.set(groupVersion, []);
  for (const kinds of groups.values()) kinds.sort((a, b) => (a.plural < b.plural ? -1 : 1));
  return groups;
}

function groupDocument(groupVersion: string) {
  const [name, version] = groupVersion.split('/');
  const entry = { groupVersion, version };
  return { name, versions: [entry], preferredVersion: entry };
}

function resourceDocuments(kind: Kind) {
  const { plural, singular, namespaced, verbs, shortNames, categories } = kind;
  const main = {
    name: plural,
    singularName: singular,
    namespaced,
    kind: kind.kind,
    verbs,
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
    storageVersionHash: createHash('sha256')
      .update(plural)
      .digest()
      .subarray(0, 8)
      .toString('base64'),
  };
  const subresources = kind.subresources.map((subresource) => ({
    name: `${plural}/${subresource}`,
    singularName: '',
    namespaced,
    kind: kind.kind,
    verbs: SUBRESOURCE_VERBS[subresource],
  }));
  return [main, ...subresources];
}

function reviewDocuments(groupVersion: string) {
  return Object.entries(reviewKinds[groupVersion] ?? {}).map(([name, kind]) => {
    const singularName = kind.toLowerCase();
    return { name, singularName, namespaced: false, kind, verbs: ['create'] };
  });
}

function responseKind(kind: string) {
  return { group: '', version: '', kind };
}

function aggregatedResource(kind: Kind) {
  const { plural, singular, namespaced, verbs, shortNames, categories } = kind;
  const subresources = kind.subresources.map((subresource) => ({
    subresource,
    responseKind: responseKind(kind.kind),
    verbs: SUBRESOURCE_VERBS[subresource],
  }));
  return {
    resource: plural,
    responseKind: responseKind(kind.kind),
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs,
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
    ...(subresources.length > 0 ? { subresources } : {}),
  };
}

function aggregatedReviews(groupVersion: string) {
  return Object.entries(reviewKinds[groupVersion] ?? {}).map(([resource, kind]) => {
    const singularResource = kind.toLowerCase();
    const scope = 'Cluster';
    return {
      resource,
      responseKind: responseKind(kind),
      scope,
      singularResource,
      verbs: ['create'],
    };
  });
}
