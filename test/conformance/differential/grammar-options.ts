// Options of LIST, WATCH and GET: every row of the tables in semantics 2, 3.1 and 4.3, over revisions
// of every age, and what upstream refuses (3.6, 4.1).

import type { Dice } from './dice.ts';
import type { Past } from './past.ts';
import type { Subject } from './subjects.ts';

/** How far from what clients send: as they do, valid but rare, or something upstream may refuse. */
export type Mood = 'usual' | 'unusual' | 'broken';

export type Parameter = readonly [name: string, value: string];

/** What a request is built from. */
export interface Ground {
  readonly dice: Dice;
  readonly past: Past;
  readonly subject: Subject;
  /** `''`: all namespaces. */
  readonly namespace: string;
}

export function listOptions(ground: Ground, mood: Mood): Parameter[] {
  if (mood === 'usual') return ground.dice.weighted(listRows)(ground);
  if (mood === 'unusual') return ground.dice.weighted(rareListRows)(ground);
  const valid = ground.dice.chance(0.5) ? ground.dice.weighted(listRows)(ground) : [];
  return merge(valid, ground.dice.pick(refusedListRows)(ground));
}

export function watchOptions(ground: Ground, mood: Mood): Parameter[] {
  const { dice } = ground;
  const rows = dice.weighted(watchRows)(ground);
  const asked: Parameter[] = [['watch', dice.pick(['1', 'true'])], ...rows, ...lifetime(dice)];
  if (mood === 'usual') return asked;
  if (mood === 'unusual') return merge(asked, dice.pick(rareWatchRows)(ground));
  return merge(asked, dice.pick(refusedWatchRows)(ground));
}

export function getOptions(ground: Ground, mood: Mood): Parameter[] {
  const { dice, past } = ground;
  if (mood === 'usual') {
    return dice.weighted<Parameter[]>([
      [5, []],
      [3, [['resourceVersion', '0']]],
      [2, [['resourceVersion', recent(ground)]]],
    ]);
  }
  if (mood === 'unusual') {
    return dice.pick<Parameter[]>([
      [['resourceVersion', '']],
      [['resourceVersion', `${past.expired}`]],
      [['resourceVersion', older(ground)]],
      [['resourceVersionMatch', 'Exact']],
      [['resourceVersionMatch', 'nonsense']],
      [['watch', '1']],
      [['limit', '1']],
      [['timeout', '10s']],
    ]);
  }
  return dice.pick<Parameter[]>([
    [['resourceVersion', dice.pick(oddRevisions)]],
    [['export', dice.pick(['true', 'false', ''])]],
    [['timeout', dice.pick(oddDurations)]],
    [['resourceVersion', future(past)]],
  ]);
}

/** The later of two parameters of one name wins. */
function merge(first: readonly Parameter[], second: readonly Parameter[]): Parameter[] {
  const names = new Set(second.map(([name]) => name));
  return [...first.filter(([name]) => !names.has(name)), ...second];
}

type Row = (ground: Ground) => Parameter[];
type Rows = readonly (readonly [weight: number, row: Row])[];

const limit = (value: string | number): Parameter => ['limit', String(value)];
const revision = (value: string | number): Parameter => ['resourceVersion', String(value)];
const match = (value: string): Parameter => ['resourceVersionMatch', value];

/** A revision in the memory of both. */
function recent({ dice, past }: Ground): string {
  const { start, middle, end } = past;
  return `${dice.chance(0.5) ? dice.pick([start, middle, end]) : start + dice.below(end - start)}`;
}

/** A revision that upstream may know and the proxy does not. */
function older({ dice, past }: Ground): string {
  return `${dice.pick([past.expired, past.before, past.between])}`;
}

/** Nobody reaches it while the requests are compared. */
function future(past: Past): string {
  return `${past.end + 1_000_000}`;
}

function smallLimit(dice: Dice): Parameter {
  return limit(dice.pick([1, 2, 3, 5, 500]));
}

const listRows: Rows = [
  [6, () => []],
  [4, () => [revision(0)]],
  [3, (ground) => [revision(recent(ground))]],
  [4, ({ dice }) => [smallLimit(dice)]],
  [2, ({ dice }) => [smallLimit(dice), revision(0)]],
  [2, (ground) => [smallLimit(ground.dice), revision(recent(ground))]],
  [1, ({ dice }) => [revision(0), match('NotOlderThan'), ...some(dice, smallLimit(dice))]],
  [2, (ground) => [revision(recent(ground)), match('NotOlderThan'), ...someLimit(ground)]],
  [3, (ground) => [revision(recent(ground)), match('Exact'), ...someLimit(ground)]],
  [5, (ground) => [...someLimit(ground), ['continue', token(ground, recent(ground))]]],
];

