/**
 * What one client was told by its watches, judged event by event against the history of the store: nothing skipped, nothing
 * repeated, nothing older than a bookmark, nothing that never was.
 */
import { type Change, signatureOf } from './store.ts';
import type { World } from './world.ts';

/** The parts of an event that are judged. */
interface WatchEvent {
  readonly type: string;
  readonly object: {
    readonly code?: number;
    readonly metadata: {
      readonly name?: string;
      readonly namespace?: string;
      readonly resourceVersion?: string;
      readonly annotations?: Readonly<Record<string, string>>;
    };
  };
}

export class WatchJudge {
  readonly #world: World;
  readonly #name: string;
  /** '' for all namespaces. */
  readonly #namespace: string;
  /** Everything up to here was seen; 0 when its client must list. */
  revision = 0;
  /** Index of the first change after `revision`. */
  #next = 0;
  /** What the client holds, for watches that may skip what happened but not the outcome. */
  #held = new Map<string, number>();
  /** Initial events until the mark: the oldest revision they may be at. */
  #initialFrom: number | undefined;
  /** Changes up to this revision may be missing before the first event of a watch that began in the unknown. */
  #skippable = 0;

  constructor(world: World, name: string, namespace: string) {
    this.#world = world;
    this.#name = name;
    this.#namespace = namespace;
  }

