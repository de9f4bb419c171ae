// Acceptance tests against a real kube-apiserver in which rights, objects and servers change. The proxy remembers
// permissions for a second only, so that what it forgets is seen soon.

import { afterAll, beforeAll, vi } from 'vitest';
import { buildTimeoutMs, describeWithControlPlane } from '../conformance/support/go.ts';
import { startStack } from '../conformance/support/stack.ts';
import type { Stack } from '../conformance/support/stack.ts';
import { aggregatedTests } from './aggregated.ts';
import { allowTtlMs, recheckIntervalMs, watchTests } from './watches.ts';
import { writeTests } from './writes.ts';

vi.setConfig({ testTimeout: 150_000 });

describeWithControlPlane('On a changing cluster', () => {
  let stack: Stack;

  beforeAll(async () => {
    const auth = {
      allowTtl: `${allowTtlMs}ms`,
      denyTtl: '0s',
      recheckInterval: `${recheckIntervalMs}ms`,
    };
    stack = await startStack({ proxy: { settings: { auth } } });
  }, buildTimeoutMs);

  afterAll(async () => {
    await stack?.stop();
  });

  const started = (): Stack => stack;
  watchTests(started);
  writeTests(started);
  aggregatedTests(started);
});
