/**
 * Grants and revokes rights at random while readers and watchers use them through the proxy, and prints
 * the latest that anything was seen after a revocation.
 *
 *   node test/security/race/run.ts [--minutes N] [--seed N] [--readers N] [--allow-ttl MS] [--recheck MS]
 */
import { parseArgs } from 'node:util';
import { goAvailable } from '../../conformance/control-plane/build.ts';
import { race } from './campaign.ts';
import { raceText, violationsOf } from './report.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    minutes: { type: 'string', default: '20' },
    readers: { type: 'string', default: '50' },
    'allow-ttl': { type: 'string', default: '2000' },
    recheck: { type: 'string', default: '5000' },
  },
});

async function main(): Promise<number> {
  const go = goAvailable();
  if (!go.available) throw new Error(`needs Go to build kube-apiserver: ${go.reason}`);
  const seed = Number(values.seed);
  console.log(`seed ${seed}, ${values.minutes} minutes; starting kube-apiserver and the proxy`);
  const result = await race({
    seed,
    durationMs: Number(values.minutes) * 60_000,
    readers: Number(values.readers),
    allowTtlMs: Number(values['allow-ttl']),
    recheckIntervalMs: Number(values.recheck),
    log: (line) => console.log(line),
  });
  const violations = violationsOf(result);
  for (const violation of violations) console.log(violation);
  console.log(`\n${raceText(result)}; seed ${seed}`);
  return violations.length > 0 ? 1 : 0;
}

process.exitCode = await main();
