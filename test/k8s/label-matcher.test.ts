import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LabelMatcher } from '../../src/k8s/label-matcher.ts';
import {
  EVERYTHING,
  parseLabelSelector,
  type LabelRequirement,
  type LabelSelector,
} from '../../src/k8s/label-selector.ts';

function selector(text: string): LabelSelector {
  const parsed = parseLabelSelector(text);
  if (parsed === undefined) throw new Error(`not a selector: ${text}`);
  return parsed;
}

/** The text in the middle of other bytes, as in a slab. */
function matches(matcher: LabelMatcher, text: string): boolean {
  const bytes = Buffer.from(`"labels":${text},"x":{"a":"b"}`);
  const start = '"labels":'.length;
  return matcher.matches(bytes, start, start + Buffer.byteLength(text));
}

/** The plain meaning, on a decoded object. */
function naive(
  { key, operator, values }: LabelRequirement,
  labels: Record<string, string>,
): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'in':
      return value !== undefined && values.includes(value);
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case 'absent':
      return value === undefined;
    default: {
      if (value === undefined || !/^[+-]?[0-9]+$/.test(value)) return false;
      const number = BigInt(value.replace('+', ''));
      if (BigInt.asIntN(64, number) !== number) return false;
      return operator === 'gt' ? number > BigInt(values[0]) : number < BigInt(values[0]);
    }
  }
}

const KEYS = ['a', 'b', 'ab', 'x.io/a', 'A'];
const VALUES = ['', 'a', 'b', 'ab', 'B', '5', '05', '6'];
const LIMITS = ['0', '5', '007', '9223372036854775807', '9223372036854775806'];
const LABEL_VALUES = [
  ...VALUES, ...LIMITS, '-5', '+6', '-0', '-', '+', '-9223372036854775808', '-9223372036854775809', '9223372036854775808',
  'é', '\u{1f600}', '"', '\\', '","a":"b', '\n', '\u2028', '}', '{',
]; // prettier-ignore

const requirement: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...KEYS),
  fc.constantFrom(...KEYS).map((key) => `!${key}`),
  fc
    .tuple(
      fc.constantFrom(...KEYS),
      fc.constantFrom('in', 'notin'),
      fc.array(fc.constantFrom(...VALUES), { maxLength: 3 }),
    )
    .map(([key, operator, values]) => `${key} ${operator} (${values.join(',')})`),
  fc
    .tuple(fc.constantFrom(...KEYS), fc.constantFrom('>', '<'), fc.constantFrom(...LIMITS))
    .map((parts) => parts.join('')),
);
const anySelector = fc
  .array(requirement, { maxLength: 4 })
  .map((requirements) => selector(requirements.join(',')));

/** One JSON spelling of a string out of several: plain, escaped characters, non-ASCII as bytes or \u. */
const spelled = (text: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(text, fc.integer({ min: 0, max: 9 })).map(([value, style]) => {
    const json = JSON.stringify(value);
    if (style === 0) return json.replaceAll(/[a-z](?![^"]*\\)/g, escapeUnicode);
    return style === 1 ? json.replaceAll(/[\u0080-\uffff]/g, escapeUnicode) : json;
  });

function escapeUnicode(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

const labelText = fc
  .tuple(
    fc.array(
      fc.tuple(
        spelled(fc.constantFrom(...KEYS, 'é', '__proto__')),
        spelled(fc.constantFrom(...LABEL_VALUES)),
      ),
      { maxLength: 5 },
    ),
    fc.constantFrom('', '', '', ' '),
  )
  .map(([pairs, space]) => {
    const members = pairs.map(([key, value]) => `${key}${space}:${space}${value}`);
    return `{${space}${members.join(`${space},${space}`)}${space}}`;
  });

describe('label matcher', () => {
  test('it says what a plain evaluation of the decoded labels says', () => {
    fc.assert(
      fc.property(
        anySelector,
        fc.array(labelText, { minLength: 1, maxLength: 3 }),
        (any, texts) => {
          const matcher = new LabelMatcher(any);
          for (const text of texts) {
            const labels = JSON.parse(text) as Record<string, string>;
            const expected = any.requirements.every((entry) => naive(entry, labels));
            expect(matches(matcher, text)).toBe(expected);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });

  test.each([
    ['', true],
    ['a', false],
    ['!a', true],
    ['a=b', false],
    ['a=', false],
    ['a!=b', true],
    ['a notin ()', true],
    ['a>1', false],
  ])('an object without labels: %j is %s', (text, expected) => {
    const matcher = new LabelMatcher(selector(text));
    expect(matcher.matches(Buffer.from('xyz'), 1, 1)).toBe(expected);
    expect(matches(matcher, '{}')).toBe(expected);
    expect(matches(matcher, 'null')).toBe(expected);
  });

  test('the last of duplicate keys counts', () => {
    const matcher = new LabelMatcher(selector('a=b'));
    expect(matches(matcher, '{"a":"c","a":"b"}')).toBe(true);
    expect(matches(matcher, '{"a":"b","a":"c"}')).toBe(false);
    expect(matches(matcher, '{"a":"b","\\u0061":"c"}')).toBe(false);
  });

  test('nothing is remembered from one object to the next', () => {
    const matcher = new LabelMatcher(selector('a=b,!c'));
    expect(matches(matcher, '{"a":"b"}')).toBe(true);
    expect(matches(matcher, '{"c":"d"}')).toBe(false);
    expect(matches(matcher, '{"a":"b"}')).toBe(true);
    expect(matches(matcher, '{}')).toBe(false);
  });

  test('a key or value is matched whole', () => {
    const matcher = new LabelMatcher(selector('app=web'));
    for (const text of [
      '{"app":"web1"}',
      '{"app":"we"}',
      '{"xapp":"web"}',
      '{"ap":"web"}',
      '{"web":"app"}',
    ]) {
      expect(matches(matcher, text)).toBe(false);
    }
  });

  test.each([
    ['a<0', '-0', false],
    ['a>0', '-0', false],
    ['a<1', '-0', true],
    ['a<0', '-1', true],
    ['a>4', '+5', true],
    ['a>9223372036854775806', '9223372036854775807', true],
    ['a>1', '9223372036854775808', false],
    ['a<1', '-9223372036854775809', false],
  ])('%s with %s is %s', (text, value, expected) => {
    expect(matches(new LabelMatcher(selector(text)), `{"a":"${value}"}`)).toBe(expected);
  });

  test('labels may lie in shared memory', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(64));
    const end = 8 + Buffer.from(shared.buffer).write('{"a":"\\u0062"}', 8);
    expect(new LabelMatcher(selector('a=b')).matches(shared, 8, end)).toBe(true);
    expect(new LabelMatcher(selector('a=c')).matches(shared, 8, end)).toBe(false);
  });

  test('everything matches without reading', () => {
    expect(new LabelMatcher(EVERYTHING).matches(Buffer.from('not json'), 0, 8)).toBe(true);
  });

  test('text that is not JSON is an error, not an answer', () => {
    const matcher = new LabelMatcher(selector('a'));
    for (const text of ['{"a"', '{"a":}', '{"a":"b"', '{"a":"b",}', 'x']) {
      expect(() => matches(matcher, text)).toThrow(SyntaxError);
    }
  });
});
