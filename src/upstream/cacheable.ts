/**
 * Which resources may be cached, as a pure function of what discovery found.
 *
 * Refused: what cannot be followed, what another server answers, what depends on who asks, Events
 * (too many, nobody rereads them), Secrets unless asked for, and certificate signing requests
 * (auth.md 2.8). Every refusal carries its reason for the status page.
 */

import type { Resource } from '../k8s/resource.ts';
import { isBuiltInGroup } from './api-origins.ts';
import type { ApiOrigins } from './api-origins.ts';
import type { CustomResource, CustomResources } from './custom-resources.ts';
import { groupVersionName } from './discovery-documents.ts';
import type { NamedResource } from './discovery-documents.ts';

/** One listable and watchable resource, and whether its bytes may be kept. */
export interface DiscoveredResource {
  readonly resource: Resource;
  /** Defined by a CustomResourceDefinition: JSON with sorted keys, no protobuf. */
  readonly custom: boolean;
  /** jsonPaths of a custom resource's selectable fields, such as `.spec.color`. */
  readonly selectableFields: readonly string[];
  /** `PodList`, or what the definition says. */
  readonly listKind: string;
  readonly cacheable: boolean;
  /** Why it is not cacheable; '' when it is. */
  readonly reason: string;
  /** Another text means another definition: what was read under the old one is void. */
  readonly definition: string;
}

export interface CachePolicy {
  readonly secrets: boolean;
}

const NEVER = new Map([
  ['events', 'events are never cached'],
  ['events.events.k8s.io', 'events are never cached'],
  ['componentstatuses', 'made up per request'],
  ['certificatesigningrequests.certificates.k8s.io', 'signing requests are never cached'],
]);

/** undefined when the resource cannot be listed and watched at all. */
export function judge(
  found: NamedResource,
  origins: ApiOrigins,
  definitions: CustomResources,
  policy: CachePolicy,
): DiscoveredResource | undefined {
  if (!found.verbs.includes('list') || !found.verbs.includes('watch')) {
    return undefined;
  }
  const { group, version, plural, kind, namespaced } = found;
  const definition = definedBy(found, definitions);
  const custom = definition !== undefined || !isBuiltInGroup(group);
  const selectableFields = definition?.selectable.get(version) ?? [];
  const reason =
    refusal(found, origins, definition !== undefined, policy) ||
    (custom && definition === undefined ? 'no definition says that it is served' : '');
  return {
    resource: { group, version, plural, kind, namespaced },
    custom,
    selectableFields,
    listKind: definition?.listKind || `${kind}List`,
    cacheable: reason === '',
    reason,
    definition: JSON.stringify([kind, namespaced, custom, definition?.identity, reason]),
  };
}

function definedBy(found: NamedResource, known: CustomResources): CustomResource | undefined {
  if (known.kind === 'refused') {
    return undefined;
  }
  const definition = known.byName.get(`${found.plural}.${found.group}`);
  return definition?.selectable.has(found.version) ? definition : undefined;
}

function refusal(
  found: NamedResource,
  origins: ApiOrigins,
  defined: boolean,
  policy: CachePolicy,
): string {
  const { group, version, plural } = found;
  const never = NEVER.get(group === '' ? plural : `${plural}.${group}`);
  if (never !== undefined) {
    return never;
  }
  if (group === '' && plural === 'secrets' && !policy.secrets) {
    return 'secrets are cached only when asked for';
  }
  if (found.foreignKind || found.kind === '' || plural === '') {
    return 'its objects carry another group or version';
  }
  if (origins.kind === 'known') {
    return origins.local.has(groupVersionName(group, version)) ? '' : 'served by another server';
  }
  return isBuiltInGroup(group) || defined ? '' : 'nothing says who serves it';
}
