// What `npm test` runs: the real control plane is built first where Go is there, then every test,
// then one last line with the true sums: `N passed, N failed`. Exit code 0 only when nothing failed.
// Without Go the tests that need the real apiserver skip themselves; with CI=true that is a failure.
// Words after `npm test --` go to vitest: `npm test -- test/config`.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { controlPlaneBinaries, goAvailable } from './conformance/control-plane/build.ts';

const root = join(import.meta.dirname, '..');
const vitest = join(root, 'node_modules/vitest/vitest.mjs');

/** The parts of vitest's JSON report that are added up. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

interface Sums {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Builds what the tests need; a reason when they will have to skip. */
async function prepareControlPlane(): Promise<string | undefined> {
  const go = goAvailable();
  if (!go.available) return go.reason;
  process.stdout.write(`Go ${go.version}: tests run against a real kube-apiserver and etcd.\n`);
  process.stdout.write('Building them now; minutes the first time, nothing afterwards.\n');
  await controlPlaneBinaries();
  return undefined;
}

async function runVitest(reportFile: string): Promise<number> {
  const words = [
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${reportFile}`,
    ...process.argv.slice(2),
  ];
  // Children find this Node first, so that a test that starts `node` gets the same one.
  const path = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;
  const child = spawn(process.execPath, [vitest, ...words], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PATH: path },
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => child.kill(signal));
  }
  return await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

/** Adds up the report; a file that could not even be loaded counts as one failure. */
export function sumsOf(report: Report): Sums {
  const broken = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

function readReport(file: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  } catch {
    return undefined;
  }
}

/** The last line of every run. */
export function lastLine({ passed, failed, skipped }: Sums): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

async function main(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'watershed-test-'));
  const reportFile = join(directory, 'report.json');
  let missing: string | undefined;
  let buildFailed = false;
  try {
    missing = await prepareControlPlane();
  } catch (error) {
    buildFailed = true;
    process.stdout.write(`The real control plane could not be built: ${String(error)}\n`);
  }
  if (missing !== undefined) {
    process.stdout.write(`Tests against a real kube-apiserver are skipped: ${missing}.\n`);
  }
  const code = await runVitest(reportFile);
  const report = readReport(reportFile);
  rmSync(directory, { recursive: true, force: true });
  const sums = report === undefined ? { passed: 0, failed: 1, skipped: 0 } : sumsOf(report);
  if (report === undefined) process.stdout.write('vitest wrote no report.\n');
  const required = missing !== undefined && process.env['CI'] === 'true';
  if (missing !== undefined) {
    const verdict = required ? 'a failure because CI=true' : 'not a failure here';
    process.stdout.write(`Skipped without Go, ${verdict}: ${missing}.\n`);
  }
  // Faults outside any test (an unhandled rejection) fail the run: they are one failure in the sum.
  const faults = Number(required) + Number(buildFailed);
  const unexplained = code !== 0 && sums.failed + faults === 0 ? 1 : 0;
  const failed = sums.failed + faults + unexplained;
  process.stdout.write(`${lastLine({ ...sums, failed })}\n`);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main();
