// Takes records as clients finish them, judges each when the truth is past everything it speaks of, and
// keeps the counts and the violations.

import { appendFileSync } from 'node:fs';
import { contentOf } from './fingerprint.ts';
import { judgeGet, judgeList } from './judge-read.ts';
import { judgeWatch } from './judge-watch.ts';
import { highestRevision } from './records.ts';
import type { Frame, Property, Record, Violation, WatchRecord } from './records.ts';
import type { Tally } from './tally.ts';
import type { Target } from './target.ts';
import type { Truth } from './truth.ts';
import type { Verdict } from './verdict.ts';

/** Answers to writes tell contents; they may come behind the events. */
const restMs = 500;
/** Frames told around a violation. */
const context = 12;

export interface JudgingOptions {
  readonly truth: Truth;
  readonly tally: Tally;
  /** Every write that began before is answered. */
  readonly settledAt: (momentMs: number) => boolean;
  /** Violations are appended there, one JSON per line. */
  readonly file: string;
  readonly log: (line: string) => void;
}

interface Waiting {
  readonly record: Record;
  readonly target: Target;
}

export class Judging {
  readonly #options: JudgingOptions;
  #waiting: Waiting[] = [];
  /** One line each, the first of them. */
  readonly violations: string[] = [];
  #count = 0;

  constructor(options: JudgingOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#count;
  }

  submit(record: Record, target: Target): void {
    this.#waiting.push({ record, target });
  }

  /** Judges what can be judged. `all`: the truth is complete, nothing is to be waited for. */
  judge(all = false): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const entry of waiting) {
      if (all || this.#isReady(entry.record)) this.#judgeOne(entry);
      else this.#waiting.push(entry);
    }
  }

  /** How a watch that is still open stands: violations so far, and what has yet to come. */
  standing(record: WatchRecord, target: Target): Verdict {
    const strict = judgeWatch(this.#options.truth, record);
    if (strict.violations.length === 0 || !target.mayBridge(record)) return strict;
    return judgeWatch(this.#options.truth, record, 'bridged');
  }

  found(property: Property, text: string, details: unknown = {}): void {
    this.#count++;
    const line = `${property}: ${text}`;
    if (this.violations.length < 100) this.violations.push(line);
    this.#options.tally.add(`violations: ${property}`);
    this.#options.log(`VIOLATION ${line}`);
    appendFileSync(this.#options.file, `${JSON.stringify({ property, text, details })}\n`);
  }

  #isReady(record: Record): boolean {
    const { truth, settledAt } = this.#options;
    if (performance.now() < record.endedMs + restMs) return false;
    return truth.head >= highestRevision(record) && settledAt(record.endedMs);
  }

  #judgeOne({ record, target }: Waiting): void {
    const { truth, tally } = this.#options;
    const highest = highestRevision(record);
    if (highest > truth.head) {
      this.found('truth', `${record.label}: revision ${highest} of ${truth.head}`, record);
      return;
    }
    const verdict = this.#verdictOn(record, target);
    tally.add(`${record.kind} in ${record.form}`);
    tally.add(record.kind === 'watch' ? 'events judged' : 'objects judged', verdict.judged);
    for (const violation of verdict.violations) this.#report(record, target, violation);
    if (record.kind === 'watch') this.#judgeEnd(record);
  }

  #verdictOn(record: Record, target: Target): Verdict {
    const { truth, tally } = this.#options;
    if (record.kind === 'get') return judgeGet(truth, record);
    if (record.kind === 'list') return judgeList(truth, record);
    const strict = judgeWatch(truth, record);
    if (strict.violations.length === 0 || !target.mayBridge(record)) return strict;
    tally.add('watches judged as bridged');
    return judgeWatch(truth, record, 'bridged');
  }

  #judgeEnd(record: WatchRecord): void {
    const { tally } = this.#options;
    tally.add(`watch ended: ${record.end}`);
    for (const frame of record.frames) {
      if (frame.kind === 'error') tally.add(`watch error ${frame.code}`);
      if (frame.kind === 'bookmark') tally.add('bookmarks judged');
    }
    if (record.end === 'reset') this.found('ended', `${record.label}: reset`);
    const isShort = record.endedMs - record.beganMs < 1_000 && record.frames.length === 0;
    if (record.end === 'clean' && isShort) tally.add('watch ended: clean, at once, empty');
  }

  #report(record: Record, target: Target, { property, text, at }: Violation): void {
    const where = `${target.name} ${record.label}`;
    const details = {
      target: target.name,
      bridging: target.mayBridge(record),
      at,
      truth: this.#truthAround(record, at),
      record: { ...record, ...excerpt(record, at ?? 0) },
      contents: this.#options.truth.disagreed.map(contentOf),
      firstToldBy: this.#options.truth.disagreedWith,
    };
    this.found(property, `${where}: ${text}`, details);
  }

  #truthAround(record: Record, at = 0): unknown {
    if (record.kind === 'get') return this.#options.truth.historyOf(record.resource, record.key, 0);
    const revision =
      record.kind === 'list'
        ? record.pages[at].revision
        : highestRevision({ ...record, frames: record.frames.slice(0, at + 1) });
    return this.#options.truth
      .changesAfter(record.resource, revision - 200)
      .slice(0, 100)
      .map(({ revision: own, key, version }) => `${own} ${key} ${version?.uid ?? 'deleted'}`);
  }
}

function excerpt(record: Record, at: number): { frames?: readonly Frame[]; from?: number } {
  if (record.kind !== 'watch') return {};
  const from = Math.max(0, at - context);
  return { from, frames: record.frames.slice(from, at + context) };
}
