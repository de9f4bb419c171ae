import { expect, test } from 'vitest';
import type { Row } from './catalogue.ts';
import { selection, verdictsOf } from './verdicts.ts';
import type { Report } from './verdicts.ts';

function row(number: number, ...names: readonly string[]): Row {
  const by = names.map((name) => ({ file: 'test/a.test.ts', name }));
  return { number, kind: 'U', title: 'x', standing: { kind: 'proved', by } };
}

function report(tests: Readonly<Record<string, string>>): Report {
  const assertionResults = Object.entries(tests).map(([fullName, status]) => ({
    fullName,
    status,
    duration: 2,
  }));
  return { testResults: [{ name: '/root/test/a.test.ts', assertionResults }] };
}

function outcome(one: Row, tests: Readonly<Record<string, string>>): string {
  return verdictsOf([one], report(tests), '/root')[0].outcome;
}

test('a row passes when all its tests passed', () => {
  expect(outcome(row(1, '#1 '), { 'x #1 a': 'passed', '#1 b': 'passed', '#11 c': 'failed' })).toBe(
    'passed',
  );
});

test('a row fails with one of its tests, also when that did not run', () => {
  expect(outcome(row(1, '#1 '), { '#1 a': 'passed', '#1 b': 'failed' })).toBe('failed');
  expect(outcome(row(1, '#1 '), { '#1 a': 'passed', '#1 b': 'skipped' })).toBe('failed');
});

test('a row is missing when one of its proofs names no test', () => {
  expect(outcome(row(1, '#1 ', 'elsewhere'), { '#1 a': 'passed' })).toBe('missing');
  expect(outcome(row(1, '#1 '), { '#11 a': 'passed' })).toBe('missing');
});

test('what is run are the files and names of the rows', () => {
  const { files, pattern } = selection([row(1, '#1 '), row(2, 'why (not)?')]);
  expect(files).toEqual(['test/a.test.ts']);
  expect(new RegExp(pattern).test('x why (not)? y')).toBe(true);
  expect(new RegExp(pattern).test('x > why > (not)? > y')).toBe(true);
  expect(new RegExp(pattern).test('x why not y')).toBe(false);
});
