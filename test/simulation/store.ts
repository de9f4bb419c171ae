/**
 * The one truth of a run: the store behind all apiservers. Every write is acknowledged the moment it is made, which is the
 * hardest case for whoever must not miss it. The whole history is kept, so that any answer can be judged.
 */
import { apiVersion, type Resource } from '../../src/k8s/resource.ts';

export const PODS: Resource = {
  group: '',
  version: 'v1',
  plural: 'pods',
  kind: 'Pod',
  namespaced: true,
};

export interface Change {
  readonly revision: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
}

export class Store {
  revision: number;
  /** Lists at a revision below this one are gone. */
  compacted = 0;
  /** Changes of our resource; other resources only move the revision. */
  readonly changes: Change[] = [];
  /** states[k]: live objects by key after the first k changes. */
  readonly #states: ReadonlyMap<string, Change>[] = [new Map()];
  readonly #signatures: (string | undefined)[] = [];
  readonly #events: (Buffer | undefined)[] = [];
  /** Told of every change. */
  onChange: (() => void) | undefined;

  constructor(revision: number) {
    this.revision = revision;
  }

  put(key: string): void {
    this.#write(key, this.#newest.has(key) ? 'MODIFIED' : 'ADDED');
  }

  /** False when there is nothing to delete. */
  delete(key: string): boolean {
    if (!this.#newest.has(key)) return false;
    this.#write(key, 'DELETED');
    return true;
  }

  /** Writes of other resources. */
  elsewhere(writes: number): void {
    this.revision += writes;
  }

  /** Number of changes up to and including a revision. */
  changesUpTo(revision: number): number {
    let low = 0;
    let high = this.changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.changes[middle].revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  stateAfter(changes: number): ReadonlyMap<string, Change> {
    return this.#states[changes];
  }

  /** The state at a revision as text that can be compared. */
  signatureAt(revision: number): string {
    const k = this.changesUpTo(revision);
    this.#signatures[k] ??= signatureOf(
      [...this.#states[k].values()].map(({ key, revision: own }) => [key, own]),
    );
    return this.#signatures[k];
  }

  /** The change as a line of a watch. */
  eventOf(index: number): Buffer {
    const change = this.changes[index];
    this.#events[index] ??= Buffer.from(
      `{"type":"${change.type}","object":{${KIND},${itemOf(change).slice(1)}}\n`,
    );
    return this.#events[index];
  }

  get #newest(): ReadonlyMap<string, Change> {
    return this.#states[this.#states.length - 1];
  }

  #write(key: string, type: Change['type']): void {
    const [namespace, name] = key.split('/');
    const change = { revision: ++this.revision, type, namespace, name, key };
    const state = new Map(this.#newest);
    if (type === 'DELETED') state.delete(key);
    else state.set(key, change);
    this.changes.push(change);
    this.#states.push(state);
    this.onChange?.();
  }
}

const KIND = `"kind":"${PODS.kind}","apiVersion":"${apiVersion(PODS)}"`;

/** Keys with the revisions of their objects, in any order. */
export function signatureOf(objects: readonly (readonly [string, number])[]): string {
  return objects
    .map(([key, revision]) => `${key}@${revision}`)
    .sort()
    .join(' ');
}

function metadataOf({ namespace, name, revision }: Change): string {
  return `"metadata":{"name":"${name}","namespace":"${namespace}","uid":"uid-${name}","resourceVersion":"${revision}"}`;
}

/** The object as an item of a list, or whole without its kind. */
function itemOf(change: Change): string {
  return `{${metadataOf(change)},"spec":{"written":${change.revision}}}`;
}

export function bookmarkOf(revision: number, marked: boolean): Buffer {
  const annotations = marked ? ',"annotations":{"k8s.io/initial-events-end":"true"}' : '';
  return Buffer.from(
    `{"type":"BOOKMARK","object":{${KIND},"metadata":{"resourceVersion":"${revision}"${annotations}},"spec":{},"status":{}}}\n`,
  );
}

/** A live object as the line of a watch that begins with the current state. */
export function initialEventOf(change: Change): string {
  return `{"type":"ADDED","object":{${KIND},${itemOf(change).slice(1)}}\n`;
}

export function listOf(
  revision: number,
  objects: readonly Change[],
  options: { readonly metadataOnly: boolean; readonly continueToken: string },
): Buffer {
  const { metadataOnly, continueToken } = options;
  const items = objects.map((object) =>
    metadataOnly
      ? `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1",${metadataOf(object)}}`
      : itemOf(object),
  );
  const kind = metadataOnly
    ? '"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1"'
    : `"kind":"${PODS.kind}List","apiVersion":"${apiVersion(PODS)}"`;
  const token = continueToken === '' ? '' : `,"continue":"${continueToken}"`;
  return Buffer.from(
    `{${kind},"metadata":{"resourceVersion":"${revision}"${token}},"items":[${items.join(',')}]}\n`,
  );
}

export function statusOf(code: number, reason: string, message: string): string {
  return `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"${message}","reason":"${reason}","code":${code}}`;
}
