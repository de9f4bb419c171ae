/**
 * Patch: the patch formats of the API, applied to plain JSON.
 *
 * Merge patch is RFC 7386, JSON patch RFC 6902 (all six operations). The strategic form is as much
 * as kubectl needs without schemas: lists of objects are merged by the key their name is known for,
 * `$patch`, `$retainKeys` and `$deleteFromPrimitiveList` are honoured, `$setElementOrder` is dropped.
 * A server-side apply is treated as a strategic merge. Inputs are never changed.
 */
import { failure } from './errors.ts';
import type { Json, JsonObject } from './object.ts';

export type PatchFormat = 'merge' | 'strategic' | 'json';

export const patchFormats: Readonly<Record<string, PatchFormat>> = {
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/json-patch+json': 'json',
  'application/apply-patch+yaml': 'strategic',
};

export function applyPatch(format: PatchFormat, target: Json, patch: Json): Json {
  if (format === 'json') return jsonPatch(target, patch);
  return format === 'merge' ? mergePatch(target, patch) : strategicMerge(target, patch);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const merged: JsonObject = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}

/** Patch merge keys of the API types, by the name of the list (struct tags in k8s.io/api). */
const MERGE_KEYS: Readonly<Record<string, readonly string[]>> = {
  conditions: ['type'],
  containers: ['name'],
  env: ['name'],
  ephemeralContainers: ['name'],
  hostAliases: ['ip'],
  imagePullSecrets: ['name'],
  initContainers: ['name'],
  ownerReferences: ['uid'],
  ports: ['containerPort', 'port'],
  secrets: ['name'],
  taints: ['key'],
  topologySpreadConstraints: ['topologyKey'],
  volumeDevices: ['devicePath'],
  volumeMounts: ['mountPath'],
  volumes: ['name'],
};

function strategicMerge(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  if (patch.$patch === 'replace') return without(patch, '$patch');
  let merged: JsonObject = isObject(target) ? { ...target } : {};
  const retained = patch.$retainKeys;
  if (Array.isArray(retained)) {
    merged = Object.fromEntries(Object.entries(merged).filter(([name]) => retained.includes(name)));
  }
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith('$deleteFromPrimitiveList/')) {
      const list = name.slice(name.indexOf('/') + 1);
      const kept = merged[list];
      if (Array.isArray(kept) && Array.isArray(value)) {
        merged[list] = kept.filter((item) => !value.includes(item));
      }
    } else if (name.startsWith('$')) continue;
    else if (value === null) delete merged[name];
    else if (isObject(value) && value.$patch === 'delete') delete merged[name];
    else if (Array.isArray(value)) merged[name] = mergeList(name, merged[name], value);
    else merged[name] = strategicMerge(merged[name], value);
  }
  return merged;
}

function mergeList(name: string, target: Json | undefined, patch: Json[]): Json[] {
  if (patch.some((item) => isObject(item) && item.$patch === 'replace')) {
    return patch.filter((item) => !(isObject(item) && item.$patch === 'replace'));
  }
  const list = Array.isArray(target) ? target : [];
  if (name === 'finalizers') return [...new Set([...list, ...patch])];
  const key = MERGE_KEYS[name]?.find((candidate) => {
    return patch.every((item) => isObject(item) && item[candidate] !== undefined);
  });
  if (key === undefined) return patch;
  const merged = [...list];
  for (const item of patch as JsonObject[]) {
    const at = merged.findIndex((other) => isObject(other) && other[key] === item[key]);
    if (item.$patch === 'delete') {
      if (at !== -1) merged.splice(at, 1);
    } else if (at === -1) merged.push(strategicMerge(undefined, item));
    else merged[at] = strategicMerge(merged[at], item);
  }
  return merged;
}

function without(object: JsonObject, name: string): JsonObject {
  const { [name]: _, ...rest } = object;
  return rest;
}

function jsonPatch(target: Json, patch: Json): Json {
  const document = { root: structuredClone(target) };
  if (!Array.isArray(patch)) throw unprocessable('patch must be a list of operations');
  for (const operation of patch) {
    if (!isObject(operation)) throw unprocessable('an operation must be an object');
    applyOperation(document, operation);
  }
  return document.root;
}

function applyOperation(document: { root: Json }, operation: JsonObject): void {
  const path = pointer(operation.path);
  switch (operation.op) {
    case 'add':
      return write(document, path, { value: operation.value ?? null, insert: true });
    case 'replace':
      read(document, path);
      return write(document, path, { value: operation.value ?? null, insert: false });
    case 'remove':
      return remove(document, path);
    case 'copy':
    case 'move': {
      const from = pointer(operation.from);
      const value = structuredClone(read(document, from));
      if (operation.op === 'move') remove(document, from);
      return write(document, path, { value, insert: true });
    }
    case 'test':
      if (JSON.stringify(read(document, path)) === JSON.stringify(operation.value)) return;
      throw unprocessable(`testing value ${String(operation.path)} failed: test failed`);
    default:
      throw unprocessable(`unexpected kind: ${String(operation.op)}`);
  }
}

/** A JSON pointer's steps, below the document's root. */
function pointer(text: Json | undefined): string[] {
  if (typeof text !== 'string' || (text !== '' && !text.startsWith('/'))) {
    throw unprocessable('a path must be a JSON pointer');
  }
  const steps = text.split('/').slice(1);
  return ['root', ...steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))];
}

function read(document: { root: Json }, path: readonly string[]): Json {
  let value: Json = document;
  for (const step of path) {
    const next: Json | undefined =
      isObject(value) && Object.hasOwn(value, step)
        ? value[step]
        : Array.isArray(value)
          ? value[Number(step)]
          : undefined;
    if (next === undefined) throw unprocessable(`path not found: /${path.slice(1).join('/')}`);
    value = next;
  }
  return value;
}

function write(
  document: { root: Json },
  path: readonly string[],
  { value, insert }: { value: Json; insert: boolean },
): void {
  const parent: Json = path.length === 1 ? document : read(document, path.slice(0, -1));
  const step = path[path.length - 1];
  if (Array.isArray(parent)) {
    const at = step === '-' ? parent.length : Number(step);
    parent.splice(at, insert ? 0 : 1, value);
  } else if (isObject(parent)) parent[step] = value;
  else throw unprocessable(`path not found: /${path.slice(1).join('/')}`);
}

function remove(document: { root: Json }, path: readonly string[]): void {
  read(document, path);
  const parent = read(document, path.slice(0, -1));
  const step = path[path.length - 1];
  if (Array.isArray(parent)) parent.splice(Number(step), 1);
  else if (isObject(parent)) delete parent[step];
}

function unprocessable(message: string) {
  return failure({ code: 422, message, reason: 'Invalid', details: {} });
}
