/**
 * Compares generated requests between kube-apiserver and the proxy, and prints what was counted.
 *
 *   node test/conformance/differential/run.ts [--seed N] [--requests N] [--only N]
 *
 * The seed is printed; with the same seed and number of requests the same requests are made. `--only`
 * asks a single one of them, by the number that a difference was printed with.
 */
import { parseArgs } from 'node:util';
import { goAvailable } from '../control-plane/build.ts';
import type { Verdict } from './report.ts';
import { compareGenerated } from './differential.ts';
import { explanations } from './explained.ts';
import { described } from './report.ts';
import { startWithPast } from './past.ts';
import { storeRevision } from '../support/history.ts';

const progressEvery = 250;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    requests: { type: 'string', default: '5000' },
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
  const startMs = performance.now();
  const pastStack = await startWithPast();
  const beganMs = performance.now();
  console.log(`a cluster with a past after ${((beganMs - startMs) / 1000).toFixed(0)} s`);
  try {
    const onVerdict = (verdict: Verdict, done: number): void => {
      if (verdict.unexplained.length > 0) console.log(described(verdict));
      if (done % progressEvery !== 0) return;
      const seconds = ((performance.now() - beganMs) / 1000).toFixed(0);
      console.log(`${done} of ${requests} compared after ${seconds} s`);
    };
    const counts = await compareGenerated(pastStack, { seed, requests, only, onVerdict });
    const moved = (await storeRevision(pastStack.stack)) !== pastStack.past.end;
    console.log(`\n${counts.text}`);
    console.log(`${explanations.length} entries explain differences; seed ${seed}`);
    if (moved) console.log('the store moved meanwhile: the run says nothing');
    return counts.unexplained.length > 0 || moved ? 1 : 0;
  } finally {
    await pastStack.stack.stop();
  }
}

process.exitCode = await main();
