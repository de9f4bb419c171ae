// The little protobuf that the wire of the apiserver needs, read plainly: fields of a message, texts,
// small numbers, and the `k8s\0` envelope.

export interface Field {
  readonly number: number;
  readonly wire: number;
  /** Of its tag. */
  readonly from: number;
  /** Of its value; for wire type 2 behind the length. */
  readonly start: number;
  readonly end: number;
}

const magic = Buffer.from('k8s\0');

export function fieldsOf(bytes: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      if (at >= bytes.length || shift > 63) throw new Error('protobuf: broken varint');
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const from = at;
    const tag = varint();
    const wire = tag % 8;
    const number = Math.floor(tag / 8);
    let start = at;
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = varint();
      start = at;
      at += length;
    } else throw new Error(`protobuf: wire type ${wire}`);
    if (at > bytes.length) throw new Error('protobuf: cut off');
    fields.push({ number, wire, from, start, end: at });
  }
  return fields;
}

/** The value of the last field of that number; empty when there is none. */
export function bytesOf(bytes: Buffer, fields: readonly Field[], number: number): Buffer {
  const field = fields.findLast((each) => each.number === number);
  return field === undefined ? bytes.subarray(0, 0) : bytes.subarray(field.start, field.end);
}

export function textOf(bytes: Buffer, fields: readonly Field[], number: number): string {
  return bytesOf(bytes, fields, number).toString();
}

export function numberOf(bytes: Buffer, fields: readonly Field[], number: number): number {
  return bytesOf(bytes, fields, number).reduceRight((sum, byte) => sum * 128 + (byte & 0x7f), 0);
}

/** A map<string, string>. */
export function mapOf(
  bytes: Buffer,
  fields: readonly Field[],
  number: number,
): Map<string, string> {
  const map = new Map<string, string>();
  for (const field of fields) {
    if (field.number !== number) continue;
    const entry = bytes.subarray(field.start, field.end);
    const parts = fieldsOf(entry);
    map.set(textOf(entry, parts, 1), textOf(entry, parts, 2));
  }
  return map;
}

/** The object inside the envelope. */
export function enveloped(bytes: Buffer): Buffer {
  if (!bytes.subarray(0, magic.length).equals(magic)) throw new Error('protobuf: no envelope');
  const unknown = bytes.subarray(magic.length);
  return bytesOf(unknown, fieldsOf(unknown), 2);
}

/** Follows numbers through nested messages; empty when one is absent. */
export function nested(bytes: Buffer, ...numbers: readonly number[]): Buffer {
  return numbers.reduce((inner, number) => bytesOf(inner, fieldsOf(inner), number), bytes);
}
