/**
 * Encoding: everything in which a lane of one encoding differs from a lane of another, so that lanes, followers and writers
 * are written once. Implemented in encoding-json.ts and encoding-protobuf.ts.
 *
 *   Encoding    json or protobuf: media types, frames, label matching, errors
 *   Codec       one resource in one encoding: scanner, list cursor, values of selectors, the forms it can be shown in
 *   ObjectForm  how stored objects are shown to clients: the objects themselves, or PartialObjectMetadata cut out of them,
 *               and either without managedFields
 *
 * The stored object is what the scanner calls the object: in JSON the watch form with kind and apiVersion, in protobuf the
 * bare message without its envelope, which the form puts around it again. Nothing here allocates per event: objects are
 * described by a StoredObject that its owner reuses, and are written into the owner's buffers.
 */
import type { ListMeta } from './envelope.ts';
import type { OnFrame } from './frames-json.ts';
import type { LabelSelector } from './label-selector.ts';
import type { Resource } from './resource.ts';
import type { SelectableField } from './selectable-fields.ts';
import type { StatusResponse } from './status.ts';

/** Cuts a watch's bytes into frames; see JsonFrames. */
export interface Frames {
  push(chunk: Uint8Array, onFrame: OnFrame): void;
  finish(): number;
}

/** Finds the parts of an object; see JsonScanner for what the results mean. */
export interface Scanner {
  readonly eventType: number;
  readonly objectStart: number;
  readonly objectEnd: number;
  readonly metadataStart: number;
  readonly metadataEnd: number;
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly namespaceStart: number;
  readonly namespaceEnd: number;
  readonly uidStart: number;
  readonly uidEnd: number;
  readonly revisionStart: number;
  readonly revisionEnd: number;
  readonly labelsStart: number;
  readonly labelsEnd: number;
  readonly fieldStarts: Int32Array;
  readonly fieldEnds: Int32Array;
  readonly initialEventsEnd: boolean;
  readonly escaped: boolean;
  readonly fieldsEscaped: boolean;
  readonly statusCode: number;
  readonly statusRetryAfterSeconds: number;
  readonly statusMessageStart: number;
  readonly statusMessageEnd: number;
  readonly statusReasonStart: number;
  readonly statusReasonEnd: number;
  readonly problem: string;
  /** One frame of a watch. */
  scanEvent(bytes: Uint8Array, start: number, end: number): boolean;
  /** A stand-alone object: the body of a GET. */
  scanObject(bytes: Uint8Array, start: number, end: number): boolean;
  /** A list item, or an object as it is stored. */
  scanItem(bytes: Uint8Array, start: number, end: number): boolean;
}

/** A cursor over the items of a LIST body; see JsonListScanner. */
export interface ListCursor {
  readonly itemStart: number;
  readonly itemEnd: number;
  readonly items: number;
  readonly revisionStart: number;
  readonly revisionEnd: number;
  readonly continueToken: string;
  readonly problem: string;
  open(bytes: Uint8Array, start: number, end: number): void;
  next(): boolean;
}

/** A label selector against a scanner's labels span. */
export interface LabelTest {
  matches(bytes: Uint8Array, start: number, end: number): boolean;
}

/** `StoredObject.revision`: the object under its own revision. */
export const AS_STORED = -1;

type ScannedSpans = Pick<
  Scanner,
  'objectStart' | 'objectEnd' | 'metadataStart' | 'metadataEnd' | 'revisionStart' | 'revisionEnd'
>;

/** A stored object and the places in it, in terms of `bytes`. Reused: filled anew for each object. */
export class StoredObject {
  bytes: Buffer = NO_BYTES;
  start = 0;
  end = 0;
  metadataStart = 0;
  metadataEnd = 0;
  /** The digits of metadata.resourceVersion. */
  revisionStart = 0;
  revisionEnd = 0;
  /** The revision it is to be shown under (an object that left a selector, a bookmark), or AS_STORED. */
  revision = AS_STORED;

  /** The object a scanner has just found in `bytes`, which are kept. */
  take(bytes: Uint8Array, scan: ScannedSpans): this {
    this.bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.start = scan.objectStart;
    this.end = scan.objectEnd;
    this.metadataStart = scan.metadataStart;
    this.metadataEnd = scan.metadataEnd;
    this.revisionStart = scan.revisionStart;
    this.revisionEnd = scan.revisionEnd;
    this.revision = AS_STORED;
    return this;
  }
}

const NO_BYTES = Buffer.alloc(0);

