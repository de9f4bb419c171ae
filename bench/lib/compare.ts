/**
 * Runs rivals in turn, several times, in one process: whatever slows the machine down slows all of them down.
 */
import type { Row, Sample, Table } from './report.ts';
import { sampleOf } from './report.ts';

/** One pass: figures by name. A name that is missing does not apply to this rival. */
export type Figures = Readonly<Record<string, number>>;

export interface Rival {
  readonly name: string;
  readonly run: () => Figures;
}

export interface Comparison {
  readonly columns: readonly string[];
  /** Per figure, per rival. */
  readonly samples: ReadonlyMap<string, readonly (Sample | null)[]>;
}

/** `repeats` passes of every rival, in rotating order, after a collection when the process exposes it. */
export function compareRivals(rivals: readonly Rival[], repeats: number): Comparison {
  const values = new Map<string, number[][]>();
  for (let pass = 0; pass < repeats; pass++) {
    for (let turn = 0; turn < rivals.length; turn++) {
      const column = (turn + pass) % rivals.length;
      globalThis.gc?.();
      for (const [figure, value] of Object.entries(rivals[column].run())) {
        const columns = values.get(figure) ?? rivals.map(() => []);
        columns[column].push(value);
        values.set(figure, columns);
      }
    }
  }
  const samples = new Map<string, (Sample | null)[]>();
  for (const [figure, columns] of values) {
    samples.set(
      figure,
      columns.map((column) => (column.length === 0 ? null : sampleOf(column))),
    );
  }
  return { columns: rivals.map(({ name }) => name), samples };
}

/** The figures of one unit, as a table. `names` maps figures to row names, in order. */
export function tableOf(
  comparison: Comparison,
  about: Pick<Table, 'title' | 'unit' | 'better'>,
  names: Readonly<Record<string, string>>,
): Table {
  const rows: Row[] = [];
  for (const [figure, name] of Object.entries(names)) {
    const cells = comparison.samples.get(figure);
    if (cells !== undefined) rows.push({ name, cells });
  }
  return { ...about, columns: comparison.columns, rows };
}

/**
 * Seconds of processor time that `work` took, the collector's and the compiler's threads included: what it costs, also on
 * a machine that others use. For work of a millisecond and more.
 */
export function secondsOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return Math.max(user + system, 1) / 1e6;
}

/** Seconds on the clock, for work too short for the processor's own. */
export function clockSecondsOf(work: () => void): number {
  const began = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - began) / 1e9;
}

/** Keeps results alive, so that the compiler cannot drop the work that made them. */
export const sink = { value: 0 };

export function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(`bench is wrong before it is fast: ${what}`);
}
