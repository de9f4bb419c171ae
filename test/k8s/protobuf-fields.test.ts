import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decimalBytes, writeDecimal } from '../../src/k8s/decimal.ts';
import { ProtobufCursor } from '../../src/k8s/protobuf-cursor.ts';
import { fieldValue, protobufFields } from '../../src/k8s/protobuf-fields.ts';
import { lengthStart, varintBytes, writeVarint } from '../../src/k8s/protobuf-varint.ts';
import { selectableFields } from '../../src/k8s/selectable-fields.ts';
import { encodeVarint, writeField } from './naive-protobuf.ts';

function resource(id: string): { group: string; version: string; plural: string } {
  const parts = id.split('/');
  const [version, plural] = parts.slice(-2);
  return { group: parts.length === 3 ? parts[0] : '', version, plural };
}

describe('selectable fields in protobuf', () => {
  test.each([
    'v1/pods',
    'v1/nodes',
    'v1/namespaces',
    'v1/secrets',
    'v1/services',
    'v1/replicationcontrollers',
    'batch/v1/jobs',
    'certificates.k8s.io/v1/certificatesigningrequests',
    'certificates.k8s.io/v1beta1/clustertrustbundles',
    'certificates.k8s.io/v1beta1/podcertificaterequests',
    'resource.k8s.io/v1/resourceslices',
    'resource.k8s.io/v1beta2/resourceslices',
    'resource.k8s.io/v1beta1/resourceslices',
  ])('%s has a place for every one', (id) => {
    const fields = selectableFields({ ...resource(id), kind: '', namespaced: true });
    expect(fields.length).toBeGreaterThan(0);
    expect(protobufFields(resource(id), fields)).toHaveLength(fields.length);
    // What an absent boolean or number reads as must be a value of its kind.
    for (const [i, { numbers, kind }] of protobufFields(resource(id), fields)!.entries()) {
      expect(numbers.length).toBe(fields[i].path.length);
      const missing = fieldValue(kind, fields[i].missing);
      expect(missing).toEqual(kind === 'string' ? Buffer.alloc(0) : Buffer.of(0));
    }
  });

  test('a resource without any has none, and an unknown one is not given', () => {
    expect(protobufFields(resource('v1/configmaps'), [])).toEqual([]);
    expect(protobufFields(resource('v1/pods'), [{ name: 'spec.new' }])).toBeUndefined();
  });
});

describe('the value of a selector', () => {
  test('of an integer is its varint, as Go prints it', () => {
    const any = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    fc.assert(
      fc.property(any, (value) => {
        expect(fieldValue('int', String(value))).toEqual(encodeVarint(BigInt.asUintN(64, value)));
      }),
    );
  });

  test.each([
    ['int', '01'],
    ['int', '+1'],
    ['int', '-0'],
    ['int', ''],
    ['int', '1.0'],
    ['int', '9223372036854775808'],
    ['bool', 'True'],
    ['bool', '1'],
    ['bool', ''],
  ] as const)('that no %s can have is no varint: %j', (kind, value) => {
    const cursor = new ProtobufCursor();
    cursor.bytes = Buffer.concat([Buffer.of(8), fieldValue(kind, value)]);
    expect(cursor.next(0, cursor.bytes.length)).toBeLessThan(0);
  });

  test('of a string is its text', () => {
    expect(fieldValue('string', 'ü\\')).toEqual(Buffer.from('ü\\'));
  });
});

describe('numbers', () => {
  const any = fc.oneof(
    fc.maxSafeNat(),
    fc.nat(),
    fc.nat({ max: 53 }).map((bits) => Math.min(2 ** bits, Number.MAX_SAFE_INTEGER)),
    fc.nat({ max: 53 }).map((bits) => 2 ** bits - 1),
    fc.nat({ max: 15 }).map((digits) => 10 ** digits),
  );

  test('are written as varints', () => {
    fc.assert(
      fc.property(any, (value) => {
        const bytes = Buffer.alloc(12);
        const end = writeVarint(value, bytes, 1);
        expect(bytes.subarray(1, end)).toEqual(encodeVarint(BigInt(value)));
        expect(varintBytes(value)).toBe(end - 1);
      }),
    );
  });

  test('are written in decimal', () => {
    fc.assert(
      fc.property(any, (value) => {
        const bytes = Buffer.alloc(20);
        const end = writeDecimal(value, bytes, 1);
        expect(bytes.toString('latin1', 1, end)).toBe(String(value));
        expect(decimalBytes(value)).toBe(end - 1);
      }),
    );
  });

  test('a length is found from where its value begins', () => {
    fc.assert(
      fc.property(fc.nat({ max: 20_000 }), fc.nat({ max: 4 }), (length, pad) => {
        const bytes = writeField(1, 2, Buffer.alloc(length), pad);
        expect(lengthStart(bytes, bytes.length - length)).toBe(1);
      }),
      { numRuns: 200 },
    );
  });
});
