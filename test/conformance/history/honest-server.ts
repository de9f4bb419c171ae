// A made-up history and a server without faults that answers from it: what the judges are tested with.
// Deterministic by its seed.

import { Random } from './random.ts';
import type { Frame, GetRecord, ListRecord, SeenObject, WatchRecord } from './records.ts';
import { everything } from './selection.ts';
import type { Selection } from './selection.ts';
import { Truth } from './truth.ts';
import type { Version } from './truth.ts';

const resource = 'configmaps';
const form = 'json';
const colors = ['red', 'green', 'blue'];

/** Objects of three namespaces that come, change their color and go, with gaps for other resources. */
export function madeUpTruth(seed: number, changes: number): Truth {
  const random = new Random(seed);
  const truth = new Truth();
  const live = new Map<string, Version>();
  let uids = 0;
  truth.skip(1);
  for (let i = 0; i < changes; i++) {
    if (random.chance(30)) truth.skip(truth.head + 1);
    const namespace = random.pick(['a', 'a-b', 'ab']);
    const name = `n${random.below(4)}`;
    const key = `${namespace}/${name}`;
    const revision = truth.head + 1;
    const before = live.get(key);
    if (before !== undefined && random.chance(25)) {
      truth.append(resource, revision, key);
      live.delete(key);
      continue;
    }
    const version: Version = {
      key,
      namespace,
      name,
      uid: before?.uid ?? `uid-${uids++}`,
      revision,
      labels: new Map([['color', random.pick(colors)]]),
      fields: new Map(),
      fingerprints: new Map([[form, `content-${revision}`]]),
    };
    truth.append(resource, revision, key, version);
    live.set(key, version);
  }
  return truth;
}

/** The answer to a watch, with a bookmark behind every few events and at the end. */
export function honestWatch(
  truth: Truth,
  start: WatchRecord['start'],
  selection: Selection = everything,
): WatchRecord {
  const frames: Frame[] = [];
  const from = start.kind === 'after' ? start.revision : start.atLeast;
  if (start.kind === 'initial') {
    for (const version of truth.stateAt(resource, selection, from)) {
      frames.push({ kind: 'event', type: 'ADDED', object: seen(version) });
    }
    frames.push({ kind: 'bookmark', revision: from, initialEnd: true });
  }
  truth.expectedAfter(resource, selection, from).forEach(({ type, revision, version }, index) => {
    frames.push({ kind: 'event', type, object: { ...seen(version), revision } });
    if (index % 5 === 4) frames.push({ kind: 'bookmark', revision, initialEnd: false });
  });
  frames.push({ kind: 'bookmark', revision: truth.head, initialEnd: false });
  return {
    kind: 'watch',
    label: 'made up',
    resource,
    form,
    selection,
    start,
    bookmarks: true,
    frames,
    end: 'clean',
    beganMs: 0,
    endedMs: 0,
  };
}

/** All pages of a list at a revision. */
export function honestList(
  truth: Truth,
  revision: number,
  limit = 0,
  selection: Selection = everything,
): ListRecord {
  const state = truth.stateAt(resource, selection, revision).map(seen);
  const size = limit === 0 ? Math.max(1, state.length) : limit;
  const pages: ListRecord['pages'] = [];
  for (let from = 0; from === 0 || from < state.length; from += size) {
    const items = state.slice(from, from + size);
    const left = state.length - from - items.length;
    const remaining = left > 0 ? left : undefined;
    pages.push({ revision, items, more: left > 0, remaining, fresh: false, atLeast: 0 });
  }
  const asked = { label: 'made up', resource, form, selection, exact: revision, limit } as const;
  return { kind: 'list', ...asked, pages, beganMs: 0, endedMs: 0 };
}

export function honestGet(truth: Truth, key: string, atLeast: number): GetRecord {
  const version = truth.versionAt(resource, key, truth.head);
  const found = version === undefined ? undefined : seen(version);
  const asked = { label: 'made up', resource, form, selection: everything, key, atLeast } as const;
  return { kind: 'get', ...asked, found, beganMs: 0, endedMs: 0 };
}

function seen({ key, uid, revision, fingerprints }: Version): SeenObject {
  return { key, uid, revision, fingerprint: fingerprints.get(form) ?? '' };
}
