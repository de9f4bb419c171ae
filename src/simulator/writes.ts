/**
 * Writes: create, update and delete with the apiserver's rules, for requests and generators alike.
 *
 * Optimistic concurrency by resourceVersion, uid and name checks, no event for a write that changes
 * nothing, generation counted by spec, finalizers, graceful deletion of pods, and the two cascades
 * people meet: a namespace takes its contents along, an owner its dependents.
 */
import { applyDefaults } from './defaults.ts';
import type { Collection } from './collection.ts';
import {
  alreadyExists,
  badRequestError,
  conflict,
  invalidObject,
  notFoundError,
} from './errors.ts';
import { claim } from './managed-fields.ts';
import { encodeObject } from './object.ts';
import type { KubeObject } from './object.ts';
import type { Random } from './random.ts';
import { StoredObject, objectKey } from './stored-object.ts';
import type { Store } from './store.ts';

const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const NAME_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', " +
  "and must start and end with an alphanumeric character (e.g. 'example.com', regex used for " +
  "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const MODIFIED_SINCE =
  'the object has been modified; please apply your changes to the latest version and try again';

export interface WriteContext {
  /** Field manager recorded with the change. */
  readonly manager: string;
  /** Answer as if, change nothing. */
  readonly dryRun?: boolean;
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export function timestamp(atMs = Date.now()): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}

export class Writes {
  readonly #store: Store;
  readonly #random: Random;

  constructor(store: Store, random: Random) {
    this.#store = store;
    this.#random = random;
  }

