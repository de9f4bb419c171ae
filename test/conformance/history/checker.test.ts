// The judges themselves: what a faultless server shows passes, and each property catches the fault that
// was planted to break it.

import { describe, expect, test } from 'vitest';
import { honestGet, honestList, honestWatch, madeUpTruth } from './honest-server.ts';
import { judgeGet, judgeList } from './judge-read.ts';
import { judgeWatch } from './judge-watch.ts';
import type { Frame, Page, Property, SeenObject, Violation, WatchRecord } from './records.ts';
import { revisionOf } from './records.ts';
import { everything, labelTerms } from './selection.ts';
import type { Selection } from './selection.ts';
import type { Truth } from './truth.ts';

const truth = madeUpTruth(1, 400);
const start = 60;
const red: Selection = { namespace: '', labels: labelTerms[0], fields: undefined };
const selections: readonly Selection[] = [
  everything,
  red,
  { namespace: 'a', labels: undefined, fields: undefined },
  { namespace: 'a-b', labels: labelTerms[1], fields: undefined },
];

type EventFrame = Frame & { kind: 'event' };

function properties(violations: readonly Violation[]): Property[] {
  return [...new Set(violations.map(({ property }) => property))];
}

function isEvent(frame: Frame): frame is EventFrame {
  return frame.kind === 'event';
}

/** Index of the nth event that is so, with one more event behind it before the next bookmark. */
function nth(frames: readonly Frame[], n: number, type?: string): number {
  const found = frames.flatMap((frame, index) => {
    const next = frames[index + 1] as Frame | undefined;
    const fits = isEvent(frame) && (type === undefined || frame.type === type);
    return fits && next?.kind === 'event' ? [index] : [];
  });
  return found[n];
}

function bookmarkAt(frames: readonly Frame[], n: number): number {
  return frames.flatMap(({ kind }, index) => (kind === 'bookmark' ? [index] : []))[n];
}

function changed(frames: Frame[], at: number, object: Partial<SeenObject>): void {
  const frame = frames[at] as EventFrame;
  frames[at] = { ...frame, object: { ...frame.object, ...object } };
}

function eventOf(key: string, revision: number, from: Truth): EventFrame {
  const version = from.versionAt('configmaps', key, revision);
  if (version === undefined) throw new Error(`${key} is not there at ${revision}`);
  const { uid, fingerprints } = version;
  const object = { key, uid, revision: version.revision, fingerprint: fingerprints.get('json') };
  return {
    kind: 'event',
    type: 'MODIFIED',
    object: { ...object, fingerprint: `${object.fingerprint}` },
  };
}

interface Planted {
  readonly fault: string;
  readonly breaks: Property;
  readonly start?: WatchRecord['start'];
  readonly selection?: Selection;
  readonly plant: (frames: Frame[]) => void;
}

const initial = { kind: 'initial', atLeast: start } as const;

