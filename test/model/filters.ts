/**
 * The filters of the model: every way a filter can be pinned or not, each with a naive twin.
 */
import { Filter, NAME_FIELD } from '../../src/cache/filter.ts';
import { LabelMatcher } from '../../src/k8s/label-matcher.ts';
import { parseLabelSelector } from '../../src/k8s/label-selector.ts';
import { FIELDS } from '../cache/support.ts';
import type { NaiveFilter, NaiveObject } from './naive-lane.ts';

/** The same filter, compiled and naive. */
export interface FilterPair {
  readonly real: Filter;
  readonly naive: NaiveFilter;
}

function filterPair(
  name: string,
  options: Partial<ConstructorParameters<typeof Filter>[0]> & { readonly selector?: string },
  naive: Partial<NaiveFilter>,
): FilterPair {
  const selector =
    options.selector === undefined ? undefined : parseLabelSelector(options.selector);
  return {
    real: new Filter({
      namespace: '',
      name: '',
      labels: selector === undefined ? undefined : new LabelMatcher(selector),
      terms: [],
      identity: name,
      ...options,
    }),
    naive: { name, inScope: () => true, selects: () => true, ...naive },
  };
}

function term(
  field: number,
  value: string,
  negated = false,
): ConstructorParameters<typeof Filter>[0]['terms'] {
  const missing = Buffer.from(field < 0 ? '' : FIELDS[field].missing);
  return [{ field, value: Buffer.from(value), negated, missing }];
}

const isHost = ({ spec }: NaiveObject): boolean => spec.hostNetwork === true;

export const FILTERS: readonly FilterPair[] = [
  filterPair('all', {}, {}),
  filterPair('namespace a', { namespace: 'a' }, { inScope: (o) => o.spec.namespace === 'a' }),
  filterPair('namespace a-b', { namespace: 'a-b' }, { inScope: (o) => o.spec.namespace === 'a-b' }),
  filterPair('name x', { name: 'x' }, { inScope: (o) => o.spec.name === 'x' }),
  filterPair('a/x', { namespace: 'a', name: 'x' }, { inScope: (o) => o.key === 'a/x' }),
  filterPair('app=x', { selector: 'app=x' }, { selects: (o) => o.spec.labels?.app === 'x' }),
  filterPair('app!=x', { selector: 'app!=x' }, { selects: (o) => o.spec.labels?.app !== 'x' }),
  filterPair(
    'a, tier',
    { namespace: 'a', selector: 'tier' },
    {
      inScope: (o) => o.spec.namespace === 'a',
      selects: (o) => o.spec.labels?.tier !== undefined,
    },
  ),
  filterPair('node n1', { terms: term(0, 'n1') }, { selects: (o) => o.spec.nodeName === 'n1' }),
  filterPair('no node', { terms: term(0, '') }, { selects: (o) => (o.spec.nodeName ?? '') === '' }),
  filterPair(
    'node not n1',
    { terms: term(0, 'n1', true) },
    { selects: (o) => o.spec.nodeName !== 'n1' },
  ),
  filterPair('host', { terms: term(1, 'true') }, { selects: isHost }),
  filterPair('no host', { terms: term(1, 'false') }, { selects: (o) => !isHost(o) }),
  filterPair(
    'name term',
    { terms: term(NAME_FIELD, 'x', true) },
    { selects: (o) => o.spec.name !== 'x' },
  ),
];
