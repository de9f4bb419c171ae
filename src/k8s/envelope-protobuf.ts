/**
 * Stored protobuf objects as clients get them: watch frames, lists, single objects, and PartialObjectMetadata cut out of
 * them, with or without managedFields; the twin of envelope.ts and forms-json.ts.
 *
 * Objects are upstream's bytes; what stands around them holds their lengths, so it is computed for each (semantics 6.4):
 *
 *   frame   4-byte length  0a type  12 n RawExtension{ 0a n envelope }
 *   list    k8s\0  0a TypeMeta  12 n { 0a n ListMeta  12 n item  12 n item ... }  1a 00 22 00
 *
 * The bytes inside are written by stored-protobuf.ts.
 */
import type { Bookmarks, ObjectForm, StoredObject } from './encoding.ts';
import type { ListMeta } from './envelope.ts';
import { protobufBookmarks } from './protobuf-bookmark.ts';
import {
  bytesField,
  ENVELOPE_TAIL,
  envelopeHead,
  type EnvelopeKind,
  numberField,
  textField,
} from './protobuf-envelope.ts';
import { protobufStatus } from './protobuf-status.ts';
import { varintBytes, writeVarint } from './protobuf-varint.ts';
import { EVENT_ADDED, EVENT_BOOKMARK, EVENT_DELETED, EVENT_MODIFIED } from './scan-json.ts';
import type { StatusResponse } from './status.ts';
import {
  type MetadataWriter,
  storedBytes,
  WHOLE_METADATA,
  WITHOUT_MANAGED_FIELDS,
  writeStored,
} from './stored-protobuf.ts';

/** Every length-delimited field here has a number below 16, and so a tag of one byte. */
const TAG_1 = 0x0a;
const TAG_2 = 0x12;
const FRAME_LENGTH_BYTES = 4;

/** WatchEvent.type, as a field, by EVENT_ constant. */
const EVENT_TYPES: readonly Buffer[] = eventTypes();

function eventTypes(): Buffer[] {
  const types: Buffer[] = [];
  types[EVENT_ADDED] = textField(1, 'ADDED');
  types[EVENT_MODIFIED] = textField(1, 'MODIFIED');
  types[EVENT_DELETED] = textField(1, 'DELETED');
  types[EVENT_BOOKMARK] = textField(1, 'BOOKMARK');
  return types;
}

export const PARTIAL_METADATA: EnvelopeKind = {
  apiVersion: 'meta.k8s.io/v1',
  kind: 'PartialObjectMetadata',
};

export interface ProtobufFormOptions {
  readonly kind: EnvelopeKind;
  readonly listKind: string;
  /** Show the metadata of stored objects only, in messages that have it as field 1. */
  readonly metadataOnly: boolean;
}

export class ProtobufForm implements ObjectForm {
  readonly headNeeds = 'bytes';
  readonly withoutManagedFields: ObjectForm;
  readonly #head: Buffer;
  readonly #listHead: Buffer;
  readonly #metadataOnly: boolean;
  readonly #isPartial: boolean;
  readonly #metadata: MetadataWriter;

  constructor(options: ProtobufFormOptions, metadata: MetadataWriter = WHOLE_METADATA) {
    const { kind, listKind, metadataOnly } = options;
    this.#metadata = metadata;
    this.withoutManagedFields =
      metadata === WITHOUT_MANAGED_FIELDS
        ? this
        : new ProtobufForm(options, WITHOUT_MANAGED_FIELDS);
    this.#head = envelopeHead(kind);
    this.#listHead = envelopeHead({ apiVersion: kind.apiVersion, kind: listKind });
    this.#metadataOnly = metadataOnly;
    this.#isPartial = kind === PARTIAL_METADATA;
  }

