// A watch through a proxy that bridges relists (`lanes.bridgeUpstreamExpiry`): states between two lists
// may be missing, deletions come under a revision that was sent already. What must hold all the same:
// every object shown is a real version, types follow from what was shown before, revisions do not fall,
// and at every bookmark the objects shown are exactly the state of that revision.

import type { Frame, SeenObject, Violation, WatchRecord } from './records.ts';
import { selects } from './selection.ts';
import type { Truth, Version } from './truth.ts';
import { isAllowedError } from './verdict.ts';
import type { Verdict } from './verdict.ts';

export function judgeBridged(truth: Truth, record: WatchRecord): Verdict {
  const { start, bookmarks } = record;
  // Without a known beginning types and states cannot be judged.
  if (start.kind === 'now' || (start.kind === 'initial' && !bookmarks)) {
    return { violations: [], judged: 0, outstanding: 0 };
  }
  return new BridgedJudge(truth, record).run();
}

class BridgedJudge {
  readonly #truth: Truth;
  readonly #record: WatchRecord;
  readonly #violations: Violation[] = [];
  /** Key and revision of what the client holds. */
  readonly #held = new Map<string, number>();
  #live: boolean;
  #last = 0;
  #judged = 0;

  constructor(truth: Truth, record: WatchRecord) {
    this.#truth = truth;
    this.#record = record;
    const { start, resource, selection } = record;
    this.#live = start.kind === 'after';
    if (start.kind !== 'after') return;
    this.#last = start.revision;
    for (const { key, revision } of truth.stateAt(resource, selection, start.revision)) {
      this.#held.set(key, revision);
    }
  }

  run(): Verdict {
    this.#record.frames.forEach((frame, at) => this.#take(frame, at));
    const isBehind = this.#difference(this.#truth.head) !== undefined;
    const outstanding = this.#live ? Number(isBehind) : Infinity;
    return { violations: this.#violations, judged: this.#judged, outstanding };
  }

  #take(frame: Frame, at: number): void {
    if (frame.kind === 'error') {
      if (!isAllowedError(frame.code)) this.#found('error', `${frame.code} ${frame.message}`, at);
    } else if (frame.kind === 'bookmark') this.#takeBookmark(frame, at);
    else this.#takeEvent(frame, at);
  }

  #takeBookmark({ revision, initialEnd }: Frame & { kind: 'bookmark' }, at: number): void {
    const { start } = this.#record;
    if (initialEnd) this.#live = true;
    if (initialEnd && start.kind === 'initial' && revision < start.atLeast) {
      this.#found('fresh', `initial objects at ${revision}, not ${start.atLeast}`, at);
    }
    if (revision < this.#last) {
      this.#found('bookmarkable', `bookmark ${revision} after ${this.#last}`, at);
    }
    this.#last = Math.max(this.#last, revision);
    const difference = this.#difference(revision);
    if (difference !== undefined) this.#found('bookmarkable', `at ${revision}: ${difference}`, at);
  }

  #takeEvent({ type, object }: Frame & { kind: 'event' }, at: number): void {
    this.#judged++;
    const { resource } = this.#record;
    const { key, revision } = object;
    const name = `${type} ${key} at ${revision}`;
    const held = this.#held.get(key);
    const isDeletion = type === 'DELETED';
    if ((held === undefined) !== (type === 'ADDED')) {
      this.#found('selected', `${name} with ${held ?? 'nothing'} before`, at);
    }
    if (this.#live && (isDeletion ? revision < this.#last : revision <= this.#last)) {
      this.#found('ordered', `${name} after ${this.#last}`, at);
    }
    const shown = isDeletion ? (held ?? 0) : revision;
    this.#compare(name, this.#truth.version(resource, key, shown), object, at);
    if (isDeletion) this.#held.delete(key);
    else this.#held.set(key, revision);
    if (this.#live) this.#last = Math.max(this.#last, revision);
  }

  #compare(name: string, version: Version | undefined, object: SeenObject, at: number): void {
    const { form, selection } = this.#record;
    const same =
      version !== undefined &&
      selects(selection, version) &&
      version.uid === object.uid &&
      this.#truth.agrees(version, form, {
        fingerprint: object.fingerprint,
        by: `${this.#record.label} (bridged) ${name}`,
        own: object.revision === version.revision,
      });
    if (!same) this.#found('content', `${name} shows no version of this selection`, at);
  }

  /** Between what the client holds and a state of the past. */
  #difference(revision: number): string | undefined {
    const { resource, selection } = this.#record;
    const state = this.#truth.stateAt(resource, selection, revision);
    const missing = state.filter((version) => this.#held.get(version.key) !== version.revision);
    const keys = new Set(state.map(({ key }) => key));
    const extra = [...this.#held.keys()].filter((key) => !keys.has(key));
    if (missing.length + extra.length === 0) return undefined;
    const wanted = missing.map((version) => `${version.key}@${version.revision}`).join(' ');
    return `lacks ${wanted || 'nothing'}, has too much ${extra.join(' ') || 'nothing'}`;
  }

  #found(property: Violation['property'], text: string, at: number): void {
    this.#violations.push({ property, text, at });
  }
}