const rareListRows: Rows = [
  [1, ({ dice }) => [limit(dice.pick(['0', '-1', '+3', '007', '9223372036854775807']))]],
  [1, ({ dice }) => [revision(''), match(''), ['continue', ''], smallLimit(dice)]],
  [2, (ground) => [revision(older(ground)), match('Exact'), ...someLimit(ground)]],
  [2, (ground) => [revision(older(ground)), ...someLimit(ground)]],
  [1, (ground) => [revision(older(ground)), match('NotOlderThan'), ...someLimit(ground)]],
  [2, (ground) => [smallLimit(ground.dice), ['continue', token(ground, '-1')]]],
  [2, (ground) => [...someLimit(ground), ['continue', token(ground, older(ground))]]],
  [1, (ground) => [revision(0), ...someLimit(ground), ['continue', token(ground, recent(ground))]]],
  [1, (ground) => [revision(recent(ground)), ['timeoutSeconds', '5']]],
  [1, ({ dice }) => [['watch', dice.pick(['0', 'false', 'False', 'FALSE'])]]],
  [1, ({ dice }) => [['allowWatchBookmarks', 'true'], ...some(dice, revision(0))]],
  [1, ({ dice }) => [['timeout', dice.pick(['10s', '1m', '5m0s', '1h', '0s', '1.5s'])]]],
  [0.3, ({ past, dice }) => [revision(future(past)), ...some(dice, smallLimit(dice))]],
];

const refusedListRows: readonly Row[] = [
  ({ dice }) => [limit(dice.pick(['abc', '1.5', '1e3', ' 1', '9223372036854775808', '0x10', '']))],
  ({ dice }) => [revision(dice.pick(oddRevisions))],
  ({ dice }) => [match(dice.pick(['Exact', 'NotOlderThan', 'exact', 'foo']))],
  ({ dice }) => [revision(0), match(dice.pick(['Exact', 'foo']))],
  (ground) => [revision(recent(ground)), match(ground.dice.pick(['foo', 'notolderthan', ' ']))],
  ({ dice }) => [['sendInitialEvents', dice.pick(['true', 'false', ''])]],
  (ground) => [['sendInitialEvents', 'true'], match('NotOlderThan'), revision(recent(ground))],
  (ground) => [['continue', token(ground, recent(ground))], revision(recent(ground))],
  (ground) => [['continue', token(ground, recent(ground))], match('Exact')],
  (ground) => [['continue', oddToken(ground)], ...someLimit(ground)],
  (ground) => [['continue', oddToken(ground)], ...someLimit(ground)],
  ({ dice }) => [['timeoutSeconds', dice.pick(['abc', '1.5', ''])]],
  ({ dice }) => [['timeout', dice.pick(oddDurations)]],
];

const oddRevisions = ['abc', '-1', '01', '1.0', '+5', ' 5', '18446744073709551616', '0x1', '5 '];
const oddDurations = ['soon', '10', '-5s', '1d', '10 s', '1h1', '.s', '99999h', '1s2'];

function some(dice: Dice, parameter: Parameter): Parameter[] {
  return dice.chance(0.5) ? [parameter] : [];
}

function someLimit({ dice }: Ground): Parameter[] {
  return dice.chance(0.7) ? [smallLimit(dice)] : [];
}

const bookmarks: Parameter = ['allowWatchBookmarks', 'true'];
const initial: readonly Parameter[] = [['sendInitialEvents', 'true'], match('NotOlderThan')];
const noInitial: readonly Parameter[] = [['sendInitialEvents', 'false'], match('NotOlderThan')];

const watchRows: Rows = [
  [3, ({ dice }) => some(dice, bookmarks)],
  [3, ({ dice }) => [revision(0), ...some(dice, bookmarks)]],
  [8, (ground) => [revision(recent(ground)), ...some(ground.dice, bookmarks)]],
  [4, () => [...initial, bookmarks]],
  [1, () => [...initial]],
  [1, ({ dice }) => [...initial, revision(0), ...some(dice, bookmarks)]],
  [2, (ground) => [...initial, revision(recent(ground)), bookmarks]],
  [1, ({ dice }) => [...noInitial, ...some(dice, bookmarks)]],
  [1, ({ dice }) => [...noInitial, revision(0), ...some(dice, bookmarks)]],
  [1, (ground) => [...noInitial, revision(recent(ground)), ...some(ground.dice, bookmarks)]],
];

