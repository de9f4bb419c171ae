// The short form of the history checker, with a seed of its own: random writers and readers, two proxies,
// faults. The long form is `npm run history`; README.md here says what is judged.

import { expect, test } from 'vitest';
import { buildTimeoutMs, describeWithControlPlane } from '../support/go.ts';
import { reportText, runCampaign } from './campaign.ts';

const durationMs = 90_000;
/** On a loaded machine a restart of kube-apiserver alone may take a minute. */
const timeoutMs = buildTimeoutMs;

describeWithControlPlane('Random clients under random faults', () => {
  test(
    'see nothing but the history of the store',
    async () => {
      const seed = Number(process.env['HISTORY_SEED'] ?? 20);
      const report = await runCampaign({
        durationMs,
        seed,
        roundMs: durationMs / 2,
        watchersPerProxy: 16,
        listersPerProxy: 4,
        log: () => {},
      });
      console.log(reportText(report));
      expect(report.violations).toEqual([]);
      expect(report.tally.of('events judged')).toBeGreaterThan(0);
      expect(report.tally.sum('fault: ')).toBeGreaterThan(0);
    },
    timeoutMs,
  );
});
