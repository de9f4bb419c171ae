/**
 * Store: every collection of the simulated cluster, behind one revision counter.
 *
 * Collections of built-in kinds exist from the start; those of custom resources come and go with
 * their CRD. Changed by writes.ts, the generator and the lease storm; read by everything else.
 */
import { resourceId } from '../k8s/resource.ts';
import type { Resource } from '../k8s/resource.ts';
import { Collection } from './collection.ts';
import { builtInKinds } from './kinds.ts';
import type { Kind } from './kinds.ts';
import { Revisions } from './revisions.ts';
import type { StoredObject } from './stored-object.ts';

/** A revision a cluster could have after some hours; nothing hangs on it. */
const FIRST_REVISION = 1000;

export class Store {
  readonly revisions = new Revisions(FIRST_REVISION);
  readonly #windowEvents: number;
  readonly #collections = new Map<string, Collection>();

  constructor(windowEvents: number) {
    this.#windowEvents = windowEvents;
    for (const kind of builtInKinds) this.add(kind);
  }

  add(kind: Kind): void {
    const id = resourceId(kind);
    if (this.#collections.has(id)) return;
    this.#collections.set(id, new Collection(kind, this.#windowEvents, this.revisions.current));
  }

  remove(resource: Pick<Resource, 'group' | 'version' | 'plural'>): void {
    const id = resourceId(resource);
    this.#collections.get(id)?.close();
    this.#collections.delete(id);
  }

  find(resource: Pick<Resource, 'group' | 'version' | 'plural'>): Collection | undefined {
    return this.#collections.get(resourceId(resource));
  }

  /** A collection that surely exists: `get('v1', 'pods')`, `get('apps/v1', 'deployments')`. */
  get(apiVersion: string, plural: string): Collection {
    const collection = this.#collections.get(`${apiVersion}/${plural}`);
    if (collection === undefined) throw new Error(`no resource ${apiVersion} ${plural}`);
    return collection;
  }

  all(): IterableIterator<Collection> {
    return this.#collections.values();
  }

  hasGroup(group: string): boolean {
    return [...this.all()].some((collection) => collection.kind.group === group);
  }

  hasNamespace(name: string): boolean {
    return this.get('v1', 'namespaces').get(name) !== undefined;
  }

  /** Puts a ready-made state in place, as the generator does for objects with a history. */
  load(collection: Collection, encode: (revision: number) => StoredObject): StoredObject {
    const object = encode(this.revisions.next());
    const { revision } = object;
    const previous = collection.get(object.key);
    const type = previous === undefined ? 'ADDED' : 'MODIFIED';
    collection.apply({ type, revision, object, previous });
    return object;
  }

  /** Every window starts anew: whatever resumes from before gets 410. */
  expireWindows(): void {
    for (const collection of this.all()) collection.window.clear(this.revisions.current);
  }
}
