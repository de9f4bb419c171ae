// Label and field selectors in the grammars of semantics 5, and near misses of them.

import type { Dice } from './dice.ts';
import type { Ground, Mood } from './grammar-options.ts';
import { refusedFields } from './subjects.ts';

const labelValues: Readonly<Record<string, readonly string[]>> = {
  color: ['red', 'green', 'blue', 'purple', ''],
  weight: ['3', '7', '10', 'ten', ''],
  app: ['x', 'y'],
  'example.com/part-of': ['x', ''],
  'kubernetes.io/metadata.name': ['a', 'default'],
  absent: ['x'],
};
/** `color` most often: nearly every object has it. */
const labelKeys = ['color', 'color', 'color', ...Object.keys(labelValues)];

export function labelSelector(dice: Dice, mood: Mood): string {
  const count = dice.weighted([
    [6, 1],
    [3, 2],
    [1, 3],
  ]);
  const terms = Array.from({ length: count }, () => requirement(dice, mood === 'unusual'));
  const valid = terms.join(mood === 'unusual' ? dice.pick([',', ' ,', ' , ', ',\t']) : ',');
  if (mood !== 'broken') return valid;
  return dice.chance(0.4) ? dice.pick(oddLabelSelectors) : damaged(dice, valid);
}

function requirement(dice: Dice, spaced: boolean): string {
  const key = dice.pick(labelKeys);
  const space = (): string => (spaced ? dice.pick(['', ' ', '  ', '\t', '\n']) : '');
  const value = (): string => dice.pick(labelValues[key]);
  const values = (): string => `(${[value(), value()].join(`${space()},${space()}`)})`;
  return dice.weighted([
    [6, () => `${key}${space()}=${space()}${value()}`],
    [2, () => `${key}${space()}==${space()}${value()}`],
    [3, () => `${key}${space()}!=${space()}${value()}`],
    [3, () => `${key} ${space()}in ${space()}${values()}`],
    [2, () => `${key} notin${space()} ${values()}`],
    [2, () => key],
    [2, () => `!${space()}${key}`],
    [1, () => `weight${space()}>${space()}${dice.below(12)}`],
    [1, () => `weight${space()}<${space()}${dice.below(12)}`],
  ])();
}

const long = 'k'.repeat(64);
const oddLabelSelectors: readonly string[] = [
  ',',
  ' ',
  'a in',
  'a=b,',
  ',a=b',
  'a>x',
  'a>',
  'a=b c',
  '-a=b',
  'a in (b',
  'a in b)',
  'a in ()',
  'a in (,)',
  'a in (b,,c)',
  'in in (in)',
  'notin notin (notin)',
  'in',
  '!in',
  'a/b/c=d',
  'Example.com/a=b',
  '/a=b',
  'a/=b',
  `${long}=v`,
  `a=${long}`,
  'a=-b',
  'a!',
  '!a=b',
  '!!a',
  'a=b=c',
  'a===b',
  'a!==b',
  'a=>b',
  'a<1,a>3',
  'a>-1',
  'weight>+5',
  'weight>05',
  'weight>99999999999999999999',
  'color=rot\u00e9',
  'color="red"',
  '(color)',
  'color\u00a0=red',
  'color\0=red',
];

/** One character more, less, or another. */
function damaged(dice: Dice, text: string): string {
  const at = dice.below(text.length + 1);
  const character = dice.pick([...'=!(),<> .;/\\"-_aZ', '\u00e9', '\n']);
  const rest = dice.pick([text.slice(at), text.slice(at + 1)]);
  return text.slice(0, at) + (dice.chance(0.7) ? character : '') + rest;
}

export function fieldSelector(ground: Ground, mood: Mood): string {
  const { dice } = ground;
  const count = dice.weighted([
    [6, 1],
    [3, 2],
    [1, 3],
  ]);
  const terms = Array.from({ length: count }, () => term(ground));
  if (mood === 'usual') return terms.join(',');
  if (mood === 'unusual') {
    const odd = dice.pick([
      '',
      '',
      'metadata.name!=',
      'metadata.name!=x\\,y',
      'metadata.name!=a\\=b',
    ]);
    return dice.shuffle([...terms, odd]).join(',');
  }
  if (dice.chance(0.4)) return damaged(dice, terms.join(','));
  const wrong = dice.weighted([
    [3, `${dice.pick(refusedFields)}${dice.pick(['=', '!=', '=='])}x`],
    [1, dice.pick(oddFieldSelectors)],
    [1, 'metadata.namespace=a'],
  ]);
  return dice.chance(0.5) ? wrong : [...terms, wrong].join(',');
}

const oddFieldSelectors: readonly string[] = [
  'metadata.name',
  'metadata.name=a=b',
  'metadata.name=a\\x',
  'metadata.name=a\\',
  'metadata.name\\=a=b',
  '=x',
  '!=x',
  'metadata.name=n, metadata.namespace=a',
  'metadata.name in (a)',
  ' ',
  'metadata.name=a/b',
  'metadata.name=..',
  'metadata.name=.',
  'metadata.name=%41',
  'metadata.name=N',
  'metadata.name=\u00e9',
  'metadata.namespace=a/b',
  'metadata.namespace=..',
  'metadata.namespace=A',
];

function term({ dice, past, subject }: Ground): string {
  const operator = dice.weighted([
    [6, '='],
    [1, '=='],
    [3, '!='],
  ]);
  const keys = past.keys.get(subject.name) ?? [];
  const key = keys.length > 0 && dice.chance(0.85) ? dice.pick(keys) : 'no-such-namespace/none';
  const [namespace, name] = key.includes('/') ? key.split('/') : ['', key];
  const choices: [number, string, string][] = [[3, 'metadata.name', name]];
  if (subject.namespaced) choices.push([2, 'metadata.namespace', namespace]);
  for (const [field, values] of subject.fields) choices.push([2, field, dice.pick(values)]);
  const [field, value] = dice.weighted(choices.map(([weight, ...pair]) => [weight, pair] as const));
  return `${field}${operator}${value}`;
}
