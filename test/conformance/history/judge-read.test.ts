// The judges of lists and GETs: what a faultless server shows passes, planted faults are caught.

import { describe, expect, test } from 'vitest';
import { honestGet, honestList } from './honest-server.ts';
import { judgeGet, judgeList } from './judge-read.ts';
import { eventOf, properties, selections, truth } from './planted-faults.ts';
import type { Page, Property, SeenObject } from './records.ts';
import { everything } from './selection.ts';

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
