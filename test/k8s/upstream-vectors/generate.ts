/**
 * Writes vectors.jsonl, or compares fresh random inputs with upstream. Needs Go.
 *
 *   node test/k8s/upstream-vectors/generate.ts             writes vectors.jsonl
 *   node test/k8s/upstream-vectors/generate.ts fuzz 5000 7   5000 per grammar, seed 7, nothing written
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { checkVector, readVectors } from './check.ts';
import { knownInputs, randomInputs, type Input } from './inputs.ts';

/** Random vectors kept per grammar; the fuzz mode is for more. */
const KEPT = 60;
const KEPT_SEED = 20_261_123;
const MAX_ANSWER_BYTES = 1024 ** 3;

function ask(inputs: readonly Input[]): string {
  const { stdout, stderr, status } = spawnSync('go', ['run', '.'], {
    cwd: import.meta.dirname,
    env: { ...process.env, CGO_ENABLED: '0' },
    input: JSON.stringify(inputs),
    maxBuffer: MAX_ANSWER_BYTES,
  });
  if (status !== 0) throw new Error(`go run: ${stderr}`);
  return stdout.toString();
}

function fuzz(count: number, seed: number): void {
  const vectors = readVectors(ask(randomInputs(seed, count)));
  const declined = new Map<string, number>();
  let wrong = 0;
  for (const vector of vectors) {
    const outcome = checkVector(vector);
    if (outcome === undefined) continue;
    if (outcome === 'declined') {
      declined.set(vector.kind, (declined.get(vector.kind) ?? 0) + 1);
      continue;
    }
    wrong++;
    console.log(JSON.stringify({ ...vector, ...outcome }));
  }
  console.log(
    `${vectors.length} compared, ${wrong} differ, declined`,
    Object.fromEntries(declined),
  );
  process.exitCode = wrong === 0 ? 0 : 1;
}

const [mode, count = '1000', seed = '1'] = process.argv.slice(2);
if (mode === 'fuzz') fuzz(Number(count), Number(seed));
else {
  const inputs = [...knownInputs(), ...randomInputs(KEPT_SEED, KEPT)];
  writeFileSync(`${import.meta.dirname}/vectors.jsonl`, ask(inputs));
}
