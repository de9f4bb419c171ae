import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BearerCredential, credentialOf } from '../../src/auth/authenticate.ts';
import { digestOf } from '../../src/auth/digest.ts';

function bearer(...rawHeaders: string[]): BearerCredential {
  const credential = credentialOf(rawHeaders);
  if (credential.kind !== 'bearer') {
    throw new Error(`not a bearer: ${JSON.stringify(credential)}`);
  }
  return credential;
}

function token(claims: unknown): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${encode({ alg: 'RS256' })}.${encode(claims)}.c2ln`;
}

describe('what counts as a bearer token', () => {
  test.each([
    ['Bearer abc'],
    ['bearer abc'],
    ['BEARER abc'],
    ['Bearer abc more words'],
    ['Bearer !"#$%&'],
  ])('%j does', (value) => {
    expect(credentialOf(['Authorization', value]).kind).toBe('bearer');
  });

  test.each([
    ['Bearer'],
    ['Bearer '],
    ['Bearer  abc'],
    ['Basic dTpw'],
    ['Bearer\tabc'],
    ['bearerabc'],
    ['\u00a0Bearer abc'],
    [''],
    ['Negotiate abc'],
  ])('%j does not, and is never taken for no credential', (value) => {
    expect(credentialOf(['authorization', value]).kind).toBe('unjudgeable');
  });

  test('no Authorization header is no credential, with or without impersonation', () => {
    expect(credentialOf([])).toEqual({ kind: 'none' });
    expect(credentialOf(['Impersonate-User', 'x', 'Cookie', 'a'])).toEqual({ kind: 'none' });
  });

  test.each([
    [['Authorization', 'Bearer a', 'authorization', 'Bearer a']],
    [['Authorization', 'Bearer a', 'Connection', 'close, impersonate-user']],
    [['Authorization', 'Bearer a', 'connection', ' AUTHORIZATION ']],
    [['Authorization', 'Bearer a', 'Upgrade', 'websocket']],
    [['Authorization', 'Bearer a', 'Sec-WebSocket-Protocol', 'x']],
    [['Authorization', `Bearer ${'a'.repeat(20_000)}`]],
    [['Authorization', 'Bearer a', 'Impersonate-Extra-x', 'a'.repeat(20_000)]],
  ])('%.80j is unjudgeable', (rawHeaders) => {
    expect(credentialOf(rawHeaders).kind).toBe('unjudgeable');
  });
});

describe('the digest', () => {
  const plain = bearer('Authorization', 'Bearer a').digest;

  test('stands for token and impersonation, not for other headers or the casing of names', () => {
    expect(bearer('AUTHORIZATION', 'Bearer a', 'Accept', 'x').digest).toBe(plain);
    expect(bearer('Authorization', 'Bearer b').digest).not.toBe(plain);
    expect(bearer('Authorization', 'bearer a').digest).not.toBe(plain);
    const as = bearer('Authorization', 'Bearer a', 'Impersonate-User', 'jane');
    expect(as.digest).not.toBe(plain);
    expect(bearer('impersonate-user', 'jane', 'authorization', 'Bearer a').digest).toBe(as.digest);
    expect(bearer('Authorization', 'Bearer a', 'Impersonate-User', 'Jane').digest).not.toBe(
      as.digest,
    );
  });

  test('tells two groups from one that is spelled with a comma', () => {
    const group = 'Impersonate-Group';
    const two = bearer('Authorization', 'Bearer a', group, 'a', group, 'b');
    const one = bearer('Authorization', 'Bearer a', group, 'a, b');
    expect(two.digest).not.toBe(one.digest);
  });

  test('of long and non-ASCII parts is as good as that of short ones', () => {
    const long = 'x'.repeat(70_000);
    expect(digestOf([long])).toBe(digestOf([long]));
    expect(digestOf([long])).not.toBe(digestOf([`${long}y`]));
    expect(digestOf(['\u{1f4a7}'.repeat(20_000)])).not.toBe(digestOf(['\u{1f4a7}'.repeat(19_999)]));
    expect(digestOf(['a'])).not.toBe(digestOf(['b']));
    expect(digestOf(['a'])).toHaveLength(44);
  });

  test('never confuses two lists of parts', () => {
    const parts = fc.array(fc.string({ maxLength: 6, unit: fc.constantFrom('a', ':', '1', '0') }));
    fc.assert(
      fc.property(parts, parts, (left, right) => {
        expect(digestOf(left) === digestOf(right)).toBe(
          JSON.stringify(left) === JSON.stringify(right),
        );
      }),
    );
  });
});

test('the headers are kept as they came, and nothing prints them', () => {
  const credential = bearer('X', '1', 'Impersonate-User', 'jane', 'authorization', 'Bearer s3cr3t');
  expect(credential.headers()).toEqual([
    'authorization',
    'Bearer s3cr3t',
    'Impersonate-User',
    'jane',
  ]);
  expect(`${inspect(credential)}${JSON.stringify({ credential })}`).not.toMatch(/s3cr3t|jane/);
});

test('a node that is acted as is recognized', () => {
  const as = (group: string) =>
    bearer('Authorization', 'Bearer a', 'impersonate-group', group).actsAsNode;
  expect(as('system:nodes')).toBe(true);
  expect(as('system:nodes2')).toBe(false);
});

test.each([
  [token({ exp: 1_000 }), 1_000_000],
  [token({ exp: 'x' }), Infinity],
  [token({}), Infinity],
  [token(null), Infinity],
  ['opaque', Infinity],
  ['a.b.c', Infinity],
  ['..', Infinity],
])('the end of token %.20s is %d', (text, expected) => {
  expect(bearer('Authorization', `Bearer ${text}`).expiresAtMs).toBe(expected);
});
