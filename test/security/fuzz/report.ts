// What a run found, added up and printed; and one finding with everything that is needed to see it again.

import { requestBytes } from './client-http1.ts';
import { isGranted, isRefusal } from './judge.ts';
import type { Verdict } from './judge.ts';

/** Kept with all their bytes; the rest is only counted. */
const mostKept = 200;

interface Row {
  asked: number;
  granted: number;
  refused: number;
  unequal: number;
}

export class Report {
  readonly violations: Verdict[] = [];
  readonly unexplained: Verdict[] = [];
  readonly explained = new Map<string, number>();
  cases = 0;
  equal = 0;
  #sameStatus = 0;
  /** Differences that were gone when asked again, by their first sentence. */
  readonly #passing = new Map<string, number>();
  readonly #identities = new Map<string, Row>();
  readonly #tricks = new Map<string, Row>();
  readonly #statuses = new Map<string, number>();
  /** Tricks behind which neither server answered. */
  readonly #silent = new Map<string, number>();

  add(verdict: Verdict): void {
    const { finding, first, attempts, fuzzCase, direct, proxied } = verdict;
    this.cases += 1;
    if (attempts > 1 && first.kind !== 'equal') count(this.#passing, shortened(first.what));
    if (finding.kind === 'equal') this.equal += 1;
    else if (finding.kind === 'violation') keep(this.violations, verdict);
    else if (finding.explained === undefined) keep(this.unexplained, verdict);
    else count(this.explained, finding.explained);
    if (finding.kind === 'equal' || direct.status === proxied.status) this.#sameStatus += 1;
    count(this.#statuses, `${direct.status}`);
    if (direct.status === 0 && proxied.status === 0) {
      for (const trick of fuzzCase.tricks) {
        count(this.#silent, `${trick} over ${fuzzCase.sent.protocol}`);
      }
    }
    const rows = [rowOf(this.#identities, fuzzCase.identity.name)];
    for (const trick of fuzzCase.tricks) rows.push(rowOf(this.#tricks, trick));
    for (const row of rows) {
      row.asked += 1;
      if (isGranted(proxied)) row.granted += 1;
      if (isRefusal(proxied)) row.refused += 1;
      if (finding.kind !== 'equal') row.unequal += 1;
    }
  }

  /** Of cases with the same status from both; refusals may be worded otherwise. */
  get sameStatusShare(): number {
    return this.#sameStatus / Math.max(1, this.cases);
  }

  get text(): string {
    const statuses = [...this.#statuses].sort(([, left], [, right]) => right - left);
    return [
      tableOf('identity', this.#identities),
      tableOf('trick', this.#tricks),
      `upstream said ${statuses.map(([status, times]) => `${status}: ${times}`).join(', ')}`,
      `neither answered: ${[...this.#silent].map(([trick, times]) => `${times} ${trick}`).join(', ')}`,
      ...[...this.#passing].map(([what, times]) => `asked again: ${times} ${what}`),
      ...[...this.explained].map(([name, times]) => `explained by "${name}": ${times}`),
      `${this.cases} cases, ${this.equal} equal, ${(100 * this.sameStatusShare).toFixed(3)} % with the same status, ` +
        `${this.unexplained.length} unexplained, ${this.violations.length} violations`,
    ].join('\n');
  }
}

/** Without uids and other texts of one case. */
function shortened(what: string): string {
  return /^(shows|refused|status \d+, upstream \d+)/.exec(what)?.[0] ?? what;
}

function keep(list: Verdict[], verdict: Verdict): void {
  if (list.length < mostKept) list.push(verdict);
}

function count(map: Map<string, number>, key: string): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}

function rowOf(rows: Map<string, Row>, key: string): Row {
  let row = rows.get(key);
  if (row === undefined) rows.set(key, (row = { asked: 0, granted: 0, refused: 0, unequal: 0 }));
  return row;
}

const columns = ['asked', 'granted', 'refused', 'unequal'] as const;

function tableOf(title: string, rows: ReadonlyMap<string, Row>): string {
  const lines = [...rows]
    .sort(([, left], [, right]) => right.asked - left.asked)
    .map(([key, row]) => key.padEnd(44) + columns.map((name) => cell(row[name])).join(''));
  return [title.padEnd(44) + columns.map(cell).join(''), ...lines, ''].join('\n');
}

function cell(value: string | number): string {
  return String(value).padStart(10);
}

const shownCharacters = 300;

/** One finding: the request as it is written, who sent it, what they may do, and both answers. */
export function described({ fuzzCase, direct, proxied, finding }: Verdict): string {
  const { number, identity, state, sent, tricks } = fuzzCase;
  const grants = state.grants.filter(({ subject }) => subject === identity.subject);
  const what = finding.kind === 'equal' ? 'equal' : finding.what;
  return [
    `${finding.kind}: #${number} as ${identity.name} over ${sent.protocol}: ${what}`,
    `   tricks: ${tricks.join(', ') || 'none'}; state ${state.number}`,
    `   may: ${JSON.stringify(grants.map(({ namespace, rules }) => ({ namespace, rules })))}`,
    ...requestBytes(sent)
      .toString('latin1')
      .trimEnd()
      .split('\r\n')
      .map((line) => `   > ${line}`),
    `   direct  ${direct.status} ${direct.end} ${shown(direct.body)}`,
    `   proxied ${proxied.status} ${proxied.end} ${shown(proxied.body)}`,
  ].join('\n');
}

function shown(body: Buffer): string {
  return JSON.stringify(body.subarray(0, shownCharacters).toString('latin1'));
}
