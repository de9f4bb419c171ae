import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { envelopeHead } from '../../src/k8s/protobuf-envelope.ts';
import { ProtobufScanner } from '../../src/k8s/scan-protobuf.ts';
import {
  encodeVarint,
  writeField,
  naiveEnvelope,
  type NaiveEvent,
  naiveEvent,
  type NaiveObject,
  naiveObject,
  Refused,
} from './naive-protobuf.ts';
import { broken, envelope, event, object, paths } from './protobuf-documents.ts';
import { recorded } from './protobuf-recordings/read.ts';

const RUNS = Number(process.env['WATERSHED_FUZZ_RUNS'] ?? 1000);

function judged<T>(judge: () => T): T | undefined {
  try {
    return judge();
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
}

function resultOf(scan: ProtobufScanner): NaiveObject {
  return {
    object: [scan.objectStart, scan.objectEnd],
    metadata: [scan.metadataStart, scan.metadataEnd],
    name: [scan.nameStart, scan.nameEnd],
    namespace: [scan.namespaceStart, scan.namespaceEnd],
    uid: [scan.uidStart, scan.uidEnd],
    revision: [scan.revisionStart, scan.revisionEnd],
    labels: [scan.labelsStart, scan.labelsEnd],
    fields: paths.map((_, k) => [scan.fieldStarts[k], scan.fieldEnds[k]] as const),
    initialEventsEnd: scan.initialEventsEnd,
  };
}

/** What stands around the bytes must not matter. */
function framed(bytes: Buffer): [Buffer, number, number] {
  const around = Buffer.alloc(bytes.length + 20, 0x0a);
  bytes.copy(around, 7);
  return [around, 7, 7 + bytes.length];
}

function eventOf(scan: ProtobufScanner): NaiveEvent {
  return {
    type: scan.eventType,
    envelope: [scan.envelopeStart, scan.envelopeEnd],
    found: scan.eventType === 5 ? undefined : resultOf(scan),
  };
}

/** A pod with these fields in its metadata, in an event. */
function podEvent(metadata: readonly Buffer[], rest: readonly Buffer[] = []): Buffer {
  const message = Buffer.concat([writeField(1, 2, Buffer.concat(metadata)), ...rest]);
  const tail = Buffer.from([0x1a, 0, 0x22, 0]);
  const head = envelopeHead({ apiVersion: 'v1', kind: 'Pod' });
  const whole = Buffer.concat([head, writeField(2, 2, message), tail]);
  return Buffer.concat([
    writeField(1, 2, Buffer.from('MODIFIED')),
    writeField(2, 2, writeField(1, 2, whole)),
  ]);
}

const name = writeField(1, 2, Buffer.from('web'));
const pod = { kind: { apiVersion: 'v1', kind: 'Pod' } };

describe('the protobuf scanner', () => {
  const scan = new ProtobufScanner(paths);

  test('finds in any event what a plain decoder finds, and refuses what it refuses', () => {
    let accepted = 0;
    const check = (bytes: Buffer): void => {
      const [around, start, end] = framed(bytes);
      const wanted = judged(() => naiveEvent(around, [start, end], paths));
      const found = scan.scanEvent(around, start, end);
      if (wanted !== undefined) accepted++;
      expect(found ? eventOf(scan) : undefined).toEqual(wanted);
      expect(scan.problem === '').toBe(found);
    };
    fc.assert(fc.property(event, check), { numRuns: RUNS });
    fc.assert(fc.property(broken(event), check), { numRuns: RUNS });
    expect(accepted).toBeGreaterThan(RUNS / 4);
  });

  test('finds in any item and any stand-alone object what a plain decoder finds', () => {
    fc.assert(
      fc.property(broken(object), (bytes) => {
        const [around, start, end] = framed(bytes);
        const wanted = judged(() => naiveObject(around, [start, end], paths, false));
        const found = scan.scanItem(around, start, end);
        expect(found ? resultOf(scan) : undefined).toEqual(wanted);
      }),
      { numRuns: RUNS },
    );
    fc.assert(
      fc.property(broken(envelope(object)), (bytes) => {
        const [around, start, end] = framed(bytes);
        const wanted = judged(() =>
          naiveObject(around, naiveEnvelope(around, [start, end]), paths, false),
        );
        const found = scan.scanObject(around, start, end);
        expect(found ? resultOf(scan) : undefined).toEqual(wanted);
      }),
      { numRuns: RUNS },
    );
  });

  test('agrees about recorded events with changed bytes', () => {
    const frames: Buffer[] = [];
    const body = recorded('pods/watch', 'pb');
    for (let at = 0; at < body.length; at += 4 + body.readUInt32BE(at)) {
      frames.push(body.subarray(at + 4, at + 4 + body.readUInt32BE(at)));
    }
    fc.assert(
      fc.property(broken(fc.constantFrom(...frames)), (bytes) => {
        const wanted = judged(() => naiveEvent(bytes, [0, bytes.length], paths));
        const found = scan.scanEvent(bytes, 0, bytes.length);
        expect(found ? eventOf(scan) : undefined).toEqual(wanted);
      }),
      { numRuns: RUNS },
    );
  });

  test('random bytes are never an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const found = scan.scanEvent(bytes, 0, bytes.length);
        expect(found).toBe(judged(() => naiveEvent(bytes, [0, bytes.length], paths)) !== undefined);
        scan.scanObject(bytes, 0, bytes.length);
        scan.scanItem(bytes, 0, bytes.length);
      }),
      { numRuns: RUNS },
    );
  });

  test('every truncation of an event is refused', () => {
    const strict = new ProtobufScanner([], pod);
    const whole = podEvent([name], [writeField(2, 2, Buffer.alloc(200))]);
    expect(strict.scanEvent(whole, 0, whole.length)).toBe(true);
    for (let end = 0; end < whole.length; end++) {
      expect(strict.scanEvent(whole, 0, end), `${end}`).toBe(false);
      expect(strict.problem).not.toBe('');
    }
  });
});

