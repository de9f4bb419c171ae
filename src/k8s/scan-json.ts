/**
 * Finds the parts of a watch event or of one object in its JSON bytes, as offsets.
 *
 * Written by watch/ (one scan per event or list item), read by whoever gets the scanner along with the bytes; the
 * results stand until the next scan. Every byte is checked: a scan succeeds only where JSON.parse would, and the
 * success path makes no string and no object (measured: cache-measurements.md 1, row c).
 *
 * Members are matched by path, never by text search. Key order is free. Of members written twice the last leaf
 * counts, and two `metadata` (or `spec`) objects merge, as Go's decoder does it; a second `object` replaces the
 * first, as Go's RawExtension does it. A member of the wrong JSON type counts as absent, but `object` and `metadata`
 * must be objects.
 */

import {
  JsonSkipper,
  PROBLEMS,
  skipSpace,
  skipString,
  stopOf,
  TOO_DEEP,
  TRUNCATED,
  UNEXPECTED_BYTE,
} from './scan-json-skip.ts';
import { JsonPaths, type RolePath } from './scan-json-paths.ts';
import {
  decimal,
  decodeString,
  hasBackslash,
  hasEscape,
  isText,
  sameBytes,
} from './scan-json-text.ts';

// Private, because an exported constant is read from memory at each use.
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

export const EVENT_ADDED = 1;
export const EVENT_MODIFIED = 2;
export const EVENT_DELETED = 3;
export const EVENT_BOOKMARK = 4;
export const EVENT_ERROR = 5;

const EVENT_NAMES = ['', 'ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'].map((name) =>
  Buffer.from(name),
);

/** Containers inside each other before a document is refused; Go's decoder stops at 10,000, objects have 20. */
export const MAX_DEPTH = 512;

/** The annotation that marks the bookmark behind a streaming list. */
export const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

const ROLE_TYPE = 1;
const ROLE_OBJECT = 2;
const ROLE_METADATA = 3;
const ROLE_NAME = 4;
const ROLE_NAMESPACE = 5;
const ROLE_UID = 6;
const ROLE_REVISION = 7;
const ROLE_LABELS = 8;
const ROLE_INITIAL_EVENTS_END = 9;
const ROLE_STATUS_CODE = 10;
const ROLE_STATUS_MESSAGE = 11;
const ROLE_STATUS_REASON = 12;
const ROLE_STATUS_RETRY = 13;
const ROLE_COUNT = 14;

const ROLES: readonly RolePath[] = [
  { path: ['type'], role: ROLE_TYPE },
  { path: ['object'], role: ROLE_OBJECT },
  { path: ['object', 'metadata'], role: ROLE_METADATA },
  { path: ['object', 'metadata', 'name'], role: ROLE_NAME },
  { path: ['object', 'metadata', 'namespace'], role: ROLE_NAMESPACE },
  { path: ['object', 'metadata', 'uid'], role: ROLE_UID },
  { path: ['object', 'metadata', 'resourceVersion'], role: ROLE_REVISION },
  { path: ['object', 'metadata', 'labels'], role: ROLE_LABELS },
  {
    path: ['object', 'metadata', 'annotations', INITIAL_EVENTS_END],
    role: ROLE_INITIAL_EVENTS_END,
  },
  { path: ['object', 'code'], role: ROLE_STATUS_CODE },
  { path: ['object', 'message'], role: ROLE_STATUS_MESSAGE },
  { path: ['object', 'reason'], role: ROLE_STATUS_REASON },
  { path: ['object', 'details', 'retryAfterSeconds'], role: ROLE_STATUS_RETRY },
];

const KEY_OBJECT = Buffer.from('object');
const TRUE = Buffer.from('true');

export interface JsonScannerOptions {
  /** Containers inside each other before a document is refused as 'too deep'; default MAX_DEPTH. */
  readonly maxDepth?: number;
}

export class JsonScanner {
  /** One of the EVENT_ constants after scanEvent; 0 after scanObject. */
  eventType = 0;

