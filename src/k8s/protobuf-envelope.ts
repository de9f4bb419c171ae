/**
 * The constant parts of the envelope upstream puts around every stand-alone protobuf object:
 *
 *   k8s\0  0a <n> TypeMeta{apiVersion 1, kind 2}  12 <n> object  1a 00  22 00
 *
 * Read by the scanner, which checks it, and by the writers, which put it around objects again (semantics 6.4).
 */
import { varintBytes, writeVarint } from './protobuf-varint.ts';

export const ENVELOPE_MAGIC: Buffer = Buffer.from('k8s\0');

/** Empty contentEncoding and contentType, always written. */
export const ENVELOPE_TAIL: Buffer = Buffer.from([0x1a, 0, 0x22, 0]);

/** What an envelope says of its object. */
export interface EnvelopeKind {
  readonly apiVersion: string;
  readonly kind: string;
}

/** Everything before the tag of the object. */
export function envelopeHead({ apiVersion, kind }: EnvelopeKind): Buffer {
  const typeMeta = Buffer.concat([textField(1, apiVersion), textField(2, kind)]);
  return Buffer.concat([ENVELOPE_MAGIC, bytesField(1, typeMeta)]);
}

/** A length-delimited field with a number below 16. */
export function bytesField(number: number, value: Uint8Array): Buffer {
  const head = Buffer.alloc(1 + varintBytes(value.length));
  head[0] = (number << 3) | 2;
  writeVarint(value.length, head, 1);
  return Buffer.concat([head, value]);
}

export function textField(number: number, value: string): Buffer {
  return bytesField(number, Buffer.from(value));
}

/** A number of 0 to 2^53 - 1, in a field with a number below 16. */
export function numberField(number: number, value: number): Buffer {
  const field = Buffer.alloc(1 + varintBytes(value));
  field[0] = number << 3;
  writeVarint(value, field, 1);
  return field;
}
