import { expect, test } from 'vitest';
import type { JsonObject } from './fingerprint.ts';
import { isOfItsRevision } from './writers.ts';

const metadata = { name: 'w', uid: 'u', resourceVersion: '8732' };

test('an answer shows what is stored at its revision', () => {
  const written: JsonObject = { metadata };
  expect(isOfItsRevision(written)).toBe(true);
});

test('the answer to a change that ended an object does not', () => {
  const ended: JsonObject = {
    metadata: { ...metadata, deletionTimestamp: '2026-11-28T12:37:26Z' },
  };
  expect(isOfItsRevision(ended)).toBe(false);
});
