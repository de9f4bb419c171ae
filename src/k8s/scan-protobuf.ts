/**
 * Finds the parts of a watch event or of one object in its protobuf bytes, as offsets: the protobuf twin of scan-json.ts,
 * with the same results.
 *
 * Written by watch/ (one scan per event or list item), read by whoever gets the scanner along with the bytes; the results
 * stand until the next scan. Needs no schema: every built-in has its ObjectMeta in field 1 (semantics 10). Messages on a
 * path are walked field by field; what lies in others is skipped by its length and never looked at, so a scan costs the
 * same however long spec, status and managedFields are. The success path makes no string and no object.
 *
 * The object is the bare message (`Unknown.raw`), which is a list item's bytes. Given the kind, an event's or a stand-alone
 * object's envelope must be byte for byte the one upstream writes around that message, so that it need not be kept: it
 * can be written again.
 *
 * Of scalars given twice the last counts and messages on a path merge, as in Go; a second event object, envelope content
 * or metadata is refused. Labels are a span from the first entry's tag to the last entry's end. Upstream writes them side
 * by side; if other fields lie between, the span has them inside, and the label matcher steps over them.
 */
import { PROTOBUF_PROBLEMS, ProtobufCursor, WIRE_LENGTH, WIRE_VARINT } from './protobuf-cursor.ts';
import {
  type EnvelopeKind,
  ENVELOPE_MAGIC,
  envelopeHead,
  ENVELOPE_TAIL,
} from './protobuf-envelope.ts';
import type { ProtobufField } from './protobuf-fields.ts';
import { KIND_BOOL, KIND_STRING, ProtobufPaths } from './protobuf-paths.ts';
import { ProtobufStatusReader } from './protobuf-status.ts';
import { varintBytes } from './protobuf-varint.ts';
import {
  EVENT_ADDED,
  EVENT_BOOKMARK,
  EVENT_DELETED,
  EVENT_ERROR,
  EVENT_MODIFIED,
  INITIAL_EVENTS_END,
} from './scan-json.ts';
import { sameBytes } from './scan-json-text.ts';

const EVENT_NAMES = ['', 'ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'].map((name) =>
  Buffer.from(name),
);

const MARK = Buffer.from(INITIAL_EVENTS_END);
const TRUE = Buffer.from('true');

/** Tag of Unknown.raw. */
const RAW_TAG = 0x12;

/** Results below zero are PROTOBUF_PROBLEMS; this one says that `#refused` has the text. */
const REFUSED = -100;

export interface ProtobufScannerOptions {
  /** What an envelope must say; without it any envelope will do. */
  readonly kind?: EnvelopeKind;
}

export class ProtobufScanner {
  /** One of the EVENT_ constants after scanEvent; 0 after the others. */
  eventType = 0;

  // Places are [start, end) in the scanned bytes; start === end means absent or empty.
  /** The bare message, as it is stored and as list items carry it. */
  objectStart = 0;
  objectEnd = 0;
  /** `k8s\0` and the Unknown around the object; equal after scanItem. */
  envelopeStart = 0;
  envelopeEnd = 0;
  /** The ObjectMeta message, without tag and length. */
  metadataStart = 0;
  metadataEnd = 0;
  nameStart = 0;
  nameEnd = 0;
  namespaceStart = 0;
  namespaceEnd = 0;
  uidStart = 0;
  uidEnd = 0;
  revisionStart = 0;
  revisionEnd = 0;
  /** The entries of the labels, tags included. */
  labelsStart = 0;
  labelsEnd = 0;
  /** Places of the selectable fields, in the order given: text of strings, the varint of the others. */
  readonly fieldStarts: Int32Array;
  readonly fieldEnds: Int32Array;

  /** A bookmark with the annotation k8s.io/initial-events-end of "true". */
  initialEventsEnd = false;
  /** The bytes of a protobuf string are its text. */
  readonly escaped = false;
  readonly fieldsEscaped = false;

  /** Status code of an ERROR event; 0 when there is none. */
  statusCode = 0;
  /** details.retryAfterSeconds of an ERROR event; 0 when there is none. */
  statusRetryAfterSeconds = 0;
  statusMessageStart = 0;
  statusMessageEnd = 0;
  statusReasonStart = 0;
  statusReasonEnd = 0;

