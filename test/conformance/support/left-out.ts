// What upstream would answer without managedFields, made from what it answers with them: decoded, left out, and encoded again
// as upstream does. That the encoding is upstream's own is checked on the way: what was not touched must come out as it was.

import { decode, writeField } from '../../k8s/naive-protobuf.ts';
import type { NaiveField } from '../../k8s/naive-protobuf.ts';

export type BodyKind = 'object' | 'list' | 'watch';

/** @throws Error when upstream's own answer does not come out of the encoder as it went in. */
export function withoutManagedFields(body: Buffer, kind: BodyKind, isProtobuf: boolean): Buffer {
  const encode = isProtobuf ? protobuf : json;
  if (!encode(body, kind, false).equals(body)) throw new Error(`not as upstream encodes: ${kind}`);
  return encode(body, kind, true);
}

interface Meta {
  metadata?: { managedFields?: unknown };
  items?: readonly Meta[] | null;
}

function json(body: Buffer, kind: BodyKind, leavesOut: boolean): Buffer {
  const lines = body.toString().split(/(?<=\n)/);
  const encoded = lines.map((line) => {
    const document = JSON.parse(line) as Meta & { object: Meta };
    const objects = kind === 'list' ? (document.items ?? []) : [document];
    for (const each of kind === 'watch' ? [document.object] : objects) {
      if (leavesOut) delete each.metadata?.managedFields;
    }
    // Go escapes these too.
    const text = JSON.stringify(document).replace(
      /[<>&\u2028\u2029]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    return `${text}\n`;
  });
  return Buffer.from(encoded.join(''));
}

const MAGIC = Buffer.from('k8s\0');
const MANAGED_FIELDS = 17;

function protobuf(body: Buffer, kind: BodyKind, leavesOut: boolean): Buffer {
  const object = (bytes: Buffer): Buffer =>
    edited(bytes, 1, (metadata) => edited(metadata, MANAGED_FIELDS, (each) => each, leavesOut));
  if (kind === 'object') return edited(body, 2, object);
  if (kind === 'list') return edited(body, 2, (list) => edited(list, 2, object));
  const frames: Buffer[] = [];
  for (let at = 0; at < body.length;) {
    const end = at + 4 + body.readUInt32BE(at);
    const event = edited(body.subarray(at + 4, end), 2, (extension) =>
      edited(extension, 1, (envelope) => edited(envelope, 2, object)),
    );
    const length = Buffer.alloc(4);
    length.writeUInt32BE(event.length);
    frames.push(length, event);
    at = end;
  }
  return Buffer.concat(frames);
}

/** A message, or what stands behind `k8s\0`, with its fields of one number changed, or left out. */
function edited(
  bytes: Buffer,
  number: number,
  change: (value: Buffer) => Buffer,
  leavesOut = false,
): Buffer {
  const magic = bytes.subarray(0, 4).equals(MAGIC) ? MAGIC : Buffer.alloc(0);
  const written = (field: NaiveField): Buffer => {
    const value = bytes.subarray(field.start, field.end);
    if (field.number !== number) return writeField(field.number, field.wire, value);
    return leavesOut ? Buffer.alloc(0) : writeField(number, field.wire, change(value));
  };
  return Buffer.concat([magic, ...decode(bytes, magic.length, bytes.length).map(written)]);
}