const planted: readonly Planted[] = [
  {
    fault: 'two events changed places',
    breaks: 'ordered',
    plant: (frames) => {
      const at = nth(frames, 7);
      frames.splice(at, 2, frames[at + 1], frames[at]);
    },
  },
  {
    fault: 'an event came twice',
    breaks: 'unique',
    plant: (frames) => frames.splice(nth(frames, 7), 0, frames[nth(frames, 7)]),
  },
  {
    fault: 'an event is missing',
    breaks: 'reliable',
    plant: (frames) => frames.splice(nth(frames, 7), 1),
  },
  {
    fault: 'the first event behind the start is missing',
    breaks: 'reliable',
    plant: (frames) => frames.splice(0, 1),
  },
  {
    fault: 'an event of a selection is missing',
    breaks: 'reliable',
    selection: red,
    plant: (frames) => frames.splice(nth(frames, 3, 'DELETED'), 1),
  },
  {
    fault: 'an event from before the start is shown again',
    breaks: 'resumable',
    plant: (frames) => {
      const [before] = honestWatch(truth, { kind: 'after', revision: start - 10 }).frames;
      frames.unshift(before);
    },
  },
  {
    fault: 'a bookmark comes before an event of its past',
    breaks: 'bookmarkable',
    plant: (frames) => {
      const at = bookmarkAt(frames, 1);
      frames.splice(at - 1, 2, frames[at], frames[at - 1]);
    },
  },
  {
    fault: 'a bookmark hides a lost event',
    breaks: 'bookmarkable',
    plant: (frames) => frames.splice(bookmarkAt(frames, 1) - 1, 1),
  },
  {
    fault: 'a bookmark goes back',
    breaks: 'bookmarkable',
    plant: (frames) => {
      const at = bookmarkAt(frames, 1);
      frames[at] = { kind: 'bookmark', revision: start, initialEnd: false };
    },
  },
  {
    fault: 'a change shows another content',
    breaks: 'content',
    plant: (frames) => changed(frames, nth(frames, 3, 'MODIFIED'), { fingerprint: 'other' }),
  },
  {
    fault: 'a change is of another incarnation',
    breaks: 'content',
    plant: (frames) => changed(frames, nth(frames, 3, 'MODIFIED'), { uid: 'other' }),
  },
  {
    fault: 'a deletion does not carry the last state',
    breaks: 'last state',
    plant: (frames) => changed(frames, nth(frames, 2, 'DELETED'), { fingerprint: 'older' }),
  },
  {
    fault: 'leaving a selection carries the new state',
    breaks: 'last state',
    selection: red,
    plant: (frames) => {
      const at = frames.findIndex(
        (frame) =>
          isEvent(frame) &&
          frame.type === 'DELETED' &&
          truth.version('configmaps', frame.object.key, frame.object.revision) !== undefined,
      );
      const { key, revision } = (frames[at] as EventFrame).object;
      changed(frames, at, eventOf(key, revision, truth).object);
    },
  },
  {
    fault: 'entering a selection is called a change',
    breaks: 'selected',
    selection: red,
    plant: (frames) => {
      const at = nth(frames, 2, 'ADDED');
      frames[at] = { ...(frames[at] as EventFrame), type: 'MODIFIED' };
    },
  },
  {
    fault: 'an object outside the selection is shown',
    breaks: 'selected',
    selection: red,
    plant: (frames) => {
      const shown = new Set(frames.map(revisionOf));
      const all = honestWatch(truth, { kind: 'after', revision: start }).frames;
      const other = all.findIndex(
        (frame, at) =>
          at > 20 && isEvent(frame) && frame.type !== 'DELETED' && !shown.has(revisionOf(frame)),
      );
      const behind = frames.findIndex((frame) => revisionOf(frame) > revisionOf(all[other]));
      frames.splice(behind, 0, all[other]);
    },
  },
  {
    fault: 'an event is made up',
    breaks: 'content',
    plant: (frames) => {
      const at = nth(frames, 7);
      const next = revisionOf(frames[at + 1]);
      frames.splice(at + 1, 0, frames[at]);
      changed(frames, at + 1, { key: 'a/nobody', revision: next });
      frames.splice(at + 2, 1);
    },
  },
  {
    fault: 'something follows an error',
    breaks: 'ended',
    plant: (frames) => frames.splice(9, 0, { kind: 'error', code: 410, message: 'too old' }),
  },
  {
    fault: 'the stream ends with an internal error',
    breaks: 'error',
    plant: (frames) => frames.push({ kind: 'error', code: 500, message: 'internal' }),
  },
  {
    fault: 'an initial object is missing',
    breaks: 'snapshot',
    start: initial,
    plant: (frames) => frames.splice(2, 1),
  },
  {
    fault: 'initial objects are not in order',
    breaks: 'snapshot',
    start: initial,
    plant: (frames) => frames.splice(2, 2, frames[3], frames[2]),
  },
  {
    fault: 'an initial object is of another time',
    breaks: 'snapshot',
    start: initial,
    plant: (frames) => changed(frames, 2, { revision: start + 1 }),
  },
  {
    fault: 'the end of the initial objects is marked twice',
    breaks: 'snapshot',
    start: initial,
    plant: (frames) => {
      const at = bookmarkAt(frames, 0);
      frames.splice(at, 0, frames[at]);
    },
  },
];

