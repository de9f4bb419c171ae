// The four forms a client can ask for, and how its answers are read: which objects at which
// revisions a list, an object or a streamed list shows. Protobuf is read by the slow decoder of the
// scanner tests, so that nothing here shares code with what is judged.

import { decode, entry } from '../../k8s/naive-protobuf.ts';
import type { NaiveField } from '../../k8s/naive-protobuf.ts';

export const formNames = ['json', 'protobuf', 'json metadata', 'protobuf metadata'] as const;
export type FormName = (typeof formNames)[number];

/** What is seen of one object. */
export interface Seen {
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
}

export interface SeenList {
  readonly revision: number;
  readonly items: readonly Seen[];
}

/** The start of a watch: the objects before the mark, and whether the mark was there. */
export interface SeenStart {
  readonly marked: boolean;
  readonly revision: number;
  readonly items: readonly Seen[];
}

const mediaTypes = {
  json: 'application/json',
  protobuf: 'application/vnd.kubernetes.protobuf',
} as const;

export function acceptOf(form: FormName, verb: 'get' | 'list' | 'watch'): string {
  const [encoding, metadata] = form.split(' ') as [keyof typeof mediaTypes, string | undefined];
  if (metadata === undefined) return mediaTypes[encoding];
  const kind = verb === 'list' ? 'PartialObjectMetadataList' : 'PartialObjectMetadata';
  return `${mediaTypes[encoding]};as=${kind};g=meta.k8s.io;v=v1`;
}

export function listIn(form: FormName, body: Buffer): SeenList {
  if (form.startsWith('protobuf')) return protobufList(body);
  const { metadata, items } = JSON.parse(body.toString()) as JsonList;
  return { revision: Number(metadata.resourceVersion), items: (items ?? []).map(seenJson) };
}

export function objectIn(form: FormName, body: Buffer): Seen {
  if (form.startsWith('protobuf')) return protobufObject(unwrapped(body));
  return seenJson(JSON.parse(body.toString()) as JsonObject);
}

/** May be asked again as more bytes come: half a frame at the end is left out. */
export function startIn(form: FormName, bytes: Buffer): SeenStart {
  return form.startsWith('protobuf') ? protobufStart(bytes) : jsonStart(bytes);
}

interface JsonObject {
  readonly metadata: {
    readonly namespace?: string;
    readonly name: string;
    readonly resourceVersion: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

interface JsonList {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly JsonObject[] | null;
}

const initialEventsEnd = 'k8s.io/initial-events-end';

function seenJson({ metadata }: JsonObject): Seen {
  const { namespace = '', name, resourceVersion } = metadata;
  return { namespace, name, revision: Number(resourceVersion) };
}

function jsonStart(bytes: Buffer): SeenStart {
  const items: Seen[] = [];
  for (const line of bytes.toString().split('\n').slice(0, -1)) {
    const { type, object } = JSON.parse(line) as { type: string; object: JsonObject };
    if (type === 'BOOKMARK' && object.metadata.annotations?.[initialEventsEnd] === 'true') {
      return { marked: true, revision: Number(object.metadata.resourceVersion), items };
    }
    if (type === 'ADDED') items.push(seenJson(object));
  }
  return { marked: false, revision: 0, items };
}

const magic = Buffer.from('k8s\0');

/** `k8s\0` Unknown { raw 2 }. */
function unwrapped(body: Buffer): Buffer {
  if (!body.subarray(0, 4).equals(magic)) throw new Error('no protobuf envelope');
  return fieldOf(body.subarray(4), 2);
}

function fieldsOf(message: Buffer, number: number): Buffer[] {
  return decode(message, 0, message.length)
    .filter((field: NaiveField) => field.number === number)
    .map(({ start, end }) => message.subarray(start, end));
}

function fieldOf(message: Buffer, number: number): Buffer {
  return fieldsOf(message, number).at(-1) ?? Buffer.alloc(0);
}

/** `{ListMeta metadata = 1 {resourceVersion 2}; repeated items = 2}`. */
function protobufList(body: Buffer): SeenList {
  const list = unwrapped(body);
  const revision = Number(fieldOf(fieldOf(list, 1), 2).toString());
  return { revision, items: fieldsOf(list, 2).map(protobufObject) };
}

/** ObjectMeta is field 1: name 1, namespace 3, resourceVersion 6. */
function protobufObject(object: Buffer): Seen {
  const metadata = fieldOf(object, 1);
  return {
    name: fieldOf(metadata, 1).toString(),
    namespace: fieldOf(metadata, 3).toString(),
    revision: Number(fieldOf(metadata, 6).toString()),
  };
}

/** Frames of four length bytes and a WatchEvent {type 1, object 2 {raw 1}}. */
function protobufStart(bytes: Buffer): SeenStart {
  const items: Seen[] = [];
  for (let at = 0; at + 4 <= bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    const event = bytes.subarray(at + 4, end);
    const type = fieldOf(event, 1).toString();
    const object = unwrapped(fieldOf(fieldOf(event, 2), 1));
    if (type === 'ADDED') items.push(protobufObject(object));
    const annotations = fieldsOf(fieldOf(object, 1), 12).map((each) => entry(each, 0, each.length));
    if (type === 'BOOKMARK' && annotations.some(([key]) => key === initialEventsEnd)) {
      return { marked: true, revision: protobufObject(object).revision, items };
    }
    at = end;
  }
  return { marked: false, revision: 0, items };
}
