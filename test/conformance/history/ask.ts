// What random clients ask for: resources, forms, selections, as paths and headers.

import { collection } from '../support/resources.ts';
import type { ResourceName } from '../support/resources.ts';
import type { Random } from './random.ts';
import type { Form } from './records.ts';
import { fieldTerm, labelTerms } from './selection.ts';
import type { Selection, Term } from './selection.ts';
import { colors, namesPerWriter, phases, writtenNamespaces } from './writers.ts';

export interface Ask {
  readonly resource: ResourceName;
  readonly form: Form;
  readonly selection: Selection;
}

export type AskedVerb = 'get' | 'list' | 'watch';

const metadata = (list: string): string => `as=PartialObjectMetadata${list};g=meta.k8s.io;v=v1`;

/** As client-go asks; custom resources answer the whole protobuf form in JSON. */
export function acceptOf(form: Form, verb: AskedVerb): string {
  const kind = metadata(verb === 'list' ? 'List' : '');
  switch (form) {
    case 'json':
      return 'application/json';
    case 'protobuf':
      return 'application/vnd.kubernetes.protobuf,application/json';
    case 'metadata json':
      return `application/json;${kind}`;
    case 'metadata protobuf':
      return `application/vnd.kubernetes.protobuf;${kind},application/json;${kind}`;
  }
}

/** The form an answer is really in. */
export function answeredForm(form: Form, contentType: string): Form {
  return form === 'protobuf' && contentType.includes('json') ? 'json' : form;
}

export function drawSelection(random: Random, resource: ResourceName): Selection {
  const isClusterWide = resource === 'gadgets';
  return {
    namespace: !isClusterWide && random.chance(40) ? random.pick(writtenNamespaces) : '',
    labels: random.chance(35) ? random.pick(labelTerms) : undefined,
    fields: random.chance(30) ? drawField(random, resource) : undefined,
  };
}

/** One key is read: the name is pinned, and the namespace known or not needed. */
export function isSingle({ resource, selection }: Ask): boolean {
  const { namespace, fields } = selection;
  return (
    (namespace !== '' || resource === 'gadgets') &&
    fields?.text.startsWith('metadata.name=') === true
  );
}

/**
 * kube-apiserver itself loses objects on the second page of such a list: the first is read from the
 * namespace alone, and its token is then taken as a place among all namespaces.
 */
export function isNarrowed({ selection }: Ask): boolean {
  const { namespace, fields } = selection;
  return namespace === '' && fields?.text.startsWith('metadata.namespace=') === true;
}

export function drawName(random: Random, writers: number): string {
  return `w-${random.below(writers)}-${random.below(namesPerWriter)}`;
}

function drawField(random: Random, resource: ResourceName): Term {
  const dice = random.below(4);
  if (dice === 0) return fieldTerm('metadata.name', drawName(random, 6));
  const equal = random.chance(70);
  if (dice === 1 && resource !== 'gadgets') {
    return fieldTerm('metadata.namespace', random.pick(writtenNamespaces), equal);
  }
  switch (resource) {
    case 'pods':
      return random.chance(60)
        ? fieldTerm('spec.nodeName', random.pick(['', ...colors]), equal)
        : fieldTerm('status.phase', random.pick(phases), equal);
    case 'widgets':
    case 'gadgets':
      return fieldTerm('spec.color', random.pick(colors), equal);
    default:
      return fieldTerm('metadata.name', drawName(random, 6), equal);
  }
}

export type Parameters = Readonly<globalThis.Record<string, string | number | undefined>>;

export function pathOf({ resource, selection }: Ask, parameters: Parameters): string {
  const all: Parameters = {
    labelSelector: selection.labels?.text,
    fieldSelector: selection.fields?.text,
    ...parameters,
  };
  const query = Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
    .join('&');
  const path = collection(resource, selection.namespace);
  return query === '' ? path : `${path}?${query}`;
}
