/**
 * Which resources may be served from memory: what discovery says, within the configured allow and deny lists, with the
 * fields that selectors may name. Looked up for every request, so the answer is kept until discovery changes.
 */
import type { LaneSubject } from './cache/lanes.ts';
import type { Config } from './config/config.ts';
import type { CollectionTarget, ObjectTarget } from './k8s/request-target.ts';
import type { Resource } from './k8s/resource.ts';
import { resourceId } from './k8s/resource.ts';
import { selectableFields } from './k8s/selectable-fields.ts';
import type { DiscoveredResource } from './upstream/cacheable.ts';
import type { Discovery } from './upstream/discovery.ts';

export class Subjects {
  readonly #discovery: Discovery;
  readonly #allow: ReadonlySet<string>;
  readonly #deny: ReadonlySet<string>;
  readonly #known = new WeakMap<DiscoveredResource, LaneSubject>();

  constructor(discovery: Discovery, resources: Config['resources']) {
    this.#discovery = discovery;
    this.#allow = new Set(resources.allow);
    this.#deny = new Set(resources.deny);
  }

  lookup(group: string, version: string, plural: string): LaneSubject | undefined {
    const found = this.#discovery.lookup(group, version, plural);
    if (found === undefined || !found.cacheable || !this.#permits(found)) return undefined;
    let subject = this.#known.get(found);
    if (subject === undefined) {
      subject = subjectOf(found);
      this.#known.set(found, subject);
    }
    return subject;
  }

  resourceOf(target: CollectionTarget | ObjectTarget): Resource | undefined {
    return this.#discovery.lookup(target.group, target.version, target.plural)?.resource;
  }

  /** By id, as the configuration names it: `v1/pods`, `apps/v1/deployments`. */
  byId(id: string): LaneSubject | undefined {
    const parts = id.split('/');
    const plural = parts.pop() ?? '';
    const version = parts.pop() ?? '';
    return this.lookup(parts.pop() ?? '', version, plural);
  }

  #permits(found: DiscoveredResource): boolean {
    const id = resourceId(found.resource);
    return !this.#deny.has(id) && (this.#allow.size === 0 || this.#allow.has(id));
  }
}

function subjectOf(found: DiscoveredResource): LaneSubject {
  const { resource, custom, listKind } = found;
  const jsonPaths = custom ? found.selectableFields : undefined;
  return { resource, custom, listKind, fields: selectableFields(resource, jsonPaths) };
}
