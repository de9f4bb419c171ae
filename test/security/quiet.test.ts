// Acceptance tests against a real kube-apiserver whose objects stand still, so that its answers and the proxy's can be
// compared byte for byte. One cluster for all of them: its start takes longer than they do.

import { afterAll, beforeAll, vi } from 'vitest';
import { buildTimeoutMs, describeWithControlPlane } from '../conformance/support/go.ts';
import { credentialTests } from './credentials.ts';
import { decisionTests } from './decisions.ts';
import { routeTests } from './routes.ts';
import { startQuietCluster } from './support/quiet-cluster.ts';
import type { QuietCluster } from './support/quiet-cluster.ts';
import { targetTests } from './targets.ts';

vi.setConfig({ maxConcurrency: 16, testTimeout: 60_000 });

describeWithControlPlane('On a quiet cluster', () => {
  let cluster: QuietCluster;

  beforeAll(async () => {
    cluster = await startQuietCluster();
  }, buildTimeoutMs);

  afterAll(async () => {
    await cluster?.stop();
  });

  const started = (): QuietCluster => cluster;
  credentialTests(started);
  decisionTests(started);
  targetTests(started);
  routeTests(started);
});
