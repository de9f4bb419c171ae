/**
 * Results of a bench: tables for the terminal, JSON for bench/results, and from there docs/benchmarks.md.
 *
 * A table has one column per rival and one row per thing measured; a cell is the median of the repeats with its lowest
 * and highest. `figures` are the few numbers that design budgets are compared with (see budgets.ts).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Machine } from './machine.ts';
import { describeMachine } from './machine.ts';

export interface Sample {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly repeats: number;
}

export interface Row {
  readonly name: string;
  /** One per column; null: not measured, or does not apply. */
  readonly cells: readonly (Sample | null)[];
}

export interface Table {
  readonly title: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

export interface BenchResult {
  readonly name: string;
  readonly title: string;
  readonly quick: boolean;
  readonly date: string;
  readonly machine: Machine;
  /** How it was measured, what was checked before, what the numbers leave out. */
  readonly notes: readonly string[];
  readonly tables: readonly Table[];
  readonly figures: Readonly<Record<string, number>>;
}

export const RESULTS = join(import.meta.dirname, '..', 'results');

/** Was the bench asked to be short? */
export const QUICK = process.argv.includes('--quick');

export function sampleOf(values: readonly number[]): Sample {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median =
    sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, low: sorted[0], high: sorted[sorted.length - 1], repeats: sorted.length };
}

/** Prints a bench's tables and writes bench/results/<name>.json (<name>.quick.json for a quick run). */
export function publish(
  result: Omit<BenchResult, 'quick' | 'date' | 'machine'> & { readonly machine?: Machine },
): void {
  const whole: BenchResult = {
    ...result,
    quick: QUICK,
    date: new Date().toISOString().slice(0, 10),
    machine: result.machine ?? describeMachine(),
  };
  for (const table of whole.tables) console.log(`\n${textTable(table)}`);
  const file = join(RESULTS, `${whole.name}${QUICK ? '.quick' : ''}.json`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(whole, null, 1)}\n`);
}

/** Three significant digits, thousands as k and M. */
export function shortNumber(value: number): string {
  const [scaled, suffix] =
    Math.abs(value) >= 1e6
      ? [value / 1e6, 'M']
      : Math.abs(value) >= 1e4
        ? [value / 1e3, 'k']
        : [value, ''];
  const digits = Math.abs(scaled) >= 100 ? 0 : Math.abs(scaled) >= 10 ? 1 : 2;
  return `${scaled.toFixed(digits)}${suffix}`;
}

export function cellText(cell: Sample | null): string {
  if (cell === null) return '-';
  if (cell.repeats === 1) return shortNumber(cell.median);
  return `${shortNumber(cell.median)} (${shortNumber(cell.low)}-${shortNumber(cell.high)})`;
}

function textTable(table: Table): string {
  const rows = table.rows.map((row) => [row.name, ...row.cells.map(cellText)]);
  const head = [`${table.title} [${table.unit}, ${table.better} is better]`, ...table.columns];
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]?.length ?? 0)));
  return [head, ...rows]
    .map((row) =>
      row.map((text, i) => (i === 0 ? text.padEnd(widths[0]) : text.padStart(widths[i]))),
    )
    .map((row) => row.join('  '))
    .join('\n');
}
