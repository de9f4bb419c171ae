/**
 * A request's scope and selectors, compiled to the filter that a lane's readers share. `metadata.name` and
 * `metadata.namespace` equalities become the scope, because they are the key; everything else becomes a term.
 * The selectors were checked against the lane's fields before (`supportsFields`): an unknown field is a bug here.
 */
import type { FilterTerm } from '../cache/filter.ts';
import { Filter, NAME_FIELD, NAMESPACE_FIELD } from '../cache/filter.ts';
import type { Lane } from '../cache/lane.ts';
import { ShardTest } from '../cache/shard-test.ts';
import type { FieldTerm } from '../k8s/field-selector.ts';
import type { ListOptions } from '../k8s/list-options.ts';
import { aliasField } from '../k8s/selectable-fields.ts';
import { UidSpan } from '../k8s/uid-span.ts';

export function compileFilter(
  lane: Lane,
  namespace: string,
  { labels, fields, shards }: Pick<ListOptions, 'labels' | 'fields' | 'shards'>,
): Filter {
  let name = '';
  let scope = namespace;
  const terms: FilterTerm[] = [];
  for (const term of fields.terms) {
    if (term.operator === '=' && term.field === 'metadata.name' && canPin(term.value, name)) {
      name = term.value;
    } else if (
      term.operator === '=' &&
      term.field === 'metadata.namespace' &&
      canPin(term.value, scope)
    ) {
      scope = term.value;
    } else {
      terms.push(compileTerm(lane, term));
    }
  }
  return new Filter({
    namespace: scope,
    name,
    labels: labels.canonical === '' ? undefined : lane.codec.encoding.labelTest(labels),
    escapes: lane.codec.encoding.escapes,
    terms,
    shard: shards && new ShardTest(shards, new UidSpan(lane.codec)),
    identity: JSON.stringify([
      scope,
      name,
      labels.canonical,
      fields.canonical,
      shards?.canonical ?? '',
    ]),
  });
}

/** The key holds one value; a second, different equality stays a term that then never holds. */
function canPin(value: string, pinned: string): boolean {
  return value !== '' && (pinned === '' || pinned === value);
}

function compileTerm(lane: Lane, term: FieldTerm): FilterTerm {
  const negated = term.operator === '!=';
  if (term.field === 'metadata.name' || term.field === 'metadata.namespace') {
    const field = term.field === 'metadata.name' ? NAME_FIELD : NAMESPACE_FIELD;
    return { field, value: Buffer.from(term.value), negated, missing: Buffer.alloc(0) };
  }
  const wanted = aliasField(lane.resource, term.field);
  const field = lane.fields.findIndex((candidate) => candidate.name === wanted);
  if (field < 0) throw new Error(`lane ${lane.id} has no field ${wanted}`);
  const { codec } = lane;
  const value = codec.fieldValue(field, term.value);
  return { field, value, negated, missing: codec.fieldValue(field, lane.fields[field].missing) };
}
