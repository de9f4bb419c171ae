/**
 * Bar charts as SVG, without a library: one group per row of a table, one bar per column, the spread as a line.
 */
import type { Table } from './report.ts';
import { shortNumber } from './report.ts';

const COLOURS = ['#1f6feb', '#8b949e', '#d29922', '#8957e5', '#238636', '#cf222e'];
const BAR = 16;
const GAP = 14;
const LABELS = 250;
const PLOT = 420;
const VALUES = 80;

function escaped(plain: string): string {
  return plain.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x}" y="${y}" ${attributes}>${escaped(content)}</text>`;
}

/** Each row is drawn to its own scale, because rows of one table may differ by orders of magnitude. */
export function barChart(table: Table): string {
  const parts: string[] = [];
  let y = 34;
  table.columns.forEach((column, i) => {
    const x = 10 + i * 165;
    parts.push(
      `<rect x="${x}" y="${y}" width="10" height="10" fill="${COLOURS[i % COLOURS.length]}"/>`,
    );
    parts.push(text(x + 15, y + 9, column));
  });
  y += 28;
  for (const row of table.rows) {
    const most = Math.max(...row.cells.map((cell) => cell?.high ?? 0));
    const height = row.cells.length * BAR;
    parts.push(text(LABELS - 8, y + height / 2 + 4, row.name, 'text-anchor="end"'));
    row.cells.forEach((cell, i) => {
      const top = y + i * BAR;
      if (cell === null) {
        parts.push(text(LABELS + 4, top + 12, 'not measured', 'fill="#8b949e"'));
        return;
      }
      const scale = most > 0 ? PLOT / most : 0;
      const width = Math.max(1, cell.median * scale);
      const fill = COLOURS[i % COLOURS.length];
      parts.push(
        `<rect x="${LABELS}" y="${top}" width="${width.toFixed(1)}" height="${BAR - 3}" fill="${fill}"/>`,
      );
      const middle = top + (BAR - 3) / 2;
      parts.push(
        `<line x1="${(LABELS + cell.low * scale).toFixed(1)}" x2="${(LABELS + cell.high * scale).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="#24292f"/>`,
      );
      parts.push(
        text(LABELS + Math.max(width, cell.high * scale) + 6, top + 11, shortNumber(cell.median)),
      );
    });
    y += height + GAP;
  }
  const width = LABELS + PLOT + VALUES;
  const title = text(
    10,
    18,
    `${table.title} (${table.unit}, ${table.better} is better)`,
    'font-weight="bold"',
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" viewBox="0 0 ${width} ${y}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${y}" fill="#ffffff"/>`,
    title,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}
