// The model of the proof, in its long form: `npm run proof -- --seeds 100000`.
//
//   --seeds N      how many seeds (100000)
//   --from N       the first of them (1)
//   --threads N    threads (2)
//   --seed N       one seed, with its trace
//   --mutants      hunts each mutant instead, for at most --seeds seeds
//   --mutant TEXT  breaks the code under test: the first mutant whose name holds this text
//
// Exit code 0 when no promise was broken (with --mutants: when each mutant was caught).

import { parseArgs } from 'node:util';
import { hunt } from './hunt.ts';
import { MUTANTS } from './patches.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100000' },
    from: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    seed: { type: 'string' },
    mutants: { type: 'boolean', default: false },
    mutant: { type: 'string' },
  },
});
const from = Number(values.from);
const seeds = Number(values.seeds);
const threads = Number(values.threads);
const wanted = values.mutant;
const mutant = wanted === undefined ? '' : MUTANTS.find(({ name }) => name.includes(wanted))?.name;
if (mutant === undefined) throw new Error(`no mutant has "${wanted}" in its name`);

async function one(seed: number): Promise<boolean> {
  const { broken } = await hunt({ from: seed, seeds: 1, threads: 1, mutant, trace: true });
  console.log(broken?.trace.join('\n'));
  console.log(broken?.violation === '' ? 'no promise was broken' : `BROKEN: ${broken?.violation}`);
  return broken?.violation === '';
}

async function all(): Promise<boolean> {
  const beganMs = performance.now();
  let shownMs = beganMs;
  const {
    seeds: done,
    tally,
    broken,
  } = await hunt({
    from,
    seeds,
    threads,
    mutant,
    onProgress: (soFar) => {
      const nowMs = performance.now();
      if (nowMs - shownMs < 10_000) return;
      shownMs = nowMs;
      console.log(`${soFar} seeds, ${Math.round((soFar * 1000) / (nowMs - beganMs))} seeds/s`);
    },
  });
  const tookMs = performance.now() - beganMs;
  console.log(
    `${done} seeds in ${Math.round(tookMs / 1000)} s, ${Math.round((done * 1000) / tookMs)} seeds/s`,
  );
  console.log(
    Object.entries(tally)
      .map(([name, count]) => `${name} ${count}`)
      .join(', '),
  );
  if (broken === undefined) console.log('no promise was broken');
  else
    console.log(`BROKEN by seed ${broken.seed}: ${broken.violation}\ntrace: --seed ${broken.seed}`);
  return broken === undefined;
}

async function eachMutant(): Promise<boolean> {
  let caught = 0;
  for (const { name } of MUTANTS) {
    const { seeds: done, broken } = await hunt({ from, seeds, threads, mutant: name });
    if (broken !== undefined) caught++;
    const verdict =
      broken === undefined
        ? `NOT CAUGHT in ${done} seeds`
        : `seed ${broken.seed}: ${broken.violation}`;
    console.log(`${name}\n    ${verdict}`);
  }
  console.log(`${caught} of ${MUTANTS.length} mutants caught`);
  return caught === MUTANTS.length;
}

const fine = await (values.seed !== undefined
  ? one(Number(values.seed))
  : values.mutants
    ? eachMutant()
    : all());
process.exitCode = fine ? 0 : 1;
