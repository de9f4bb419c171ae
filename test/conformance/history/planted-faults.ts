// Faults for the judges to find: what each does to the frames of a faultless watch, and which property it
// breaks.

import { honestWatch, madeUpTruth } from './honest-server.ts';
import type { Frame, Property, SeenObject, Violation, WatchRecord } from './records.ts';
import { revisionOf } from './records.ts';
import { everything, labelTerms } from './selection.ts';
import type { Selection } from './selection.ts';
import type { Truth } from './truth.ts';

export const truth = madeUpTruth(1, 400);
export const start = 60;
export const red: Selection = { namespace: '', labels: labelTerms[0], fields: undefined };
export const selections: readonly Selection[] = [
  everything,
  red,
  { namespace: 'a', labels: undefined, fields: undefined },
  { namespace: 'a-b', labels: labelTerms[1], fields: undefined },
];

export type EventFrame = Frame & { kind: 'event' };

export function properties(violations: readonly Violation[]): Property[] {
  return [...new Set(violations.map(({ property }) => property))];
}

export function isEvent(frame: Frame): frame is EventFrame {
  return frame.kind === 'event';
}

/** Index of the nth event that is so, with one more event behind it before the next bookmark. */
export function nth(frames: readonly Frame[], n: number, type?: string): number {
  const found = frames.flatMap((frame, index) => {
    const next = frames[index + 1] as Frame | undefined;
    const fits = isEvent(frame) && (type === undefined || frame.type === type);
    return fits && next?.kind === 'event' ? [index] : [];
  });
  return found[n];
}

export function bookmarkAt(frames: readonly Frame[], n: number): number {
  return frames.flatMap(({ kind }, index) => (kind === 'bookmark' ? [index] : []))[n];
}

export function changed(frames: Frame[], at: number, object: Partial<SeenObject>): void {
  const frame = frames[at] as EventFrame;
  frames[at] = { ...frame, object: { ...frame.object, ...object } };
}

export function eventOf(key: string, revision: number, from: Truth): EventFrame {
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

export interface Planted {
  readonly fault: string;
  readonly breaks: Property;
  readonly start?: WatchRecord['start'];
  readonly selection?: Selection;
  readonly plant: (frames: Frame[]) => void;
}

export const initial = { kind: 'initial', atLeast: start } as const;

export const planted: readonly Planted[] = [
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
