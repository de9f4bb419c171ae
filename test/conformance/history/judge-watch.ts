// A recorded watch against the truth. Watches must show exactly the events of their selection behind
// their start, from the first on, without a gap: a prefix of what is expected. Where it differs, the
// first frames behind the difference are compared again, so that one fault is told once.
//
// `outstanding` is what would still have to come: judged only when everything has come to rest.

import { judgeBridged } from './judge-bridged.ts';
import { sameState } from './judge-state.ts';
import type { Frame, SeenObject, Violation, WatchRecord } from './records.ts';
import { revisionOf } from './records.ts';
import { selects } from './selection.ts';
import type { ExpectedEvent, Truth } from './truth.ts';
import { isAllowedError } from './verdict.ts';
import type { Verdict } from './verdict.ts';

/** `bridged`: the difference of a relist may stand in for the events between (semantics 9.5). */
export type Strictness = 'strict' | 'bridged';

export function judgeWatch(
  truth: Truth,
  record: WatchRecord,
  strictness: Strictness = 'strict',
): Verdict {
  if (strictness === 'bridged') return judgeBridged(truth, record);
  if (record.start.kind === 'initial' && !record.bookmarks) return judgeUnmarked(truth, record);
  if (record.start.kind === 'now') return judgeFromNow(truth, record);
  return new WatchJudge(truth, record).run();
}

class WatchJudge {
  readonly #truth: Truth;
  readonly #record: WatchRecord;
  readonly #violations: Violation[] = [];
  readonly #initial: SeenObject[] = [];
  /** Where the live part starts; undefined while the initial objects come. */
  #start: number | undefined;
  #expected: readonly ExpectedEvent[] = [];
  #next = 0;
  #lastEvent = 0;
  #lastBookmark = 0;
  #judged = 0;
  #ended = false;

  constructor(truth: Truth, record: WatchRecord) {
    this.#truth = truth;
    this.#record = record;
    if (record.start.kind === 'after') this.#begin(record.start.revision);
  }

  run(): Verdict {
    this.#record.frames.forEach((frame, at) => this.#take(frame, at));
    const outstanding = this.#start === undefined ? Infinity : this.#expected.length - this.#next;
    return { violations: this.#violations, judged: this.#judged, outstanding };
  }

  #take(frame: Frame, at: number): void {
    if (this.#ended) this.#found('ended', 'a frame behind an ERROR', at);
    if (frame.kind === 'error') {
      this.#ended = true;
      if (!isAllowedError(frame.code)) this.#found('error', `${frame.code} ${frame.message}`, at);
    } else if (frame.kind === 'bookmark') this.#takeBookmark(frame, at);
    else if (this.#start === undefined) this.#takeInitial(frame, at);
    else this.#takeEvent(frame, at);
  }

  #takeInitial(frame: Frame & { kind: 'event' }, at: number): void {
    this.#judged++;
    const { type, object } = frame;
    const last = this.#initial.at(-1);
    if (type !== 'ADDED') this.#found('snapshot', `${type} among the initial objects`, at);
    if (last !== undefined && last.key >= object.key) {
      this.#found('snapshot', `${object.key} behind ${last.key}`, at);
    }
    this.#initial.push(object);
  }

  #takeBookmark(frame: Frame & { kind: 'bookmark' }, at: number): void {
    const { revision, initialEnd } = frame;
    if (initialEnd) this.#endInitial(revision, at);
    else if (this.#start === undefined) {
      this.#found('bookmarkable', 'a bookmark among the initial objects', at);
    }
    const last = Math.max(this.#lastEvent, this.#lastBookmark);
    if (revision < last) this.#found('bookmarkable', `bookmark ${revision} after ${last}`, at);
    const first = this.#next;
    while (this.#next < this.#expected.length && this.#expected[this.#next].revision <= revision) {
      this.#next++;
    }
    if (this.#next > first) {
      const missed = told(this.#expected.slice(first, this.#next));
      this.#found('bookmarkable', `bookmark ${revision} before ${missed}`, at);
    }
    this.#lastBookmark = revision;
  }

  #endInitial(revision: number, at: number): void {
    const { start, resource, selection, form } = this.#record;
    if (this.#start !== undefined || start.kind !== 'initial') {
      this.#found('snapshot', 'a mark of the end of initial objects, not asked for', at);
      return;
    }
    if (revision < start.atLeast) {
      this.#found('fresh', `initial objects at ${revision}, not ${start.atLeast}`, at);
    }
    const state = this.#truth.stateAt(resource, selection, revision);
    const problem = sameState(this.#truth, form, state, this.#initial);
    if (problem !== undefined) this.#found('snapshot', `at ${revision}: ${problem}`, at);
    this.#begin(revision);
  }

  #takeEvent({ type, object }: Frame & { kind: 'event' }, at: number): void {
    this.#judged++;
    const expected = this.#expected[this.#next];
    if (expected?.revision === object.revision && expected.version.key === object.key) {
      this.#next++;
      this.#compare(expected, type, object, at);
    } else {
      this.#explain(type, object, at);
    }
    this.#lastEvent = Math.max(this.#lastEvent, object.revision);
  }

  #compare(expected: ExpectedEvent, type: string, object: SeenObject, at: number): void {
    const { version } = expected;
    const name = `${object.key} at ${object.revision}`;
    if (type !== expected.type) {
      this.#found('selected', `${name}: ${type} instead of ${expected.type}`, at);
    }
    const same =
      version.uid === object.uid &&
      this.#truth.agrees(version, this.#record.form, {
        fingerprint: object.fingerprint,
        by: `${this.#record.label} ${object.key} at ${object.revision}`,
        own: object.revision === version.revision,
      });
    if (same) return;
    const property = expected.type === 'DELETED' ? 'last state' : 'content';
    this.#found(property, `${name} is not the version of ${version.revision}`, at);
  }

  /** Which property an event that is not the next one breaks. */
  #explain(type: string, object: SeenObject, at: number): void {
    const { resource, selection } = this.#record;
    const { key, revision } = object;
    const name = `${type} ${key} at ${revision}`;
    const behind = this.#expected.findIndex(
      (event, index) => index >= this.#next && event.revision === revision,
    );
    if (behind >= 0 && this.#expected[behind].version.key === key) {
      const missed = told(this.#expected.slice(this.#next, behind));
      this.#found('reliable', `${name} came without ${missed}`, at);
      this.#next = behind + 1;
      return;
    }
    const seen = this.#expected.findIndex((event) => event.revision === revision);
    if (seen >= 0 && seen < this.#next && this.#expected[seen].version.key === key) {
      const again = this.#wasShown(key, revision, at);
      this.#found(again ? 'unique' : 'ordered', `${name} after ${this.#lastEvent}`, at);
    } else if (revision <= this.#lastBookmark) {
      this.#found('bookmarkable', `${name} behind bookmark ${this.#lastBookmark}`, at);
    } else if (revision <= (this.#start ?? 0)) {
      this.#found('resumable', `${name} in a watch that starts at ${this.#start}`, at);
    } else if (revision < this.#lastEvent) {
      this.#found('ordered', `${name} after ${this.#lastEvent}`, at);
    } else {
      const version = this.#truth.version(resource, key, revision);
      const real = version !== undefined && !selects(selection, version);
      this.#found(real ? 'selected' : 'content', `${name} never happened to this selection`, at);
    }
  }

  #wasShown(key: string, revision: number, before: number): boolean {
    return this.#record.frames
      .slice(0, before)
      .some((frame) => revisionOf(frame) === revision && isAbout(frame, key));
  }

  #begin(revision: number): void {
    const { resource, selection } = this.#record;
    this.#start = revision;
    this.#expected = this.#truth.expectedAfter(resource, selection, revision);
    this.#next = 0;
  }

  #found(property: Violation['property'], text: string, at: number): void {
    this.#violations.push({ property, text, at });
  }
}

