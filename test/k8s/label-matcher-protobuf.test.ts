import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LabelMatcher } from '../../src/k8s/label-matcher.ts';
import { ProtobufLabelMatcher } from '../../src/k8s/label-matcher-protobuf.ts';
import { parseLabelSelector } from '../../src/k8s/label-selector.ts';
import { ProtobufScanner } from '../../src/k8s/scan-protobuf.ts';
import { writeField } from './naive-protobuf.ts';

type Labels = readonly (readonly [string, string])[];

/** As entries of ObjectMeta's labels; `between` goes between any two of them. */
function entries(labels: Labels, between: Buffer = Buffer.alloc(0)): Buffer {
  const each = labels.map(([key, value]) =>
    writeField(
      11,
      2,
      Buffer.concat([writeField(1, 2, Buffer.from(key)), writeField(2, 2, Buffer.from(value))]),
    ),
  );
  return Buffer.concat(each.flatMap((entry, i) => (i === 0 ? [entry] : [between, entry])));
}

function matches(selector: string, labels: Labels, between?: Buffer): boolean {
  const bytes = entries(labels, between);
  const around = Buffer.concat([Buffer.alloc(3, 0x5a), bytes, Buffer.alloc(3, 0x5a)]);
  const matcher = new ProtobufLabelMatcher(parseLabelSelector(selector)!);
  return matcher.matches(around, 3, 3 + bytes.length);
}

const keys = ['a', 'b', 'app.kubernetes.io/name', 'n'];
const values = ['', 'x', 'y', 'longer-value', '10', '-3', '007'];
const requirements = [
  'a',
  '!a',
  'a=x',
  'a!=x',
  'b in (x,y)',
  'b notin (x,longer-value)',
  'n>9',
  'n<8',
  'app.kubernetes.io/name=longer-value',
  'a=',
];

describe('a label selector against protobuf', () => {
  test('says what it says against the same labels in JSON', () => {
    const labels = fc.uniqueArray(fc.tuple(fc.constantFrom(...keys), fc.constantFrom(...values)), {
      selector: ([key]) => key,
    });
    const selectors = fc.uniqueArray(fc.constantFrom(...requirements), { maxLength: 3 });
    const between = fc.constantFrom(
      Buffer.alloc(0),
      writeField(12, 2, writeField(1, 2, Buffer.from('a'))),
    );
    fc.assert(
      fc.property(labels, selectors, between, (pairs, parts, gap) => {
        const selector = parts.join(',');
        const json = Buffer.from(JSON.stringify(Object.fromEntries(pairs)));
        const wanted = new LabelMatcher(parseLabelSelector(selector)!);
        expect(matches(selector, pairs, gap)).toBe(wanted.matches(json, 0, json.length));
      }),
      { numRuns: 2000 },
    );
  });

  test('takes the last of two labels with one key', () => {
    const twice: Labels = [
      ['a', 'x'],
      ['a', 'y'],
    ];
    expect(matches('a=y', twice)).toBe(true);
    expect(matches('a=x', twice)).toBe(false);
  });

  test('takes an entry without a value as empty', () => {
    const entry = writeField(11, 2, writeField(1, 2, Buffer.from('a')));
    const matcher = new ProtobufLabelMatcher(parseLabelSelector('a=')!);
    expect(matcher.matches(entry, 0, entry.length)).toBe(true);
  });

  test('without requirements matches everything, and without labels only absence', () => {
    expect(matches('', [])).toBe(true);
    expect(matches('!a,b!=x', [])).toBe(true);
    expect(matches('a', [])).toBe(false);
  });

  test('reads the span of a scanner', () => {
    const labels = entries([
      ['a', 'x'],
      ['b', 'ü'],
    ]);
    const metadata = writeField(1, 2, Buffer.concat([writeField(1, 2, Buffer.from('n')), labels]));
    const scan = new ProtobufScanner();
    expect(scan.scanItem(metadata, 0, metadata.length)).toBe(true);
    const matcher = new ProtobufLabelMatcher(parseLabelSelector('a=x,b')!);
    expect(matcher.matches(metadata, scan.labelsStart, scan.labelsEnd)).toBe(true);
  });

  test('never reads past its span', () => {
    const bytes = Buffer.from([0x5a, 0x7f, 0x0a]);
    const matcher = new ProtobufLabelMatcher(parseLabelSelector('a')!);
    expect(() => matcher.matches(bytes, 0, bytes.length)).toThrow(RangeError);
  });
});
