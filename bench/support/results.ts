/** Wide tables for the terminal, and rows of several servers as the tables of bench/lib/report.ts. */
import { sampleOf } from '../lib/report.ts';
import type { Sample, Table } from '../lib/report.ts';

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

/** One figure per server and row name; servers are columns. */
export interface Point {
  readonly server: string;
  readonly name: string;
  readonly values: readonly number[];
}

export function tableOf(
  head: Pick<Table, 'title' | 'unit' | 'better'>,
  points: readonly Point[],
): Table {
  const columns = [...new Set(points.map(({ server }) => server))];
  const names = [...new Set(points.map(({ name }) => name))];
  const cell = (name: string, column: string): Sample | null => {
    const point = points.find((each) => each.name === name && each.server === column);
    return point === undefined ? null : sampleOf(point.values);
  };
  const rows = names.map((name) => ({ name, cells: columns.map((column) => cell(name, column)) }));
  return { ...head, columns, rows };
}

export function fixed(value: number, digits = 1): string {
  return value.toFixed(digits);
}

/** 123456 -> `123 K`. */
export function thousands(value: number): string {
  return value >= 10_000 ? `${(value / 1000).toFixed(0)} K` : value.toFixed(0);
}
