/**
 * ManagedFields: who owns which fields, in the form the apiserver keeps beside every object.
 *
 * A good likeness, not server-side apply: one entry per manager and subresource, lists of named
 * objects by their name, other lists as one field. It makes bodies as big as real ones, which is
 * what it is for.
 */
import { apiVersion } from '../k8s/resource.ts';
import type { Kind } from './kinds.ts';
import type { Json, JsonObject, KubeObject, ManagedFields } from './object.ts';

/** Members of metadata that have owners; the rest belongs to the apiserver. */
const OWNED_METADATA: readonly string[] = [
  'annotations',
  'finalizers',
  'generateName',
  'labels',
  'ownerReferences',
];

const STRUCTS = new Set(['metadata', 'spec', 'status']);

export interface Ownership {
  readonly kind: Kind;
  readonly manager: string;
  readonly time: string;
  /** Owns `status` when set, everything else when not. */
  readonly subresource?: 'status';
}

/** The entry of one manager for an object as it is now. */
export function managedFields(object: KubeObject, ownership: Ownership): ManagedFields {
  const { kind, manager, time, subresource } = ownership;
  const owned: JsonObject = {};
  if (subresource === 'status') owned.status = object.status as Json;
  else {
    const members = Object.entries(object).filter(
      ([name]) => !['kind', 'apiVersion', 'metadata', 'status'].includes(name),
    );
    const metadata = Object.entries(object.metadata).filter(([name]) =>
      OWNED_METADATA.includes(name),
    );
    if (metadata.length > 0) owned.metadata = Object.fromEntries(metadata) as JsonObject;
    for (const [name, value] of members) owned[name] = value as Json;
  }
  return {
    manager,
    operation: 'Update',
    apiVersion: apiVersion(kind),
    time,
    fieldsType: 'FieldsV1',
    fieldsV1: fieldSet(owned),
    ...(subresource === undefined ? {} : { subresource }),
  };
}

/** Replaces the manager's entry in the object's metadata. */
export function claim(object: KubeObject, ownership: Ownership): void {
  const others = (object.metadata.managedFields ?? []).filter(
    (entry) => entry.manager !== ownership.manager || entry.subresource !== ownership.subresource,
  );
  const entry = managedFields(object, ownership);
  const owns = Object.keys(entry.fieldsV1).length > 0;
  object.metadata.managedFields = owns ? [...others, entry] : others;
}

function fieldSet(object: JsonObject): JsonObject {
  const set: JsonObject = {};
  for (const name of Object.keys(object).sort()) {
    const value = object[name];
    if (value !== undefined) set[`f:${name}`] = valueSet(value, STRUCTS.has(name));
  }
  return set;
}

/** @param struct a struct that is always there has no `.` of its own, a map or pointer has. */
function valueSet(value: Json, struct = false): JsonObject {
  if (value === null || typeof value !== 'object') return {};
  if (Array.isArray(value)) return listSet(value);
  const self: JsonObject = struct ? {} : { '.': {} };
  if (Object.keys(value).length === 0) return {};
  for (const name of Object.keys(value).sort()) self[`f:${name}`] = valueSet(value[name]);
  return self;
}

function listSet(list: readonly Json[]): JsonObject {
  const set: JsonObject = {};
  for (const item of list) {
    if (item === null || typeof item !== 'object' || Array.isArray(item)) return {};
    const key = ['uid', 'type', 'name', 'containerPort'].find((name) => item[name] !== undefined);
    if (key === undefined) return {};
    set[`k:${JSON.stringify({ [key]: item[key] })}`] = valueSet(item);
  }
  return set;
}
