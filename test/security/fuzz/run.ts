/**
 * Fuzzes permissions: mutated requests of many identities to kube-apiserver and to the proxy, in changing
 * RBAC states, and prints what differed.
 *
 *   node test/security/fuzz/run.ts [--seed N] [--requests N] [--per-state N] [--only N]
 *
 * The seed is printed; with the same seed the same requests are made. `--only` asks a single one of
 * them, by the number that a finding was printed with.
 */
import { parseArgs } from 'node:util';
import { goAvailable } from '../../conformance/control-plane/build.ts';
import { fuzz, startFuzzCluster } from './campaign.ts';
import { explanations } from './explained.ts';
import type { Verdict } from './judge.ts';
import { described } from './report.ts';
import type { Report } from './report.ts';

const progressEvery = 2_000;
const leastSameStatusShare = 0.999;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    requests: { type: 'string', default: '100000' },
    'per-state': { type: 'string', default: '5000' },
    only: { type: 'string' },
  },
});

async function main(): Promise<number> {
  const go = goAvailable();
  if (!go.available) throw new Error(`needs Go to build kube-apiserver: ${go.reason}`);
  const seed = Number(values.seed);
  const requests = Number(values.requests);
  const only = values.only === undefined ? undefined : Number(values.only);
  console.log(`seed ${seed}, ${requests} requests; starting kube-apiserver and the proxy`);
  const cluster = await startFuzzCluster();
  const beganMs = performance.now();
  try {
    const onVerdict = (verdict: Verdict, { cases }: Report): void => {
      const { finding } = verdict;
      const isNews =
        finding.kind === 'violation' ||
        (finding.kind === 'difference' && finding.explained === undefined);
      if (isNews || only !== undefined) console.log(described(verdict));
      if (cases % progressEvery !== 0) return;
      const seconds = (performance.now() - beganMs) / 1000;
      console.log(
        `${cases} of ${requests} after ${seconds.toFixed(0)} s (${(cases / seconds).toFixed(0)}/s)`,
      );
    };
    const perState = Number(values['per-state']);
    const report = await fuzz(cluster, { seed, requests, perState, only, onVerdict });
    console.log(`\n${report.text}`);
    console.log(`${explanations.length} entries explain differences; seed ${seed}`);
    const { violations, unexplained, sameStatusShare } = report;
    const failed = violations.length > 0 || unexplained.length > 0;
    return failed || (only === undefined && sameStatusShare < leastSameStatusShare) ? 1 : 0;
  } finally {
    await cluster.stack.stop();
  }
}

process.exitCode = await main();
