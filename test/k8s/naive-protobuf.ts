// Protobuf as its specification reads, slowly: what the scanners are judged by. Everything is decoded
// into objects; what is refused throws.

export interface NaiveField {
  readonly number: number;
  readonly wire: number;
  readonly tagStart: number;
  /** Its value: what the length counts, or all bytes of a number. */
  readonly start: number;
  readonly end: number;
}

export class Refused extends Error {}

function refuse(why: string): never {
  throw new Refused(why);
}

function varint(bytes: Uint8Array, at: number, end: number, most: number): [bigint, number] {
  let value = 0n;
  for (let i = 0; ; i++) {
    if (i === most) refuse('varint');
    if (at + i >= end) refuse('truncated');
    const byte = bytes[at + i];
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return [value, at + i + 1];
  }
}

/** The fields of one message. */
export function decode(bytes: Uint8Array, start: number, end: number): NaiveField[] {
  const fields: NaiveField[] = [];
  for (let at = start; at < end;) {
    const [tag, behindTag] = varint(bytes, at, end, 5);
    if (tag > 0xffffffffn || tag >> 3n === 0n) refuse('field number');
    const wire = Number(tag & 7n);
    let first = behindTag;
    let last: number;
    if (wire === 0) last = varint(bytes, first, end, 10)[1];
    else if (wire === 1) last = first + 8;
    else if (wire === 5) last = first + 4;
    else if (wire === 2) {
      const [length, behindLength] = varint(bytes, first, end, 10);
      if (length > BigInt(end - behindLength)) refuse('truncated');
      first = behindLength;
      last = first + Number(length);
    } else refuse('wire type');
    if (last > end) refuse('truncated');
    fields.push({ number: Number(tag >> 3n), wire, tagStart: at, start: first, end: last });
    at = last;
  }
  return fields;
}

type Span = readonly [number, number];
const ABSENT: Span = [0, 0];

export interface NaiveObject {
  readonly object: Span;
  readonly metadata: Span;
  readonly name: Span;
  readonly namespace: Span;
  readonly uid: Span;
  readonly revision: Span;
  readonly labels: Span;
  readonly fields: readonly Span[];
  readonly initialEventsEnd: boolean;
}

export interface NaivePath {
  readonly numbers: readonly number[];
  readonly kind: 'string' | 'bool' | 'int';
}

/** The one field of that number, which must be a message; undefined when there is none. */
function only(fields: readonly NaiveField[], number: number): NaiveField | undefined {
  const found = fields.filter((field) => field.number === number);
  if (found.some((field) => field.wire !== 2)) refuse('wire type of a known field');
  if (found.length > 1) refuse('given twice');
  return found[0];
}

function lastOf(fields: readonly NaiveField[], number: number): Span {
  const field = fields.findLast((each) => each.number === number);
  return field === undefined ? ABSENT : [field.start, field.end];
}

/** Key and value of a map entry. */
export function entry(bytes: Uint8Array, start: number, end: number): [string, string] {
  const fields = decode(bytes, start, end);
  for (const { number, wire } of fields) if (number <= 2 && wire !== 2) refuse('map entry');
  const text = ([from, to]: Span): string => Buffer.from(bytes.subarray(from, to)).toString();
  return [text(lastOf(fields, 1)), text(lastOf(fields, 2))];
}

export function naiveObject(
  bytes: Uint8Array,
  [start, end]: Span,
  paths: readonly NaivePath[],
  bookmark: boolean,
): NaiveObject {
  const fields = decode(bytes, start, end);
  const metadata = only(fields, 1);
  const meta = metadata === undefined ? [] : decode(bytes, metadata.start, metadata.end);
  for (const { number, wire } of meta) {
    if (number > 14 && number !== 17) continue;
    if (wire !== (number === 7 || number === 10 ? 0 : 2)) refuse('wire type of a known field');
  }
  const labels = meta.filter(({ number }) => number === 11);
  for (const label of labels) entry(bytes, label.start, label.end);
  let initialEventsEnd = false;
  for (const each of bookmark ? meta.filter(({ number }) => number === 12) : []) {
    const [key, value] = entry(bytes, each.start, each.end);
    if (key === 'k8s.io/initial-events-end') initialEventsEnd = value === 'true';
  }
  return {
    object: [start, end],
    metadata: metadata === undefined ? ABSENT : [metadata.start, metadata.end],
    name: lastOf(meta, 1),
    namespace: lastOf(meta, 3),
    uid: lastOf(meta, 5),
    revision: lastOf(meta, 6),
    labels: labels.length === 0 ? ABSENT : [labels[0].tagStart, labels.at(-1)!.end],
    fields: paths.map((path) => leaf(bytes, fields, path)),
    initialEventsEnd,
  };
}

