// Which reads a proxy answered from memory, from its request log (-v=2). A watch is logged when it is
// over, so the clients have to be gone first.

import { readFileSync } from 'node:fs';
import type { Watershed } from './watershed.ts';

export interface ReadRow {
  readonly resource: string;
  readonly verb: string;
  readonly source: string;
  /** Why it was passed through; empty otherwise. */
  readonly reason: string;
  readonly count: number;
}

interface Line {
  readonly verb?: string;
  readonly resource?: string;
  readonly source?: string;
  readonly reason?: string;
}

/** Reads by resource, verb, source and reason, sorted; without a resource, GETs (discovery) are left out. */
export function readsOf({ logFile }: Watershed): ReadRow[] {
  const rows = new Map<string, Omit<ReadRow, 'count'> & { count: number }>();
  for (const text of readFileSync(logFile, 'utf8').split('\n')) {
    if (!text.includes('"auditId"')) continue;
    const { verb = '', resource = '', source = '', reason = '' } = JSON.parse(text) as Line;
    const isRead = isListOrWatch({ verb }) || (verb === 'get' && resource !== '');
    if (!isRead) continue;
    const key = [resource, verb, source, reason].join(' ');
    const row = rows.get(key) ?? { resource, verb, source, reason, count: 0 };
    row.count += 1;
    rows.set(key, row);
  }
  return [...rows].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, row]) => row);
}

export function isListOrWatch({ verb }: { readonly verb: string }): boolean {
  return verb === 'list' || verb === 'watch';
}

export function countOf(rows: readonly { readonly count: number }[]): number {
  return rows.reduce((sum, row) => sum + row.count, 0);
}

/** How much of the rows came from memory, 0..1. */
export function shareOf(rows: readonly ReadRow[]): number {
  return countOf(rows.filter(({ source }) => source === 'cache')) / countOf(rows);
}

export function tableOf(rows: readonly ReadRow[]): string {
  const cells = rows.map((row) => [row.resource, row.verb, row.source, row.reason, `${row.count}`]);
  const widths = [0, 1, 2, 3, 4].map((at) => Math.max(0, ...cells.map((row) => row[at].length)));
  return cells
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
