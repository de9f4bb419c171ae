/**
 * Stored protobuf objects without their envelope, under their own revision or another, with managedFields or without.
 *
 * Both change the length of the metadata, and with it every length around that, and a shorter length may itself take fewer
 * bytes: sizes are computed first, then written. Of what is left, every field is upstream's bytes in upstream's order, so
 * the result is what upstream's encoder writes for the changed object.
 */
import { decimalBytes, writeDecimal } from './decimal.ts';
import { AS_STORED, type StoredObject } from './encoding.ts';
import { ProtobufCursor } from './protobuf-cursor.ts';
import { lengthStart, varintBytes, writeVarint } from './protobuf-varint.ts';

/** ObjectMeta.managedFields, one field for each entry. */
const MANAGED_FIELDS = 17;

/** How the ObjectMeta of a stored object is written, without tag and length. */
export interface MetadataWriter {
  bytes(object: StoredObject): number;
  /** Returns the position behind it. */
  write(object: StoredObject, to: Buffer, at: number): number;
}

export const WHOLE_METADATA: MetadataWriter = {
  bytes(object) {
    const stored = object.metadataEnd - object.metadataStart;
    if (object.revision === AS_STORED) return stored;
    const before = object.revisionEnd - lengthStart(object.bytes, object.revisionStart);
    // A revision has 16 digits at most: its length is one byte.
    return stored - before + 1 + decimalBytes(object.revision);
  },
  write(object, to, at) {
    return writePiece(object, object.metadataStart, object.metadataEnd, to, at);
  },
};

/** Walks over the fields of metadata. */
const cursor = new ProtobufCursor();

export const WITHOUT_MANAGED_FIELDS: MetadataWriter = {
  bytes(object) {
    const { metadataEnd: end } = object;
    let bytes = WHOLE_METADATA.bytes(object);
    cursor.bytes = object.bytes;
    // What was stored was scanned, so nothing here is cut short.
    for (let at = object.metadataStart; at >= 0 && at < end;) {
      const tagAt = at;
      at = cursor.next(at, end);
      if (cursor.field === MANAGED_FIELDS) bytes -= at - tagAt;
    }
    return bytes;
  },
  write(object, to, at) {
    const { metadataStart, metadataEnd: end } = object;
    cursor.bytes = object.bytes;
    let from = metadataStart;
    for (let next = metadataStart; next >= 0 && next < end;) {
      const tagAt = next;
      next = cursor.next(next, end);
      if (cursor.field !== MANAGED_FIELDS) continue;
      at = writePiece(object, from, tagAt, to, at);
      from = next;
    }
    return writePiece(object, from, end, to, at);
  },
};

/** Bytes of the object under `object.revision`. */
export function storedBytes(object: StoredObject, metadata: MetadataWriter): number {
  const stored = object.end - object.start;
  if (object.revision === AS_STORED && metadata === WHOLE_METADATA) return stored;
  const bytes = metadata.bytes(object);
  const before = object.metadataEnd - lengthStart(object.bytes, object.metadataStart);
  return stored - before + varintBytes(bytes) + bytes;
}

/** Writes the object under `object.revision`. */
export function writeStored(
  object: StoredObject,
  metadata: MetadataWriter,
  to: Buffer,
  at: number,
): number {
  const { bytes, start, end, metadataStart, metadataEnd } = object;
  if (object.revision === AS_STORED && metadata === WHOLE_METADATA) {
    return at + bytes.copy(to, at, start, end);
  }
  at += bytes.copy(to, at, start, lengthStart(bytes, metadataStart));
  at = writeVarint(metadata.bytes(object), to, at);
  at = metadata.write(object, to, at);
  return at + bytes.copy(to, at, metadataEnd, end);
}

/** A piece of the metadata, whole fields, of which one may be the revision. */
function writePiece(
  object: StoredObject,
  start: number,
  end: number,
  to: Buffer,
  at: number,
): number {
  const { bytes, revision, revisionStart, revisionEnd } = object;
  if (revision === AS_STORED || revisionStart < start || revisionEnd > end) {
    return at + bytes.copy(to, at, start, end);
  }
  at += bytes.copy(to, at, start, lengthStart(bytes, revisionStart));
  to[at++] = decimalBytes(revision);
  at = writeDecimal(revision, to, at);
  return at + bytes.copy(to, at, revisionEnd, end);
}