function leaf(bytes: Uint8Array, fields: readonly NaiveField[], path: NaivePath): Span {
  const [number, ...rest] = path.numbers;
  let span = ABSENT;
  for (const field of fields.filter((each) => each.number === number)) {
    if (rest.length > 0) {
      if (field.wire !== 2) refuse('wire type of a known field');
      const inner = leaf(bytes, decode(bytes, field.start, field.end), { ...path, numbers: rest });
      if (inner !== ABSENT) span = inner;
      continue;
    }
    if (field.wire !== (path.kind === 'string' ? 2 : 0)) refuse('wire type of a known field');
    span = [field.start, field.end];
    if (path.kind === 'string') continue;
    const [value] = varint(bytes, field.start, field.end, 10);
    const shortest = Math.max(1, Math.ceil(value.toString(2).length / 7));
    if (field.end - field.start !== shortest) refuse('not the shortest form');
    if (path.kind === 'bool' && value > 1n) refuse('no boolean');
  }
  return span;
}

const MAGIC = Buffer.from('k8s\0');

/** Place of Unknown.raw. */
export function naiveEnvelope(bytes: Uint8Array, [start, end]: Span): Span {
  if (!Buffer.from(bytes.subarray(start, end)).subarray(0, 4).equals(MAGIC)) refuse('no envelope');
  const raw = only(decode(bytes, start + 4, end), 2);
  if (raw === undefined) refuse('no object');
  return [raw.start, raw.end];
}

const TYPES = ['', 'ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'];

export interface NaiveEvent {
  readonly type: number;
  readonly envelope: Span;
  /** undefined for an ERROR. */
  readonly found: NaiveObject | undefined;
}

export function naiveEvent(
  bytes: Uint8Array,
  [start, end]: Span,
  paths: readonly NaivePath[],
): NaiveEvent {
  const fields = decode(bytes, start, end);
  if (fields.some(({ number, wire }) => number === 1 && wire !== 2)) refuse('no WatchEvent');
  const [from, to] = lastOf(fields, 1);
  const type = Math.max(0, TYPES.indexOf(Buffer.from(bytes.subarray(from, to)).toString('latin1')));
  const extension = only(fields, 2);
  if (extension === undefined) refuse('no object');
  const raw = only(decode(bytes, extension.start, extension.end), 1);
  if (raw === undefined || raw.start === raw.end || type === 0) refuse('no event');
  const envelope: Span = [raw.start, raw.end];
  const object = naiveEnvelope(bytes, envelope);
  if (type === 5) {
    for (const { number, wire, start: at, end: behind } of decode(bytes, ...object)) {
      if (number === 5 && wire === 2) decode(bytes, at, behind);
    }
    return { type, envelope, found: undefined };
  }
  return { type, envelope, found: naiveObject(bytes, object, paths, type === 4) };
}

/** Writes one field; `pad` adds so many bytes to its length that say nothing. */
export function writeField(number: number, wire: number, value: Uint8Array, pad = 0): Buffer {
  const tag = encodeVarint(BigInt((number << 3) | wire) & 0xffffffffn);
  const length = wire === 2 ? encodeVarint(BigInt(value.length), pad) : Buffer.alloc(0);
  return Buffer.concat([tag, length, value]);
}

export function encodeVarint(value: bigint, pad = 0): Buffer {
  const bytes: number[] = [];
  for (; value >= 0x80n; value >>= 7n) bytes.push(Number(value & 0x7fn) | 0x80);
  bytes.push(Number(value));
  for (let i = 0; i < pad; i++) {
    bytes[bytes.length - 1] |= 0x80;
    bytes.push(0);
  }
  return Buffer.from(bytes);
}
