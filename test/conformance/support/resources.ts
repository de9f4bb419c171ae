// The resources the equality cases go over, and how their paths are built. Together they cover core
// and named groups, both scopes, built-in and custom, with and without selectable fields.

import { crdGroup } from '../control-plane/fixture-objects.ts';

export interface TestedResource {
  readonly plural: string;
  /** `/api/v1` or `/apis/group/version`. */
  readonly root: string;
  readonly namespaced: boolean;
}

export const resources = {
  pods: { plural: 'pods', root: '/api/v1', namespaced: true },
  configmaps: { plural: 'configmaps', root: '/api/v1', namespaced: true },
  nodes: { plural: 'nodes', root: '/api/v1', namespaced: false },
  namespaces: { plural: 'namespaces', root: '/api/v1', namespaced: false },
  leases: { plural: 'leases', root: '/apis/coordination.k8s.io/v1', namespaced: true },
  services: { plural: 'services', root: '/api/v1', namespaced: true },
  widgets: { plural: 'widgets', root: `/apis/${crdGroup}/v1`, namespaced: true },
  gadgets: { plural: 'gadgets', root: `/apis/${crdGroup}/v1`, namespaced: false },
} as const satisfies Record<string, TestedResource>;

export type ResourceName = keyof typeof resources;

export const resourceNames = Object.keys(resources) as ResourceName[];

export function collection(name: ResourceName, namespace = ''): string {
  const { root, plural } = resources[name];
  return namespace === '' ? `${root}/${plural}` : `${root}/namespaces/${namespace}/${plural}`;
}

export function object(name: ResourceName, namespace: string, objectName: string): string {
  return `${collection(name, namespace)}/${objectName}`;
}

/** A query string out of its parameters, each value encoded. */
export function query(parameters: Readonly<Record<string, string | number | undefined>>): string {
  const pairs = Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}
