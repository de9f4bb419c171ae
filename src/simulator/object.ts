/**
 * Object: the JSON shape of a Kubernetes object, and its bytes as kube-apiserver prints them.
 *
 * Built-ins print Go struct order (kind, apiVersion, metadata in ObjectMeta's order, the rest as
 * known) with sorted maps; custom resources print every key sorted. Escaping is Go's. The rest of a
 * built-in keeps the order it was sent in: the simulator has no schemas, so this is where its bytes
 * may differ from a real apiserver's.
 */
import { apiVersion } from '../k8s/resource.ts';
import type { Kind } from './kinds.ts';

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ManagedFields {
  manager: string;
  operation: string;
  apiVersion: string;
  time: string;
  fieldsType: string;
  fieldsV1: JsonObject;
  subresource?: string;
}

export interface Metadata {
  name?: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string | null;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
  managedFields?: ManagedFields[];
}

export interface KubeObject {
  kind?: string;
  apiVersion?: string;
  metadata: Metadata;
  // Whatever else the kind has; read by the few places that know its shape.
  [name: string]: any;
}

const METADATA_ORDER: readonly (keyof Metadata)[] = [
  ...(['name', 'generateName', 'namespace', 'uid', 'resourceVersion', 'generation'] as const),
  ...(['creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const),
  ...(['labels', 'annotations', 'ownerReferences', 'finalizers', 'managedFields'] as const),
];

/** Go struct order of the top-level members of the kinds served here. */
const MEMBER_ORDER: readonly string[] = [
  'immutable',
  'data',
  'binaryData',
  'stringData',
  'type',
  'addressType',
  'endpoints',
  'subsets',
  'ports',
  'secrets',
  'spec',
  'status',
];

const MAP_MEMBERS = new Set(['data', 'binaryData', 'stringData']);

const ESCAPES: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

/** The object's JSON text in watch form, without a final newline. */
export function encodeObject(kind: Kind, object: KubeObject): string {
  if (kind.custom) {
    const { metadata, ...rest } = object;
    const named: JsonObject = { ...rest, kind: kind.kind, apiVersion: apiVersion(kind) };
    // Metadata passes through ObjectMeta even here: empty members vanish, then keys are sorted.
    return sortedJson({ ...named, metadata: JSON.parse(encodeMetadata(metadata)) as Json });
  }
  let text = `{"kind":"${kind.kind}","apiVersion":"${apiVersion(kind)}"`;
  text += `,"metadata":${encodeMetadata(object.metadata)}`;
  for (const name of memberNames(object)) {
    const value = object[name] as Json;
    if (value === undefined) continue;
    if (MAP_MEMBERS.has(name) && isEmpty(value)) continue;
    text += `,${JSON.stringify(name)}:${MAP_MEMBERS.has(name) ? sortedJson(value) : goText(value)}`;
  }
  return `${text}}`;
}

/** ObjectMeta in Go's order; empty members are not printed. */
export function encodeMetadata(metadata: Metadata): string {
  const members: string[] = [];
  for (const name of METADATA_ORDER) {
    const value = metadata[name] as Json | undefined;
    if (value === undefined || value === null || value === '' || isEmpty(value)) continue;
    const isMap = name === 'labels' || name === 'annotations';
    members.push(`"${name}":${isMap ? sortedJson(value) : goText(value)}`);
  }
  return `{${members.join(',')}}`;
}

/** Keys sorted at every level, as Go prints maps and unstructured objects. */
export function sortedJson(value: Json): string {
  if (value === null || typeof value !== 'object') return goText(value);
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(',')}]`;
  const members = Object.keys(value)
    .filter((name) => value[name] !== undefined)
    .sort()
    .map((name) => `${goText(name)}:${sortedJson(value[name])}`);
  return `{${members.join(',')}}`;
}

/** JSON in the value's own key order with Go's HTML escaping. */
export function goText(value: unknown): string {
  const text = JSON.stringify(value);
  return /[<>&\u2028\u2029]/.test(text)
    ? text.replaceAll(/[<>&\u2028\u2029]/g, (character) => ESCAPES[character])
    : text;
}

function memberNames(object: KubeObject): string[] {
  const present = Object.keys(object).filter(
    (name) => name !== 'kind' && name !== 'apiVersion' && name !== 'metadata',
  );
  const known = MEMBER_ORDER.filter((name) => present.includes(name));
  return [...known, ...present.filter((name) => !MEMBER_ORDER.includes(name))];
}

function isEmpty(value: Json): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
