// The smaller part of the differential run (`npm run conformance`): the same requests every time.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { storeRevision } from '../support/history.ts';
import { buildTimeoutMs, describeWithControlPlane } from '../support/go.ts';
import { compareGenerated } from './differential.ts';
import { explanations } from './explained.ts';
import { startWithPast } from './past.ts';
import type { PastStack } from './past.ts';
import { described } from './report.ts';

const seed = 2026;
const requests = 500;

describeWithControlPlane('Generated requests on a quiet cluster', () => {
  let pastStack: PastStack | undefined;

  beforeAll(async () => {
    pastStack = await startWithPast();
  }, buildTimeoutMs);

  afterAll(() => pastStack?.stack.stop());

  test(`${requests} of them are answered alike by kube-apiserver and the proxy`, async () => {
    if (pastStack === undefined) throw new Error('no cluster');
    const counts = await compareGenerated(pastStack, { seed, requests });
    console.log(counts.text);
    const found = counts.unexplained.map(described);
    expect(found, found.join('\n')).toEqual([]);
    expect(counts.verdicts.length).toBe(requests);
    expect(counts.fromMemory).toBeGreaterThan(requests / 3);
    expect(await storeRevision(pastStack.stack)).toBe(pastStack.past.end);
  }, 300_000);

  test('the list of explained differences stays short', () => {
    expect(explanations.length).toBeLessThan(15);
  });
});
