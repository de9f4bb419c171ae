// The judge of watches: what a faultless server shows passes, and each property catches the faults that
// were planted to break it.

import { describe, expect, test } from 'vitest';
import { honestWatch, madeUpTruth } from './honest-server.ts';
import { judgeWatch } from './judge-watch.ts';
import { changed, initial, isEvent, nth, planted, properties } from './planted-faults.ts';
import { selections, start, truth } from './planted-faults.ts';

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
