/**
 * Attributes: a read as kube-apiserver's authorizers see it (requestinfo.go; auth.md 2.1).
 *
 * Selectors are kept as raw text, never as our parse: the review hands them to upstream's own parser
 * (a second parser in front is how CVE-2022-2880 happened). `resource` is the plural name.
 */

import { requiredValue } from '../k8s/field-selector.ts';
import type { GetOptions, ListOptions } from '../k8s/list-options.ts';
import type { CollectionTarget, ObjectTarget } from '../k8s/request-target.ts';

export type ReadVerb = 'get' | 'list' | 'watch';

/** What is asked about: a read, or acting as somebody else. */
export type AskedVerb = ReadVerb | 'impersonate';

export interface Attributes {
  readonly verb: AskedVerb;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  /** '' for every read; the key of an impersonated extra. */
  readonly subresource: string;
  /** '': all namespaces, or a cluster-scoped resource. */
  readonly namespace: string;
  /** Of a list or watch: the name its field selector requires, else ''. */
  readonly name: string;
  readonly rawFieldSelector: string;
  readonly rawLabelSelector: string;
}

/**
 * The attributes of a parsed request. The verb is what the route understood; when it contradicts
 * the target or the options the caller is broken and this throws.
 */
export function attributesOf(
  verb: ReadVerb,
  target: CollectionTarget | ObjectTarget,
  options: GetOptions | ListOptions,
): Attributes {
  const { group, version, plural, namespace } = target;
  const common = { verb, group, version, resource: plural, subresource: '', namespace };
  if (target.kind === 'object') {
    mustBe(verb === 'get');
    return { ...common, name: target.name, rawFieldSelector: '', rawLabelSelector: '' };
  }
  if (!('fields' in options)) {
    throw new Error('a collection is authorized with its list options');
  }
  mustBe(verb === (options.watch ? 'watch' : 'list'));
  const required = requiredValue(options.fields, 'metadata.name') ?? '';
  return {
    ...common,
    name: isPathSegment(required) ? required : '',
    rawFieldSelector: options.rawFieldSelector,
    rawLabelSelector: options.rawLabelSelector,
  };
}

function mustBe(fits: boolean): void {
  if (!fits) {
    throw new Error('the verb to authorize does not fit the request');
  }
}

/** path.IsValidPathSegmentName: other names do not become part of the attributes. */
function isPathSegment(name: string): boolean {
  return name !== '.' && name !== '..' && !/[/%]/.test(name);
}

/** The wider question: the same verb and resource without name and selectors. */
export function widened(attributes: Attributes): Attributes {
  return isWidest(attributes)
    ? attributes
    : { ...attributes, name: '', rawFieldSelector: '', rawLabelSelector: '' };
}

export function isWidest(attributes: Attributes): boolean {
  const { name, rawFieldSelector, rawLabelSelector } = attributes;
  return name === '' && rawFieldSelector === '' && rawLabelSelector === '';
}

/** All parts in a fixed order, for cache keys. */
export function partsOf(attributes: Attributes): readonly string[] {
  return [
    attributes.verb,
    attributes.group,
    attributes.version,
    attributes.resource,
    attributes.subresource,
    attributes.namespace,
    attributes.name,
    attributes.rawFieldSelector,
    attributes.rawLabelSelector,
  ];
}
