/**
 * Writes docs/benchmarks.md and its plots from the results that exist. Nothing in the page is typed by hand.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUDGETS } from './budgets.ts';
import { barChart } from './plots.ts';
import type { BenchResult, Table } from './report.ts';
import { cellText, RESULTS, shortNumber } from './report.ts';

const DOCS = join(import.meta.dirname, '..', '..', 'docs');

/** Full results where there are some, quick ones elsewhere. */
export function readResults(): BenchResult[] {
  const byName = new Map<string, BenchResult>();
  for (const file of readdirSync(RESULTS).sort()) {
    if (!file.endsWith('.json')) continue;
    const result = JSON.parse(readFileSync(join(RESULTS, file), 'utf8')) as BenchResult;
    if (byName.get(result.name)?.quick !== false) byName.set(result.name, result);
  }
  return [...byName.values()];
}

function budgetTable(results: readonly BenchResult[]): string[] {
  const lines = [
    'A quick run has fewer watchers, objects and repeats than the budget speaks of.',
    '',
    '| what | budget | measured | met | known rivals |',
    '|---|---|---|---|---|',
  ];
  for (const row of BUDGETS) {
    const { what, budget, rivals, figure: name, target, better, unit, shownPer = 1 } = row;
    const found = results.filter(({ figures }) => figures[name] !== undefined);
    const result = found.find(({ quick }) => !quick) ?? found[0];
    const figure = result?.figures[name];
    const met = figure !== undefined && (better === 'higher' ? figure >= target : figure <= target);
    const scale = result?.quick === true ? ' (quick run)' : '';
    const measured =
      figure === undefined
        ? 'not measured yet'
        : `${shortNumber(figure / shownPer)} ${unit}${scale}`;
    lines.push(
      `| ${what} | ${budget} | ${measured} | ${figure === undefined ? '-' : met ? 'yes' : 'no'} | ${rivals} |`,
    );
  }
  return lines;
}

function markdownTable(table: Table): string[] {
  const lines = [
    `| ${table.title} (${table.unit}, ${table.better} is better) | ${table.columns.join(' | ')} |`,
    `|---|${table.columns.map(() => '---:|').join('')}`,
  ];
  for (const row of table.rows)
    lines.push(`| ${row.name} | ${row.cells.map(cellText).join(' | ')} |`);
  return lines;
}

function section(result: BenchResult, plots: string): string[] {
  const { machine } = result;
  const lines = [`## ${result.title}`, ''];
  lines.push(
    `${result.quick ? 'Quick run' : 'Full run'} of ${result.date}; ${machine.cores} cores (${machine.cpu}), Node ${machine.node}, ${machine.platform}, load ${machine.load} at the start.`,
    '',
    ...result.notes.map((note) => `- ${note}`),
    '',
  );
  result.tables.forEach((table, i) => {
    const file = `${result.name}-${i + 1}.svg`;
    writeFileSync(join(plots, file), barChart(table));
    lines.push(...markdownTable(table), '', `![${table.title}](benchmarks/${file})`, '');
  });
  return lines;
}

export function writeBenchmarksPage(): string {
  const results = readResults();
  const plots = join(DOCS, 'benchmarks');
  rmSync(plots, { recursive: true, force: true });
  mkdirSync(plots, { recursive: true });
  const lines = [
    '# Benchmarks',
    '',
    '<!-- Written by `npm run bench -- --report` from bench/results/*.json. Do not edit. -->',
    '',
    'Cells are medians, with the lowest and highest of the repeats in brackets. Every bench checks what it times before it',
    'prints, and runs its rivals in the same process and in turn. `npm run bench -- --quick` repeats all of them in minutes.',
    '',
    '## Budgets',
    '',
    ...budgetTable(results),
    '',
    ...results.flatMap((result) => section(result, plots)),
  ];
  const file = join(DOCS, 'benchmarks.md');
  writeFileSync(file, `${lines.join('\n').trimEnd()}\n`);
  return file;
}
