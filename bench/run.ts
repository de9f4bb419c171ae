/**
 * Runs benches: every bench/<folder>/<name>.bench.ts in a process of its own, one after the other.
 *
 *   node bench/run.ts [--quick] [words]   only files whose path holds one of the words
 *   node bench/run.ts --report            writes docs/benchmarks.md from bench/results
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { writeBenchmarksPage } from './lib/benchmarks-page.ts';

/** A bench that takes longer is broken: a quick run of everything is to end within five minutes. */
const TIMEOUT_MS = { quick: 120_000, full: 1_800_000 };

function runBenches(quick: boolean, words: readonly string[]): number {
  const files = globSync('*/*.bench.ts', { cwd: import.meta.dirname })
    .sort()
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)));
  let failed = 0;
  for (const file of files) {
    const began = performance.now();
    console.log(`\n=== ${file}`);
    const flags = ['--expose-gc', join(import.meta.dirname, file), ...(quick ? ['--quick'] : [])];
    const { status, signal } = spawnSync(process.execPath, flags, {
      stdio: 'inherit',
      timeout: quick ? TIMEOUT_MS.quick : TIMEOUT_MS.full,
    });
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    if (status !== 0) failed++;
    const outcome = status === 0 ? 'done' : `FAILED (${signal ?? `exit code ${status}`})`;
    console.log(`\n=== ${file}: ${outcome} after ${seconds} s`);
  }
  if (files.length === 0) console.log('no bench matches');
  return failed;
}

const words = process.argv.slice(2);
if (words.includes('--report')) {
  console.log(`wrote ${writeBenchmarksPage()}`);
} else {
  const failed = runBenches(
    words.includes('--quick'),
    words.filter((word) => !word.startsWith('--')),
  );
  process.exitCode = failed === 0 ? 0 : 1;
}
