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
  readonly #secretNamespaces: ReadonlySet<string> | undefined;
  readonly #known = new WeakMap<DiscoveredResource, Subject>();

  /** @param cutMetadata metadata may be shown out of lanes of whole objects. */
  constructor(discovery: Discovery, resources: Config['resources'], cutMetadata: boolean) {
    this.#discovery = discovery;
    this.#cutMetadata = cutMetadata;
    this.#allow = new Set(resources.allow);
    this.#deny = new Set(resources.deny);
    this.#secretNamespaces = resources.secrets ? undefined : new Set(resources.secretNamespaces);
  }

  lookup(group: string, version: string, plural: string): Subject | undefined {
    const found = this.#discovery.lookup(group, version, plural);
    if (found === undefined || !found.cacheable || !this.#permits(found)) return undefined;
    let subject = this.#known.get(found);
    if (subject === undefined) {
      const namespaces =
        resourceId(found.resource) === SECRETS ? this.#secretNamespaces : undefined;
      subject = new Subject(found, { namespaces, cutMetadata: this.#cutMetadata });
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

const SECRETS = 'v1/secrets';

export interface SubjectOptions {
  /** Those whose objects may be held, each in lanes of its own; undefined: all, together. */
  readonly namespaces?: ReadonlySet<string>;
  readonly cutMetadata: boolean;
}

/** One resource as it may be served: a lane for each form that clients ask for. */
export class Subject {
  readonly resource: Resource;
  readonly custom: boolean;
  /** What selectors may name, beside name and namespace. */
  readonly fields: readonly SelectableField[];
  readonly #listKind: string;
  readonly #namespaces: ReadonlySet<string> | undefined;
  readonly #cutMetadata: boolean;
  readonly #lanes = new Map<string, LaneSubject | undefined>();

  constructor(found: DiscoveredResource, { namespaces, cutMetadata }: SubjectOptions) {
    const { resource, custom, listKind, selectableFields: jsonPaths } = found;
    this.resource = resource;
    this.custom = custom;
    this.fields = selectableFields(resource, custom ? jsonPaths : undefined);
    this.#listKind = listKind;
    this.#namespaces = namespaces;
    this.#cutMetadata = cutMetadata && hasSameMetadata(resource, custom);
  }

  /** Whether the objects of a namespace ('': of all) may be held. */
  holds(namespace: string): boolean {
    return this.#namespaces?.has(namespace) ?? true;
  }

  /** The lane that holds a namespace ('': all) in a form; undefined when there is none. */
  lane(form: Representation, namespace: string): LaneSubject | undefined {
    if (!this.holds(namespace)) return undefined;
    const within = this.#namespaces === undefined ? undefined : namespace;
    const name = form.metadata ? `${form.encoding} metadata` : form.encoding;
    const key = within === undefined ? name : `${name} in ${within}`;
    if (!this.#lanes.has(key)) this.#lanes.set(key, this.#make(form, key, within));
    return this.#lanes.get(key);
  }

  /** Whether this is a lane of its own. */
  made(lane: LaneSubject): boolean {
    return [...this.#lanes.values()].includes(lane);
  }

  #make(
    { encoding, metadata }: Representation,
    key: string,
    within: string | undefined,
  ): LaneSubject | undefined {
    const { custom } = this;
    const resource = within === undefined ? this.resource : { ...this.resource, within };
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
    const laneId = key === 'json' ? id : `${id} (${key})`;
    const isCut = metadata && this.#cutMetadata;
    const cutFrom = isCut ? this.lane({ encoding, metadata: false }, within ?? '') : undefined;
    return { resource, fields, codec, laneId, cutFrom };
  }
}

const ENCODINGS = { json: jsonEncoding, protobuf: protobufEncoding };