/** Whole bookmark events, made from a real one of upstream. */
export interface Bookmarks {
  /** Everything up to `revision` was sent. */
  plain(revision: number): Buffer;
  /** The initial events of a watch end here. */
  initialEventsEnd(revision: number): Buffer;
}

/** What a list's head says of the items behind it: nothing, whether there are any, or how many bytes they take. */
export type HeadNeed = 'nothing' | 'emptiness' | 'bytes';

/** Writers return the position behind what they wrote; the buffer must have room for what the sizes say. */
export interface ObjectForm {
  /** Whole event; the type is one of the EVENT_ constants but ERROR. Exact, or too many: those of the stored object. */
  eventBytes(type: number, object: StoredObject): number;
  writeEvent(type: number, object: StoredObject, to: Buffer, at: number): number;

  /** The object alone: the body of a GET. Exact. */
  objectBytes(object: StoredObject): number;
  writeObject(object: StoredObject, to: Buffer, at: number): number;

  /** The object as the item of a list that stands behind `before` others. Exact where the head needs bytes, else as above. */
  itemBytes(object: StoredObject, before: number): number;
  writeItem(object: StoredObject, before: number, to: Buffer, at: number): number;

  /** What listHead must be told of the items. */
  readonly headNeeds: HeadNeed;
  /** Everything before the first item. `itemsBytes`: sum of itemBytes over all items, or over some, as headNeeds says. */
  listHead(meta: ListMeta, itemsBytes: number): Buffer;
  /** Everything behind the last item; the arguments are those given to listHead. */
  listTail(meta: ListMeta, itemsBytes: number): Buffer;

  /** `object`: that of a real bookmark, which is copied; undefined when it is of no known shape. */
  bookmarks(object: StoredObject): Bookmarks | undefined;

  /** The same without metadata.managedFields; the form itself where it is that. */
  readonly withoutManagedFields: ObjectForm;
}

/** One resource in one encoding. */
export interface Codec {
  readonly encoding: Encoding;
  /** `json`, `protobuf`, `json metadata`, `protobuf metadata`: for people. */
  readonly form: string;
  /** Accept header for LIST and GET upstream. */
  readonly acceptList: string;
  /** Accept header for WATCH upstream. */
  readonly acceptWatch: string;
  /** The objects as they are. */
  readonly objects: ObjectForm;
  /** PartialObjectMetadata cut out of them; undefined where upstream's bytes would surely differ. */
  readonly metadata: ObjectForm | undefined;

  /** A scanner that looks for the resource's selectable fields. */
  makeScanner(): Scanner;
  /** What a list item lacks of the stored object: inserted behind its first byte. Empty where they are the same. */
  readonly itemPrefix: Buffer;
  /** What a selector's value for field number `field` is compared with, byte for byte unless `escapes`. */
  fieldValue(field: number, value: string): Buffer;
  /** The stored bytes of an object under `object.revision`: a new object to scan and store. */
  restate(object: StoredObject): Buffer;
}

export interface CodecOptions {
  readonly resource: Resource;
  /** Custom resource: sorted keys, items keep their kind, protobuf of PartialObjectMetadata only. */
  readonly custom: boolean;
  /** `PodList`; a custom resource may name it freely. */
  readonly listKind?: string;
  /** What scanners look for, in this order. */
  readonly fields: readonly SelectableField[];
  /** Upstream is asked for PartialObjectMetadata, and that is what is stored. Without fields. */
  readonly metadataOnly?: boolean;
}

export interface Encoding {
  readonly name: 'json' | 'protobuf';
  /** Content-Type of answers to LIST and GET, and of errors. */
  readonly contentType: string;
  /** Content-Type of a WATCH. */
  readonly watchContentType: string;
  /** Text spans may hold JSON escapes, which must be decoded before they are compared. */
  readonly escapes: boolean;

  makeFrames(maxFrameBytes: number): Frames;
  makeListCursor(): ListCursor;
  labelTest(selector: LabelSelector): LabelTest;
  /** Text of a scanner's span, for messages. */
  text(bytes: Uint8Array, start: number, end: number): string;
  /** The message of an error's body; undefined when it is no Status. */
  statusMessage(body: Buffer): string | undefined;
  /** Body of an error for clients of this encoding. */
  statusBody(status: StatusResponse): Buffer;
  /** The same as the last event of a watch. */
  errorEvent(status: StatusResponse): Buffer;
  /** undefined when the resource has no such form. */
  codec(options: CodecOptions): Codec | undefined;
}
