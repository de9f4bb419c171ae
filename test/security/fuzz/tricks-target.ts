// Tricks with the request target: what a proxy and a server, or a router and an authorizer, might read
// in two ways.

import type { Dice } from '../../conformance/differential/dice.ts';
import { collectionPath, subjects } from '../../conformance/differential/subjects.ts';
import { pairsOf } from './draft.ts';
import type { Draft } from './draft.ts';

export interface Trick {
  readonly name: string;
  readonly weight: number;
  apply(draft: Draft, dice: Dice): void;
}

type Rewrite = (path: string, dice: Dice) => string;

/** One segment, chosen at random, rewritten. */
function segment(rewrite: (text: string, dice: Dice) => string): Rewrite {
  return (path, dice) => {
    const parts = path.split('/');
    // Another trick may have taken the last slash.
    if (parts.length < 2) return rewrite(path, dice);
    const at = 1 + dice.below(parts.length - 1);
    return parts.with(at, rewrite(parts[at], dice)).join('/');
  };
}

/** One slash, chosen at random, replaced. */
function slash(texts: readonly string[]): Rewrite {
  return (path, dice) => {
    const parts = path.split('/');
    const at = 1 + dice.below(Math.max(1, parts.length - 1));
    return `${parts.slice(0, at).join('/')}${dice.pick(texts)}${parts.slice(at).join('/')}`;
  };
}

const elsewhere = ['a', 'b', 'ab', 'a-b', 'kube-system', 'pods', 'secrets', 'nodes'];

