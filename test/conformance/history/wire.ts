// Bytes of answers into records: frames of watches, lists, objects, Status, in JSON and protobuf. Which
// of the two an answer is written in is told by its Content-Type; metadata forms differ only in what
// the fingerprint covers.

import {
  jsonFingerprint,
  jsonMetadataFingerprint,
  protobufFingerprint,
  protobufMetadataFingerprint,
} from './fingerprint.ts';
import type { JsonObject } from './fingerprint.ts';
import { bytesOf, enveloped, fieldsOf, mapOf, nested, numberOf, textOf } from './protobuf.ts';
import type { EventType, Form, Frame, SeenObject } from './records.ts';

const endMark = 'k8s.io/initial-events-end';
const lengthBytes = 4;
/** Longer than any object a writer makes; a wrong length must not make us wait for ever. */
const maxFrameBytes = 16 * 1024 * 1024;

export interface SeenList {
  readonly revision: number;
  readonly items: readonly SeenObject[];
  readonly token: string;
  readonly remaining: number | undefined;
}

export interface SeenStatus {
  readonly code: number;
  readonly message: string;
  /** The token of an expired list. */
  readonly token: string;
}

export interface Decoder {
  /** Takes bytes of a watch, returns the frames they complete. */
  frames(chunk: Buffer): Frame[];
  list(body: Buffer): SeenList;
  object(body: Buffer): SeenObject;
  status(body: Buffer): SeenStatus;
  /** Bytes of a frame that was not completed. */
  readonly rest: number;
}

export function decoderOf(form: Form, contentType: string): Decoder {
  const metadataOnly = form.startsWith('metadata');
  return contentType.includes('protobuf')
    ? new ProtobufDecoder(metadataOnly)
    : new JsonDecoder(metadataOnly);
}

interface JsonStatus {
  readonly code?: number;
  readonly message?: string;
  readonly metadata?: { readonly continue?: string };
}

interface JsonList {
  readonly metadata: {
    readonly resourceVersion: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
  readonly items: readonly JsonObject[] | null;
}

class JsonDecoder implements Decoder {
  readonly #fingerprint: (object: JsonObject) => string;
  #rest: Buffer = Buffer.alloc(0);

  constructor(metadataOnly: boolean) {
    this.#fingerprint = metadataOnly ? jsonMetadataFingerprint : jsonFingerprint;
  }

  get rest(): number {
    return this.#rest.length;
  }

  frames(chunk: Buffer): Frame[] {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10)) {
      frames.push(this.#frame(bytes.toString('utf8', 0, end)));
      bytes = bytes.subarray(end + 1);
    }
    this.#rest = bytes;
    return frames;
  }

  list(body: Buffer): SeenList {
    const { metadata, items } = JSON.parse(body.toString()) as JsonList;
    return {
      revision: Number(metadata.resourceVersion),
      items: (items ?? []).map((item) => this.#seen(item)),
      token: metadata.continue ?? '',
      remaining: metadata.remainingItemCount,
    };
  }

  object(body: Buffer): SeenObject {
    return this.#seen(JSON.parse(body.toString()) as JsonObject);
  }

  status(body: Buffer): SeenStatus {
    return statusOf(body);
  }

  #frame(line: string): Frame {
    const { type, object } = JSON.parse(line) as { type: string; object: JsonObject & JsonStatus };
    if (type === 'ERROR') {
      return { kind: 'error', code: object.code ?? 0, message: object.message ?? '' };
    }
    if (type === 'BOOKMARK') {
      const revision = Number(object.metadata.resourceVersion);
      const initialEnd = object.metadata.annotations?.[endMark] === 'true';
      return { kind: 'bookmark', revision, initialEnd };
    }
    return { kind: 'event', type: eventType(type), object: this.#seen(object) };
  }

  #seen(object: JsonObject): SeenObject {
    const { namespace, name, uid, resourceVersion } = object.metadata;
    return {
      key: keyOf(namespace ?? '', name),
      uid,
      revision: Number(resourceVersion),
      fingerprint: this.#fingerprint(object),
    };
  }
}

/** A body that is no Status, such as the plain text of a refusal, gives code 0. */
function statusOf(body: Buffer): SeenStatus {
  try {
    const status = JSON.parse(body.toString()) as JsonStatus;
    const token = status.metadata?.continue ?? '';
    return { code: status.code ?? 0, message: status.message ?? '', token };
  } catch {
    return { code: 0, message: body.toString('utf8', 0, 200), token: '' };
  }
}

class ProtobufDecoder implements Decoder {
  readonly #fingerprint: (object: Buffer) => string;
  #rest: Buffer = Buffer.alloc(0);

  constructor(metadataOnly: boolean) {
    this.#fingerprint = metadataOnly ? protobufMetadataFingerprint : protobufFingerprint;
  }

  get rest(): number {
    return this.#rest.length;
  }

  frames(chunk: Buffer): Frame[] {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    while (bytes.length >= lengthBytes) {
      const end = lengthBytes + bytes.readUInt32BE(0);
      if (end > maxFrameBytes) throw new Error(`a frame of ${end} bytes`);
      if (bytes.length < end) break;
      frames.push(this.#frame(bytes.subarray(lengthBytes, end)));
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
    return frames;
  }

  list(body: Buffer): SeenList {
    const list = enveloped(body);
    const fields = fieldsOf(list);
    const metadata = bytesOf(list, fields, 1);
    const parts = fieldsOf(metadata);
    const counted = parts.some(({ number }) => number === 4);
    return {
      revision: Number(textOf(metadata, parts, 2)),
      items: fields
        .filter(({ number }) => number === 2)
        .map(({ start, end }) => this.#seen(list.subarray(start, end))),
      token: textOf(metadata, parts, 3),
      remaining: counted ? numberOf(metadata, parts, 4) : undefined,
    };
  }

  object(body: Buffer): SeenObject {
    return this.#seen(enveloped(body));
  }

  status(body: Buffer): SeenStatus {
    const status = enveloped(body);
    const fields = fieldsOf(status);
    return {
      code: numberOf(status, fields, 6),
      message: textOf(status, fields, 3),
      token: nested(status, 1, 3).toString(),
    };
  }

  #frame(bytes: Buffer): Frame {
    const type = textOf(bytes, fieldsOf(bytes), 1);
    const envelope = nested(bytes, 2, 1);
    if (type === 'ERROR') return { kind: 'error', ...this.status(envelope) };
    const object = enveloped(envelope);
    if (type !== 'BOOKMARK') {
      return { kind: 'event', type: eventType(type), object: this.#seen(object) };
    }
    const metadata = nested(object, 1);
    const parts = fieldsOf(metadata);
    return {
      kind: 'bookmark',
      revision: Number(textOf(metadata, parts, 6)),
      initialEnd: mapOf(metadata, parts, 12).get(endMark) === 'true',
    };
  }

  #seen(object: Buffer): SeenObject {
    const metadata = nested(object, 1);
    const parts = fieldsOf(metadata);
    return {
      key: keyOf(textOf(metadata, parts, 3), textOf(metadata, parts, 1)),
      uid: textOf(metadata, parts, 5),
      revision: Number(textOf(metadata, parts, 6)),
      fingerprint: this.#fingerprint(object),
    };
  }
}

function eventType(type: string): EventType {
  if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') return type;
  throw new Error(`an event of type ${JSON.stringify(type)}`);
}

export function keyOf(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}
