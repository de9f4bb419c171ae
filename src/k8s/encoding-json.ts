/**
 * The JSON encoding: of every resource, built-in or custom, and of PartialObjectMetadata cut out of built-ins.
 *
 * Puts the JSON pieces (scan-json, envelope, status) behind the interfaces of encoding.ts; the bytes are theirs.
 */
import { decimalBytes, writeDecimal } from './decimal.ts';
import {
  AS_STORED,
  type Bookmarks,
  type Codec,
  type CodecOptions,
  type Encoding,
  type ObjectForm,
  type Scanner,
  type StoredObject,
} from './encoding.ts';
import {
  BookmarkTemplate,
  eventHeads,
  eventTail,
  JsonEnvelope,
  type ListMeta,
} from './envelope.ts';
import { JsonFrames } from './frames-json.ts';
import { LabelMatcher } from './label-matcher.ts';
import type { Resource } from './resource.ts';
import {
  EVENT_ADDED,
  EVENT_BOOKMARK,
  EVENT_DELETED,
  EVENT_MODIFIED,
  JsonScanner,
} from './scan-json.ts';
import { decodeString } from './scan-json-text.ts';
import { JsonListScanner } from './scan-list-json.ts';
import type { SelectableField } from './selectable-fields.ts';
import { errorEvent } from './status.ts';

const JSON_TYPE = 'application/json';
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const NEWLINE = 0x0a;

/** Opening of an event line, by EVENT_ constant. */
const EVENT_HEADS: readonly Buffer[] = heads();

function heads(): Buffer[] {
  const byType: Buffer[] = [];
  byType[EVENT_ADDED] = eventHeads.added;
  byType[EVENT_MODIFIED] = eventHeads.modified;
  byType[EVENT_DELETED] = eventHeads.deleted;
  byType[EVENT_BOOKMARK] = eventHeads.bookmark;
  return byType;
}

const PARTIAL_METADATA: Resource = {
  group: 'meta.k8s.io',
  version: 'v1',
  plural: '',
  kind: 'PartialObjectMetadata',
  namespaced: true,
};

/** What stands before the metadata; one brace stands behind. */
const METADATA_HEAD = Buffer.from(
  '{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":',
);

/** Stored objects as they are; items without what `itemSkip` names. */
class JsonObjects implements ObjectForm {
  /** An empty list says `"items":null`, as upstream's PartialObjectMetadataList does. */
  readonly headCountsItems: boolean;
  readonly #envelope: JsonEnvelope;
  readonly #skip: number;

  constructor(envelope: JsonEnvelope, skip: number, nullWhenEmpty = false) {
    this.headCountsItems = nullWhenEmpty;
    this.#envelope = envelope;
    this.#skip = skip;
  }

  eventBytes(type: number, object: StoredObject): number {
    return (
      EVENT_HEADS[type].length + spanBytes(object, object.start, object.end) + eventTail.length
    );
  }

  writeEvent(type: number, object: StoredObject, to: Buffer, at: number): number {
    at += EVENT_HEADS[type].copy(to, at);
    at = writeSpan(object, object.start, object.end, to, at);
    return at + eventTail.copy(to, at);
  }

  objectBytes(object: StoredObject): number {
    return spanBytes(object, object.start, object.end) + 1;
  }

  writeObject(object: StoredObject, to: Buffer, at: number): number {
    at = writeSpan(object, object.start, object.end, to, at);
    to[at] = NEWLINE;
    return at + 1;
  }

  itemBytes(object: StoredObject, before: number): number {
    return spanBytes(object, object.start, object.end) - this.#skip + (before > 0 ? 1 : 0);
  }

  writeItem(object: StoredObject, before: number, to: Buffer, at: number): number {
    if (before > 0) to[at++] = COMMA;
    to[at++] = OPEN_BRACE;
    return writeSpan(object, object.start + 1 + this.#skip, object.end, to, at);
  }

  listHead(meta: ListMeta, itemsBytes: number): Buffer {
    const head = this.#envelope.listHead(this.headCountsItems ? withoutShards(meta) : meta);
    return this.#isNull(itemsBytes) ? nullItems(head) : head;
  }

  listTail(meta: ListMeta, itemsBytes: number): Buffer {
    if (this.#isNull(itemsBytes)) return NULL_TAIL;
    return this.#envelope.listTail(meta);
  }

  #isNull(itemsBytes: number): boolean {
    return this.headCountsItems && itemsBytes === 0;
  }

  bookmarks({
    bytes,
    start,
    end,
    revisionStart,
    revisionEnd,
  }: StoredObject): Bookmarks | undefined {
    return BookmarkTemplate.from(
      bytes.subarray(start, end),
      revisionStart - start,
      revisionEnd - start,
    );
  }
}

/** Upstream loses it when it converts a list to PartialObjectMetadataList. */
function withoutShards(meta: ListMeta): ListMeta {
  return meta.shards === undefined ? meta : { ...meta, shards: undefined };
}

/** `"items":[` becomes `"items":null`. */
function nullItems(head: Buffer): Buffer {
  return Buffer.concat([head.subarray(0, -1), NULL]);
}

const NULL = Buffer.from('null');
const NULL_TAIL = Buffer.from('}\n');

/** PartialObjectMetadata around the metadata of stored objects. */
class JsonMetadata implements ObjectForm {
  readonly headCountsItems = true;
  readonly #envelope: JsonEnvelope;

  constructor(envelope: JsonEnvelope) {
    this.#envelope = envelope;
  }

  eventBytes(type: number, object: StoredObject): number {
    return EVENT_HEADS[type].length + this.itemBytes(object, 0) + eventTail.length;
  }

