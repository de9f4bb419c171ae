// What really happened: every version of every object, as the store keeps them, in the order of its
// revisions. Written by store-watch.ts (and by tests); the judges ask it for states and events.
//
// Fingerprints come from the store where the store keeps that form, and from the answers to writes for
// the others. A form that neither tells is taken from the first client that shows it: from then on all
// clients must show the same.

import type { ResourceName } from '../support/resources.ts';
import type { EventType, Form } from './records.ts';
import { selects } from './selection.ts';
import type { Selectable, Selection } from './selection.ts';

export interface Version extends Selectable {
  readonly key: string;
  readonly uid: string;
  readonly revision: number;
  readonly fingerprints: Map<Form, string>;
}

/** One revision of the store, as far as it concerns one resource. */
export interface Change {
  readonly revision: number;
  readonly key: string;
  /** undefined: it was deleted. */
  readonly version: Version | undefined;
  readonly previous: Version | undefined;
}

export interface ExpectedEvent {
  readonly type: EventType;
  readonly revision: number;
  /** Whose content it shows. */
  readonly version: Version;
}

/** What a client was shown, and which client. */
export interface Showing {
  readonly fingerprint: string;
  readonly by: string;
  /** Under the version's own revision, not as the last state of something that went: nothing is learnt from the latter. */
  readonly own: boolean;
}

interface Told {
  readonly changes: Change[];
  readonly byKey: Map<string, Change[]>;
}

export class Truth {
  readonly #told = new Map<ResourceName, Told>();
  /** Everything up to here is known. */
  head = 0;
  /** Answers to writes whose revision is not known yet. */
  readonly #acknowledged = new Map<string, Version>();
  /** Fingerprints told by an answer to a write, or by the store. */
  known = 0;
  /** Fingerprints first told by a client. */
  assumed = 0;
  /** The latest two that should have been one. */
  disagreed: readonly string[] = [];
  /** Who told the first of them; empty for an answer to a write. */
  disagreedWith = '';
  /** Who first told a content, by version and form. */
  readonly #tellers = new WeakMap<Version, Map<Form, string>>();

  /** Revisions must rise. */
  append(resource: ResourceName, revision: number, key: string, version?: Version): void {
    if (revision <= this.head) throw new Error(`revision ${revision} after ${this.head}`);
    this.head = revision;
    const told = this.#of(resource);
    const history = told.byKey.get(key) ?? [];
    told.byKey.set(key, history);
    const change = { revision, key, version, previous: history.at(-1)?.version };
    const name = `${resource}/${key}@${revision}`;
    const answer = this.#acknowledged.get(name);
    if (version !== undefined && answer !== undefined) merge(version, answer);
    this.#acknowledged.delete(name);
    history.push(change);
    told.changes.push(change);
  }

  /** A revision that concerns none of the watched resources. */
  skip(revision: number): void {
    if (revision <= this.head) throw new Error(`revision ${revision} after ${this.head}`);
    this.head = revision;
  }

  /** What the apiserver answered to a write. It must be found in the store sooner or later. */
  acknowledge(resource: ResourceName, answer: Version): void {
    const version = this.version(resource, answer.key, answer.revision);
    if (version !== undefined) merge(version, answer);
    else this.#acknowledged.set(`${resource}/${answer.key}@${answer.revision}`, answer);
  }

  /** Acknowledged writes that the store does not know, of those it should know by now. */
  unconfirmed(): string[] {
    return [...this.#acknowledged]
      .filter(([, { revision }]) => revision <= this.head)
      .map(([name]) => name);
  }

  changesAfter(resource: ResourceName, revision: number): readonly Change[] {
    const { changes } = this.#of(resource);
    return changes.slice(firstAfter(changes, revision));
  }

  /** What a watch of the selection must show behind a revision. */
  expectedAfter(
    resource: ResourceName,
    selection: Selection,
    revision: number,
    until = Infinity,
  ): ExpectedEvent[] {
    const events: ExpectedEvent[] = [];
    for (const change of this.changesAfter(resource, revision)) {
      if (change.revision > until) break;
      const event = eventOf(change, selection);
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  /** The objects of the selection at a revision, in the order of their keys. */
  stateAt(resource: ResourceName, selection: Selection, revision: number): Version[] {
    const state: Version[] = [];
    for (const key of this.#of(resource).byKey.keys()) {
      const version = this.versionAt(resource, key, revision);
      if (version !== undefined && selects(selection, version)) state.push(version);
    }
    // Keys are ASCII: the order of JavaScript is the order of bytes.
    return state.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  versionAt(resource: ResourceName, key: string, revision: number): Version | undefined {
    const history = this.#of(resource).byKey.get(key) ?? [];
    return history[firstAfter(history, revision) - 1]?.version;
  }

  /** The version with exactly this revision. */
  version(resource: ResourceName, key: string, revision: number): Version | undefined {
    const version = this.versionAt(resource, key, revision);
    return version?.revision === revision ? version : undefined;
  }

  /** All that happened to one key after a revision. */
  historyOf(resource: ResourceName, key: string, after: number): readonly Change[] {
    const history = this.#of(resource).byKey.get(key) ?? [];
    return history.slice(firstAfter(history, after));
  }

  /** Every content a client shows is compared; one never told before is learnt. */
  agrees(version: Version, form: Form, { fingerprint, by, own }: Showing): boolean {
    const told = version.fingerprints.get(form);
    if (told === undefined) {
      if (!own) return true;
      version.fingerprints.set(form, fingerprint);
      const tellers = this.#tellers.get(version) ?? new Map<Form, string>();
      this.#tellers.set(version, tellers.set(form, by));
      this.assumed++;
      return true;
    }
    this.known++;
    if (told !== fingerprint) {
      this.disagreed = [told, fingerprint];
      this.disagreedWith = this.#tellers.get(version)?.get(form) ?? '';
    }
    return told === fingerprint;
  }

  #of(resource: ResourceName): Told {
    let told = this.#told.get(resource);
    if (told === undefined) {
      told = { changes: [], byKey: new Map() };
      this.#told.set(resource, told);
    }
    return told;
  }
}

function merge(version: Version, answer: Version): void {
  for (const [form, fingerprint] of answer.fingerprints) {
    const told = version.fingerprints.get(form);
    if (told !== undefined && told !== fingerprint) {
      throw new Error(`${version.key} at ${version.revision}: stored and answered ${form} differ`);
    }
    version.fingerprints.set(form, fingerprint);
  }
}

/** The table of selector transitions (apiserver-semantics 4.7). */
function eventOf(change: Change, selection: Selection): ExpectedEvent | undefined {
  const { revision, version, previous } = change;
  const before = previous !== undefined && selects(selection, previous);
  const now = version !== undefined && selects(selection, version);
  if (now) return { type: before ? 'MODIFIED' : 'ADDED', revision, version };
  if (before) return { type: 'DELETED', revision, version: previous };
  return undefined;
}

function firstAfter(changes: readonly Change[], revision: number): number {
  let low = 0;
  let high = changes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (changes[middle].revision <= revision) low = middle + 1;
    else high = middle;
  }
  return low;
}
