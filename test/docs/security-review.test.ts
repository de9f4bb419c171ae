import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const text = readFileSync('docs/security-review.md', 'utf8');
const files = [...text.matchAll(/`((?:src|test|docs)\/[\w./-]+\.[a-z]+)(?::([\w, ]+))?`/g)];
const functions = files.flatMap(([, file, names]) =>
  (names ?? '').split(', ').flatMap((name) => (name === '' ? [] : [{ file, name }])),
);
const titles = [...text.matchAll(/`(test\/[\w./-]+\.ts)` "([^"]+)"/g)];

test('the security review names functions and tests', () => {
  expect(functions.length).toBeGreaterThanOrEqual(50);
  expect(titles.length).toBeGreaterThanOrEqual(50);
});

test('every file that the security review names exists', () => {
  expect(files.map(([, file]) => file).filter((file) => !existsSync(file))).toEqual([]);
});

test('every function that the security review names is in its file', () => {
  const missing = functions.filter(({ file, name }) => {
    const source = existsSync(file) ? readFileSync(file, 'utf8') : '';
    return !new RegExp(
      `(^|[\\s#])(async |function |class |get |const |readonly )*${name}(\\(|<| =| \\{|:)`,
      'm',
    ).test(source);
  });
  expect(missing).toEqual([]);
});

test('every test that the security review names has that title', () => {
  const missing = titles.filter(
    ([, file, title]) => !existsSync(file) || !readFileSync(file, 'utf8').includes(title),
  );
  expect(missing.map(([, file, title]) => `${file} ${title}`)).toEqual([]);
});

test('every row of the security review has a verdict', () => {
  const [, sections = ''] = text.split(/^(?=## 1\.1 )/m);
  const rows = text
    .slice(text.indexOf(sections))
    .split('\n')
    .filter((line) => /^\| (?!rule |---)/.test(line));
  expect(rows.length).toBeGreaterThanOrEqual(80);
  const without = rows.filter((row) => {
    const cells = row.split(' | ');
    return cells.length !== 4 || !/^(?:kept|not kept|no part)/.test(cells[3]);
  });
  expect(without).toEqual([]);
});
