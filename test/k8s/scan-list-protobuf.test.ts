import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProtobufListScanner } from '../../src/k8s/scan-list-protobuf.ts';
import { decode, writeField, naiveEnvelope, Refused } from './naive-protobuf.ts';
import { broken, list } from './protobuf-documents.ts';
import { recorded } from './protobuf-recordings/read.ts';

interface Taken {
  readonly items: readonly (readonly [number, number])[];
  readonly revision: string;
  readonly continueToken: string;
}

function taken(bytes: Buffer, start = 0, end = bytes.length): Taken | undefined {
  const cursor = new ProtobufListScanner();
  const items: [number, number][] = [];
  cursor.open(bytes, start, end);
  while (cursor.next()) items.push([cursor.itemStart, cursor.itemEnd]);
  if (cursor.problem !== '') return undefined;
  expect(cursor.items).toBe(items.length);
  const revision = bytes.toString('utf8', cursor.revisionStart, cursor.revisionEnd);
  return { items, revision, continueToken: cursor.continueToken };
}

function naive(bytes: Buffer, start: number, end: number): Taken | undefined {
  try {
    const fields = decode(bytes, ...naiveEnvelope(bytes, [start, end]));
    const known = fields.filter(({ number }) => number <= 2);
    if (known.some(({ wire }) => wire !== 2)) return undefined;
    const metadata = known.filter(({ number }) => number === 1);
    if (metadata.length > 1) return undefined;
    const inner = metadata.flatMap((each) => decode(bytes, each.start, each.end));
    const texts = inner.filter(({ number }) => number === 2 || number === 3);
    if (texts.some(({ wire }) => wire !== 2)) return undefined;
    const text = (n: number): string => {
      const found = texts.findLast(({ number }) => number === n);
      return found === undefined ? '' : bytes.toString('utf8', found.start, found.end);
    };
    const items = known.filter(({ number }) => number === 2);
    return {
      items: items.map((item) => [item.start, item.end] as const),
      revision: text(2),
      continueToken: text(3),
    };
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
}

describe('a protobuf list', () => {
  test.each([list, broken(list)])('is taken apart as a plain decoder does it', (any) => {
    fc.assert(
      fc.property(any, (bytes) => {
        const around = Buffer.concat([Buffer.from('\n\n'), bytes, Buffer.from('\n\n')]);
        const end = 2 + bytes.length;
        expect(taken(around, 2, end)).toEqual(naive(around, 2, end));
      }),
      { numRuns: Number(process.env['WATERSHED_FUZZ_RUNS'] ?? 1000) },
    );
  });

  test('of a page says where to go on', () => {
    const page = taken(recorded('limit/list', 'pb'));
    const json = JSON.parse(recorded('limit/list', 'json').toString()) as {
      metadata: { resourceVersion: string; continue: string };
    };
    expect(page?.items).toHaveLength(1);
    expect(page?.revision).toBe(json.metadata.resourceVersion);
    expect(page?.continueToken).toBe(json.metadata.continue);
  });

  test('without items is a list', () => {
    expect(taken(recorded('empty/list', 'pb'))?.items).toEqual([]);
  });

  test('is refused at every truncation', () => {
    const whole = recorded('limit/list', 'pb');
    // Without its last one or two empty fields it is a list all the same.
    for (let end = 0; end < whole.length - 4; end++) expect(taken(whole, 0, end)).toBeUndefined();
  });

  test('with metadata twice, or none but in JSON, is refused', () => {
    const metadata = writeField(1, 2, writeField(2, 2, Buffer.from('7')));
    const twice = writeField(2, 2, Buffer.concat([metadata, metadata]));
    expect(taken(Buffer.concat([Buffer.from('k8s\0'), twice]))).toBeUndefined();
    expect(taken(recorded('empty/list', 'json'))).toBeUndefined();
  });

  test('can be followed by another one in the same cursor', () => {
    const cursor = new ProtobufListScanner();
    const body = recorded('configmaps/list', 'pb');
    cursor.open(Buffer.from('nothing'), 0, 7);
    expect(cursor.next()).toBe(false);
    expect(cursor.problem).toBe('the list has no envelope');
    cursor.open(body, 0, body.length);
    while (cursor.next());
    expect(cursor.problem).toBe('');
    expect(cursor.items).toBeGreaterThan(1);
  });
});
