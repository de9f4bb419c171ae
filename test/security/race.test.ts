// The short form of the revocation race, with a seed of its own. The long form is
// `npm run revocation-race`; README.md says what is judged.

import { expect, test } from 'vitest';
import { buildTimeoutMs, describeWithControlPlane } from '../conformance/support/go.ts';
import { race } from './race/campaign.ts';
import { raceText, violationsOf } from './race/report.ts';

const durationMs = 12_000;

describeWithControlPlane('Rights that come and go', () => {
  test(
    'show nothing beyond the documented bound after their revocation',
    async () => {
      const seed = Number(process.env['RACE_SEED'] ?? 54);
      const result = await race({
        seed,
        durationMs,
        readers: 24,
        allowTtlMs: 500,
        recheckIntervalMs: 1_000,
      });
      console.log(raceText(result));
      expect(violationsOf(result)).toEqual([]);
      expect(result.revocations).toBeGreaterThan(0);
      expect(result.counts.answers).toBeGreaterThan(0);
      expect(result.intervals.count('bytes of a watch')).toBeGreaterThan(0);
    },
    buildTimeoutMs,
  );
});
