import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRevision, parseRevisionBytes } from '../../src/k8s/revision.ts';

function ofBytes(text: string): number {
  const bytes = Buffer.from(`9${text}9`);
  return parseRevisionBytes(bytes, 1, bytes.length - 1);
}

describe('revision', () => {
  test.each([
    ['0', 0],
    ['1', 1],
    ['1234567890', 1_234_567_890],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ])('%s is a revision', (text, revision) => {
    expect(parseRevision(text)).toBe(revision);
    expect(ofBytes(text)).toBe(revision);
  });

  test.each([
    '',
    '00',
    '01',
    '-1',
    '+1',
    ' 1',
    '1 ',
    '1.0',
    '1e3',
    '0x1',
    'abc',
    '9007199254740992',
    '9007199254740993',
    '9999999999999999',
    '10000000000000000',
    '18446744073709551615',
    '1\n',
    '１',
  ])('%j is not a revision', (text) => {
    // prettier-ignore
    expect(parseRevision(text)).toBeUndefined();
    expect(ofBytes(text)).toBe(-1);
  });

  test('every safe integer is read back exactly, from text and from bytes', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (revision) => {
        expect(parseRevision(String(revision))).toBe(revision);
        expect(ofBytes(String(revision))).toBe(revision);
      }),
    );
  });

  test('both readers agree on any digits', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9]{1,18}$/), (text) => {
        expect(ofBytes(text)).toBe(parseRevision(text) ?? -1);
      }),
    );
  });

  test('a range outside the bytes is not a revision', () => {
    expect(parseRevisionBytes(Buffer.from('12'), 0, 3)).toBe(-1);
    expect(parseRevisionBytes(Buffer.from('12'), -1, 1)).toBe(-1);
    expect(parseRevisionBytes(Buffer.from('12'), 2, 1)).toBe(-1);
  });
});
