/**
 * The naive lane the real one is compared with: every state is a whole copy of a Map, every event keeps both versions
 * as parsed text, and every read is a filter over everything. Slow, obvious, and without a line in common with src/cache.
 */
import type { PodSpec } from '../cache/support.ts';

export interface NaiveObject {
  readonly key: string;
  readonly spec: PodSpec;
  readonly text: string;
}

export type NaiveState = ReadonlyMap<string, NaiveObject>;

export interface NaiveRecord {
  readonly position: number;
  readonly revision: number;
  readonly timeMs: number;
  /** undefined for records that change no object (bookmarks, moves). */
  readonly change:
    | { readonly before?: NaiveObject; readonly after?: NaiveObject; readonly last?: NaiveObject }
    | undefined;
}

export interface NaiveFilter {
  readonly name: string;
  readonly inScope: (object: NaiveObject) => boolean;
  readonly selects: (object: NaiveObject) => boolean;
}

export interface NaiveSend {
  readonly position: number;
  readonly send: 'added' | 'modified' | 'deleted' | 'left';
  /** The text the reader is shown. */
  readonly text: string;
}

export function sortedKeys(keys: Iterable<string>): string[] {
  return [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

export class NaiveLane {
  /** State after each position. */
  readonly states = new Map<number, NaiveState>([[0, new Map()]]);
  records: NaiveRecord[] = [];
  state: NaiveState = new Map();
  head = 0;
  headRevision = 0;

  /** A record that changes one object (or none, when `key` is undefined). */
  push(record: Omit<NaiveRecord, 'position'>, next?: NaiveState): void {
    this.head++;
    this.records.push({ ...record, position: this.head });
    if (next !== undefined) this.state = next;
    this.states.set(this.head, this.state);
    this.headRevision = record.revision;
  }

  put(object: NaiveObject, revision: number, timeMs: number): void {
    const next = new Map(this.state);
    next.set(object.key, object);
    this.push(
      { revision, timeMs, change: { before: this.state.get(object.key), after: object } },
      next,
    );
  }

  /** A deletion; of something unknown it is only proof of a revision. */
  remove(last: NaiveObject, revision: number, timeMs: number): void {
    const before = this.state.get(last.key);
    if (before === undefined) {
      this.push({ revision, timeMs, change: undefined });
      return;
    }
    const next = new Map(this.state);
    next.delete(last.key);
    this.push({ revision, timeMs, change: { before, last } }, next);
  }

  /** The whole state is new and nobody may read across. */
  reset(state: NaiveState, revision: number, head: number): void {
    this.state = state;
    this.head = head;
    this.headRevision = revision;
    this.records = [];
    this.states.clear();
    this.states.set(head, state);
  }

  /** Records of the window. */
  window(floor: number): NaiveRecord[] {
    return this.records.filter((record) => record.position >= floor);
  }

  /** What a reader that joined at `after` is to be sent, whether or not the window still holds it. */
  sends(filter: NaiveFilter, after: number): NaiveSend[] {
    const sends: NaiveSend[] = [];
    for (const { position, change } of this.records) {
      if (position <= after || change === undefined) continue;
      const { before, after: now, last } = change;
      const any = (before ?? now)!;
      if (!filter.inScope(any)) continue;
      const was = before !== undefined && filter.selects(before);
      const is = now !== undefined && filter.selects(now);
      if (now !== undefined && is) {
        sends.push({ position, send: was ? 'modified' : 'added', text: now.text });
      } else if (was) {
        sends.push(
          now === undefined
            ? { position, send: 'deleted', text: last!.text }
            : { position, send: 'left', text: before.text },
        );
      }
    }
    return sends;
  }
}

/** Objects of a key range, in order. */
export function rangeOf(state: NaiveState, prefix: string, from: string): NaiveObject[] {
  return sortedKeys(state.keys())
    .filter(
      (key) => key.startsWith(prefix) && Buffer.compare(Buffer.from(key), Buffer.from(from)) >= 0,
    )
    .map((key) => state.get(key)!);
}

export function sameObjects(a: NaiveState, b: NaiveState): boolean {
  if (a.size !== b.size) return false;
  for (const [key, object] of a) if (b.get(key) !== object) return false;
  return true;
}
