/**
 * Where each group version comes from: the apiserver itself, a custom resource, or another server
 * behind the aggregation layer.
 *
 * Bytes of aggregated APIs may depend on who asks (rancher/steve #1296), so they are never cached: a
 * group version must be known to be local. APIService objects say so. When the proxy may not read
 * those, only the apiserver's own groups and those defined by a custom resource are believed.
 */

import { groupVersionName } from './discovery-documents.ts';
import type { PagedReader } from './paged-list.ts';
import { childOf, textOf } from './read-json.ts';
import type { Json } from './read-json.ts';

export type ApiOrigins =
  /** Group versions that the apiserver serves itself; all others are somebody else's. */
  | { readonly kind: 'known'; readonly local: ReadonlySet<string> }
  /** APIServices cannot be read. */
  | { readonly kind: 'refused'; readonly status: number };

/** Groups that kube-apiserver has compiled in (k8s.io/api, v1.36), some long gone from it. */
const BUILT_IN_GROUPS: ReadonlySet<string> = new Set([
  '',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'apps',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'coordination.k8s.io',
  'discovery.k8s.io',
  'events.k8s.io',
  'extensions',
  'flowcontrol.apiserver.k8s.io',
  'internal.apiserver.k8s.io',
  'networking.k8s.io',
  'node.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'resource.k8s.io',
  'scheduling.k8s.io',
  'storage.k8s.io',
  'storagemigration.k8s.io',
]);

/** Whether kube-apiserver has this group compiled in; other local groups are custom resources. */
export function isBuiltInGroup(group: string): boolean {
  return BUILT_IN_GROUPS.has(group);
}

/** Where APIServices are. */
export const API_SERVICES_PATH = '/apis/apiregistration.k8s.io/v1/apiservices';

/** Whether what a watch showed of an APIService is something that `known` does not say. */
export function isOriginNews(known: ApiOrigins, item: Json, deleted: boolean): boolean {
  if (known.kind !== 'known') return true;
  const { groupVersion, local } = originOf(item);
  return known.local.has(groupVersion) !== (local && !deleted);
}

/** Reads the APIService objects. Throws UpstreamError when they cannot be read right now. */
export async function readApiOrigins(
  reader: PagedReader,
  signal: AbortSignal,
): Promise<ApiOrigins> {
  // The aggregation layer itself; it has no APIService of its own.
  const local = new Set(['apiregistration.k8s.io/v1']);
  const outcome = await reader.each({ path: API_SERVICES_PATH, pageSize: 250, signal }, (item) => {
    const origin = originOf(item);
    if (origin.local) local.add(origin.groupVersion);
  });
  return outcome.kind === 'complete' ? { kind: 'known', local } : outcome;
}

function originOf(item: Json): { readonly groupVersion: string; readonly local: boolean } {
  const spec = childOf(item, 'spec');
  const service = spec?.['service'];
  return {
    groupVersion: groupVersionName(textOf(spec, 'group'), textOf(spec, 'version')),
    local: service === undefined || service === null,
  };
}
