import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const text = readFileSync('ARCHITECTURE.md', 'utf8');
const stops = [...text.matchAll(/^\| \d+[a-d]? \| `([^`]+)` \| `([^`]+)` \|/gm)];

test('the way of a byte names stops', () => {
  expect(stops.length).toBeGreaterThanOrEqual(10);
});

test.each(stops.map(([, file, name]) => ({ file, name })))(
  'ARCHITECTURE.md: $name is in $file',
  ({ file, name }) => {
    expect(existsSync(file), file).toBe(true);
    const source = readFileSync(file, 'utf8');
    expect(source).toMatch(
      new RegExp(`(^|[\\s#])(async |function |readonly )*${name}(\\(|<| =)`, 'm'),
    );
  },
);

test('every source file that ARCHITECTURE.md names exists', () => {
  const named = [...text.matchAll(/`(src\/[a-z0-9/-]+\.ts)`/g)].map(([, file]) => file);
  expect(named.filter((file) => !existsSync(file))).toEqual([]);
});
