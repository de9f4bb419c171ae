/**
 * StoredObject: one state of one object; never changed after it was made.
 *
 * The bytes are the truth (watch form, as the wire carries them) and may lie inside a larger buffer
 * shared with other objects. What selectors need is kept beside them and shared between states that
 * do not differ in it.
 */
import { selectableFields } from '../k8s/selectable-fields.ts';
import { encodeObject } from './object.ts';
import type { KubeObject } from './object.ts';
import type { Kind } from './kinds.ts';

/** What selectors look at. */
export interface Facts {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Values of the kind's selectable fields by name; absent ones hold their missing value. */
  readonly fields: Readonly<Record<string, string>>;
}

export class StoredObject {
  /** `namespace/name`, or the name of a cluster-scoped object: the order of lists. */
  readonly key: string;
  readonly revision: number;
  readonly facts: Facts;
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;

  constructor(
    key: string,
    revision: number,
    facts: Facts,
    place: { readonly buffer: Buffer; readonly start: number; readonly end: number },
  ) {
    this.key = key;
    this.revision = revision;
    this.facts = facts;
    this.buffer = place.buffer;
    this.start = place.start;
    this.end = place.end;
  }

  /** Encodes an object whose metadata is complete but for the revision. */
  static encode(kind: Kind, object: KubeObject, revision: number): StoredObject {
    object.metadata.resourceVersion = String(revision);
    const buffer = Buffer.from(encodeObject(kind, object));
    const place = { buffer, start: 0, end: buffer.length };
    return new StoredObject(keyOf(object), revision, factsOf(kind, object), place);
  }

  get bytes(): Buffer {
    return this.buffer.subarray(this.start, this.end);
  }

  /** A fresh copy that the caller may change. */
  decode(): KubeObject {
    return JSON.parse(this.buffer.toString('utf8', this.start, this.end)) as KubeObject;
  }
}

export function keyOf(object: KubeObject): string {
  return objectKey(object.metadata.namespace ?? '', object.metadata.name ?? '');
}

export function objectKey(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

function factsOf(kind: Kind, object: KubeObject): Facts {
  const fields: Record<string, string> = {};
  for (const field of selectableFields(kind, kind.custom ? kind.customFields : undefined)) {
    let value: unknown = object;
    for (const step of field.path) value = (value as Record<string, unknown> | undefined)?.[step];
    fields[field.name] = value === undefined || value === null ? field.missing : String(value);
  }
  return {
    name: object.metadata.name ?? '',
    namespace: object.metadata.namespace ?? '',
    labels: object.metadata.labels ?? {},
    fields,
  };
}
