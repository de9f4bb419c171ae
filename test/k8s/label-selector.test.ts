import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EVERYTHING, parseLabelSelector } from '../../src/k8s/label-selector.ts';

// What is accepted, and what it matches, is compared with upstream's in upstream-vectors.test.ts.
describe('label selector', () => {
  test.each([
    ['a=b', 'a in (b)'],
    ['a==b', 'a in (b)'],
    ['a in (b)', 'a in (b)'],
    ['a in (c, b,c)', 'a in (b,c)'],
    ['a!=b', 'a notin (b)'],
    ['a in ()', 'a in ()'],
    ['a in (,x)', 'a in (,x)'],
    [' ! a ', '!a'],
    ['b,a', 'a,b'],
    ['b=1,a=2,b=1', 'a in (2),b in (1)'],
    ['a>5,a<9', 'a<9,a>5'],
  ])('%j has the canonical form %j', (text, canonical) => {
    expect(parseLabelSelector(text)?.canonical).toBe(canonical);
  });

  test('operators are normalized', () => {
    expect(parseLabelSelector('a=b,c!=d,e,!f,g>1')?.requirements).toEqual([
      { key: 'f', operator: 'absent', values: [] },
      { key: 'a', operator: 'in', values: ['b'] },
      { key: 'c', operator: 'notin', values: ['d'] },
      { key: 'e', operator: 'exists', values: [] },
      { key: 'g', operator: 'gt', values: ['1'] },
    ]);
  });

  test('nothing selects everything', () => {
    expect(parseLabelSelector('')).toBe(EVERYTHING);
    expect(parseLabelSelector(' \t')).toBe(EVERYTHING);
  });

  test('a canonical form is its own canonical form, and no text makes it throw', () => {
    const pieces = fc.constantFrom(
      'a',
      'b',
      'x.io/',
      '=',
      '!',
      ' in ',
      ' notin ',
      '(',
      ')',
      ',',
      '>',
      '1',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces).map((list) => list.join('')),
    );
    fc.assert(
      fc.property(text, (input) => {
        const selector = parseLabelSelector(input);
        if (selector !== undefined)
          expect(parseLabelSelector(selector.canonical)).toEqual(selector);
      }),
    );
  });
});