  /** Has seen everything of its namespace. */
  get inStep(): boolean {
    if (this.#initialFrom !== undefined) return false;
    const { store } = this.#world;
    if (this.#world.bridged) return this.#signature() === this.#truthAt(store.revision);
    const from = Math.max(this.#next, store.changesUpTo(this.#skippable));
    return this.#nextChange(store.revision, from) === undefined;
  }

  /** The client knows everything up to a revision. */
  stand(revision: number): void {
    this.revision = revision;
    this.#next = this.#world.store.changesUpTo(revision);
    this.#held = new Map(this.#truthAfter(this.#next));
  }

  /** A watch begins; with `initialFrom`, by the state at that revision or a later one. */
  begin(initialFrom: number | undefined): void {
    this.#skippable = 0;
    this.#initialFrom = initialFrom;
    if (initialFrom !== undefined) this.#held.clear();
  }

  /** A watch has begun somewhere between two revisions, and its client is not told where. */
  beginBetween(from: number, to: number): void {
    this.stand(from);
    this.#skippable = to;
  }

  /** A watch is over; without its mark a streaming list is worth nothing. */
  end(): void {
    if (this.#initialFrom !== undefined) this.revision = 0;
    this.#initialFrom = undefined;
  }

  /** The client has read whole lines. */
  take(text: string): void {
    for (const line of text.split('\n')) {
      if (line === '' || this.#world.violation !== '') continue;
      const event = JSON.parse(line) as WatchEvent;
      const { name, namespace, resourceVersion } = event.object.metadata;
      this.#say(() => `gets ${event.type} ${namespace}/${name} at ${resourceVersion}`);
      this.#event(event);
    }
  }

  #event({ type, object }: WatchEvent): void {
    const { tally } = this.#world;
    const { name, namespace, resourceVersion, annotations } = object.metadata;
    if (type === 'ERROR') {
      if (object.code !== 410) this.#violate(`is told ${object.code}`);
      tally.expired++;
      this.revision = 0;
      return;
    }
    const revision = Number(resourceVersion);
    if (revision > this.#world.store.revision) this.#violate(`hears of the future: ${revision}`);
    if (type === 'BOOKMARK') {
      tally.bookmarks++;
      if (this.#initialFrom === undefined) this.#bookmarked(revision);
      else this.#marked(revision, annotations?.['k8s.io/initial-events-end'] === 'true');
      return;
    }
    tally.events++;
    const key = `${namespace}/${name}`;
    if (this.#initialFrom !== undefined) {
      if (type !== 'ADDED') this.#violate(`gets ${type} among initial events`);
      this.#held.set(key, revision);
    } else if (this.#world.bridged) {
      this.#bridgedEvent(type, key, revision);
    } else {
      this.#exactEvent(type, key, revision);
    }
  }

  #exactEvent(type: string, key: string, revision: number): void {
    const { store } = this.#world;
    this.#learnStart(revision - 1);
    const expected = this.#nextChange(store.revision);
    const got = `${type} ${key} at ${revision}`;
    if (revision <= this.revision) {
      this.#violate(`is behind ${this.revision} already and gets ${got}`);
    } else if (expected === undefined || expected.revision > revision) {
      this.#violate(`gets ${got}, which never was`);
    } else if (expected.revision < revision) {
      this.#violate(`gets ${got} and was never told of ${textOf(expected)}`);
    } else if (expected.type !== type || expected.key !== key) {
      this.#violate(`gets ${got} instead of ${textOf(expected)}`);
    }
    this.revision = revision;
    this.#next = store.changesUpTo(revision);
  }

  #learnStart(revision: number): void {
    if (this.#skippable === 0) return;
    this.#next = this.#world.store.changesUpTo(Math.min(revision, this.#skippable));
    this.#skippable = 0;
  }

  /** Deletions that a bridge found come under the revision before it; nothing else repeats one. */
  #bridgedEvent(type: string, key: string, revision: number): void {
    if (revision < this.revision || (revision === this.revision && type !== 'DELETED')) {
      this.#violate(`is behind ${this.revision} already and gets ${type} ${key} at ${revision}`);
    }
    if (type === 'DELETED') this.#held.delete(key);
    else this.#held.set(key, revision);
    this.revision = revision;
    this.#next = this.#world.store.changesUpTo(revision);
  }

  #bookmarked(revision: number): void {
    const { bridged } = this.#world;
    this.#learnStart(revision);
    if (revision < this.revision) {
      this.#violate(`is behind ${this.revision} already and gets a bookmark at ${revision}`);
    }
    const missed = bridged ? undefined : this.#nextChange(revision);
    if (missed !== undefined) {
      this.#violate(`gets a bookmark at ${revision} and was never told of ${textOf(missed)}`);
    }
    if (bridged && this.#signature() !== this.#truthAt(revision)) {
      this.#violate(`holds [${this.#signature()}] at bookmark ${revision}`);
    }
    this.revision = revision;
    this.#next = this.#world.store.changesUpTo(revision);
  }

  /** The mark behind the initial events. */
  #marked(revision: number, marked: boolean): void {
    if (!marked) this.#violate(`gets a plain bookmark at ${revision} before the mark`);
    if (revision < this.#initialFrom!) {
      this.#violate(`lists at ${revision} and misses writes up to ${this.#initialFrom}`);
    }
    const truth = this.#truthAt(revision);
    if (this.#signature() !== truth) {
      this.#violate(`lists [${this.#signature()}] at ${revision}, it was [${truth}]`);
    }
    this.#initialFrom = undefined;
    this.revision = revision;
    this.#next = this.#world.store.changesUpTo(revision);
  }

  /** The first change of its namespace that it has not seen, up to a revision. */
  #nextChange(upTo: number, from = this.#next): Change | undefined {
    const { changes } = this.#world.store;
    for (let k = from; k < changes.length && changes[k].revision <= upTo; k++) {
      if (this.#namespace === '' || changes[k].namespace === this.#namespace) return changes[k];
    }
    return undefined;
  }

  #signature(): string {
    return signatureOf([...this.#held]);
  }

  #truthAt(revision: number): string {
    return signatureOf(this.#truthAfter(this.#world.store.changesUpTo(revision)));
  }

  /** Keys and revisions of its namespace after the first changes of the store. */
  #truthAfter(changes: number): [string, number][] {
    return [...this.#world.store.stateAfter(changes).values()]
      .filter(({ namespace }) => this.#namespace === '' || namespace === this.#namespace)
      .map(({ key, revision }) => [key, revision]);
  }

  #violate(message: string): void {
    this.#world.violate(`${this.#name} ${message}`);
  }

  #say(line: () => string): void {
    this.#world.note(() => `${this.#name} ${line()}`);
  }
}

function textOf({ type, key, revision }: Change): string {
  return `${type} ${key} at ${revision}`;
}
