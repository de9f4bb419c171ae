// What a run of the race found: the worst case of each kind beside its bound, and what was late.

import type { Bounds } from './bounds.ts';
import type { RaceResult } from './campaign.ts';
import type { Sighting } from './grant-intervals.ts';

const kinds: readonly (readonly [kind: string, boundOf: (bounds: Bounds) => number])[] = [
  ['answer by when it was sent', ({ sentMs }) => sentMs],
  ['answer by when it came', ({ cameMs }) => cameMs],
  ['start of a watch', ({ cameMs }) => cameMs],
  ['bytes of a watch', ({ watchMs }) => watchMs],
];

const mostShown = 20;

/** What was seen later than the bound allows. */
export function violationsOf({ intervals, bounds }: RaceResult): string[] {
  return kinds.flatMap(([kind, boundOf]) => {
    const boundMs = boundOf(bounds);
    return intervals
      .beyond(kind, boundMs)
      .slice(0, mostShown)
      .map((sighting) => `${kind} ${lateness(sighting)}, bound ${seconds(boundMs)}`);
  });
}

function lateness({ lateMs, what, atMs }: Sighting): string {
  return `${seconds(lateMs)} after the revocation, at ${seconds(atMs)}: ${what}`;
}

export function raceText(result: RaceResult): string {
  const { intervals, bounds, counts, grants, revocations } = result;
  const { answers, refusals, others, watches, watchesPassedThrough, bytes } = counts;
  return [
    `${grants} grants, ${revocations} revocations`,
    `${answers} answers, ${refusals} refusals, ${others} others; ${watches} watches, ${watchesPassedThrough} of them passed through; ${(bytes / 1e6).toFixed(1)} MB`,
    `upstream heard of a revocation after ${spread(result.upstreamLagsMs)}; slack ${seconds(bounds.slackMs)}`,
    `the first use of a grant came after ${spread(result.firstUsesMs)}`,
    'seen after a revocation'.padEnd(32) + ['count', 'worst', 'bound'].map(cell).join(''),
    ...kinds.map(([kind, boundOf]) => {
      const worstMs = intervals.worst(kind)?.lateMs ?? 0;
      const figures = [intervals.count(kind), seconds(worstMs), seconds(boundOf(bounds))];
      return kind.padEnd(32) + figures.map(cell).join('');
    }),
    `${violationsOf(result).length} beyond their bound`,
  ].join('\n');
}

function spread(timesMs: readonly number[]): string {
  if (timesMs.length === 0) return 'nothing';
  const sorted = timesMs.toSorted((left, right) => left - right);
  const at = (share: number): string =>
    seconds(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);
  return `${at(0.5)} (median), ${at(0.99)} (99 %), ${at(1)} (worst)`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function cell(value: string | number): string {
  return String(value).padStart(12);
}