  /** Why the last scan was refused; '' after a success. */
  problem = '';

  readonly #cursor = new ProtobufCursor();
  readonly #statusReader = new ProtobufStatusReader();
  readonly #paths: ProtobufPaths;
  readonly #head: Buffer;
  readonly #kind: EnvelopeKind | undefined;
  #refused = '';

  /** @throws RangeError when two fields have one path. */
  constructor(fields: readonly ProtobufField[] = [], options: ProtobufScannerOptions = {}) {
    this.#paths = new ProtobufPaths(fields);
    this.#kind = options.kind;
    this.#head = options.kind === undefined ? ENVELOPE_MAGIC : envelopeHead(options.kind);
    this.fieldStarts = new Int32Array(fields.length);
    this.fieldEnds = new Int32Array(fields.length);
  }

  /** Scans a WatchEvent, which must fill [start, end). */
  scanEvent(bytes: Uint8Array, start: number, end: number): boolean {
    this.#reset(bytes);
    const after = this.#event(start, end);
    if (after < 0) return this.#refuse(after);
    if (this.eventType === 0) return this.#refuse(this.#fault('the event has no known type'));
    if (this.envelopeStart === this.envelopeEnd) {
      return this.#refuse(this.#fault('the event has no object'));
    }
    const error = this.eventType === EVENT_ERROR;
    let problem = this.#envelope(this.envelopeStart, this.envelopeEnd, !error);
    if (problem >= 0) problem = error ? this.#status() : this.#object();
    return problem < 0 ? this.#refuse(problem) : true;
  }

  /** Scans an object in its envelope, which must fill [start, end): the body of a GET. */
  scanObject(bytes: Uint8Array, start: number, end: number): boolean {
    this.#reset(bytes);
    let problem = this.#envelope(start, end, true);
    if (problem >= 0) problem = this.#object();
    return problem < 0 ? this.#refuse(problem) : true;
  }

  /** Scans a bare object, which must fill [start, end): a list item, or an object as it is stored. */
  scanItem(bytes: Uint8Array, start: number, end: number): boolean {
    this.#reset(bytes);
    this.objectStart = start;
    this.objectEnd = end;
    const problem = this.#object();
    return problem < 0 ? this.#refuse(problem) : true;
  }

