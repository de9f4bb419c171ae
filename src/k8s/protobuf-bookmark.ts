/**
 * Bookmark frames made from a real upstream bookmark of the lane, because the zero object around the revision differs per
 * kind and per release (semantics 4.5). Only the revision and the initial-events-end annotation are changed. A bookmark
 * whose metadata holds anything but scalars, that annotation and the one DaemonSets get is refused.
 */
import { type Bookmarks, type ObjectForm, StoredObject } from './encoding.ts';
import { ProtobufCursor, WIRE_LENGTH } from './protobuf-cursor.ts';
import { bytesField, textField } from './protobuf-envelope.ts';
import { lengthStart, varintBytes, writeVarint } from './protobuf-varint.ts';
import { EVENT_BOOKMARK, INITIAL_EVENTS_END } from './scan-json.ts';

const REVISION = 6;
/** creationTimestamp, the last field of a zero object's metadata. */
const LAST_SCALAR = 8;
const ANNOTATIONS = 12;

const MARK = annotation(INITIAL_EVENTS_END, 'true');
/** The one annotation that a conversion gives to a zero object, that of DaemonSets; it sorts before the mark. */
const GIVEN = annotation('deprecated.daemonset.template.generation', '0');

/** An entry of ObjectMeta's annotations. */
function annotation(key: string, value: string): Buffer {
  return bytesField(ANNOTATIONS, Buffer.concat([textField(1, key), textField(2, value)]));
}

export function protobufBookmarks(form: ObjectForm, object: StoredObject): Bookmarks | undefined {
  const { bytes, metadataStart, metadataEnd } = object;
  const cursor = new ProtobufCursor();
  cursor.bytes = bytes;
  let scalarsEnd = metadataStart;
  let revisions = 0;
  for (let at = metadataStart; at < metadataEnd;) {
    at = cursor.next(at, metadataEnd);
    if (at < 0) return undefined;
    if (cursor.field > LAST_SCALAR) break;
    scalarsEnd = at;
    if (cursor.field === REVISION && cursor.wire === WIRE_LENGTH) revisions++;
  }
  if (revisions !== 1) return undefined;
  const isGiven = bytes.subarray(scalarsEnd, scalarsEnd + GIVEN.length).equals(GIVEN);
  const keptEnd = isGiven ? scalarsEnd + GIVEN.length : scalarsEnd;
  const rest = bytes.subarray(keptEnd, metadataEnd);
  if (rest.length > 0 && !rest.equals(MARK)) return undefined;
  const kept = bytes.subarray(metadataStart, keptEnd);
  const plain = withMetadata(object, kept);
  const marked = withMetadata(object, Buffer.concat([kept, MARK]));
  return {
    plain: (revision) => frame(form, plain, revision),
    initialEventsEnd: (revision) => frame(form, marked, revision),
  };
}

/** A copy of the object with other metadata, whose revision is at the same place in it. */
function withMetadata(object: StoredObject, metadata: Buffer): StoredObject {
  const { bytes, start, end, metadataStart, metadataEnd } = object;
  const length = Buffer.alloc(varintBytes(metadata.length));
  writeVarint(metadata.length, length, 0);
  const before = bytes.subarray(start, lengthStart(bytes, metadataStart));
  const after = bytes.subarray(metadataEnd, end);
  const copy = new StoredObject();
  copy.bytes = Buffer.concat([before, length, metadata, after]);
  copy.end = copy.bytes.length;
  copy.metadataStart = before.length + length.length;
  copy.metadataEnd = copy.metadataStart + metadata.length;
  copy.revisionStart = copy.metadataStart + object.revisionStart - metadataStart;
  copy.revisionEnd = copy.metadataStart + object.revisionEnd - metadataStart;
  return copy;
}

function frame(form: ObjectForm, object: StoredObject, revision: number): Buffer {
  object.revision = revision;
  const bytes = Buffer.alloc(form.eventBytes(EVENT_BOOKMARK, object));
  form.writeEvent(EVENT_BOOKMARK, object, bytes, 0);
  return bytes;
}
