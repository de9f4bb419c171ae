import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ALL_FIELDS, parseFieldSelector, requiredValue } from '../../src/k8s/field-selector.ts';

// What is accepted, and the parsed terms, are compared with upstream's in upstream-vectors.test.ts.
describe('field selector', () => {
  test.each([
    ['a=b', 'a=b'],
    ['a==b', 'a=b'],
    ['c=d,a!=b,,c==d', 'a!=b,c=d'],
    ['a=x\\,y\\=z\\\\', 'a=x\\,y\\=z\\\\'],
  ])('%j has the canonical form %j', (text, canonical) => {
    expect(parseFieldSelector(text)?.canonical).toBe(canonical);
  });

  test('nothing, and a term about nothing, select everything', () => {
    for (const text of ['', ',', '=', '!=', ',=,'])
      expect(parseFieldSelector(text)).toBe(ALL_FIELDS);
  });

  test.each(['a', 'a=b=c', 'a=b\\', 'a=\\b', 'a=b,c'])('%j is not a selector', (text) => {
    expect(parseFieldSelector(text)).toBeUndefined();
  });

  test('the required value is that of the first equality, in sorted order', () => {
    const required = (text: string): string | undefined => {
      const selector = parseFieldSelector(text);
      return selector && requiredValue(selector, 'metadata.name');
    };
    expect(required('metadata.name=x')).toBe('x');
    expect(required('metadata.name!=x')).toBeUndefined();
    expect(required('metadata.name=b,metadata.name=a')).toBe('a');
    expect(required('metadata.name=')).toBe('');
    expect(required('spec.nodeName=x')).toBeUndefined();
  });

  test('every value survives being escaped and parsed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        const escaped = value.replaceAll(/[\\,=]/g, '\\$&');
        const selector = parseFieldSelector(`f=${escaped}`);
        expect(selector?.terms).toEqual([{ field: 'f', operator: '=', value }]);
        expect(selector?.canonical).toBe(`f=${escaped}`);
      }),
    );
  });

  test('no text makes it throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const selector = parseFieldSelector(text);
        if (selector !== undefined) {
          expect(parseFieldSelector(selector.canonical)?.canonical).toBe(selector.canonical);
        }
      }),
    );
  });
});
