// kubectl of this release through Watershed: every command gives the same output and exit code as
// without it. `npm run compat` does the same with kubectl of other releases.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildTimeoutMs, describeWithControlPlane } from '../conformance/support/go.ts';
import type { Stack } from '../conformance/support/stack.ts';
import { currentRelease, kubectlOf } from './kubectl/build.ts';
import { kubectlCases } from './support/kubectl-cases.ts';
import { startKubectlCluster } from './support/kubectl-cluster.ts';
import { KubectlComparison } from './support/kubectl-compare.ts';
import type { Compared } from './support/kubectl-compare.ts';

const caseTimeoutMs = 150_000;

describeWithControlPlane('kubectl with and without the proxy', () => {
  let stack: Stack;
  let comparison: KubectlComparison;

  beforeAll(async () => {
    stack = await startKubectlCluster();
    const kubectl = await kubectlOf(currentRelease);
    comparison = await KubectlComparison.of(stack, currentRelease, kubectl);
  }, buildTimeoutMs);

  afterAll(async () => {
    await stack?.stop();
  });

  describe('shows the same', () => {
    for (const [index, one] of kubectlCases.entries()) {
      const title = `${index + 1}: ${one.args.join(' ')}`;
      test(title, async () => expectSame([await comparison.compare(one)]), caseTimeoutMs);
    }

    test('get -w in every form', async () => expectSame(await comparison.watches()), 600_000);

    test('port-forward', async () => expectSame(await comparison.portForwards()), 600_000);
  });
});

function expectSame(compared: readonly Compared[]): void {
  const different = compared.filter(({ difference }) => difference !== undefined);
  expect(different.map(({ words, difference }) => `${words}: ${difference}`)).toEqual([]);
}
