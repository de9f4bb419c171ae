/**
 * Drives a real lane and the naive one with the same operations and compares every read between them.
 */
import { SnapshotWalk } from '../../src/cache/snapshot.ts';
import { expect } from 'vitest';
import type { Cursor } from '../../src/cache/filter-group.ts';
import {
  SEND_ADDED,
  SEND_DELETED,
  SEND_LEFT,
  SEND_MODIFIED,
} from '../../src/cache/filter-group.ts';
import { ADDED, DELETED, MODIFIED, MOVE } from '../../src/cache/log.ts';
import { ObjectIndex } from '../../src/cache/object-index.ts';
import type { ObjectWalk } from '../../src/cache/snapshot.ts';
import { FIELDS, itemText, podText, TestLane } from '../cache/support.ts';
import { FILTERS } from './filters.ts';
import { compareAccounting, compareIndexes } from './recount.ts';
import type { NaiveFilter, NaiveObject, NaiveSend, NaiveState } from './naive-lane.ts';
import { NaiveLane, rangeOf, sameObjects, sortedKeys } from './naive-lane.ts';
import type { ModelOptions, ObjectChoice, Operation } from './operations.ts';
import { KEYS, NAMESPACES, objectOf } from './operations.ts';

interface OpenCursor {
  readonly cursor: Cursor;
  readonly filter: NaiveFilter;
  /** Everything up to this position was read. */
  position: number;
  expired: boolean;
}

interface OpenWalk {
  readonly walk: ObjectWalk;
  readonly matches: (place: number) => boolean;
  readonly expected: readonly NaiveObject[];
  readonly position: number;
  given: number;
}

const SEND_NAMES: Record<number, NaiveSend['send']> = {
  [SEND_ADDED]: 'added',
  [SEND_MODIFIED]: 'modified',
  [SEND_DELETED]: 'deleted',
  [SEND_LEFT]: 'left',
};

export class LaneModel {
  readonly test: TestLane;
  readonly naive = new NaiveLane();
  readonly options: ModelOptions;
  /** A second index, fed by nothing but the records of the first one's log. */
  readonly replica: ObjectIndex;
  #cursors: OpenCursor[] = [];
  #walks: OpenWalk[] = [];
  /** Revision of the window's start, as upstream would refuse below it. */
  #startRevision = 0;
  /** Revisions that bridging deletions carry, and the position before them. */
  readonly #bridges = new Map<number, number>();
  /** What lies between these revisions was bridged: nobody can tell how it was. */
  #gaps: { readonly from: number; readonly to: number }[] = [];
  #revision = 100;