  eventBytes(type: number, object: StoredObject): number {
    const extension = fieldBytes(this.#envelopeBytes(this.#messageBytes(object)));
    return FRAME_LENGTH_BYTES + EVENT_TYPES[type].length + fieldBytes(extension);
  }

  writeEvent(type: number, object: StoredObject, to: Buffer, at: number): number {
    const message = this.#messageBytes(object);
    const envelope = this.#envelopeBytes(message);
    const extension = fieldBytes(envelope);
    const name = EVENT_TYPES[type];
    const frame = name.length + fieldBytes(extension);
    to[at] = frame >>> 24;
    to[at + 1] = frame >>> 16;
    to[at + 2] = frame >>> 8;
    to[at + 3] = frame;
    at += FRAME_LENGTH_BYTES;
    at += name.copy(to, at);
    to[at++] = TAG_2;
    at = writeVarint(extension, to, at);
    to[at++] = TAG_1;
    at = writeVarint(envelope, to, at);
    return this.#writeEnvelope(object, message, to, at);
  }

  objectBytes(object: StoredObject): number {
    return this.#envelopeBytes(this.#messageBytes(object));
  }

  writeObject(object: StoredObject, to: Buffer, at: number): number {
    return this.#writeEnvelope(object, this.#messageBytes(object), to, at);
  }

  itemBytes(object: StoredObject): number {
    return fieldBytes(this.#messageBytes(object));
  }

  writeItem(object: StoredObject, _before: number, to: Buffer, at: number): number {
    to[at++] = TAG_2;
    at = writeVarint(this.#messageBytes(object), to, at);
    return this.#writeMessage(object, to, at);
  }

  listHead(meta: ListMeta, itemsBytes: number): Buffer {
    const { revision, continueToken, remaining, shards } = meta;
    const fields = [
      textField(1, ''),
      textField(2, String(revision)),
      textField(3, continueToken),
      ...(remaining === undefined ? [] : [numberField(4, remaining)]),
      // Upstream loses it when it converts a list to PartialObjectMetadataList.
      ...(shards === undefined || this.#isPartial ? [] : [bytesField(5, textField(1, shards))]),
    ];
    const metadata = bytesField(1, Buffer.concat(fields));
    const length = metadata.length + itemsBytes;
    const tag = Buffer.alloc(1 + varintBytes(length));
    tag[0] = TAG_2;
    writeVarint(length, tag, 1);
    return Buffer.concat([this.#listHead, tag, metadata]);
  }

  listTail(_meta: ListMeta): Buffer {
    return ENVELOPE_TAIL;
  }

  bookmarks(object: StoredObject): Bookmarks | undefined {
    return protobufBookmarks(this, object);
  }

  #envelopeBytes(message: number): number {
    return this.#head.length + fieldBytes(message) + ENVELOPE_TAIL.length;
  }

  #writeEnvelope(object: StoredObject, message: number, to: Buffer, at: number): number {
    at += this.#head.copy(to, at);
    to[at++] = TAG_2;
    at = writeVarint(message, to, at);
    at = this.#writeMessage(object, to, at);
    return at + ENVELOPE_TAIL.copy(to, at);
  }

  #messageBytes(object: StoredObject): number {
    const metadata = this.#metadata;
    return this.#metadataOnly ? fieldBytes(metadata.bytes(object)) : storedBytes(object, metadata);
  }

  #writeMessage(object: StoredObject, to: Buffer, at: number): number {
    const metadata = this.#metadata;
    if (!this.#metadataOnly) return writeStored(object, metadata, to, at);
    to[at++] = TAG_1;
    at = writeVarint(metadata.bytes(object), to, at);
    return metadata.write(object, to, at);
  }
}

/** Bytes of a field around a value of so many. */
function fieldBytes(value: number): number {
  return 1 + varintBytes(value) + value;
}

/** A Status as the last frame of a watch. */
export function protobufErrorEvent(status: StatusResponse): Buffer {
  const object = bytesField(1, protobufStatus(status.body));
  const event = Buffer.concat([textField(1, 'ERROR'), bytesField(2, object)]);
  const length = Buffer.alloc(FRAME_LENGTH_BYTES);
  length.writeUInt32BE(event.length);
  return Buffer.concat([length, event]);
}
