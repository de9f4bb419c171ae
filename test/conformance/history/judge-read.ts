// Recorded lists and GETs against the truth. A list shows the state of the revision it names; a read
// without a revision is not older than anything that was known before it began.

import { sameState } from './judge-state.ts';
import type { GetRecord, ListRecord, Page, Property, Violation } from './records.ts';
import type { Truth } from './truth.ts';
import type { Verdict } from './verdict.ts';

export function judgeList(truth: Truth, record: ListRecord): Verdict {
  const violations: Violation[] = [];
  let judged = 0;
  let lastKey = '';
  record.pages.forEach((page, at) => {
    for (const [property, text] of pageProblems(truth, record, at, lastKey)) {
      violations.push({ property, text, at });
    }
    judged += page.items.length;
    lastKey = page.items.at(-1)?.key ?? lastKey;
  });
  return { violations, judged, outstanding: 0 };
}

type Problem = readonly [Property, string];

function pageProblems(truth: Truth, record: ListRecord, at: number, lastKey: string): Problem[] {
  const { resource, selection, form, exact, limit, pages } = record;
  const page = pages[at];
  const { revision, items, more, remaining } = page;
  const problems: Problem[] = [];
  if (revision < page.atLeast) problems.push(['fresh', `${revision}, not ${page.atLeast}`]);
  const demanded = demandedRevision(pages, at, exact);
  if (demanded !== undefined && revision !== demanded) {
    problems.push(['snapshot', `${revision} instead of ${demanded}`]);
  }
  const rest = truth
    .stateAt(resource, selection, revision)
    .filter(({ key }) => lastKey === '' || key > lastKey);
  const expected = more ? rest.slice(0, items.length) : rest;
  const problem = sameState(truth, form, expected, items);
  if (problem !== undefined) problems.push(['snapshot', `at ${revision}: ${problem}`]);
  if (limit > 0 && items.length > limit) {
    problems.push(['snapshot', `${items.length} objects, limit ${limit}`]);
  }
  if (remaining !== undefined && remaining !== rest.length - items.length) {
    const left = rest.length - items.length;
    problems.push(['snapshot', `${remaining} remain instead of ${left}`]);
  }
  return problems;
}

/** Pages behind the first are of its revision, unless the token gave that up. */
function demandedRevision(pages: readonly Page[], at: number, exact: number): number | undefined {
  if (at > 0) return pages[at].fresh ? undefined : pages[at - 1].revision;
  return exact === 0 ? undefined : exact;
}

export function judgeGet(truth: Truth, record: GetRecord): Verdict {
  const violations: Violation[] = [];
  const { resource, key, atLeast, found, form } = record;
  const newer = truth.historyOf(resource, key, atLeast);
  if (found === undefined) {
    const atStart = truth.versionAt(resource, key, atLeast);
    const gone = newer.some(({ version }) => version === undefined);
    if (atStart !== undefined && !gone) {
      const text = `404, but ${key} was there from ${atStart.revision} on`;
      violations.push({ property: 'fresh', text });
    }
    return { violations, judged: 1, outstanding: 0 };
  }
  const version = truth.version(resource, key, found.revision);
  if (version === undefined || found.key !== key) {
    violations.push({ property: 'content', text: `${found.key} at ${found.revision} never was` });
  } else {
    const problem = sameState(truth, form, [version], [found]);
    if (problem !== undefined) violations.push({ property: 'content', text: problem });
    const next = truth.historyOf(resource, key, found.revision).at(0);
    if (next !== undefined && next.revision <= atLeast) {
      const text = `${key} at ${found.revision}, known then: ${next.revision} (${atLeast})`;
      violations.push({ property: 'fresh', text });
    }
  }
  return { violations, judged: 1, outstanding: 0 };
}
