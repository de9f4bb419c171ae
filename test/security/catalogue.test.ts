import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { catalogue, titlePrefix } from './catalogue.ts';

const root = join(import.meta.dirname, '../..');
const count = 54;

const proofs = catalogue.flatMap(({ number, standing }) =>
  standing.kind === 'proved' ? standing.by.map((proof) => ({ number, ...proof })) : [],
);

test('the catalogue has each number once, in order', () => {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  expect(catalogue.map(({ number }) => number)).toEqual(numbers);
});

test('the catalogue names files that exist', () => {
  const missing = proofs.filter(({ file }) => !existsSync(join(root, file)));
  expect(missing).toEqual([]);
});

test('every test of this folder that bears a number is named by its row', () => {
  const files = new Set(proofs.map(({ file }) => file).filter((file) => inThisFolder(file)));
  for (const file of files) {
    const text = readFileSync(join(root, file), 'utf8');
    const numbers = [...text.matchAll(/['"`]#(\d+) /g)].map((match) => Number(match[1]));
    for (const number of numbers) {
      const named = proofs.some((proof) => proof.file === file && proof.number === number);
      expect(named, `${file} has a test ${titlePrefix(number)}`).toBe(true);
    }
  }
});

test('a row without tests says why', () => {
  const silent = catalogue.filter(
    ({ standing }) =>
      (standing.kind === 'inapplicable' && standing.reason === '') ||
      (standing.kind === 'proved' && standing.by.length === 0),
  );
  expect(silent).toEqual([]);
});

function inThisFolder(file: string): boolean {
  return file.startsWith('test/security/');
}
