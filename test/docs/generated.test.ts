import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configReference, metricsReference } from '../../docs/generate.ts';

const root = join(import.meta.dirname, '../..');

describe('the references are current', () => {
  test.each([
    ['docs/config.md', configReference],
    ['docs/metrics.md', metricsReference],
  ])('%s (when not: node docs/generate.ts)', (path, generate) => {
    expect(readFileSync(join(root, path), 'utf8')).toBe(generate());
  });
});