/** Short, as every watch is waited for; sometimes long enough for the bookmark before the end; rarely none. */
function lifetime(dice: Dice): Parameter[] {
  const seconds = dice.weighted([
    [86, '1'],
    [4, '2'],
    [3, '3'],
    [5, '4'],
    [2, ''],
  ]);
  return seconds === '' ? [] : [['timeoutSeconds', seconds]];
}

const rareWatchRows: readonly Row[] = [
  ({ dice }) => [['watch', dice.pick(['', 'yes', 'TRUE', '2'])]],
  ({ dice }) => [['allowWatchBookmarks', dice.pick(['', '0', 'FALSE', 'on'])]],
  ({ dice }) => [smallLimit(dice)],
  (ground) => [['continue', token(ground, recent(ground))]],
  ({ past }) => [revision(future(past))],
  (ground) => [revision(older(ground)), ['timeoutSeconds', '1']],
  (ground) => [revision(older(ground)), bookmarks],
  ({ dice }) => [['timeout', dice.pick(['10s', '7m13s', '1s', 'soon'])]],
  ({ dice }) => [['sendInitialEvents', dice.pick(['', '0', 'TRUE'])], match('NotOlderThan')],
  () => [revision('')],
];

const refusedWatchRows: readonly Row[] = [
  ({ dice }) => [revision(dice.pick(oddRevisions))],
  () => [['sendInitialEvents', 'true'], match('')],
  (ground) => [['sendInitialEvents', 'false'], match('Exact'), revision(recent(ground))],
  () => [['sendInitialEvents', 'true'], match('foo')],
  (ground) => [match('NotOlderThan'), ['sendInitialEvents', ''], revision(recent(ground))],
  (ground) => [...initial, ['continue', token(ground, recent(ground))]],
  (ground) => [...initial, ['continue', oddToken(ground)]],
  ({ dice }) => [['timeoutSeconds', dice.pick(['abc', '1.5', ''])]],
  ({ dice }) => [limit(dice.pick(['abc', '']))],
  ({ past }) => [...initial, revision(future(past))],
  (ground) => [match('Exact'), revision(recent(ground))],
];

const version = 'meta.k8s.io/v1';

function encoded(content: unknown): string {
  return Buffer.from(JSON.stringify(content)).toString('base64url');
}

/** A token as either server writes it, at any key of the range. */
function token(ground: Ground, revisionText: string): string {
  const start = startKey(ground);
  const slash = ground.dice.chance(0.7) ? '/' : '';
  return encoded({ v: version, rv: Number(revisionText), start: slash + start });
}

function startKey({ dice, past, subject, namespace }: Ground): string {
  const keys = (past.keys.get(subject.name) ?? [])
    .filter((key) => namespace === '' || key.startsWith(`${namespace}/`))
    .map((key) => (namespace === '' ? key : key.slice(namespace.length + 1)));
  return keys.length > 0 && dice.chance(0.9)
    ? `${dice.pick(keys)}\0`
    : dice.pick(['~\0', 'a\0', 'b']);
}

function oddToken(ground: Ground): string {
  const { dice, past } = ground;
  const start = startKey(ground);
  const rv = past.middle;
  const padded = Buffer.from(JSON.stringify({ v: version, rv, start })).toString('base64');
  return dice.pick([
    '!!!',
    'bm90IGpzb24',
    padded,
    encoded({ start, rv, v: version }),
    encoded({ v: version, rv, start, more: 1 }),
    encoded({ v: version, rv: 0, start }),
    encoded({ v: version, rv: `${rv}`, start }),
    encoded({ v: version, rv: rv + 0.5, start }),
    encoded({ v: version, rv: -2, start }),
    encoded({ v: version, rv: past.end + 1_000_000, start }),
    encoded({ v: version, rv, start: '' }),
    encoded({ v: version, rv, start: '/' }),
    encoded({ v: version, rv, start: '//a\0' }),
    encoded({ v: version, rv, start: '../a\0' }),
    encoded({ v: version, rv, start: 'a/./b\0' }),
    encoded({ v: version, rv, start: 'a/' }),
    encoded({ v: version, rv, start: 'é\0' }),
    encoded({ v: 'meta.k8s.io/v2', rv, start }),
    encoded([]),
    encoded(null),
  ]);
}
