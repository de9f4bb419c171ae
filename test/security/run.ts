// `npm run security`: every acceptance test of the security design, and a table of what came out. `--only=12,34` runs
// some of them. Exit code 0 only when no row failed and every row's tests were found.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { controlPlaneBinaries, goAvailable } from '../conformance/control-plane/build.ts';
import { catalogue } from './catalogue.ts';
import type { Row } from './catalogue.ts';
import { longForm } from './support/form.ts';
import { selection, verdictsOf } from './verdicts.ts';
import type { Report, Verdict } from './verdicts.ts';

const root = join(import.meta.dirname, '../..');
const vitest = join(root, 'node_modules/vitest/vitest.mjs');

const { values } = parseArgs({ options: { only: { type: 'string' } } });

function chosenRows(): readonly Row[] {
  const only = values.only?.split(',').map(Number);
  return only === undefined ? catalogue : catalogue.filter(({ number }) => only.includes(number));
}

async function runTests(rows: readonly Row[], reportFile: string): Promise<void> {
  const { files, pattern } = selection(rows);
  if (files.length === 0) return;
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
  const words = [vitest, 'run', ...reporters, '--testNamePattern', pattern, ...files];
  // Children find this Node first, so that a test that starts `node` gets the same one.
  const path = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;
  const child = spawn(process.execPath, words, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...longForm, PATH: path },
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', resolve);
  });
}

function readReport(file: string): Report {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  } catch {
    return { testResults: [] };
  }
}

const words: Readonly<Record<Verdict['outcome'], string>> = {
  passed: 'passed',
  failed: 'FAILED',
  missing: 'MISSING',
  inapplicable: 'does not apply',
};

function lineOf({ row, outcome, reason, tests, tookMs }: Verdict): string {
  const number = String(row.number).padStart(3);
  const seconds = tests === 0 ? '' : `${(tookMs / 1000).toFixed(1)} s`;
  const title = row.title.padEnd(54);
  const counted = tests === 0 ? '' : `${tests} ${tests === 1 ? 'test' : 'tests'}`;
  const line = `${number} ${row.kind.padEnd(4)} ${title} ${words[outcome].padEnd(15)}`;
  return `${line}${counted.padStart(10)}${seconds.padStart(9)}  ${reason}`.trimEnd();
}

function sumsOf(verdicts: readonly Verdict[]): string {
  const outcomes = Object.keys(words) as Verdict['outcome'][];
  return outcomes
    .map((outcome) => {
      const count = verdicts.filter((verdict) => verdict.outcome === outcome).length;
      return `${count} ${words[outcome].toLowerCase()}`;
    })
    .join(', ');
}

async function main(): Promise<number> {
  const go = goAvailable();
  if (go.available) await controlPlaneBinaries();
  else console.log(`Tests against a real kube-apiserver cannot run: ${go.reason}.`);
  const directory = mkdtempSync(join(tmpdir(), 'watershed-security-'));
  const reportFile = join(directory, 'report.json');
  try {
    const rows = chosenRows();
    await runTests(rows, reportFile);
    const verdicts = verdictsOf(rows, readReport(reportFile), root);
    console.log(`\n${verdicts.map(lineOf).join('\n')}\n`);
    console.log(sumsOf(verdicts));
    const bad = verdicts.some(({ outcome }) => outcome === 'failed' || outcome === 'missing');
    return bad ? 1 : 0;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

process.exitCode = await main();
