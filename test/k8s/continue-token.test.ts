import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeContinueToken, encodeContinueToken } from '../../src/k8s/continue-token.ts';

function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString(
    'base64url',
  );
}

const v = 'meta.k8s.io/v1';

// Tokens are compared with upstream's in upstream-vectors.test.ts.
describe('continue token', () => {
  test('it is the JSON of the apiserver in URL base64 without padding', () => {
    const text = encodeContinueToken(213, '/c<2>\u0000');
    expect(Buffer.from(text, 'base64url').toString()).toBe(
      '{"v":"meta.k8s.io/v1","rv":213,"start":"/c\\u003c2\\u003e\\u0000"}',
    );
    expect(text).not.toContain('=');
  });

  test('the start is given back without the leading slash', () => {
    const expected = { revision: 7, start: 'a/b\u0000' };
    expect(decodeContinueToken(encodeContinueToken(7, '/a/b\u0000'))).toEqual(expected);
    expect(decodeContinueToken(encodeContinueToken(7, 'a/b\u0000'))).toEqual(expected);
  });

  test('every key and revision survives the round trip', () => {
    const segment = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,20}[a-z0-9])?$/);
    const start = fc
      .array(segment, { minLength: 1, maxLength: 2 })
      .map((parts) => `${parts.join('/')}\u0000`);
    const revision = fc.oneof(
      fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      fc.constant(-1),
    );
    fc.assert(
      fc.property(revision, start, (rv, key) => {
        const token = { revision: rv, start: key };
        expect(decodeContinueToken(encodeContinueToken(rv, `/${key}`))).toEqual(token);
      }),
    );
  });

  test.each([
    ['nothing', ''],
    ['padding', `${encode({ v, rv: 5, start: 'ab' })}=`],
    ['standard base64', '+/+/'],
    ['no JSON', encode('abc')],
    ['no object', encode('7')],
    ['null', encode('null')],
    ['another version', encode({ v: 'v2', rv: 5, start: 'a' })],
    ['another key order', encode({ rv: 5, v, start: 'a' })],
    ['spaces', encode(`{"v": "${v}", "rv": 5, "start": "a"}`)],
    ['a further key', encode({ v, rv: 5, start: 'a', x: 1 })],
    ['revision 0', encode({ v, rv: 0, start: 'a' })],
    ['revision -2', encode({ v, rv: -2, start: 'a' })],
    ['a fractional revision', encode({ v, rv: 1.5, start: 'a' })],
    ['a revision beyond a double', encode(`{"v":"${v}","rv":9007199254740993,"start":"a"}`)],
    ['an empty start', encode({ v, rv: 5, start: '' })],
    ['only a slash', encode({ v, rv: 5, start: '/' })],
    ['two leading slashes', encode({ v, rv: 5, start: '//a' })],
    ['a step up', encode({ v, rv: 5, start: '../a' })],
    ['a step up inside', encode({ v, rv: 5, start: 'a/../b' })],
    ['a dot segment', encode({ v, rv: 5, start: './a' })],
    ['an empty segment', encode({ v, rv: 5, start: 'a//b' })],
    ['a trailing slash', encode({ v, rv: 5, start: 'a/' })],
    ['a very long text', encode({ v, rv: 5, start: 'a'.repeat(4000) })],
  ])('%s is left to upstream', (_what, text) => {
    expect(decodeContinueToken(text)).toBeUndefined();
  });

  test('no text makes it throw', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.json().map(encode), fc.base64String());
    fc.assert(
      fc.property(text, (input) => {
        expect(decodeContinueToken(input)).toBeUndefined();
      }),
    );
  });
});