describe('The judge of watches', () => {
  for (const [index, selection] of selections.entries()) {
    for (const kind of ['after', 'initial'] as const) {
      test(`passes what is faultless: ${kind} of selection ${index}`, () => {
        for (let revision = 2; revision < truth.head; revision += 37) {
          const from = kind === 'after' ? { kind, revision } : { kind, atLeast: revision };
          const verdict = judgeWatch(truth, honestWatch(truth, from, selection));
          expect(verdict).toMatchObject({ violations: [], outstanding: 0 });
        }
      });
    }
  }

  for (const { fault, breaks, plant, selection, ...given } of planted) {
    test(`catches as "${breaks}": ${fault}`, () => {
      const from = given.start ?? ({ kind: 'after', revision: start } as const);
      const record = honestWatch(truth, from, selection);
      const before = JSON.stringify(record.frames);
      plant(record.frames);
      expect(JSON.stringify(record.frames)).not.toBe(before);
      expect(properties(judgeWatch(truth, record).violations)).toContain(breaks);
    });
  }

  test('tells one fault once, not with everything behind it', () => {
    const record = honestWatch(truth, { kind: 'after', revision: start });
    record.frames.splice(nth(record.frames, 7), 1);
    expect(judgeWatch(truth, record).violations).toHaveLength(1);
  });

  test('sees by what is outstanding that the end is missing', () => {
    const record = honestWatch(truth, { kind: 'after', revision: start });
    const outstanding = record.frames.splice(-4).filter(isEvent).length;
    expect(outstanding).toBeGreaterThan(0);
    expect(judgeWatch(truth, record)).toMatchObject({ violations: [], outstanding });
  });

  test('catches initial objects that are older than what was known', () => {
    const record = honestWatch(truth, initial);
    const asked = { ...record, start: { kind: 'initial', atLeast: start + 5 } as const };
    expect(properties(judgeWatch(truth, asked).violations)).toContain('fresh');
  });

  test('finds the moment of initial objects without a mark, and faults behind it', () => {
    const record = honestWatch(truth, initial);
    const frames = record.frames.filter(({ kind }) => kind === 'event');
    const unmarked = { ...record, bookmarks: false, frames };
    expect(judgeWatch(truth, unmarked).violations).toEqual([]);
    const [lost] = frames.splice(frames.length - 8, 1);
    expect(properties(judgeWatch(truth, unmarked).violations)).toEqual(['reliable']);
    frames.splice(frames.length - 7, 0, lost);
    frames.splice(1, 1);
    expect(properties(judgeWatch(truth, unmarked).violations)).toEqual(['snapshot']);
  });

  test('judges a watch from now by its first event', () => {
    const record = honestWatch(truth, { kind: 'after', revision: start + 9 });
    const now = { ...record, start: { kind: 'now', atLeast: start } as const };
    expect(judgeWatch(truth, now).violations).toEqual([]);
    const later = { ...now, start: { kind: 'now', atLeast: start + 30 } as const };
    expect(properties(judgeWatch(truth, later).violations)).toEqual(['resumable']);
    now.frames.splice(nth(now.frames, 4), 1);
    expect(properties(judgeWatch(truth, now).violations)).toEqual(['reliable']);
  });

  test('lets a content that nobody told be what the first client saw, for everybody', () => {
    const own = madeUpTruth(2, 50);
    const first = honestWatch(own, { kind: 'after', revision: 5 });
    const told = { ...first, form: 'protobuf' } as const;
    expect(judgeWatch(own, told).violations).toEqual([]);
    changed(told.frames, nth(told.frames, 1, 'ADDED'), { fingerprint: 'other' });
    expect(properties(judgeWatch(own, told).violations)).toEqual(['content']);
  });
});

describe('The judge of bridged watches', () => {
  /** A relist at `to` of a lane that had come to `from`: deletions first, then the newest versions. */
  function bridged(from: number, to: number): WatchRecord {
    const record = honestWatch(truth, { kind: 'after', revision: start });
    const frames = record.frames.filter(
      (frame) => revisionOf(frame) <= from || (revisionOf(frame) > to && isEvent(frame)),
    );
    const behind = frames.findIndex((frame) => revisionOf(frame) > to);
    const old = truth.stateAt('configmaps', everything, from);
    const now = truth.stateAt('configmaps', everything, to);
    const isIn = (list: typeof now, key: string): boolean => list.some((each) => each.key === key);
    const deletions = old
      .filter(({ key }) => !isIn(now, key))
      .map(({ key }): Frame => {
        const { object } = eventOf(key, from, truth);
        return { kind: 'event', type: 'DELETED', object: { ...object, revision: from } };
      });
    const changes = now
      .filter(({ revision }) => revision > from)
      .sort((a, b) => a.revision - b.revision)
      .map(({ key }): Frame => {
        const type = isIn(old, key) ? 'MODIFIED' : 'ADDED';
        return { ...eventOf(key, to, truth), type };
      });
    const mark: Frame = { kind: 'bookmark', revision: to, initialEnd: false };
    frames.splice(behind, 0, ...deletions, ...changes, mark);
    return { ...record, frames };
  }

  test('passes the difference of a relist, which the strict judge does not', () => {
    const record = bridged(150, 200);
    expect(judgeWatch(truth, record, 'bridged')).toMatchObject({ violations: [], outstanding: 0 });
    expect(judgeWatch(truth, record).violations).not.toEqual([]);
  });

  for (const type of ['DELETED', 'MODIFIED', 'ADDED'] as const) {
    test(`catches a difference without one ${type}`, () => {
      const record = bridged(150, 200);
      const bridge = record.frames.findIndex((frame) => revisionOf(frame) === 200) - 1;
      const at = record.frames.findLastIndex(
        (frame, index) => index < bridge && isEvent(frame) && frame.type === type,
      );
      record.frames.splice(at, 1);
      expect(judgeWatch(truth, record, 'bridged').violations).not.toEqual([]);
    });
  }

  test('catches what the strict judge catches elsewhere', () => {
    for (const { breaks, plant, start: given, selection } of planted) {
      if (given !== undefined || breaks === 'ended' || breaks === 'resumable') continue;
      const record = honestWatch(truth, { kind: 'after', revision: start }, selection);
      plant(record.frames);
      const { violations } = judgeWatch(truth, record, 'bridged');
      expect(violations.length, breaks).toBeGreaterThan(0);
    }
  });
});

