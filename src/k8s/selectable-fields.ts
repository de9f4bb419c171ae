/**
 * Selectable fields: which field selectors Watershed evaluates itself, and where their values lie.
 *
 * A table of kube-apiserver's field label conversions and strategies (v1.36, the same since 1.31 for
 * these rows). Read by the lane (what the scanner must find), the filter and the route. It holds only
 * rows that are certain: accepted by every supported upstream and readable from the served JSON.
 * A selector on any other field is refused here and its request is passed through. metadata.name and
 * metadata.namespace are not in the table: they are part of every key.
 */
import type { FieldSelector } from './field-selector.ts';
import { resourceId, type Resource } from './resource.ts';

/** One field a selector may name. */
export interface SelectableField {
  /** As selectors spell it: `spec.nodeName`. */
  readonly name: string;
  /** Where the value is in the object's JSON. */
  readonly path: readonly string[];
  /** The value compared when the object has no such field, or a JSON null: `''`, `'false'`, `'0'`. */
  readonly missing: string;
  /** Worth an index: many watchers, each pinning one value. */
  readonly indexed: boolean;
}

function field(name: string, missing: SelectableField['missing'] = ''): SelectableField {
  return { name, path: name.split('.'), missing, indexed: false };
}

function indexedField(name: string): SelectableField {
  return { name, path: name.split('.'), missing: '', indexed: true };
}

const NONE: readonly SelectableField[] = Object.freeze([]);

/** Not listed on purpose: pods status.podIPs (accepted but never set upstream), every Events field. */
const BUILT_IN: ReadonlyMap<string, readonly SelectableField[]> = new Map([
  [
    'v1/pods',
    [
      indexedField('spec.nodeName'),
      field('spec.restartPolicy'),
      field('spec.schedulerName'),
      field('spec.serviceAccountName'),
      field('spec.hostNetwork', 'false'),
      field('status.phase'),
      field('status.podIP'),
      field('status.nominatedNodeName'),
    ],
  ],
  ['v1/nodes', [field('spec.unschedulable', 'false')]],
  ['v1/namespaces', [field('status.phase')]],
  ['v1/secrets', [field('type')]],
  ['v1/services', [field('spec.clusterIP'), field('spec.type')]],
  ['v1/replicationcontrollers', [field('status.replicas', '0')]],
  [
    'batch/v1/jobs',
    [
      {
        name: 'status.successful',
        path: ['status', 'succeeded'],
        missing: '0',
        indexed: false,
      },
    ],
  ],
  ['certificates.k8s.io/v1/certificatesigningrequests', [field('spec.signerName')]],
  ['certificates.k8s.io/v1beta1/clustertrustbundles', [field('spec.signerName')]],
  [
    'certificates.k8s.io/v1beta1/podcertificaterequests',
    [field('spec.signerName'), field('spec.podName'), indexedField('spec.nodeName')],
  ],
  ['resource.k8s.io/v1/resourceslices', [indexedField('spec.nodeName'), field('spec.driver')]],
  ['resource.k8s.io/v1beta2/resourceslices', [indexedField('spec.nodeName'), field('spec.driver')]],
  ['resource.k8s.io/v1beta1/resourceslices', [indexedField('spec.nodeName'), field('spec.driver')]],
]);

/** Plain dotted paths only; a jsonPath with brackets or quotes is left to upstream. */
const SIMPLE_JSON_PATH = /^(?:\.[A-Za-z_][A-Za-z0-9_-]*)+$/;

/**
 * The fields to scan for and to filter on, without metadata.name and metadata.namespace.
 * `custom`: the jsonPaths of a custom resource's version (`.spec.color`), or undefined for a built-in.
 */
export function selectableFields(
  resource: Resource,
  custom?: readonly string[],
): readonly SelectableField[] {
  if (custom === undefined) return BUILT_IN.get(resourceId(resource)) ?? NONE;
  return custom
    .filter((jsonPath) => SIMPLE_JSON_PATH.test(jsonPath) && !jsonPath.startsWith('.metadata'))
    .map((jsonPath) => field(jsonPath.slice(1)));
}

/** The name a field's value is kept under: upstream still accepts `spec.host` on pods. */
export function aliasField(resource: Resource, name: string): string {
  if (name === 'spec.host' && resourceId(resource) === 'v1/pods') return 'spec.nodeName';
  return name;
}

/**
 * Whether upstream surely accepts metadata.namespace in a field selector. Cluster-scoped kinds differ
 * (nodes and custom resources refuse it, others compare it with the empty string): none is accepted
 * here. podcertificaterequests is the one namespaced kind whose conversion leaves it out.
 */
export function acceptsMetadataNamespace(resource: Resource, custom: boolean): boolean {
  if (!resource.namespaced) return false;
  return custom || resource.plural !== 'podcertificaterequests';
}

/** Whether every term of the selector is one that Watershed evaluates exactly as upstream would. */
export function supportsFields(
  selector: FieldSelector,
  resource: Resource,
  fields: readonly SelectableField[],
  custom: boolean,
): boolean {
  return selector.terms.every((term) => {
    if (term.field === 'metadata.name') return true;
    if (term.field === 'metadata.namespace') return acceptsMetadataNamespace(resource, custom);
    const name = aliasField(resource, term.field);
    return fields.some((candidate) => candidate.name === name);
  });
}
