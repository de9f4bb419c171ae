/**
 * Stored JSON objects as clients get them: as they are, as PartialObjectMetadata cut out of built-ins, and either of them
 * without managedFields; the twin of envelope-protobuf.ts.
 */
import { decimalBytes, writeDecimal } from './decimal.ts';
import {
  AS_STORED,
  type Bookmarks,
  type HeadNeed,
  type ObjectForm,
  type StoredObject,
} from './encoding.ts';
import {
  BookmarkTemplate,
  eventHeads,
  eventTail,
  type JsonEnvelope,
  type ListMeta,
} from './envelope.ts';
import { jsonManagedFields } from './managed-fields-json.ts';
import { EVENT_ADDED, EVENT_BOOKMARK, EVENT_DELETED, EVENT_MODIFIED } from './scan-json.ts';

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

/** What stands before the metadata; one brace stands behind. */
const METADATA_HEAD = Buffer.from(
  '{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":',
);

/** How a span of a stored object is written that holds all of its metadata. */
interface Spans {
  /** No less than it takes, without looking for anything. */
  room(object: StoredObject, start: number, end: number): number;
  bytes(object: StoredObject, start: number, end: number): number;
  write(object: StoredObject, start: number, end: number, to: Buffer, at: number): number;
}

const WHOLE: Spans = { room: spanBytes, bytes: spanBytes, write: writeSpan };

const WITHOUT_MANAGED_FIELDS: Spans = {
  room: spanBytes,
  bytes(object, start, end) {
    const cut = jsonManagedFields;
    cut.find(object);
    return spanBytes(object, start, end) - (cut.end - cut.start);
  },
  write(object, start, end, to, at) {
    const cut = jsonManagedFields;
    cut.find(object);
    at = writeSpan(object, start, cut.start, to, at);
    return writeSpan(object, cut.end, end, to, at);
  },
};

export interface JsonFormOptions {
  readonly envelope: JsonEnvelope;
  /** Bytes behind its brace that a list item lacks of the stored object. */
  readonly itemSkip: number;
  /** The objects are upstream's own PartialObjectMetadata: an empty list says `"items":null`. */
  readonly isPartial: boolean;
}

/** Stored objects as they are; items without `itemSkip`. */
export class JsonObjects implements ObjectForm {
  readonly headNeeds: HeadNeed;
  readonly withoutManagedFields: ObjectForm;
  readonly #envelope: JsonEnvelope;
  readonly #skip: number;
  readonly #spans: Spans;

  constructor(options: JsonFormOptions, spans: Spans = WHOLE) {
    this.#envelope = options.envelope;
    this.#skip = options.itemSkip;
    this.#spans = spans;
    this.headNeeds = options.isPartial ? 'emptiness' : 'nothing';
    this.withoutManagedFields =
      spans === WITHOUT_MANAGED_FIELDS ? this : new JsonObjects(options, WITHOUT_MANAGED_FIELDS);
  }

  eventBytes(type: number, object: StoredObject): number {
    const bytes = this.#spans.room(object, object.start, object.end);
    return EVENT_HEADS[type].length + bytes + eventTail.length;
  }

  writeEvent(type: number, object: StoredObject, to: Buffer, at: number): number {
    at += EVENT_HEADS[type].copy(to, at);
    at = this.#spans.write(object, object.start, object.end, to, at);
    return at + eventTail.copy(to, at);
  }

  objectBytes(object: StoredObject): number {
    return this.#spans.bytes(object, object.start, object.end) + 1;
  }

  writeObject(object: StoredObject, to: Buffer, at: number): number {
    at = this.#spans.write(object, object.start, object.end, to, at);
    to[at] = NEWLINE;
    return at + 1;
  }

  itemBytes(object: StoredObject, before: number): number {
    return this.#spans.room(object, object.start, object.end) - this.#skip + (before > 0 ? 1 : 0);
  }

  writeItem(object: StoredObject, before: number, to: Buffer, at: number): number {
    if (before > 0) to[at++] = COMMA;
    to[at++] = OPEN_BRACE;
    return this.#spans.write(object, object.start + 1 + this.#skip, object.end, to, at);
  }

  listHead(meta: ListMeta, itemsBytes: number): Buffer {
    const head = this.#envelope.listHead(this.headNeeds === 'nothing' ? meta : withoutShards(meta));
    return this.#isNull(itemsBytes) ? nullItems(head) : head;
  }

  listTail(meta: ListMeta, itemsBytes: number): Buffer {
    if (this.#isNull(itemsBytes)) return NULL_TAIL;
    return this.#envelope.listTail(meta);
  }

  #isNull(itemsBytes: number): boolean {
    return this.headNeeds !== 'nothing' && itemsBytes === 0;
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
export class JsonMetadata implements ObjectForm {
  readonly headNeeds = 'emptiness';
  readonly withoutManagedFields: ObjectForm;
  readonly #envelope: JsonEnvelope;
  readonly #spans: Spans;

  constructor(envelope: JsonEnvelope, spans: Spans = WHOLE) {
    this.#envelope = envelope;
    this.#spans = spans;
    this.withoutManagedFields =
      spans === WITHOUT_MANAGED_FIELDS ? this : new JsonMetadata(envelope, WITHOUT_MANAGED_FIELDS);
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
    const metadata = this.#spans.bytes(object, object.metadataStart, object.metadataEnd);
    return METADATA_HEAD.length + metadata + 2;
  }

  writeObject(object: StoredObject, to: Buffer, at: number): number {
    at = this.writeItem(object, 0, to, at);
    to[at] = NEWLINE;
    return at + 1;
  }

  itemBytes(object: StoredObject, before: number): number {
    const metadata = this.#spans.room(object, object.metadataStart, object.metadataEnd);
    return (before > 0 ? 1 : 0) + METADATA_HEAD.length + metadata + 1;
  }

  writeItem(object: StoredObject, before: number, to: Buffer, at: number): number {
    if (before > 0) to[at++] = COMMA;
    at += METADATA_HEAD.copy(to, at);
    at = this.#spans.write(object, object.metadataStart, object.metadataEnd, to, at);
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
export function spanBytes(object: StoredObject, start: number, end: number): number {
  if (object.revision === AS_STORED) return end - start;
  const digits = object.revisionEnd - object.revisionStart;
  return end - start - digits + decimalBytes(object.revision);
}

/** Writes a span under the object's revision, which it need not hold. */
export function writeSpan(
  object: StoredObject,
  start: number,
  end: number,
  to: Buffer,
  at: number,
): number {
  const { bytes, revisionStart, revisionEnd } = object;
  if (object.revision === AS_STORED || revisionStart < start || revisionEnd > end) {
    return at + bytes.copy(to, at, start, end);
  }
  at += bytes.copy(to, at, start, revisionStart);
  at = writeDecimal(object.revision, to, at);
  return at + bytes.copy(to, at, revisionEnd, end);
}