  #refuse(problem: number): false {
    this.problem = problem === REFUSED ? this.#refused : PROTOBUF_PROBLEMS[-problem];
    return false;
  }

  #fault(text: string): number {
    this.#refused = text;
    return REFUSED;
  }

  #reset(bytes: Uint8Array): void {
    this.#cursor.bytes = bytes;
    this.problem = '';
    this.eventType = 0;
    this.envelopeStart = this.envelopeEnd = 0;
    this.objectStart = this.objectEnd = 0;
    this.metadataStart = this.metadataEnd = 0;
    this.nameStart = this.nameEnd = 0;
    this.namespaceStart = this.namespaceEnd = 0;
    this.uidStart = this.uidEnd = 0;
    this.revisionStart = this.revisionEnd = 0;
    this.labelsStart = this.labelsEnd = 0;
    this.initialEventsEnd = false;
    this.statusCode = this.statusRetryAfterSeconds = 0;
    this.statusMessageStart = this.statusMessageEnd = 0;
    this.statusReasonStart = this.statusReasonEnd = 0;
    for (let k = 0; k < this.fieldStarts.length; k++) this.fieldStarts[k] = this.fieldEnds[k] = 0;
  }

  /** WatchEvent { type 1, object 2 { raw 1 } } */
  #event(start: number, end: number): number {
    const cursor = this.#cursor;
    let objects = 0;
    for (let at = start; at < end;) {
      at = cursor.next(at, end);
      if (at < 0) return at;
      if (cursor.field > 2) continue;
      if (cursor.wire !== WIRE_LENGTH) return this.#fault('the event is no WatchEvent');
      if (cursor.field === 1) {
        this.eventType = eventTypeOf(cursor.bytes, cursor.valueStart, cursor.valueEnd);
        continue;
      }
      if (++objects > 1) return this.#fault('the event has two objects');
      const problem = this.#extension(cursor.valueStart, cursor.valueEnd);
      if (problem < 0) return problem;
    }
    return end;
  }

  #extension(start: number, end: number): number {
    const cursor = this.#cursor;
    for (let at = start; at < end;) {
      at = cursor.next(at, end);
      if (at < 0) return at;
      if (cursor.field !== 1) continue;
      if (cursor.wire !== WIRE_LENGTH) return this.#fault('the event has no object');
      if (this.envelopeEnd !== 0) return this.#fault('the event has two objects');
      this.envelopeStart = cursor.valueStart;
      this.envelopeEnd = cursor.valueEnd;
    }
    return end;
  }

  /** `k8s\0` Unknown { typeMeta 1, raw 2, contentEncoding 3, contentType 4 } */
  #envelope(start: number, end: number, ofKind: boolean): number {
    const cursor = this.#cursor;
    const head = ofKind ? this.#head : ENVELOPE_MAGIC;
    this.envelopeStart = start;
    this.envelopeEnd = end;
    const bodyStart = start + head.length;
    if (bodyStart > end || !sameBytes(cursor.bytes, start, bodyStart, head)) return this.#foreign();
    let raws = 0;
    for (let at = bodyStart; at < end;) {
      const tagAt = at;
      at = cursor.next(at, end);
      if (at < 0) return at;
      if (cursor.field !== 2) continue;
      if (cursor.wire !== WIRE_LENGTH) return this.#foreign();
      if (++raws > 1) return this.#fault('the envelope has two objects');
      this.objectStart = cursor.valueStart;
      this.objectEnd = cursor.valueEnd;
      if (head === ENVELOPE_MAGIC) continue;
      const length = at - cursor.valueStart;
      const plain =
        tagAt === bodyStart &&
        cursor.bytes[tagAt] === RAW_TAG &&
        cursor.valueStart === tagAt + 1 + varintBytes(length) &&
        sameBytes(cursor.bytes, at, end, ENVELOPE_TAIL);
      return plain ? end : this.#foreign();
    }
    return raws === 1 ? end : this.#fault('the envelope has no object');
  }

  #foreign(): number {
    const kind = this.#kind;
    return this.#fault(
      kind === undefined
        ? 'the object has no envelope'
        : `the object is no ${kind.apiVersion} ${kind.kind} in a plain envelope`,
    );
  }

  #status(): number {
    const status = this.#statusReader;
    const problem = status.read(this.#cursor, this.objectStart, this.objectEnd);
    this.statusCode = status.code;
    this.statusRetryAfterSeconds = status.retryAfterSeconds;
    this.statusMessageStart = status.messageStart;
    this.statusMessageEnd = status.messageEnd;
    this.statusReasonStart = status.reasonStart;
    this.statusReasonEnd = status.reasonEnd;
    return problem;
  }

  #object(): number {
    const cursor = this.#cursor;
    const end = this.objectEnd;
    for (let at = this.objectStart; at < end;) {
      at = cursor.next(at, end);
      if (at < 0) return at;
      let problem = 0;
      if (cursor.field === 1) problem = this.#metadata();
      else {
        const node = this.#paths.child(0, cursor.field);
        if (node !== 0) problem = this.#field(node);
      }
      if (problem < 0) return problem;
    }
    return end;
  }

  /** ObjectMeta { name 1, namespace 3, uid 5, resourceVersion 6, labels 11, annotations 12 } */
  #metadata(): number {
    const cursor = this.#cursor;
    if (cursor.wire !== WIRE_LENGTH) return this.#fault('metadata is no message');
    if (this.metadataEnd !== 0) return this.#fault('metadata is given twice');
    const start = cursor.valueStart;
    const end = cursor.valueEnd;
    this.metadataStart = start;
    this.metadataEnd = end;
    for (let at = start; at < end;) {
      const tagAt = at;
      at = cursor.next(at, end);
      if (at < 0) return at;
      const { field } = cursor;
      // generation and deletionGracePeriodSeconds are the two numbers; 15 and 16 are nobody's.
      if (field > 14 && field !== 17) continue;
      if (cursor.wire !== (field === 7 || field === 10 ? WIRE_VARINT : WIRE_LENGTH)) {
        return this.#fault('metadata has a field of another type');
      }
      if (field === 11) {
        const problem = this.#entry(cursor.valueStart, cursor.valueEnd, false);
        if (problem < 0) return problem;
        if (this.labelsEnd === 0) this.labelsStart = tagAt;
        this.labelsEnd = at;
      } else if (field === 12) {
        if (this.eventType !== EVENT_BOOKMARK) continue;
        const problem = this.#entry(cursor.valueStart, cursor.valueEnd, true);
        if (problem < 0) return problem;
      } else if (field <= 6) this.#setText(field);
    }
    return end;
  }

  #setText(field: number): void {
    const { valueStart, valueEnd } = this.#cursor;
    if (field === 1) {
      this.nameStart = valueStart;
      this.nameEnd = valueEnd;
    } else if (field === 3) {
      this.namespaceStart = valueStart;
      this.namespaceEnd = valueEnd;
    } else if (field === 5) {
      this.uidStart = valueStart;
      this.uidEnd = valueEnd;
    } else if (field === 6) {
      this.revisionStart = valueStart;
      this.revisionEnd = valueEnd;
    }
  }

  /** A map entry { key 1, value 2 }, checked; `mark`: of the annotations of a bookmark. */
  #entry(start: number, end: number, mark: boolean): number {
    const cursor = this.#cursor;
    let isMark = false;
    let isTrue = false;
    for (let at = start; at < end;) {
      at = cursor.next(at, end);
      if (at < 0) return at;
      if (cursor.field > 2) continue;
      if (cursor.wire !== WIRE_LENGTH) return this.#fault('a map entry is not of strings');
      if (!mark) continue;
      const { bytes, valueStart, valueEnd } = cursor;
      if (cursor.field === 1) isMark = sameBytes(bytes, valueStart, valueEnd, MARK);
      else isTrue = sameBytes(bytes, valueStart, valueEnd, TRUE);
    }
    if (isMark) this.initialEventsEnd = isTrue;
    return end;
  }

  /** The value just read, which is a selectable field or a message on the way to one. */
  #field(node: number): number {
    const cursor = this.#cursor;
    const paths = this.#paths;
    const kind = paths.kinds[node];
    const end = cursor.valueEnd;
    if (kind !== 0) return this.#leaf(paths.fields[node], kind);
    if (cursor.wire !== WIRE_LENGTH) return this.#fault('a selectable field has another type');
    for (let at = cursor.valueStart; at < end;) {
      at = cursor.next(at, end);
      if (at < 0) return at;
      const child = paths.child(node, cursor.field);
      if (child === 0) continue;
      const problem = this.#field(child);
      if (problem < 0) return problem;
    }
    return end;
  }

  #leaf(field: number, kind: number): number {
    const { bytes, wire, valueStart, valueEnd } = this.#cursor;
    if (wire !== (kind === KIND_STRING ? WIRE_LENGTH : WIRE_VARINT)) {
      return this.#fault('a selectable field has another type');
    }
    if (kind !== KIND_STRING) {
      // Compared by their bytes, so there must be one way only to write them.
      const last = bytes[valueEnd - 1];
      const shortest = valueEnd - valueStart === 1 ? kind !== KIND_BOOL || last <= 1 : last !== 0;
      if (!shortest || (kind === KIND_BOOL && valueEnd - valueStart > 1)) {
        return this.#fault('a selectable field is not written in the shortest form');
      }
    }
    this.fieldStarts[field] = valueStart;
    this.fieldEnds[field] = valueEnd;
    return valueEnd;
  }
}

/** The EVENT_ constant of a type's text; 0 for any other text. */
function eventTypeOf(bytes: Uint8Array, start: number, end: number): number {
  const first = bytes[start];
  let type = 0;
  if (first === 0x4d) type = EVENT_MODIFIED;
  else if (first === 0x41) type = EVENT_ADDED;
  else if (first === 0x44) type = EVENT_DELETED;
  else if (first === 0x42) type = EVENT_BOOKMARK;
  else if (first === 0x45) type = EVENT_ERROR;
  return type !== 0 && sameBytes(bytes, start, end, EVENT_NAMES[type]) ? type : 0;
}