describe('The judge of lists', () => {
  const faults: readonly (readonly [string, Property, (pages: Page[]) => void])[] = [
    [
      'an object is missing',
      'snapshot',
      (pages) => edit(pages, 0, { items: pages[0].items.slice(1) }),
    ],
    [
      'an object is there twice',
      'snapshot',
      (pages) => {
        edit(pages, 0, { items: [pages[0].items[0], ...pages[0].items] });
      },
    ],
    [
      'an object is older',
      'snapshot',
      (pages) => {
        const [first, ...others] = pages[0].items;
        edit(pages, 0, { items: [{ ...first, revision: first.revision - 1 }, ...others] });
      },
    ],
    [
      'a content is another',
      'snapshot',
      (pages) => {
        const [first, ...others] = pages[0].items;
        edit(pages, 0, { items: [{ ...first, fingerprint: 'other' }, ...others] });
      },
    ],
    [
      'the revision is not the one asked for',
      'snapshot',
      (pages) => {
        for (const at of pages.keys()) edit(pages, at, { revision: 151 });
      },
    ],
    ['a page is of another revision', 'snapshot', (pages) => edit(pages, 1, { revision: 151 })],
    ['the rest is miscounted', 'snapshot', (pages) => edit(pages, 0, { remaining: 1 })],
    [
      'the last page is missing',
      'snapshot',
      (pages) => {
        pages.pop();
        edit(pages, pages.length - 1, { more: false });
      },
    ],
    ['the list is older than what was known', 'fresh', (pages) => edit(pages, 0, { atLeast: 151 })],
  ];

  function edit(pages: Page[], at: number, change: Partial<Page>): void {
    pages[at] = { ...pages[at], ...change };
  }

  test('passes what is faultless, in pages of every size', () => {
    for (const selection of selections) {
      for (let limit = 0; limit < 8; limit++) {
        expect(judgeList(truth, honestList(truth, 150, limit, selection)).violations).toEqual([]);
      }
    }
  });

  for (const [fault, breaks, plant] of faults) {
    test(`catches as "${breaks}": ${fault}`, () => {
      const record = honestList(truth, 150, 4);
      plant(record.pages);
      expect(properties(judgeList(truth, record).violations)).toContain(breaks);
    });
  }

  test('catches a page that is longer than its limit', () => {
    const record = { ...honestList(truth, 150), limit: 2 };
    expect(properties(judgeList(truth, record).violations)).toEqual(['snapshot']);
  });
});

describe('The judge of GETs', () => {
  const key = truth.stateAt('configmaps', everything, truth.head)[0].key;

  test('passes the newest version', () => {
    expect(judgeGet(truth, honestGet(truth, key, truth.head)).violations).toEqual([]);
  });

  test('catches a version that was known to be superseded', () => {
    const now = honestGet(truth, key, truth.head);
    const older = truth
      .historyOf('configmaps', key, 0)
      .findLast(
        ({ version }) => version !== undefined && version.revision < (now.found?.revision ?? 0),
      );
    const found = eventOf(key, older?.revision ?? 0, truth).object;
    expect(properties(judgeGet(truth, { ...now, found }).violations)).toEqual(['fresh']);
    const early = { ...now, found, atLeast: found.revision };
    expect(judgeGet(truth, early).violations).toEqual([]);
  });

  test('catches a 404 for an object that was known to be there', () => {
    const missing = { ...honestGet(truth, key, truth.head), found: undefined };
    expect(properties(judgeGet(truth, missing).violations)).toEqual(['fresh']);
  });

  test('catches another content', () => {
    const { found, ...now } = honestGet(truth, key, truth.head);
    const other = { ...now, found: { ...(found as SeenObject), fingerprint: 'other' } };
    expect(properties(judgeGet(truth, other).violations)).toEqual(['content']);
  });
});
