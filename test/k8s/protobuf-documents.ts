// Generators of protobuf bytes for fuzz tests: events and lists as upstream could write them, in any
// field order, with fields nobody knows, and then broken ones.

import * as fc from 'fast-check';
import { encodeVarint, writeField } from './naive-protobuf.ts';

const text = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 12 }) },
  fc.constantFrom('', 'a', 'web', '100', 'k8s.io/initial-events-end', 'true', 'ü語'),
  fc.string({ minLength: 127, maxLength: 140 }),
);
const pad = fc.oneof({ weight: 12, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 9 }));
const number = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const smallNumber = fc.oneof(fc.constantFrom(0n, 1n, 92n, 300n), number);

function textField(n: number): fc.Arbitrary<Buffer> {
  return fc.tuple(text, pad).map(([value, p]) => writeField(n, 2, Buffer.from(value), p));
}

function numberField(n: number): fc.Arbitrary<Buffer> {
  return fc
    .tuple(smallNumber, fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.constant(1)))
    .map(([value, p]) => writeField(n, 0, encodeVarint(value, value > 0xffffffffn ? 0 : p)));
}

/** A field of any number and any wire type, legal or not. */
const strange = fc
  .tuple(
    fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 2 ** 29 - 1 })),
    fc.constantFrom(0, 1, 2, 2, 2, 5, 3, 4, 6, 7),
    fc.uint8Array({ maxLength: 9 }),
  )
  .map(([n, wire, bytes]) => {
    if (wire === 1) return writeField(n, 1, Buffer.alloc(8, bytes));
    if (wire === 5) return writeField(n, 5, Buffer.alloc(4, bytes));
    return writeField(n, wire, wire === 0 ? encodeVarint(BigInt(bytes.length) * 1000n) : bytes);
  });
/** A field nobody looks for. */
const unknown = fc
  .tuple(fc.integer({ min: 30, max: 3000 }), fc.uint8Array({ maxLength: 9 }))
  .map(([n, bytes]) => writeField(n, 2, bytes));

/** Some of these fields, mostly in this order, with unknown and rarely with strange ones between. */
function message(...fields: fc.Arbitrary<Buffer>[]): fc.Arbitrary<Buffer> {
  const some = fields.map((each) => fc.option(each, { freq: 6, nil: Buffer.alloc(0) }));
  return fc
    .tuple(
      fc.tuple(...some),
      fc.array(unknown, { maxLength: 1 }),
      fc.option(strange, { freq: 1, nil: undefined }).map((each) => each),
      fc.nat({ max: 30 }),
      fc.boolean(),
    )
    .map(([known, others, odd, at, shuffled]) => {
      const all = [...known];
      for (const other of others) all.splice(at % (all.length + 1), 0, other);
      if (odd !== undefined && at % 15 === 0) all.splice((at * 7) % (all.length + 1), 0, odd);
      if (shuffled && at % 3 === 0) all.reverse();
      return Buffer.concat(all);
    });
}

function nested(n: number, inner: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  return fc.tuple(inner, pad).map(([bytes, p]) => writeField(n, 2, bytes, p));
}

function mapEntry(n: number): fc.Arbitrary<Buffer> {
  return nested(n, message(textField(1), textField(2)));
}

const mark = fc.constant(
  writeField(
    12,
    2,
    Buffer.concat([
      writeField(1, 2, Buffer.from('k8s.io/initial-events-end')),
      writeField(2, 2, Buffer.from('true')),
    ]),
  ),
);

const metadata = message(
  textField(1),
  textField(2),
  textField(3),
  textField(5),
  textField(6),
  numberField(7),
  textField(8),
  mapEntry(11),
  mapEntry(11),
  fc.oneof(mapEntry(12), mark),
  mapEntry(11),
  textField(14),
  textField(17),
);

/** Paths of every kind that the generated objects have. */
export const paths = [
  { numbers: [2, 10], kind: 'string' },
  { numbers: [2, 11], kind: 'bool' },
  { numbers: [3, 5], kind: 'int' },
  { numbers: [5], kind: 'string' },
] as const;

const bool = fc.constantFrom(0n, 1n, 1n, 2n).map((value) => writeField(11, 0, encodeVarint(value)));

export const object = message(
  nested(1, metadata),
  nested(2, message(textField(10), bool, textField(19))),
  nested(3, message(textField(1), numberField(5))),
  nested(2, message(textField(10))),
  textField(5),
);

const typeMeta = message(textField(1), textField(2));

export function envelope(inner: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const unknownObject = fc.tuple(nested(1, typeMeta), nested(2, inner), textField(3), textField(4));
  return unknownObject.map((fields) => Buffer.concat([Buffer.from('k8s\0'), ...fields]));
}

const type = fc
  .constantFrom('ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'BOOKMARK', 'ERROR', 'other')
  .map((name) => writeField(1, 2, Buffer.from(name)));

export const event = fc
  .tuple(type, nested(2, nested(1, envelope(object))), fc.option(unknown), fc.boolean())
  .map(([name, extension, other, last]) =>
    Buffer.concat([
      ...(last ? [extension, name] : [name, extension]),
      ...(other === null ? [] : [other]),
    ]),
  );

export const list = envelope(
  message(
    nested(1, message(textField(1), textField(2), textField(3), numberField(4))),
    nested(2, object),
    nested(2, object),
    nested(2, object),
  ),
);

/** The bytes with some of them changed, or without their end. */
export function broken(whole: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 });
  return fc.tuple(whole, changes, fc.option(fc.nat(), { freq: 3 })).map(([bytes, edits, cut]) => {
    const copy = Buffer.from(bytes);
    if (copy.length === 0) return copy;
    for (const [at, value] of edits) copy[at % copy.length] = value;
    return cut === null ? copy : copy.subarray(0, cut % (copy.length + 1));
  });
}