  writeEvent(type: number, object: StoredObject, to: Buffer, at: number): number {
    at += EVENT_HEADS[type].copy(to, at);
    at = this.writeItem(object, 0, to, at);
    return at + eventTail.copy(to, at);
  }

  objectBytes(object: StoredObject): number {
    return this.itemBytes(object, 0) + 1;
  }

  writeObject(object: StoredObject, to: Buffer, at: number): number {
    at = this.writeItem(object, 0, to, at);
    to[at] = NEWLINE;
    return at + 1;
  }

  itemBytes(object: StoredObject, before: number): number {
    const metadata = spanBytes(object, object.metadataStart, object.metadataEnd);
    return (before > 0 ? 1 : 0) + METADATA_HEAD.length + metadata + 1;
  }

  writeItem(object: StoredObject, before: number, to: Buffer, at: number): number {
    if (before > 0) to[at++] = COMMA;
    at += METADATA_HEAD.copy(to, at);
    at = writeSpan(object, object.metadataStart, object.metadataEnd, to, at);
    to[at] = CLOSE_BRACE;
    return at + 1;
  }

  listHead(meta: ListMeta, itemsBytes: number): Buffer {
    const head = this.#envelope.listHead(withoutShards(meta));
    return itemsBytes === 0 ? nullItems(head) : head;
  }

  listTail(meta: ListMeta, itemsBytes: number): Buffer {
    if (itemsBytes === 0) return NULL_TAIL;
    return this.#envelope.listTail(meta);
  }

  bookmarks(object: StoredObject): Bookmarks | undefined {
    const metadata = object.bytes.subarray(object.metadataStart, object.metadataEnd);
    const shown = Buffer.concat([METADATA_HEAD, metadata, Buffer.of(CLOSE_BRACE)]);
    const shift = METADATA_HEAD.length - object.metadataStart;
    return BookmarkTemplate.from(shown, object.revisionStart + shift, object.revisionEnd + shift);
  }
}

/** Bytes of a span that holds the revision, under the object's revision. */
function spanBytes(object: StoredObject, start: number, end: number): number {
  if (object.revision === AS_STORED) return end - start;
  const digits = object.revisionEnd - object.revisionStart;
  return end - start - digits + decimalBytes(object.revision);
}

function writeSpan(
  object: StoredObject,
  start: number,
  end: number,
  to: Buffer,
  at: number,
): number {
  const { bytes } = object;
  if (object.revision === AS_STORED) return at + bytes.copy(to, at, start, end);
  at += bytes.copy(to, at, start, object.revisionStart);
  at = writeDecimal(object.revision, to, at);
  return at + bytes.copy(to, at, object.revisionEnd, end);
}

class JsonCodec implements Codec {
  readonly encoding: Encoding = jsonEncoding;
  readonly form: string;
  readonly acceptList: string;
  readonly acceptWatch: string;
  readonly itemPrefix: Buffer;
  readonly objects: ObjectForm;
  readonly metadata: ObjectForm | undefined;
  readonly #fields: readonly SelectableField[];

  constructor({ resource, custom, listKind, fields, metadataOnly = false }: CodecOptions) {
    const metadataEnvelope = new JsonEnvelope(PARTIAL_METADATA, false);
    this.form = metadataOnly ? 'json metadata' : 'json';
    const as = metadataOnly ? `;g=meta.k8s.io;v=v1;as=${PARTIAL_METADATA.kind}` : '';
    this.acceptList = `${JSON_TYPE}${as === '' ? '' : `${as}List`}`;
    this.acceptWatch = `${JSON_TYPE}${as}`;
    this.#fields = fields;
    if (metadataOnly) {
      // Items of this list do carry their kind (semantics 6.3).
      this.itemPrefix = NO_PREFIX;
      this.metadata = this.objects = new JsonObjects(metadataEnvelope, 0, true);
      return;
    }
    const envelope = new JsonEnvelope(resource, custom, listKind);
    this.itemPrefix = envelope.itemSkip;
    this.objects = new JsonObjects(envelope, envelope.itemSkip.length);
    // The keys of a custom resource are sorted, those of its PartialObjectMetadata are not.
    this.metadata = custom ? undefined : new JsonMetadata(metadataEnvelope);
  }

  makeScanner(): Scanner {
    return new JsonScanner(this.#fields);
  }

  fieldValue(_field: number, value: string): Buffer {
    return Buffer.from(value);
  }

  restate(object: StoredObject): Buffer {
    const bytes = Buffer.alloc(spanBytes(object, object.start, object.end));
    writeSpan(object, object.start, object.end, bytes, 0);
    return bytes;
  }
}

const NO_PREFIX = Buffer.alloc(0);

export const jsonEncoding: Encoding = {
  name: 'json',
  contentType: JSON_TYPE,
  watchContentType: JSON_TYPE,
  escapes: true,
  makeFrames: (maxFrameBytes) => new JsonFrames(maxFrameBytes),
  makeListCursor: () => new JsonListScanner(),
  labelTest: (selector) => new LabelMatcher(selector),
  text: decodeString,
  statusMessage(body) {
    try {
      const status = JSON.parse(body.toString()) as { readonly message?: unknown } | null;
      return typeof status?.message === 'string' ? status.message : undefined;
    } catch {
      return undefined;
    }
  },
  statusBody: (status) => status.body,
  errorEvent,
  codec: jsonCodec,
};

/** Every resource has a JSON form. */
export function jsonCodec(options: CodecOptions): Codec {
  return new JsonCodec(options);
}
