/**
 * Which resources may be served from memory: what discovery says, within the configured allow and deny lists, with the
 * fields that selectors may name. Looked up for every request, so the answer is kept until discovery changes.
 */
import type { LaneSubject } from './cache/lanes.ts';
import type { Config } from './config/config.ts';
import { jsonEncoding } from './k8s/encoding-json.ts';
import { protobufEncoding } from './k8s/encoding-protobuf.ts';
import type { Representation } from './k8s/media-type.ts';
import type { CollectionTarget, ObjectTarget } from './k8s/request-target.ts';
import type { Resource } from './k8s/resource.ts';
import { resourceId } from './k8s/resource.ts';
import type { SelectableField } from './k8s/selectable-fields.ts';
import { selectableFields } from './k8s/selectable-fields.ts';
import type { DiscoveredResource } from './upstream/cacheable.ts';
import type { Discovery } from './upstream/discovery.ts';

export class Subjects {
  readonly #discovery: Discovery;
  readonly #allow: ReadonlySet<string>;
  readonly #deny: ReadonlySet<string>;
  readonly #known = new WeakMap<DiscoveredResource, Subject>();

  constructor(discovery: Discovery, resources: Config['resources']) {
    this.#discovery = discovery;
    this.#allow = new Set(resources.allow);
    this.#deny = new Set(resources.deny);
  }

  lookup(group: string, version: string, plural: string): Subject | undefined {
    const found = this.#discovery.lookup(group, version, plural);
    if (found === undefined || !found.cacheable || !this.#permits(found)) return undefined;
    let subject = this.#known.get(found);
    if (subject === undefined) {
      subject = new Subject(found);
      this.#known.set(found, subject);
    }
    return subject;
  }

  resourceOf(target: CollectionTarget | ObjectTarget): Resource | undefined {
    return this.#discovery.lookup(target.group, target.version, target.plural)?.resource;
  }

  /** By id, as the configuration names it: `v1/pods`, `apps/v1/deployments`. */
  byId(id: string): Subject | undefined {
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

/** One resource as it may be served: a lane for each form that clients ask for. */
export class Subject {
  readonly resource: Resource;
  readonly custom: boolean;
  /** What selectors may name, beside name and namespace. */
  readonly fields: readonly SelectableField[];
  readonly #listKind: string;
  readonly #lanes = new Map<string, LaneSubject | undefined>();

  constructor({ resource, custom, listKind, selectableFields: jsonPaths }: DiscoveredResource) {
    this.resource = resource;
    this.custom = custom;
    this.fields = selectableFields(resource, custom ? jsonPaths : undefined);
    this.#listKind = listKind;
  }

  /** The lane for a form; undefined when the resource has no such form. */
  lane(form: Representation): LaneSubject | undefined {
    const name = form.metadata ? `${form.encoding} metadata` : form.encoding;
    if (!this.#lanes.has(name)) this.#lanes.set(name, this.#make(form, name));
    return this.#lanes.get(name);
  }

  #make({ encoding, metadata }: Representation, name: string): LaneSubject | undefined {
    const { resource, custom } = this;
    // Upstream's own PartialObjectMetadata is followed: cut-out metadata is not always the same bytes.
    const fields = metadata ? [] : this.fields;
    const codec = ENCODINGS[encoding].codec({
      resource,
      custom,
      listKind: this.#listKind,
      fields,
      metadataOnly: metadata,
    });
    if (codec === undefined) return undefined;
    const id = resourceId(resource);
    return { resource, fields, codec, laneId: name === 'json' ? id : `${id} (${name})` };
  }
}

const ENCODINGS = { json: jsonEncoding, protobuf: protobufEncoding };
