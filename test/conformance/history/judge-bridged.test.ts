// The judge of bridged watches: the difference of a relist passes, anything lost in it is caught.

import { describe, expect, test } from 'vitest';
import { honestWatch } from './honest-server.ts';
import { judgeWatch } from './judge-watch.ts';
import { eventOf, isEvent, planted, start, truth } from './planted-faults.ts';
import { revisionOf } from './records.ts';
import type { Frame, WatchRecord } from './records.ts';
import { everything } from './selection.ts';

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
