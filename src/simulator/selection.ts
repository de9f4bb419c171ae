/**
 * Selection: which objects of a collection one request means: scope, labels, fields.
 *
 * Built once per request, asked once per object. The parsers are those of k8s/; the matching is its
 * own and as plain as possible, so that the simulator and the proxy do not share mistakes.
 */
import { parseFieldSelector } from '../k8s/field-selector.ts';
import type { FieldTerm } from '../k8s/field-selector.ts';
import { parseLabelSelector } from '../k8s/label-selector.ts';
import type { LabelRequirement } from '../k8s/label-selector.ts';
import { aliasField, selectableFields } from '../k8s/selectable-fields.ts';
import { badRequestError } from './errors.ts';
import type { Kind } from './kinds.ts';
import type { Facts } from './stored-object.ts';

export interface SelectionParts {
  readonly kind: Kind;
  /** '' for all. */
  readonly namespace: string;
  readonly labelSelector: string;
  readonly fieldSelector: string;
}

export class Selection {
  readonly namespace: string;
  /** Whether any selector was given: it hides remainingItemCount. */
  readonly selective: boolean;
  /** The name an equality term on metadata.name asks for. */
  readonly name: string | undefined;
  readonly #labels: readonly LabelRequirement[];
  readonly #fields: readonly FieldTerm[];

  constructor({ kind, namespace, labelSelector, fieldSelector }: SelectionParts) {
    const labels = parseLabelSelector(labelSelector);
    if (labels === undefined) {
      throw badRequestError(`unable to parse requirement: ${labelSelector}`);
    }
    const fields = parseFieldSelector(fieldSelector);
    if (fields === undefined) {
      throw badRequestError(
        `invalid selector: '${fieldSelector}'; can't understand '${fieldSelector}'`,
      );
    }
    this.namespace = namespace;
    this.#labels = labels.requirements;
    this.#fields = fields.terms.map((term) => ({ ...term, field: aliasField(kind, term.field) }));
    this.selective = this.#labels.length > 0 || this.#fields.length > 0;
    this.name = this.#fields.find(
      (term) => term.field === 'metadata.name' && term.operator === '=',
    )?.value;
    for (const term of this.#fields) checkField(kind, term.field);
  }

  matches(facts: Facts): boolean {
    if (this.namespace !== '' && facts.namespace !== this.namespace) return false;
    if (!this.selective) return true;
    return (
      this.#labels.every((requirement) => labelMatches(requirement, facts.labels)) &&
      this.#fields.every((term) => {
        return (fieldValue(facts, term.field) === term.value) === (term.operator === '=');
      })
    );
  }
}

function labelMatches(requirement: LabelRequirement, labels: Facts['labels']): boolean {
  const { key, values } = requirement;
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (requirement.operator) {
    case 'in':
      return value !== undefined && values.includes(value);
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case 'absent':
      return value === undefined;
    default: {
      if (value === undefined || !/^[+-]?[0-9]+$/.test(value)) return false;
      const difference = BigInt(value) - BigInt(values[0]);
      return requirement.operator === 'gt' ? difference > 0n : difference < 0n;
    }
  }
}

function fieldValue(facts: Facts, field: string): string {
  if (field === 'metadata.name') return facts.name;
  if (field === 'metadata.namespace') return facts.namespace;
  return facts.fields[field] ?? '';
}

/** Kinds whose conversion names its own fields; all others share one text (semantics 5.3). */
const OWN_CONVERSION = new Set(['pods', 'nodes', 'namespaces', 'secrets', 'services', 'jobs']);
const REFUSES_NAMESPACE = new Set(['nodes', 'namespaces']);
const EVENT_FIELDS = new Set(
  'kind namespace name uid apiVersion resourceVersion fieldPath'
    .split(' ')
    .map((name) => `involvedObject.${name}`)
    .concat('reason', 'reportingComponent', 'source', 'type'),
);

function checkField(kind: Kind, field: string): void {
  if (field === 'metadata.name') return;
  const refusesNamespace = REFUSES_NAMESPACE.has(kind.plural) || (kind.custom && !kind.namespaced);
  if (field === 'metadata.namespace' && !refusesNamespace) return;
  const known = selectableFields(kind, kind.custom ? kind.customFields : undefined);
  if (known.some((candidate) => candidate.name === field)) return;
  if (kind.plural === 'events' && EVENT_FIELDS.has(field)) return;
  if (kind.plural === 'pods' && field === 'status.podIPs') return;
  throw badRequestError(
    kind.custom || OWN_CONVERSION.has(kind.plural) || kind.plural === 'events'
      ? `field label not supported: ${field}`
      : `${JSON.stringify(field)} is not a known field selector: ` +
          'only "metadata.name", "metadata.namespace"',
  );
}
