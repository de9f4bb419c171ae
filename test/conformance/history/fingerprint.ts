// The content of an object as a short text, the same for the same content wherever it was seen: in a
// watch, a list, the answer to its write, or the store. The revision is left out, because a DELETED
// event carries the last state under another one. JSON keeps the order of keys, which upstream keeps
// too; metadata is compared in one order, because custom resources sort theirs when shown whole.

import { hash } from 'node:crypto';
import { bytesOf, fieldsOf } from './protobuf.ts';

const metadataNumber = 1;
const revisionNumber = 6;
const characters = 16;

export interface JsonObject {
  readonly kind?: string;
  readonly apiVersion?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion?: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<globalThis.Record<string, string>>;
    readonly annotations?: Readonly<globalThis.Record<string, string>>;
  };
  readonly spec?: Readonly<globalThis.Record<string, unknown>>;
  readonly status?: Readonly<globalThis.Record<string, unknown>>;
}

/** Of a whole object. List items of built-in resources lack kind and apiVersion. */
export function jsonFingerprint(object: JsonObject): string {
  const { resourceVersion: _revision, ...metadata } = object.metadata;
  const bare = { ...object, metadata, kind: undefined, apiVersion: undefined };
  return digest(JSON.stringify(bare));
}

export function jsonMetadataFingerprint(object: JsonObject): string {
  const { resourceVersion: _revision, ...metadata } = object.metadata;
  return digest(JSON.stringify(sorted(metadata)));
}

/** Of an object without its envelope. */
export function protobufFingerprint(object: Buffer): string {
  const rest = fieldsOf(object)
    .filter(({ number }) => number !== metadataNumber)
    .map(({ from, end }) => object.subarray(from, end));
  return digest(Buffer.concat([...metadataParts(object), ...rest]));
}

export function protobufMetadataFingerprint(object: Buffer): string {
  return digest(Buffer.concat(metadataParts(object)));
}

function metadataParts(object: Buffer): Buffer[] {
  const metadata = bytesOf(object, fieldsOf(object), metadataNumber);
  return fieldsOf(metadata)
    .filter(({ number }) => number !== revisionNumber)
    .map(({ from, end }) => metadata.subarray(from, end));
}

/** The latest contents by fingerprint, to be told when two differ. */
const contents = new Map<string, string | Buffer>();
const maxContents = 20_000;

export function contentOf(fingerprint: string): string {
  const content = contents.get(fingerprint);
  return typeof content === 'string' ? content : (content?.toString('latin1') ?? 'forgotten');
}

function digest(content: string | Buffer): string {
  const fingerprint = hash('sha1', content, 'base64').slice(0, characters);
  if (!contents.has(fingerprint)) {
    contents.set(fingerprint, content);
    if (contents.size > maxContents) {
      const [oldest = ''] = contents.keys();
      contents.delete(oldest);
    }
  }
  return fingerprint;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, sorted(inner)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
