import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { checkVector, readVectors } from './upstream-vectors/check.ts';

const path = `${import.meta.dirname}/upstream-vectors/vectors.jsonl`;
const vectors = readVectors(readFileSync(path, 'utf8'));
const kinds = [...new Set(vectors.map((vector) => vector.kind))];

describe('vectors answered by kube-apiserver’s own code', () => {
  test.each(kinds)('%s: every answer is upstream’s or is left to upstream', (kind) => {
    const differing = vectors
      .filter((vector) => vector.kind === kind)
      .map((vector) => ({ input: vector.input, outcome: checkVector(vector) }))
      .filter(({ outcome }) => outcome !== undefined && outcome !== 'declined');
    expect(differing).toEqual([]);
  });

  test('selectors are left to upstream only for a NUL', () => {
    const declined = vectors
      .filter((vector) => vector.kind === 'labels' || vector.kind === 'fields')
      .filter((vector) => checkVector(vector) === 'declined');
    expect(declined.map((vector) => vector.input)).toEqual(['a=b\u0000']);
  });
});