describe('a scanner of one kind', () => {
  const strict = new ProtobufScanner([], pod);

  test('takes the envelope that upstream writes', () => {
    const bytes = podEvent([name]);
    expect(strict.scanEvent(bytes, 0, bytes.length)).toBe(true);
    expect(strict.problem).toBe('');
    expect(bytes.toString('utf8', strict.nameStart, strict.nameEnd)).toBe('web');
  });

  const message = writeField(1, 2, name);
  const head = envelopeHead(pod.kind);
  const tail = Buffer.from([0x1a, 0, 0x22, 0]);
  test.each([
    [
      'another kind',
      Buffer.concat([
        envelopeHead({ apiVersion: 'v1', kind: 'Po' }),
        writeField(2, 2, message),
        tail,
      ]),
    ],
    ['a long way to write the length', Buffer.concat([head, writeField(2, 2, message, 1), tail])],
    [
      'a content type',
      Buffer.concat([head, writeField(2, 2, message), Buffer.from([0x1a, 0, 0x22, 1, 0x61])]),
    ],
    ['no tail', Buffer.concat([head, writeField(2, 2, message)])],
    [
      'an unknown field',
      Buffer.concat([head, writeField(7, 2, message), writeField(2, 2, message), tail]),
    ],
    ['something behind it', Buffer.concat([head, writeField(2, 2, message), tail, tail])],
    ['no magic', Buffer.concat([head.subarray(4), writeField(2, 2, message), tail])],
    ['nothing', Buffer.from('k8s\0')],
  ])('refuses %s', (_, bytes) => {
    expect(strict.scanObject(bytes, 0, bytes.length)).toBe(false);
    expect(strict.problem).toMatch(/v1 Pod|no object/);
  });
});

describe('metadata', () => {
  const scan = new ProtobufScanner();
  const label = (key: string): Buffer => writeField(11, 2, writeField(1, 2, Buffer.from(key)));

  test('labels that are not side by side are one span with what lies between', () => {
    const between = [label('a'), writeField(14, 2, Buffer.from('f')), label('b')];
    const bytes = podEvent([name, ...between]);
    expect(scan.scanEvent(bytes, 0, bytes.length)).toBe(true);
    expect(bytes.subarray(scan.labelsStart, scan.labelsEnd)).toEqual(Buffer.concat(between));
  });

  test.each([
    ['a number as name', [writeField(1, 0, encodeVarint(1n))]],
    ['a text as generation', [writeField(7, 2, name)]],
    ['a number as label', [writeField(11, 2, writeField(1, 0, encodeVarint(1n)))]],
    ['a group', [writeField(30, 3, Buffer.alloc(0))]],
    ['field number 0', [writeField(0, 2, Buffer.alloc(0))]],
    ['a length past the end', [Buffer.from([0x0a, 0xff, 0x7f])]],
    [
      'a varint of eleven bytes',
      [Buffer.concat([Buffer.from([0x38]), Buffer.alloc(10, 0x80), Buffer.of(1)])],
    ],
  ])('with %s is refused', (_, metadata) => {
    const bytes = podEvent(metadata);
    expect(scan.scanEvent(bytes, 0, bytes.length)).toBe(false);
    expect(scan.problem).not.toBe('');
  });

  test('given twice is refused', () => {
    const bytes = podEvent([name], [writeField(1, 2, name)]);
    expect(scan.scanEvent(bytes, 0, bytes.length)).toBe(false);
    expect(scan.problem).toBe('metadata is given twice');
  });
});

test.each([
  [[{ numbers: [], kind: 'string' }]],
  [[{ numbers: [1, 1], kind: 'string' }]],
  [[{ numbers: [2, 64], kind: 'string' }]],
  [
    [
      { numbers: [2, 1], kind: 'string' },
      { numbers: [2, 1], kind: 'string' },
    ],
  ],
  [
    [
      { numbers: [2], kind: 'string' },
      { numbers: [2, 1], kind: 'string' },
    ],
  ],
  [
    [
      { numbers: [2, 1], kind: 'string' },
      { numbers: [2], kind: 'string' },
    ],
  ],
] as const)('paths that cannot be told apart are refused: %j', (fields) => {
  expect(() => new ProtobufScanner(fields)).toThrow(RangeError);
});
