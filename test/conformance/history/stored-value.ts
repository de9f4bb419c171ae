// A key and value of etcd as a version of an object: built-in resources are stored in protobuf, custom
// ones in JSON, both without their revision.

import { resourceNames } from '../support/resources.ts';
import type { ResourceName } from '../support/resources.ts';
import {
  jsonFingerprint,
  jsonMetadataFingerprint,
  protobufFingerprint,
  protobufMetadataFingerprint,
} from './fingerprint.ts';
import type { JsonObject } from './fingerprint.ts';
import { enveloped, fieldsOf, mapOf, nested, textOf } from './protobuf.ts';
import type { Version } from './truth.ts';
import { keyOf } from './wire.ts';

/** Where the resources lie that writers and readers use. */
const prefixes: Partial<globalThis.Record<ResourceName, string>> = {
  pods: '/registry/pods/',
  configmaps: '/registry/configmaps/',
  leases: '/registry/leases/',
  widgets: '/registry/demo.watershed.dev/widgets/',
  gadgets: '/registry/demo.watershed.dev/gadgets/',
};

export interface StoredKey {
  readonly resource: ResourceName;
  /** `namespace/name`, or the name alone. */
  readonly key: string;
}

/** undefined: a key of something else. */
export function storedKey(key: string): StoredKey | undefined {
  for (const resource of resourceNames) {
    const prefix = prefixes[resource];
    if (prefix !== undefined && key.startsWith(prefix)) {
      return { resource, key: key.slice(prefix.length) };
    }
  }
  return undefined;
}

export function storedVersion(resource: ResourceName, value: Buffer, revision: number): Version {
  return value[0] === '{'.charCodeAt(0)
    ? jsonVersion(JSON.parse(value.toString()) as JsonObject, revision)
    : protobufVersion(resource, enveloped(value), revision);
}

/** Also of the answer to a write. */
export function jsonVersion(object: JsonObject, revision: number): Version {
  const { namespace = '', name, uid, labels = {} } = object.metadata;
  const fields = new Map<string, string>();
  for (const [part, inner] of Object.entries({ spec: object.spec, status: object.status })) {
    for (const [field, value] of Object.entries(inner ?? {})) {
      if (typeof value === 'string') fields.set(`${part}.${field}`, value);
    }
  }
  return {
    key: keyOf(namespace, name),
    namespace,
    name,
    uid,
    revision,
    labels: new Map(Object.entries(labels)),
    fields,
    fingerprints: new Map([
      ['json', jsonFingerprint(object)],
      ['metadata json', jsonMetadataFingerprint(object)],
    ]),
  };
}

function protobufVersion(resource: ResourceName, object: Buffer, revision: number): Version {
  const metadata = nested(object, 1);
  const parts = fieldsOf(metadata);
  const namespace = textOf(metadata, parts, 3);
  const name = textOf(metadata, parts, 1);
  const fields = new Map<string, string>();
  if (resource === 'pods') {
    fields.set('spec.nodeName', nested(object, 2, 10).toString());
    fields.set('status.phase', nested(object, 3, 1).toString());
  }
  return {
    key: keyOf(namespace, name),
    namespace,
    name,
    uid: textOf(metadata, parts, 5),
    revision,
    labels: mapOf(metadata, parts, 11),
    fields,
    fingerprints: new Map([
      ['protobuf', protobufFingerprint(object)],
      ['metadata protobuf', protobufMetadataFingerprint(object)],
    ]),
  };
}