  create(collection: Collection, sent: KubeObject, context: WriteContext): StoredObject {
    const { kind } = collection;
    const object = structuredClone(sent);
    const { metadata } = object;
    if (metadata.name === undefined && metadata.generateName !== undefined) {
      metadata.name = metadata.generateName + this.#random.nameSuffix(5);
    }
    const { name = '', namespace = '' } = metadata;
    checkName(collection, name);
    if (namespace !== '' && !this.#store.hasNamespace(namespace)) {
      throw notFoundError(this.#store.get('v1', 'namespaces').kind, namespace);
    }
    if (collection.get(objectKey(namespace, name)) !== undefined) throw alreadyExists(kind, name);
    if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== '') {
      throw badRequestError('resourceVersion should not be set on objects to be created');
    }
    applyDefaults(kind, object, this.#random);
    metadata.uid = this.#random.uuid();
    metadata.creationTimestamp = timestamp();
    if (object.spec !== undefined && hasGeneration(collection)) metadata.generation = 1;
    metadata.managedFields = [];
    claim(object, { kind, manager: context.manager, time: timestamp() });
    return this.#put(collection, object, context.dryRun);
  }

  /** `change` gets a fresh copy and returns the object as it shall be. */
  update(
    collection: Collection,
    key: string,
    change: (object: KubeObject) => KubeObject,
    context: WriteContext & { readonly subresource?: 'status' },
  ): StoredObject {
    const { kind } = collection;
    const current = this.require(collection, key);
    const before = current.decode();
    const changed = change(current.decode());
    checkIdentity(collection, before, changed);
    const object: KubeObject =
      context.subresource === 'status'
        ? { ...before, status: changed.status }
        : { ...changed, metadata: keepServerFields(before, changed) };
    if (context.subresource !== 'status' && kind.subresources.includes('status')) {
      if (before.status === undefined) delete object.status;
      else object.status = before.status;
    }
    const specChanged = JSON.stringify(before.spec) !== JSON.stringify(object.spec);
    if (specChanged && before.metadata.generation !== undefined) {
      object.metadata.generation = before.metadata.generation + 1;
    }
    object.metadata.managedFields = before.metadata.managedFields;
    if (encodeObject(kind, object) === current.bytes.toString()) return current;
    const { manager, subresource } = context;
    claim(object, { kind, manager, subresource, time: timestamp() });
    if (isFinished(object)) return this.#remove(collection, object, context.dryRun);
    return this.#put(collection, object, context.dryRun);
  }

  /** @returns the last state; it is still there when finalizers or a kubelet hold it. */
  delete(
    collection: Collection,
    key: string,
    options: DeleteOptions & { readonly dryRun?: boolean } = {},
  ): StoredObject {
    const current = this.require(collection, key);
    const object = current.decode();
    const { metadata } = object;
    checkPreconditions(collection, object, options);
    const graceSeconds = graceOf(collection, object, options);
    const waits = (metadata.finalizers ?? []).length > 0 || graceSeconds > 0;
    if (waits) {
      if (metadata.deletionTimestamp !== undefined) return current;
      metadata.deletionTimestamp = timestamp(Date.now() + graceSeconds * 1000);
      metadata.deletionGracePeriodSeconds = graceSeconds;
      if (metadata.generation !== undefined) metadata.generation += 1;
      return this.#put(collection, object, options.dryRun);
    }
    if (collection.kind.plural === 'namespaces' && options.dryRun !== true) {
      this.#empty(metadata.name ?? '');
    }
    return this.#remove(collection, object, options.dryRun);
  }

  require(collection: Collection, key: string): StoredObject {
    const current = collection.get(key);
    if (current !== undefined) return current;
    throw notFoundError(collection.kind, key.slice(key.indexOf('/') + 1));
  }

  #put(collection: Collection, object: KubeObject, dryRun = false): StoredObject {
    const { kind } = collection;
    if (dryRun) return StoredObject.encode(kind, object, this.#store.revisions.current);
    const stored = StoredObject.encode(kind, object, this.#store.revisions.next());
    const previous = collection.get(stored.key);
    const type = previous === undefined ? 'ADDED' : 'MODIFIED';
    collection.apply({ type, revision: stored.revision, object: stored, previous });
    return stored;
  }

  #remove(collection: Collection, object: KubeObject, dryRun = false): StoredObject {
    const { kind } = collection;
    if (dryRun) return StoredObject.encode(kind, object, this.#store.revisions.current);
    const stored = StoredObject.encode(kind, object, this.#store.revisions.next());
    const previous = collection.get(stored.key);
    collection.apply({ type: 'DELETED', revision: stored.revision, object: stored, previous });
    this.#collect(object);
    return stored;
  }

  /** Everything inside a namespace that is going away. */
  #empty(namespace: string): void {
    for (const collection of this.#store.all()) {
      if (!collection.kind.namespaced) continue;
      for (const object of collection.values()) {
        if (object.facts.namespace !== namespace || collection.get(object.key) === undefined) {
          continue;
        }
        this.#remove(collection, object.decode());
      }
    }
  }

  /** Garbage collection: workloads take what they own along, at once. */
  #collect(owner: KubeObject): void {
    const dependents = DEPENDENTS[owner.kind ?? ''];
    if (dependents === undefined) return;
    const uid = Buffer.from(`"uid":"${owner.metadata.uid}"`);
    const [groupVersion, plural] = dependents;
    const collection = this.#store.get(groupVersion, plural);
    for (const candidate of collection.values()) {
      // The bytes are searched first: decoding every pod for each deletion would be slow.
      if (!candidate.bytes.includes(uid)) continue;
      const { ownerReferences = [] } = candidate.decode().metadata;
      if (ownerReferences.some((reference) => reference.uid === owner.metadata.uid)) {
        this.delete(collection, candidate.key);
      }
    }
  }
}

const DEPENDENTS: Readonly<Record<string, readonly [string, string]>> = {
  Deployment: ['apps/v1', 'replicasets'],
  ReplicaSet: ['v1', 'pods'],
  StatefulSet: ['v1', 'pods'],
  DaemonSet: ['v1', 'pods'],
  Job: ['v1', 'pods'],
  Service: ['discovery.k8s.io/v1', 'endpointslices'],
};

function checkName({ kind }: Collection, name: string): void {
  if (name === '') {
    throw invalidObject(kind, '', {
      reason: 'FieldValueRequired',
      message: 'Required value: name or generateName is required',
      field: 'metadata.name',
    });
  }
  // API services carry a final dot for the core group.
  if (name.length <= 253 && NAME.test(name.replace(/\.$/, ''))) return;
  throw invalidObject(kind, name, {
    reason: 'FieldValueInvalid',
    message: `Invalid value: ${JSON.stringify(name)}: ${NAME_RULE}`,
    field: 'metadata.name',
  });
}

function checkIdentity({ kind }: Collection, before: KubeObject, changed: KubeObject): void {
  const { name = '', uid, resourceVersion = '' } = changed.metadata;
  const sent = resourceVersion === '' ? before.metadata.resourceVersion : resourceVersion;
  if (sent !== before.metadata.resourceVersion) throw conflict(kind, name, MODIFIED_SINCE);
  if (uid !== undefined && uid !== '' && uid !== before.metadata.uid) {
    const why =
      `StorageError: invalid object, Code: 4, Precondition failed: UID in precondition: ${uid}, ` +
      `UID in object meta: ${before.metadata.uid}`;
    throw conflict(kind, name, why);
  }
}

function checkPreconditions(
  { kind }: Collection,
  { metadata }: KubeObject,
  { preconditions = {} }: DeleteOptions,
): void {
  const { uid, resourceVersion } = preconditions;
  const { name = '' } = metadata;
  if (uid !== undefined && uid !== metadata.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`;
    throw conflict(kind, name, why);
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`;
    throw conflict(kind, name, why);
  }
}

/** What a client cannot change stays as it was. */
function keepServerFields(before: KubeObject, changed: KubeObject): KubeObject['metadata'] {
  const { uid, creationTimestamp, generation, namespace } = before.metadata;
  const { deletionTimestamp, deletionGracePeriodSeconds } = before.metadata;
  return {
    ...changed.metadata,
    uid,
    creationTimestamp,
    generation,
    namespace,
    deletionTimestamp,
    deletionGracePeriodSeconds,
    resourceVersion: before.metadata.resourceVersion,
  };
}

/** Only waited for by its finalizers, of which none is left. Pods wait for their kubelet. */
function isFinished(object: KubeObject): boolean {
  const { deletionTimestamp, finalizers = [] } = object.metadata;
  return deletionTimestamp !== undefined && finalizers.length === 0 && object.kind !== 'Pod';
}

/** Only a pod that has a node is let go slowly: there is a kubelet to stop it. */
function graceOf({ kind }: Collection, object: KubeObject, options: DeleteOptions): number {
  if (kind.group !== '' || kind.plural !== 'pods') return 0;
  if (!object.spec?.nodeName) return 0;
  return options.gracePeriodSeconds ?? object.spec.terminationGracePeriodSeconds ?? 30;
}

/** Kinds whose apiserver strategy counts generations: those with a spec that a controller obeys. */
function hasGeneration({ kind }: Collection): boolean {
  return kind.custom || kind.plural === 'pods' || kind.group === 'apps' || kind.group === 'batch';
}