function isAbout(frame: Frame, key: string): boolean {
  return frame.kind === 'event' && frame.object.key === key;
}

const toldEvents = 5;

function told(events: readonly ExpectedEvent[]): string {
  const names = events
    .slice(0, toldEvents)
    .map(({ type, revision, version }) => `${type} ${version.key} at ${revision}`);
  const more = events.length > toldEvents ? ` and ${events.length - toldEvents} more` : '';
  return `${names.join(', ')}${more}`;
}

/** Changes back from now among which the moment of initial objects without a mark is looked for. */
const maxMoments = 3_000;

/** Without a mark at the end of the initial objects some moment must explain what was shown. */
function judgeUnmarked(truth: Truth, record: WatchRecord): Verdict {
  const { resource, selection, frames, start, form } = record;
  if (start.kind !== 'initial') throw new Error('no initial objects');
  const changes = truth.changesAfter(resource, start.atLeast).slice(-maxMoments);
  const moments = [...changes.map(({ revision }) => revision).toReversed(), start.atLeast];
  // Broken off among the initial objects: nothing more can be said than that they are not too many.
  let isPart = false;
  let closest: Verdict | undefined;
  for (const revision of moments) {
    const state = truth.stateAt(resource, selection, revision);
    const shown = frames.slice(0, state.length).filter((frame) => frame.kind === 'event');
    isPart ||= state.length > frames.length;
    if (shown.length < state.length) continue;
    const objects = shown.map(({ object }) => object);
    if (sameState(truth, form, state, objects) !== undefined) continue;
    const mark: Frame = { kind: 'bookmark', revision, initialEnd: true };
    const marked = [...shown, mark, ...frames.slice(state.length)];
    const verdict = new WatchJudge(truth, { ...record, frames: marked }).run();
    if (verdict.violations.length === 0) return verdict;
    closest = verdict;
  }
  if (closest !== undefined) return closest;
  const text = 'no moment had these initial objects';
  const violations: Violation[] = isPart ? [] : [{ property: 'snapshot', text }];
  return { violations, judged: 0, outstanding: Infinity };
}

/** The moment it starts at is not told: from its first event on nothing may be missing. */
function judgeFromNow(truth: Truth, record: WatchRecord): Verdict {
  const { resource, selection, frames, start } = record;
  if (start.kind !== 'now') throw new Error('starts elsewhere');
  const first = frames.find((frame) => frame.kind !== 'error');
  const revision = first === undefined ? truth.head : revisionOf(first);
  // A bookmark may stand behind events that happened before the start.
  const from = first?.kind === 'event' ? revision - 1 : revision;
  const after = { kind: 'after', revision: from } as const;
  const verdict = new WatchJudge(truth, { ...record, start: after }).run();
  if (first === undefined || revision > start.atLeast) return verdict;
  if (first.kind === 'bookmark') return verdict;
  const expected = truth.expectedAfter(resource, selection, start.atLeast);
  const text = `shows ${revision}, starts at ${start.atLeast} or later (${expected.length} follow)`;
  return { ...verdict, violations: [...verdict.violations, { property: 'resumable', text }] };
}
