// The short form of the differential authorization fuzzer, with a seed of its own. The long form is
// `npm run authz-fuzz`; fuzz/README.md says what is judged.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildTimeoutMs, describeWithControlPlane } from '../conformance/support/go.ts';
import { fuzz, startFuzzCluster } from './fuzz/campaign.ts';
import type { FuzzCluster } from './fuzz/campaign.ts';
import { explanations } from './fuzz/explained.ts';
import { described } from './fuzz/report.ts';

const requests = 1_500;

describeWithControlPlane('Mutated requests of many identities', () => {
  let cluster: FuzzCluster | undefined;

  beforeAll(async () => {
    cluster = await startFuzzCluster();
  }, buildTimeoutMs);

  afterAll(() => cluster?.stack.stop());

  test(
    `${requests} of them are refused by the proxy whenever kube-apiserver refuses them`,
    async () => {
      if (cluster === undefined) throw new Error('no cluster');
      const seed = Number(process.env['FUZZ_SEED'] ?? 54);
      const report = await fuzz(cluster, { seed, requests, perState: requests / 3 });
      console.log(report.text);
      const found = [...report.violations, ...report.unexplained].map(described);
      expect(found, found.join('\n')).toEqual([]);
      expect(report.cases).toBe(requests);
    },
    buildTimeoutMs,
  );

  test('the list of explained differences stays short', () => {
    expect(explanations.length).toBeLessThan(10);
  });
});
