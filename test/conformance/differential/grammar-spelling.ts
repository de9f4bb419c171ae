// How a path and its parameters are spelled: the way clients do, other ways that mean the same, and
// ways that two parsers could read differently (repeated names, semicolons, broken escapes).

import type { Dice } from './dice.ts';
import type { Mood, Parameter } from './grammar-options.ts';

/** The raw target of a request. */
export function spelled(
  dice: Dice,
  path: string,
  parameters: readonly Parameter[],
  mood: Mood,
): string {
  if (mood === 'usual') return path + queryOf(dice.shuffle(parameters).map(encodedPair));
  if (mood === 'unusual') return rare(dice, path, parameters);
  return odd(dice, path, parameters);
}

function queryOf(pairs: readonly string[]): string {
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

function encodedPair([name, value]: Parameter): string {
  return `${name}=${encodeURIComponent(value)}`;
}

function rare(dice: Dice, path: string, parameters: readonly Parameter[]): string {
  const pairs = parameters.map(encodedPair);
  return dice.pick<() => string>([
    () => path + queryOf([...pairs, dice.pick(unknownPairs)]),
    () => path + queryOf([...pairs, dice.pick(prettyPairs)]),
    () => path + queryOf(pairs.map((pair) => pair.replaceAll('%20', '+'))),
    () => path + queryOf(parameters.map(([name, value]) => `${name}=${fullyEncoded(value)}`)),
    () =>
      path + queryOf(parameters.map(([name, value]) => `${fullyEncoded(name)}=${value}`).map(safe)),
    () => path + queryOf(parameters.map(([name, value]) => safe(`${name}=${value}`))),
    () => path + queryOf(pairs.map((pair) => pair.toLowerCase().replace(/^[^=]*/, (name) => name))),
    () => `${path}${queryOf(pairs)}${pairs.length === 0 ? '?' : '&'}`,
    () => path + queryOf(['', ...pairs, '', '']),
    () => path + queryOf([...pairs, ...pairs.slice(0, 1)]),
    () => path + queryOf([...pairs, ...emptyPairs(dice)]),
  ])();
}

const unknownPairs = [
  'foo=bar',
  '_=1700000000',
  'dryRun=All',
  'fieldManager=x',
  'exact=false',
  'shardSelector=',
  "shardSelector=shardRange(object.metadata.uid,'0x0000000000000000','0x8000000000000000')",
  'shardSelector=nonsense',
  'LIMIT=1',
  '=x',
  'labelselector=color',
  'watch%20=1',
];
const prettyPairs = [
  'pretty=true',
  'pretty=false',
  'pretty=',
  'pretty=1',
  'pretty=0',
  'pretty=maybe',
];

function emptyPairs(dice: Dice): string[] {
  const names = ['labelSelector', 'fieldSelector', 'resourceVersion', 'continue', 'timeout'];
  return dice
    .shuffle(names)
    .slice(0, 2)
    .map((name) => `${name}${dice.pick(['', '='])}`);
}

function fullyEncoded(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`)
    .join('');
}

/** Left as it is where a request line can hold it. */
function safe(text: string): string {
  return text.replaceAll(/[^\x21-\x7e]|[#&%+;]/g, encodeURIComponent);
}

function odd(dice: Dice, path: string, parameters: readonly Parameter[]): string {
  const pairs = parameters.map(encodedPair);
  return dice.pick<() => string>([
    () => path + queryOf([...pairs, dice.pick(oddPairs)]),
    () => path + queryOf([dice.pick(oddPairs), ...pairs]),
    () => path + queryOf([...pairs, ...repeated(dice, pairs)]),
    () => path + queryOf([pairs.join(';')]),
    () => path + queryOf(pairs.map((pair) => pair.replace('=', '%3D'))),
    () => oddPath(dice, path) + queryOf(pairs),
    () => oddPath(dice, path) + queryOf(pairs),
  ])();
}

const oddPairs = [
  'labelSelector=%zz',
  'labelSelector=%',
  'labelSelector=%e9',
  'a;b',
  'limit=1;limit=2',
  '%zz=1',
  'resourceVersion=%30',
  'limit=%31',
  'limit=+1',
  'watch=false',
  'timeout=soon',
  'export=true',
  'labelSelector=color;x',
];

/** The same names again, with other values before or behind. */
function repeated(dice: Dice, pairs: readonly string[]): string[] {
  const more = ['limit=2', 'limit=1', 'labelSelector=color', 'resourceVersion=0', 'watch=0'];
  return dice.shuffle([...more, ...pairs]).slice(0, 3);
}

function oddPath(dice: Dice, path: string): string {
  const parts = path.split('/');
  const at = 1 + dice.below(parts.length - 1);
  return dice.pick<() => string>([
    () => `${path}/`,
    () => `/${path}`,
    () => parts.with(at, `${parts[at]}/`).join('/'),
    () => parts.with(at, `./${parts[at]}`).join('/'),
    () => parts.with(at, `x/../${parts[at]}`).join('/'),
    () => parts.with(at, `%${parts[at].charCodeAt(0).toString(16)}${parts[at].slice(1)}`).join('/'),
    () => parts.with(at, parts[at].toUpperCase()).join('/'),
    () => parts.with(at, `${parts[at]}x`).join('/'),
    () => parts.with(at, `${parts[at]}%2f`).join('/'),
    () => parts.with(at, `${parts[at]}%20`).join('/'),
    () => parts.with(parts.length - 1, `watch/${parts[parts.length - 1]}`).join('/'),
    () => path.replace(/^(\/api\/v1|\/apis\/[^/]+\/[^/]+)\//, '$1/watch/'),
    () => path.replace(/^(\/api\/v1|\/apis\/[^/]+\/[^/]+)\//, '$1/proxy/'),
  ])();
}
