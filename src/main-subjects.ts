/**
 * Which resources may be served from memory: what discovery says, within the configured allow and deny lists, with the
 * fields that selectors may name. Looked up for every request, so the answer is kept until discovery changes.
 */
import type { LaneSubject } from './cache/lanes.ts';
import type { Config } from './config/config.ts';
import { jsonEncoding } from './k8s/encoding-json.ts';
import { protobufEncoding } from './k8s/encoding-protobuf.ts';
import type { Representation } from './k8s/media-type.ts';
import { hasSameMetadata } from './k8s/partial-metadata.ts';
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
  readonly #cutMetadata: boolean;
  readonly #known = new WeakMap<DiscoveredResource, Subject>();

  /** @param cutMetadata metadata may be shown out of lanes of whole objects. */
  constructor(discovery: Discovery, resources: Config['resources'], cutMetadata: boolean) {
    this.#discovery = discovery;
    this.#cutMetadata = cutMetadata;
    this.#allow = new Set(resources.allow);
    this.#deny = new Set(resources.deny);
  }

  lookup(group: string, version: string, plural: string): Subject | undefined {
    const found = this.#discovery.lookup(group, version, plural);
    if (found === undefined || !found.cacheable || !this.#permits(found)) return undefined;
    let subject = this.#known.get(found);
    if (subject === undefined) {
      subject = new Subject(found, this.#cutMetadata);
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

  /** Whether a lane of this subject is of the resource as it is now. */
  isCurrent(lane: LaneSubject): boolean {
    const { group, version, plural } = lane.resource;
    return this.lookup(group, version, plural)?.made(lane) === true;
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
  readonly #cutMetadata: boolean;
  readonly #lanes = new Map<string, LaneSubject | undefined>();

  constructor(found: DiscoveredResource, cutMetadata: boolean) {
    const { resource, custom, listKind, selectableFields: jsonPaths } = found;
    this.resource = resource;
    this.custom = custom;
    this.fields = selectableFields(resource, custom ? jsonPaths : undefined);
    this.#listKind = listKind;
    this.#cutMetadata = cutMetadata && hasSameMetadata(resource, custom);
  }

  /** The lane for a form; undefined when the resource has no such form. */
  lane(form: Representation): LaneSubject | undefined {
    const name = form.metadata ? `${form.encoding} metadata` : form.encoding;
    if (!this.#lanes.has(name)) this.#lanes.set(name, this.#make(form, name));
    return this.#lanes.get(name);
  }

  /** Whether this is a lane of its own. */
  made(lane: LaneSubject): boolean {
    return [...this.#lanes.values()].includes(lane);
  }

  #make({ encoding, metadata }: Representation, name: string): LaneSubject | undefined {
    const { resource, custom } = this;
    // Followed as upstream's own PartialObjectMetadata, which has no fields to select by.
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
    const laneId = name === 'json' ? id : `${id} (${name})`;
    const isCut = metadata && this.#cutMetadata;
    const cutFrom = isCut ? this.lane({ encoding, metadata: false }) : undefined;
    return { resource, fields, codec, laneId, cutFrom };
  }
}

const ENCODINGS = { json: jsonEncoding, protobuf: protobufEncoding };