  // Places are [start, end) in the scanned bytes; of strings the inside of the quotes, of objects the braces too.
  // start === end means absent (or, for a string, empty).
  objectStart = 0;
  objectEnd = 0;
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
  labelsStart = 0;
  labelsEnd = 0;
  /** Places of the selectable fields, in the order given; strings inside quotes, numbers and booleans as written. */
  readonly fieldStarts: Int32Array;
  readonly fieldEnds: Int32Array;

  /** The annotation k8s.io/initial-events-end is "true". */
  initialEventsEnd = false;
  /** Name or namespace holds a backslash or a byte >= 0x80: its bytes are not its text. */
  escaped = false;
  /** A selectable field holds a backslash: its bytes are not its text. */
  fieldsEscaped = false;

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

  readonly #paths: JsonPaths;
  readonly #objectNode: number;
  readonly #skipper: JsonSkipper;
  #end = 0;
  /** Places by role, before they are published in the fields above. */
  readonly #starts = new Int32Array(ROLE_COUNT);
  readonly #ends = new Int32Array(ROLE_COUNT);
  #refused = '';

  /**
   * @param fields paths of the selectable fields below the object, at most 64.
   * @throws RangeError when two of them are the same or one is empty.
   */
  constructor(
    fields: readonly { readonly path: readonly string[] }[] = [],
    options: JsonScannerOptions = {},
  ) {
    this.#paths = new JsonPaths(
      ROLES,
      fields.map(({ path }) => ['object', ...path]),
    );
    this.#objectNode = this.#paths.childOfEscaped(0, KEY_OBJECT, 0, KEY_OBJECT.length);
    this.#skipper = new JsonSkipper(options.maxDepth ?? MAX_DEPTH);
    this.fieldStarts = new Int32Array(fields.length);
    this.fieldEnds = new Int32Array(fields.length);
  }

  /** Scans `{"type":...,"object":{...}}`, which must be all there is in [start, end) but white space. */
  scanEvent(bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.#scan(bytes, start, end, 0)) return false;
    if (this.objectEnd === 0) return this.#refuse('the event has no object');
    if (this.eventType === 0) return this.#refuse('the event has no known type');
    if (this.eventType === EVENT_ERROR) {
      this.statusCode = this.#decimal(ROLE_STATUS_CODE);
      this.statusRetryAfterSeconds = this.#decimal(ROLE_STATUS_RETRY);
    }
    return true;
  }

  /** Scans one object, which must be all there is in [start, end) but white space. */
  scanObject(bytes: Uint8Array, start: number, end: number): boolean {
    return this.#scan(bytes, start, end, this.#objectNode);
  }

  /** The same: in JSON a list item is an object like any other. */
  scanItem(bytes: Uint8Array, start: number, end: number): boolean {
    return this.scanObject(bytes, start, end);
  }

  #scan(bytes: Uint8Array, start: number, end: number, node: number): boolean {
    this.#skipper.attach(bytes);
    this.#end = end;
    this.#refused = '';
    this.problem = '';
    this.eventType = 0;
    this.#resetObject();
    const first = skipSpace(bytes, start, end);
    if (first >= end) return this.#refuse('truncated');
    if (bytes[first] !== OPEN_BRACE) return this.#refuse('not an object');
    const last = this.#walk(first + 1, node, 1);
    if (last < 0) return this.#refuse(this.#refused === '' ? PROBLEMS[-last] : this.#refused);
    if (last > end) return this.#refuse('truncated');
    if (skipSpace(bytes, last, end) !== end) return this.#refuse('text behind the document');
    if (node !== 0) this.#setLeaf(ROLE_OBJECT, first, last);
    this.#publish();
    this.escaped =
      hasEscape(bytes, this.nameStart, this.nameEnd) ||
      hasEscape(bytes, this.namespaceStart, this.namespaceEnd);
    for (let k = 0; k < this.fieldStarts.length; k++) {
      if (hasBackslash(bytes, this.fieldStarts[k], this.fieldEnds[k])) this.fieldsEscaped = true;
    }
    return true;
  }

  #refuse(problem: string): false {
    this.problem = problem;
    return false;
  }

  #resetObject(): void {
    for (let role = 0; role < ROLE_COUNT; role++) this.#starts[role] = this.#ends[role] = 0;
    for (let k = 0; k < this.fieldStarts.length; k++) this.fieldStarts[k] = this.fieldEnds[k] = 0;
    this.initialEventsEnd = false;
    this.fieldsEscaped = false;
    this.statusCode = 0;
    this.statusRetryAfterSeconds = 0;
  }

  #publish(): void {
    const starts = this.#starts;
    const ends = this.#ends;
    this.objectStart = starts[ROLE_OBJECT];
    this.objectEnd = ends[ROLE_OBJECT];
    this.metadataStart = starts[ROLE_METADATA];
    this.metadataEnd = ends[ROLE_METADATA];
    this.nameStart = starts[ROLE_NAME];
    this.nameEnd = ends[ROLE_NAME];
    this.namespaceStart = starts[ROLE_NAMESPACE];
    this.namespaceEnd = ends[ROLE_NAMESPACE];
    this.uidStart = starts[ROLE_UID];
    this.uidEnd = ends[ROLE_UID];
    this.revisionStart = starts[ROLE_REVISION];
    this.revisionEnd = ends[ROLE_REVISION];
    this.labelsStart = starts[ROLE_LABELS];
    this.labelsEnd = ends[ROLE_LABELS];
    this.statusMessageStart = starts[ROLE_STATUS_MESSAGE];
    this.statusMessageEnd = ends[ROLE_STATUS_MESSAGE];
    this.statusReasonStart = starts[ROLE_STATUS_REASON];
    this.statusReasonEnd = ends[ROLE_STATUS_REASON];
  }

  #decimal(role: number): number {
    return decimal(this.#skipper.bytes, this.#starts[role], this.#ends[role]);
  }

  /** `i` is behind the brace of the object that is `node`; returns the position behind its closing brace. */
  #walk(i: number, node: number, depth: number): number {
    const bytes = this.#skipper.bytes;
    const view = this.#skipper.view;
    const paths = this.#paths;
    const end = this.#end;
    if (depth > this.#skipper.maxDepth) return TOO_DEEP;
    if (bytes[i] <= 0x20) i = skipSpace(bytes, i, end);
    if (bytes[i] === CLOSE_BRACE) return i + 1;
    for (;;) {
      if (bytes[i] <= 0x20) i = skipSpace(bytes, i, end);
      if (bytes[i] !== QUOTE) return i >= end ? TRUNCATED : UNEXPECTED_BYTE;
      const keyStart = ++i;
      i = stopOf(view, i, end);
      if (i >= end) return TRUNCATED;
      let child: number;
      if (bytes[i] === QUOTE) {
        child = paths.child(node, view, keyStart, i);
      } else {
        i = skipString(view, i, end);
        if (i < 0) return i;
        child = paths.childOfEscaped(node, bytes, keyStart, i);
      }
      i++;
      if (bytes[i] !== COLON) {
        i = skipSpace(bytes, i, end);
        if (bytes[i] !== COLON) return i >= end ? TRUNCATED : UNEXPECTED_BYTE;
      }
      i++;
      i = child < 0 ? this.#skipper.skipValue(i, end, depth) : this.#member(i, child, depth);
      if (i < 0) return i;
      if (bytes[i] <= 0x20) i = skipSpace(bytes, i, end);
      const next = bytes[i++];
      if (next === COMMA) continue;
      if (i > end) return TRUNCATED;
      return next === CLOSE_BRACE ? i : UNEXPECTED_BYTE;
    }
  }

  /** The value of a member that lies on a path; `depth` containers are open around it. */
  #member(i: number, node: number, depth: number): number {
    const bytes = this.#skipper.bytes;
    const end = this.#end;
    const role = this.#paths.roles[node];
    if (bytes[i] <= 0x20) i = skipSpace(bytes, i, end);
    if (i >= end) return TRUNCATED;
    const start = i;
    const c = bytes[i];
    if (c === OPEN_BRACE && this.#paths.hasChildren(node)) {
      // A second object replaces the first.
      if (role === ROLE_OBJECT && this.#ends[ROLE_OBJECT] !== 0) this.#resetObject();
      i = this.#walk(i + 1, node, depth + 1);
      if (i < 0) return i;
      this.#setLeaf(role, start, i);
      return i;
    }
    if (role === ROLE_OBJECT || role === ROLE_METADATA) {
      this.#refused =
        role === ROLE_OBJECT ? 'the event has no object' : 'metadata is not an object';
      return UNEXPECTED_BYTE;
    }
    if (c === QUOTE) {
      i = skipString(this.#skipper.view, i + 1, end);
      if (i < 0) return i;
      this.#setString(node, role, start + 1, i);
      return i + 1;
    }
    i = this.#skipper.skipValue(i, end, depth);
    if (i < 0) return i;
    this.#setOther(node, role, start, i);
    return i;
  }

  /** A string leaf whose inside is [start, end). */
  #setString(node: number, role: number, start: number, end: number): void {
    const field = this.#paths.fields[node];
    if (field >= 0) {
      this.fieldStarts[field] = start;
      this.fieldEnds[field] = end;
    }
    if (role === 0) return;
    switch (role) {
      case ROLE_LABELS:
      case ROLE_STATUS_CODE:
      case ROLE_STATUS_RETRY:
        this.#setLeaf(role, 0, 0);
        break;
      case ROLE_TYPE:
        this.eventType = eventTypeOf(this.#skipper.bytes, start, end);
        break;
      case ROLE_INITIAL_EVENTS_END:
        this.initialEventsEnd = isText(this.#skipper.bytes, start, end, TRUE);
        break;
      default:
        this.#setLeaf(role, start, end);
    }
  }

  /** A leaf [start, end) that is no string: a number, a literal, an array, or an object nobody looks into. */
  #setOther(node: number, role: number, start: number, end: number): void {
    const c = this.#skipper.bytes[start];
    const field = this.#paths.fields[node];
    if (field >= 0) {
      const scalar = c !== 0x6e && c !== OPEN_BRACE && c !== OPEN_BRACKET;
      this.fieldStarts[field] = scalar ? start : 0;
      this.fieldEnds[field] = scalar ? end : 0;
    }
    if (role === 0) return;
    const kept =
      role === ROLE_LABELS
        ? c === OPEN_BRACE
        : (role === ROLE_STATUS_CODE || role === ROLE_STATUS_RETRY) && c >= 0x30 && c <= 0x39;
    if (role === ROLE_TYPE) this.eventType = 0;
    else if (role === ROLE_INITIAL_EVENTS_END) this.initialEventsEnd = false;
    else this.#setLeaf(role, kept ? start : 0, kept ? end : 0);
  }

  #setLeaf(role: number, start: number, end: number): void {
    this.#starts[role] = start;
    this.#ends[role] = end;
  }
}

/** The EVENT_ constant of a type's text; 0 for any other text. */
function eventTypeOf(bytes: Uint8Array, start: number, end: number): number {
  // The first letter tells them apart; the text is compared in full then.
  let type = 0;
  const first = bytes[start];
  if (first === 0x4d) type = EVENT_MODIFIED;
  else if (first === 0x41) type = EVENT_ADDED;
  else if (first === 0x44) type = EVENT_DELETED;
  else if (first === 0x42) type = EVENT_BOOKMARK;
  else if (first === 0x45) type = EVENT_ERROR;
  if (type !== 0 && sameBytes(bytes, start, end, EVENT_NAMES[type])) return type;
  if (!hasBackslash(bytes, start, end)) return 0;
  const text = decodeString(bytes, start, end);
  return Math.max(
    0,
    EVENT_NAMES.findIndex((name, k) => k > 0 && name.toString() === text),
  );
}
