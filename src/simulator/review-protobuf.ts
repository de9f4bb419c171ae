/**
 * ReviewProtobuf: reads an access review that a typed Go client sent as protobuf.
 *
 * kubectl asks `auth can-i` that way. Only the few string fields of authorization.k8s.io/v1 and
 * authentication.k8s.io/v1 reviews are known (field numbers of their generated.proto); all other
 * protobuf bodies are refused by the simulator.
 */
import { unsupportedMediaType } from './errors.ts';
import type { ReviewSpec } from './reviews.ts';

const MAGIC = Buffer.from('k8s\0');
const RESOURCE_ATTRIBUTES: readonly string[] = [
  'namespace',
  'verb',
  'group',
  'version',
  'resource',
  'subresource',
  'name',
];
const NON_RESOURCE_ATTRIBUTES: readonly string[] = ['path', 'verb'];
const LENGTH_DELIMITED = 2;

export function isProtobuf(body: Buffer): boolean {
  return body.subarray(0, MAGIC.length).equals(MAGIC);
}

/** @param plural which review it is, as the number of a field depends on it. */
export function decodeReview(body: Buffer, plural: string): ReviewSpec {
  const review = fields(fields(body.subarray(MAGIC.length)).get(2));
  const spec = fields(review.get(2));
  if (plural === 'tokenreviews') return { token: spec.get(1)?.toString() };
  return {
    resourceAttributes: named(spec.get(1), RESOURCE_ATTRIBUTES),
    nonResourceAttributes: named(spec.get(2), NON_RESOURCE_ATTRIBUTES),
    user: plural === 'subjectaccessreviews' ? spec.get(3)?.toString() : undefined,
  };
}

function named(
  message: Buffer | undefined,
  names: readonly string[],
): Record<string, string> | undefined {
  if (message === undefined) return undefined;
  const values = fields(message);
  return Object.fromEntries(names.map((name, at) => [name, values.get(at + 1)?.toString() ?? '']));
}

/** The last value of each length-delimited field; these messages have no other kind. */
function fields(message: Buffer = Buffer.alloc(0)): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at < message.length;) {
    const tag = varint(message, at);
    const length = varint(message, tag.next);
    const end = length.next + length.value;
    if ((tag.value & 7) !== LENGTH_DELIMITED || end > message.length) throw unsupportedMediaType();
    found.set(tag.value >>> 3, message.subarray(length.next, end));
    at = end;
  }
  return found;
}

function varint(message: Buffer, start: number): { value: number; next: number } {
  let value = 0;
  for (let at = start; at < message.length && at < start + 4; at += 1) {
    value |= (message[at] & 0x7f) << (7 * (at - start));
    if (message[at] < 0x80) return { value, next: at + 1 };
  }
  throw unsupportedMediaType();
}