  constructor(options: ModelOptions) {
    this.options = options;
    const { durationMs, maxBytes, minEvents, maxRecords, spreadSlackBytes } = options;
    this.test = new TestLane({
      bridgeExpiry: options.bridge,
      window: { durationMs, maxBytes, minEvents, maxRecords, spreadSlackBytes },
    });
    const { index, arena } = this.test.lane;
    this.replica = new ObjectIndex(
      arena,
      FIELDS.map((field) => field.indexed),
    );
    this.#tee(index);
    const listed = options.initial.map((choice) => objectOf(choice, ++this.#revision));
    const state = new Map(listed.map((object) => [object.key, object]));
    this.#revision++;
    this.test.list(
      this.#revision,
      [...state.values()].map((object) => object.text),
    );
    this.#reset(state, this.#revision);
  }

  apply(operation: Operation): void {
    switch (operation.kind) {
      case 'put':
        this.#put(operation, operation.gap);
        break;
      case 'remove': {
        this.#revision += operation.gap;
        const last = objectOf(operation, this.#revision);
        this.test.event(DELETED, last.text);
        this.naive.remove(last, this.#revision, this.test.nowMs);
        break;
      }
      case 'duplicate': {
        const old = objectOf(operation, Math.max(1, this.#revision - operation.back));
        this.test.event(MODIFIED, old.text);
        this.test.event(DELETED, old.text);
        break;
      }
      case 'fill':
        for (let i = 0; i < operation.times; i++) this.#put({ ...operation, bytes: 200_000 }, 1);
        break;
      case 'bookmark':
        this.#revision += operation.gap;
        this.test.lane.progress(this.#revision);
        if (operation.gap > 0)
          this.naive.push({ revision: this.#revision, timeMs: this.test.nowMs, change: undefined });
        break;
      case 'wait':
        this.test.nowMs += operation.ms;
        break;
      case 'sweep':
        this.test.lane.sweep();
        break;
      case 'relist':
        this.#relist(operation);
        break;
      case 'restore':
        this.#restore(operation.change);
        break;
      case 'join':
        this.#join(operation.filter, operation.back);
        break;
      case 'read':
        this.#read(operation.cursor, operation.count);
        break;
      case 'leave':
        this.#leave(operation.cursor);
        break;
      case 'walk':
        this.#walk(operation);
        break;
      case 'compare':
        this.compare();
        break;
    }
    this.#followMoves();
    for (const open of this.#cursors) this.#compareCursor(open);
  }

  /** Every read there is, at every position and revision of the window. */
  compare(): void {
    const { lane } = this.test;
    expect(lane.log.head).toBe(this.naive.head);
    expect(lane.frontier).toBe(this.naive.headRevision);
    expect(lane.objects).toBe(this.naive.state.size);
    for (let position = lane.log.floor - 1; position <= lane.log.head; position++) {
      this.#comparePosition(position, this.naive.states.get(position)!);
    }
    this.#compareRevisions();
    compareAccounting(this.test, this.naive);
    compareIndexes(this.test, lane.index, this.replica);
  }

  /** Reads every open cursor to its end. */
  drain(): void {
    for (let i = 0; i < this.#cursors.length; i++) this.#read(i, Infinity);
  }

  // ---- operations -------------------------------------------------------------------------------------------------

  #put(choice: ObjectChoice, gap: number): void {
    this.#revision += gap;
    const object = objectOf(choice, this.#revision);
    // Upstream's word for it must not matter: what is live here decides between ADDED and MODIFIED.
    this.test.event(choice.labels % 2 === 0 ? ADDED : MODIFIED, object.text);
    this.naive.put(object, this.#revision, this.test.nowMs);
    this.#followMoves();
  }

  #relist(operation: Extract<Operation, { kind: 'relist' }>): void {
    const before = this.naive.state;
    const listed = new Map(before);
    for (const key of operation.drop) listed.delete(KEYS[key].join('/'));
    let revision = this.#revision;
    if (operation.gap > 0) {
      for (const choice of operation.change) {
        const object = objectOf(choice, ++revision);
        listed.set(object.key, object);
      }
      revision += operation.gap;
    }
    const texts = sortedKeys(listed.keys()).map((key) => {
      const object = listed.get(key)!;
      return operation.items ? itemText(object.spec) : object.text;
    });
    if (operation.outcome === 'abandon') {
      this.test.abandonedList(texts);
      return;
    }
    const head = this.#revision;
    this.#revision = revision;
    this.test.list(revision, texts);
    if (this.options.bridge && revision > head) this.#bridge(before, listed, head, revision);
    else if (revision > head || !sameObjects(before, listed)) this.#reset(listed, revision);
  }

  /** Deletions first under the last revision sent, then changes by revision, then proof of the list's revision. */
  #bridge(before: NaiveState, listed: NaiveState, head: number, revision: number): void {
    const { naive, test } = this;
    const start = naive.head;
    this.#gaps.push({ from: head, to: revision });
    for (const key of sortedKeys(before.keys())) {
      if (listed.has(key)) continue;
      const { spec } = before.get(key)!;
      const last = { key, spec, text: podText({ ...spec, revision: head }) };
      naive.remove(last, head, test.nowMs);
    }
    if (naive.head > start && !this.#bridges.has(head)) this.#bridges.set(head, start);
    const changed = [...listed.values()]
      .filter((object) => before.get(object.key) !== object)
      .sort((a, b) => a.spec.revision - b.spec.revision);
    for (const object of changed) naive.put(object, object.spec.revision, test.nowMs);
    if (revision > naive.headRevision)
      naive.push({ revision, timeMs: test.nowMs, change: undefined });
  }

  /** Upstream came back from a backup: lower revisions, other objects. Nothing can be bridged. */
  #restore(change: readonly ObjectChoice[]): void {
    this.#revision = Math.max(1, this.#revision - 50);
    const listed = new Map<string, NaiveObject>();
    for (const choice of change) {
      const object = objectOf(choice, ++this.#revision);
      listed.set(object.key, object);
    }
    this.#revision = Math.min(this.#revision + 1, this.naive.headRevision - 1);
    this.test.list(
      this.#revision,
      [...listed.values()].map((object) => object.text),
    );
    this.#reset(listed, this.#revision);
  }

  #reset(state: NaiveState, revision: number): void {
    this.naive.reset(state, revision, this.test.lane.log.head);
    this.#startRevision = revision;
    this.#bridges.clear();
    this.#gaps = [];
    for (const open of this.#cursors) expect(open.expired).toBe(true);
    this.#cursors = [];
  }

  #join(filter: number, back: number): void {
    const { lane } = this.test;
    const position = Math.max(lane.log.floor - 1, lane.log.head - back);
    const { real, naive } = FILTERS[filter];
    const cursor = lane.groups.join(real, position)!;
    const open: OpenCursor = { cursor, filter: naive, position, expired: false };
    cursor.reader = {
      ready: true,
      share: { pass: 0, writes: 0 },
      deferred: false,
      aheadRevision: 0,
      flush: () => {},
      expire: () => {
        open.expired = true;
        lane.groups.leave(cursor);
      },
    };
    this.#cursors.push(open);
  }

  #read(number: number, count: number): void {
    if (this.#cursors.length === 0) return;
    const open = this.#cursors[number % this.#cursors.length];
    const { lane } = this.test;
    const expected = this.naive.sends(open.filter, open.position);
    this.#compareCursor(open);
    if (open.cursor.fallenOut || open.expired) return;
    const { cursor } = open;
    for (const send of expected.slice(0, count)) {
      const group = cursor.group;
      const sequence = group.sequence(cursor.next);
      const kind = SEND_NAMES[group.send(cursor.next)];
      const place = kind === 'left' ? lane.log.replacedPlace(sequence) : lane.log.place(sequence);
      expect({ position: sequence, send: kind, text: this.test.objectAt(place) }).toEqual(send);
      cursor.next++;
      open.position = sequence;
    }
    if (count >= expected.length) expect(cursor.pending).toBe(false);
  }

  #leave(number: number): void {
    if (this.#cursors.length === 0) return;
    const [open] = this.#cursors.splice(number % this.#cursors.length, 1);
    this.test.lane.groups.leave(open.cursor);
  }

  /** Continues a walk that was paused, or begins one. */
  #walk(operation: Extract<Operation, { kind: 'walk' }>): void {
    const { lane } = this.test;
    if (this.#walks.length < 3) this.#walks.push(this.#openWalk(operation));
    const open = this.#walks.shift()!;
    const expired = open.position < lane.log.floor - 1;
    expect(open.walk.expired).toBe(expired);
    if (expired) return;
    for (let i = 0; i < operation.steps; i++) {
      const expected = open.expected[open.given++];
      let found = open.walk.next();
      while (found && !open.matches(open.walk.place)) found = open.walk.next();
      expect(found).toBe(expected !== undefined);
      if (expected === undefined) return;
      expect(this.test.objectAt(open.walk.place)).toBe(expected.text);
    }
    if (operation.unread && operation.steps > 0) {
      open.walk.unread();
      open.given--;
    } else open.walk.pause();
    this.#walks.push(open);
  }

  #openWalk({ back, filter, from }: Extract<Operation, { kind: 'walk' }>): OpenWalk {
    const { lane } = this.test;
    const position = Math.max(lane.log.floor - 1, lane.log.head - back);
    const state = this.naive.states.get(position)!;
    const { real, naive } = FILTERS[filter];
    const start = from ? 'a-b/q' : '';
    return {
      walk: lane.candidates(real, position, Buffer.from(start)),
      matches: (place) => real.matches(lane.arena, place),
      expected: rangeOf(state, '', start).filter((o) => naive.inScope(o) && naive.selects(o)),
      position,
      given: 0,
    };
  }

  // ---- comparisons ------------------------------------------------------------------------------------------------

  #comparePosition(position: number, state: NaiveState): void {
    const { lane } = this.test;
    for (const namespace of ['', ...NAMESPACES]) {
      const prefix = namespace === '' ? '' : `${namespace}/`;
      for (const from of ['', 'a/x', 'a/x-1\0', 'a-b/q', 'zz']) {
        const expected = rangeOf(state, prefix, from);
        const range = { prefix: Buffer.from(prefix), from: Buffer.from(from) };
        const walk = new SnapshotWalk(lane, position, range);
        for (const object of expected) {
          expect(walk.next()).toBe(true);
          expect(this.test.objectAt(walk.place)).toBe(object.text);
        }
        expect(walk.next()).toBe(false);
        expect(lane.count(position, range)).toBe(expected.length);
      }
    }
    for (const [namespace, name] of KEYS) {
      const place = lane.placeAt(position, namespace, name);
      const expected = state.get(`${namespace}/${name}`)?.text;
      expect(place === 0xffffffff ? undefined : this.test.objectAt(place)).toBe(expected);
    }
  }

  #compareRevisions(): void {
    const { lane } = this.test;
    const { floor } = lane.log;
    let floorRevision = this.#startRevision;
    for (const { position, revision, change } of this.naive.records) {
      if (position < floor && change !== undefined) floorRevision = revision;
    }
    expect(lane.floorRevision).toBe(floorRevision);
    for (let revision = floorRevision - 2; revision <= lane.frontier + 2; revision++) {
      const view = lane.viewAt(revision);
      const bridged = this.#gaps.some(({ from, to }) => from < revision && revision < to);
      if (revision < floorRevision || revision > lane.frontier || bridged) {
        expect(view).toBeUndefined();
        continue;
      }
      let position = floor - 1;
      for (const record of this.naive.window(floor))
        if (record.revision <= revision) position = record.position;
      position = this.#bridges.get(revision) ?? position;
      expect(view).toEqual(position < floor - 1 ? undefined : { position, revision });
    }
  }

  #compareCursor(open: OpenCursor): void {
    const expected = this.naive.sends(open.filter, open.position);
    const fallenOut = expected.length > 0 && expected[0].position < this.test.lane.log.floor;
    expect(open.cursor.fallenOut).toBe(fallenOut);
    if (open.expired) expect(fallenOut).toBe(true);
    if (!fallenOut) expect(open.cursor.pending).toBe(expected.length > 0);
  }

  #followMoves(): void {
    const { lane } = this.test;
    while (this.naive.head < lane.log.head) {
      const sequence = this.naive.head + 1;
      if (sequence >= lane.log.floor) expect(lane.log.type(sequence)).toBe(MOVE);
      this.naive.push({
        revision: this.naive.headRevision,
        timeMs: this.test.nowMs,
        change: undefined,
      });
    }
  }

  /** Hands the replica each record in order, and each one that leaves the window. */
  #tee(index: ObjectIndex): void {
    const follow = index.follow.bind(index);
    const forget = index.forget.bind(index);
    index.follow = (log, sequence) => {
      follow(log, sequence);
      this.replica.follow(log, sequence);
    };
    index.forget = (log, sequence) => {
      forget(log, sequence);
      this.replica.forget(log, sequence);
    };
  }
}
