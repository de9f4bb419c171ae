/**
 * Generators of JSON documents as ordered pairs, so that duplicate keys, key order, escapes and white space are
 * under the test's control, and the naive reader that says what a scanner must find in them.
 */

import * as fc from 'fast-check';

/** A JSON value whose objects keep their members in written order, twins included. */
export type Value =
  | { readonly kind: 'text'; readonly text: string; readonly escapes: number }
  | { readonly kind: 'raw'; readonly text: string }
  | { readonly kind: 'array'; readonly items: readonly Value[] }
  | { readonly kind: 'object'; readonly members: readonly Member[] };

export interface Member {
  readonly key: string;
  /** Which characters of the key are written as escapes: one bit each. */
  readonly escapes: number;
  readonly value: Value;
}

/** Writes a value; `space` is put at every place where white space is legal. */
export function write(value: Value, space = ''): string {
  switch (value.kind) {
    case 'text':
      return quoted(value.text, value.escapes);
    case 'raw':
      return value.text;
    case 'array':
      return `[${space}${value.items.map((item) => write(item, space)).join(`${space},${space}`)}${space}]`;
    case 'object': {
      const members = value.members.map(
        (member) =>
          `${quoted(member.key, member.escapes)}${space}:${space}${write(member.value, space)}`,
      );
      return `{${space}${members.join(`${space},${space}`)}${space}}`;
    }
  }
}

function quoted(text: string, escapes: number): string {
  if (escapes === 0) return JSON.stringify(text);
  let out = '"';
  for (let k = 0; k < text.length; k++) {
    const unit = text.charCodeAt(k);
    const plain = JSON.stringify(text[k]).slice(1, -1);
    out += (escapes >> (k % 16)) & 1 ? `\\u${unit.toString(16).padStart(4, '0')}` : plain;
  }
  return `${out}"`;
}

/** The last value at `path`, looking through every twin of the objects on the way; undefined when there is none. */
export function lastAt(value: Value, path: readonly string[]): Value | undefined {
  let found: Value | undefined;
  if (path.length === 0) return value;
  if (value.kind !== 'object') return undefined;
  for (const member of value.members) {
    if (member.key === path[0]) found = lastAt(member.value, path.slice(1)) ?? found;
  }
  return found;
}

const KEYS = [
  'name',
  'namespace',
  'metadata',
  'uid',
  'resourceVersion',
  'labels',
  'annotations',
  'spec',
  'nodeName',
  'status',
  'object',
  'type',
  'k8s.io/initial-events-end',
  'nam',
  'namé',
  '',
  '__proto__',
  'a/b "c" \\d',
];

const texts = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'web-1', 'true', 'ADDED', '', 'x'.repeat(70)) },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 24 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 24 }) },
);

const text: fc.Arbitrary<Value> = fc.record({
  kind: fc.constant('text' as const),
  text: texts,
  escapes: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 65535 })),
});

const raw: fc.Arbitrary<Value> = fc
  .oneof(
    fc.constantFrom('true', 'false', 'null', '0', '-0', '1e5', '-1.25E-7', '12345678901234567890'),
    fc.integer().map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => JSON.stringify(number)),
  )
  .map((written) => ({ kind: 'raw' as const, text: written }));

const key = fc.record({
  key: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...KEYS) }, texts),
  escapes: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 65535 })),
});

/** Any JSON value, rich in the keys the scanner looks for. */
export const anyValue: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    text,
    raw,
    fc.array(tie('value'), { maxLength: 4 }).map((items) => ({ kind: 'array' as const, items })),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 6 }).map((members) => ({
      kind: 'object' as const,
      members: members.map(([name, value]) => ({ ...name, value })),
    })),
  ),
})).value;

/** An object with the given members at random places among others, in random order, perhaps twice. */
function objectWith(
  wanted: readonly (readonly [string, fc.Arbitrary<Value>])[],
): fc.Arbitrary<Value> {
  const chosen = wanted.map(([name, value]) =>
    fc.array(
      fc.record({
        key: fc.constant(name),
        escapes: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.integer({ max: 65535 })),
        value,
      }),
      { minLength: 0, maxLength: 2 },
    ),
  );
  const other = fc.array(
    fc.tuple(key, anyValue).map(([name, value]) => ({ ...name, value })),
    { maxLength: 3 },
  );
  return fc
    .tuple(fc.tuple(...chosen), other)
    .chain(([members, others]) =>
      fc.shuffledSubarray([...members.flat(), ...others], {
        minLength: members.flat().length + others.length,
      }),
    )
    .map((members) => ({ kind: 'object' as const, members }));
}

const leaf = fc.oneof({ weight: 5, arbitrary: text }, raw, anyValue);
const labels = fc.oneof(
  { weight: 4, arbitrary: objectWith([['app', text]]) },
  raw,
  fc.constant<Value>({ kind: 'object', members: [] }),
);

/** An object in the shape of the API, with everything that may go wrong in it short of a wrong type of metadata. */
export const apiObject: fc.Arbitrary<Value> = objectWith([
  ['kind', text],
  [
    'metadata',
    objectWith([
      ['name', leaf],
      ['namespace', leaf],
      ['uid', leaf],
      ['resourceVersion', leaf],
      ['labels', labels],
      ['annotations', objectWith([['k8s.io/initial-events-end', leaf]])],
    ]),
  ],
  ['spec', objectWith([['nodeName', leaf]])],
  ['status', fc.oneof(objectWith([['phase', leaf]]), raw)],
]);
