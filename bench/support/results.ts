/** Prints a table and keeps the figures as JSON under bench/results. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { arch, cpus, release } from 'node:os';

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
}

export function printTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): void {
  const cells = rows.map((row) => columns.map(({ cell }) => cell(row)));
  const widths = columns.map(({ title }, i) =>
    Math.max(title.length, ...cells.map((line) => line[i].length)),
  );
  const line = (parts: readonly string[]): string =>
    `| ${parts.map((part, i) => part.padEnd(widths[i])).join(' | ')} |`;
  console.log(line(columns.map(({ title }) => title)));
  console.log(`|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  for (const each of cells) console.log(line(each));
}

export function keepResults(name: string, results: unknown): void {
  const folder = new URL('../results/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  const machine = {
    processor: cpus()[0]?.model ?? arch(),
    cores: cpus().length,
    kernel: release(),
    node: process.version,
  };
  const text = JSON.stringify({ name, at: new Date().toISOString(), machine, results }, null, 2);
  writeFileSync(new URL(`${name}.json`, folder), `${text}\n`);
}

export function fixed(value: number, digits = 1): string {
  return value.toFixed(digits);
}

/** 123456 -> `123 K`. */
export function thousands(value: number): string {
  return value >= 10_000 ? `${(value / 1000).toFixed(0)} K` : value.toFixed(0);
}