function escaped(character: string): string {
  return `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

export const brokenEscape: Rewrite = segment(
  (text, dice) => text + dice.pick(['%', '%z', '%zz', '%2']),
);

const pathRewrites: readonly (readonly [name: string, weight: number, rewrite: Rewrite])[] = [
  ['a step back', 3, segment((text, dice) => `${text}/../${dice.pick(elsewhere)}`)],
  ['a step back and again', 2, segment((text, dice) => `${dice.pick(elsewhere)}/../${text}`)],
  ['an encoded step back', 3, segment((text, dice) => `${text}/%2e%2e/${dice.pick(elsewhere)}`)],
  ['a half encoded step', 2, segment((text, dice) => `${dice.pick(['.%2e', '%2E.'])}/${text}`)],
  ['a step with a slash', 2, segment((text, dice) => `..%2f${dice.pick(elsewhere)}%2f${text}`)],
  ['dots', 2, segment((_text, dice) => dice.pick(['.', '..', '%2e', '%2e%2e', '...', '.;']))],
  ['a dot segment', 2, slash(['/./', '/%2e/', '/.//'])],
  ['two slashes', 3, slash(['//', '///', '/%2f', '%2f/'])],
  ['an encoded slash', 3, slash(['%2f', '%2F', '%5c', '\\', '%252f'])],
  ['a trailing slash', 3, (path, dice) => path + dice.pick(['/', '//', '/.', '/..', '%2f'])],
  [
    'an encoded end',
    2,
    (path, dice) => path + dice.pick(['%00', '%20', '%0a', '%3f', '%23', '%3fwatch=1']),
  ],
  [
    'a matrix parameter',
    3,
    segment((text, dice) => text + dice.pick([';', ';x=1', ';/', ';..', ':x', ',x'])),
  ],
  ['upper case', 3, segment((text) => text.toUpperCase())],
  [
    'one letter in upper case',
    2,
    segment((text) => text.slice(0, 1).toUpperCase() + text.slice(1)),
  ],
  ['an encoded letter', 3, segment((text) => escaped(text[0] ?? 'x') + text.slice(1))],
  ['an encoded segment', 2, segment((text) => [...text].map(escaped).join(''))],
  [
    'a letter encoded twice',
    1,
    segment((text) => `%25${escaped(text[0] ?? 'x').slice(1)}${text.slice(1)}`),
  ],
  [
    'a letter that folds',
    1,
    segment((text) => text.replace(/s/, '%c5%bf').replace(/k/, '%e2%84%aa')),
  ],
  ['an empty segment', 1, segment(() => '')],
  [
    'watch in the path',
    3,
    (path) => path.replace(/^(\/api\/v1|\/apis\/[^/]+\/[^/]+)\//, '$1/watch/'),
  ],
  [
    'proxy in the path',
    1,
    (path) => path.replace(/^(\/api\/v1|\/apis\/[^/]+\/[^/]+)\//, '$1/proxy/'),
  ],
  [
    'another root',
    1,
    (path, dice) => path.replace(/^\/apis?/, dice.pick(['/api', '/apis', '/API', '/', '//api'])),
  ],
  [
    'another version',
    1,
    (path, dice) => path.replace(/\/v1(?=\/)/, dice.pick(['/v2', '/V1', '/v1beta1', '/v01'])),
  ],
  [
    'another namespace',
    3,
    (path, dice) =>
      path.replace(/\/namespaces\/[^/]+/, `/namespaces/${dice.pick(['', ...elsewhere])}`),
  ],
  [
    'a namespace more',
    2,
    (path, dice) =>
      path.replace(/^(\/api\/v1|\/apis\/[^/]+\/[^/]+)\//, `$1/namespaces/${dice.pick(elsewhere)}/`),
  ],
  ['a namespace less', 2, (path) => path.replace(/\/namespaces\/[^/]+/, '')],
  ['another resource', 2, (path, dice) => path.replace(/[^/]+$/, () => dice.pick(subjects).plural)],
  [
    'a subresource',
    2,
    (path, dice) =>
      `${path}/${dice.pick(['status', 'log', 'exec', 'proxy', 'scale', 'token', 'finalize', 'nope'])}`,
  ],
  [
    'another collection in front',
    1,
    (path, dice) => `${collectionPath(dice.pick(subjects))}/..${path}`,
  ],
];

export const pathTricks: readonly Trick[] = [
  ...pathRewrites.map(([name, weight, rewrite]) => ({
    name,
    weight,
    apply: (draft: Draft, dice: Dice) => {
      draft.path = rewrite(draft.path, dice) || '/';
    },
  })),
  {
    name: 'a broken escape',
    weight: 1,
    // Over HTTP/2 upstream resets the stream: among the refused tricks.
    apply: (draft, dice) => {
      draft.path = brokenEscape(draft.path, dice);
      draft.protocol = 'http/1.1';
    },
  },
];

const names = ['n', 'n-b', 'n.b', 'n0', 'node-1', 'a', 'ab'];
const watchValues = [
  '0',
  '1',
  'true',
  'false',
  'FALSE',
  'False',
  '',
  't',
  '2',
  '%30',
  '%31',
  '+1',
  'fal%73e',
  '%200',
];

/** A pair of its own, that says something about what is asked. */
function tellingPair(dice: Dice): string {
  const name = dice.pick(names);
  const other = dice.pick(names);
  return dice.pick([
    `watch=${dice.pick(watchValues)}`,
    `watch=${dice.pick(watchValues)}`,
    `fieldSelector=metadata.name%3D${name}`,
    `fieldSelector=metadata.name=${name}`,
    `fieldSelector=metadata.name%3D%3D${name}`,
    `fieldSelector=metadata.name%21%3D${name}`,
    `fieldSelector=metadata.name%3D${name}%2Cmetadata.name%3D${other}`,
    `fieldSelector=metadata.name%3D${name}%2Cmetadata.name%21%3D${other}`,
    `fieldSelector=metadata.name%3D${name}%2F..%2F${other}`,
    `fieldSelector=metadata.name%3D${dice.pick(['.', '..', '%252e', 'n%00', 'N', 'n%2Cx', 'n%5C%2Cx'])}`,
    `fieldSelector=metadata.namespace%3D${dice.pick(elsewhere)}`,
    `fieldSelector=spec.nodeName%3Dnode-1`,
    `labelSelector=${dice.pick(['color', 'color%3Dred', '%21color', 'color+in+(red)', 'a;b'])}`,
    `limit=${dice.pick(['1', '0', 'abc', '-1'])}`,
    `resourceVersion=${dice.pick(['0', '1', '', 'abc'])}`,
    `continue=${dice.pick(['', 'x'])}`,
    'sendInitialEvents=true&resourceVersionMatch=NotOlderThan',
  ]);
}

function encodedName(pair: string, dice: Dice): string {
  const [name, ...rest] = pair.split('=');
  const at = dice.below(Math.max(1, name.length));
  const spelled = name.slice(0, at) + escaped(name[at] ?? 'x') + name.slice(at + 1);
  return [spelled, ...rest].join('=');
}

const unknownPairs = [
  'foo=bar',
  'foo',
  '_=1',
  'WATCH=1',
  'Watch=true',
  'fieldselector=metadata.name%3Dn',
  'watch%00=1',
  'watch[]=1',
  'pretty=true',
  'exact=true',
  'dryRun=All',
  'as=admin',
  'user=admin',
  'access_token=admin-token',
  'namespace=ab',
  'name=n',
  'verb=get',
];
const brokenPairs = [
  '%zz=1',
  'labelSelector=%zz',
  'fieldSelector=%',
  'watch=%e',
  'fieldSelector=metadata.name%3Dn%',
  'limit=%',
  '%',
  '%77%61tch=%zz',
];

type Requery = (pairs: string[], dice: Dice) => string;

const queries: readonly (readonly [name: string, weight: number, rewrite: Requery])[] = [
  ['one pair more', 5, (pairs, dice) => [...pairs, tellingPair(dice)].join('&')],
  ['one pair before', 4, (pairs, dice) => [tellingPair(dice), ...pairs].join('&')],
  [
    'two pairs more',
    2,
    (pairs, dice) => [tellingPair(dice), ...pairs, tellingPair(dice)].join('&'),
  ],
  [
    'a pair twice',
    2,
    (pairs, dice) => [...pairs, ...(pairs.length > 0 ? [dice.pick(pairs)] : [])].join('&'),
  ],
  ['an unknown pair', 3, (pairs, dice) => [...pairs, dice.pick(unknownPairs)].join('&')],
  [
    'a broken escape in the query',
    3,
    (pairs, dice) => dice.shuffle([...pairs, dice.pick(brokenPairs)]).join('&'),
  ],
  ['semicolons', 2, (pairs, dice) => [...pairs, tellingPair(dice)].join(';')],
  ['a semicolon in a value', 2, (pairs, dice) => [...pairs, `${tellingPair(dice)};x`].join('&')],
  ['empty pairs', 1, (pairs, dice) => ['', ...pairs, dice.pick(['', '=', '=x', '&'])].join('&')],
  [
    'another question mark',
    1,
    (pairs, dice) => `?${[...pairs, `x?${tellingPair(dice)}`].join('&')}`,
  ],
  [
    'an encoded name',
    3,
    (pairs, dice) => [...pairs, encodedName(tellingPair(dice), dice)].join('&'),
  ],
  ['an encoded ampersand', 1, (pairs, dice) => [...pairs, `x=1%26${tellingPair(dice)}`].join('&')],
  ['no query', 1, () => ''],
  [
    'raw characters',
    1,
    (pairs, dice) =>
      [...pairs, `labelSelector=${dice.pick(['"', '<', '>', '|', '\\', '^', '`', '{}'])}`].join(
        '&',
      ),
  ],
];

export const queryTricks: readonly Trick[] = queries.map(([name, weight, rewrite]) => ({
  name,
  weight,
  apply: (draft, dice) => {
    draft.query = rewrite(pairsOf(draft), dice);
  },
}));
