// Tests that need the real control plane need Go to build it. Without Go they are skipped and say why;
// with CI=true that is a failure, so that a green run in CI always means that they ran.

import { describe, test } from 'vitest';
import { goAvailable } from '../control-plane/build.ts';

/** The first build of kube-apiserver takes five to eight minutes on two cores. */
export const buildTimeoutMs = 900_000;

/** `describe` for tests against the real control plane. */
export function describeWithControlPlane(name: string, body: () => void): void {
  const go = goAvailable();
  if (go.available) {
    describe(name, body);
    return;
  }
  describe(name, () => {
    test('runs against a real kube-apiserver', (context) => {
      const reason = `needs Go to build kube-apiserver: ${go.reason}`;
      if (process.env['CI'] === 'true') throw new Error(reason);
      context.skip(reason);
    });
  });
}
