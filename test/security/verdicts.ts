// What the report of a test run says about each row of the catalogue. Pure, so that it is tested without running
// anything: a row passes only when tests were found for each of its proofs and every one of them passed.

import { isAbsolute, relative } from 'node:path';
import type { Proof, Row } from './catalogue.ts';

/** The parts of vitest's JSON report that count. */
export interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly duration?: number | null;
    }[];
  }[];
}

export interface Verdict {
  readonly row: Row;
  readonly outcome: 'passed' | 'failed' | 'missing' | 'inapplicable';
  /** Why, where it is not plain. */
  readonly reason: string;
  readonly tests: number;
  readonly tookMs: number;
}

/** The verdict on each row, in order. `root` is what file names are relative to. */
export function verdictsOf(rows: readonly Row[], report: Report, root: string): Verdict[] {
  const found = (proof: Proof) =>
    report.testResults
      .filter(({ name }) => (isAbsolute(name) ? relative(root, name) : name) === proof.file)
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ fullName }) => fullName.replaceAll(' > ', ' ').includes(proof.name));
  return rows.map((row) => {
    const { standing } = row;
    const nothing = { row, tests: 0, tookMs: 0, reason: '' };
    if (standing.kind === 'inapplicable') {
      return { ...nothing, outcome: 'inapplicable', reason: standing.reason };
    }
    const lacking = standing.by.find((proof) => found(proof).length === 0);
    if (lacking !== undefined) {
      const reason = `${lacking.file} has no test "${lacking.name.trim()}"`;
      return { ...nothing, outcome: 'missing', reason };
    }
    const tests = [...new Set(standing.by.flatMap(found))];
    const tookMs = tests.reduce((sum, { duration }) => sum + (duration ?? 0), 0);
    const bad = tests.filter(({ status }) => status !== 'passed');
    const reason = bad.map(({ fullName, status }) => `${status}: ${fullName}`).join('; ');
    const outcome = bad.length === 0 ? 'passed' : 'failed';
    return { row, outcome, reason, tests: tests.length, tookMs };
  });
}

/** The files to run, and the pattern of the names to run in them. */
export function selection(rows: readonly Row[]): { files: string[]; pattern: string } {
  const proofs = rows.flatMap(({ standing }) => (standing.kind === 'proved' ? standing.by : []));
  const names = [...new Set(proofs.map(({ name }) => escaped(name)))];
  return { files: [...new Set(proofs.map(({ file }) => file))], pattern: names.join('|') };
}

/** Where one name ends and the next begins, vitest matches against ` > `. */
function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`).replaceAll(' ', '(?: > | )');
}
