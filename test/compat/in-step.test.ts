// The short form of `npm run compat`: client-go's informers in each form, controller-runtime's cache and
// @kubernetes/client-node stay in step while objects change and kube-apiserver is restarted once, and
// none of them lists again.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildTimeoutMs, describeWithControlPlane } from '../conformance/support/go.ts';
import { startStack } from '../conformance/support/stack.ts';
import type { Stack } from '../conformance/support/stack.ts';
import { currentNodeClient, goClients } from './support/clients.ts';
import { addressesOf, faultsOf, followInStep } from './support/in-step.ts';

const amount = { writes: 3_000, restarts: 1 };

describeWithControlPlane('Client libraries through the proxy', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({ proxy: { settings: { lanes: { bridgeUpstreamExpiry: true } } } });
  }, buildTimeoutMs);

  afterAll(async () => {
    await stack?.stop();
  });

  test('a restart of the apiserver makes none of them list again', async () => {
    const addresses = await addressesOf(stack);
    // WatchList off is client-go's older way; informers.test.ts has both.
    const programs = (await goClients(addresses)).filter(({ mode }) => mode.endsWith('on'));
    const rows = await followInStep(stack, [...programs, currentNodeClient(addresses)], amount);
    expect(rows.map(({ client, mode }) => `${client} ${mode}`)).toHaveLength(5);
    expect(rows.flatMap(faultsOf)).toEqual([]);
  }, 600_000);
});
