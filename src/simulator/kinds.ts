/**
 * Kinds: which resources the simulated apiserver serves, and how each one looks.
 *
 * Read by the store (one collection per row), discovery, tables and bookmarks. Verbs, short names
 * and the zero object printed in bookmarks were taken from a real kube-apiserver v1.36.3. Custom
 * resources are rows of the same shape, made from their CRD when it is created.
 */
import type { Resource } from '../k8s/resource.ts';

/** A column `kubectl get` prints for a custom resource, from its CRD. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
}

export interface Kind extends Resource {
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
  readonly subresources: readonly string[];
  /** Members after metadata in the zero object of a bookmark, as JSON text: `,"spec":{}`. */
  readonly zero: string;
  /** Custom resources print sorted keys and keep kind and apiVersion in list items. */
  readonly custom: boolean;
  /** jsonPaths of the CRD's selectableFields (`.spec.color`). */
  readonly customFields: readonly string[];
  readonly printerColumns: readonly PrinterColumn[];
}

export const ALL_VERBS: readonly string[] = Object.freeze(
  'create delete deletecollection get list patch update watch'.split(' '),
);
const NAMESPACE_VERBS = ALL_VERBS.filter((verb) => verb !== 'deletecollection');

const TEMPLATE = '"template":{"metadata":{},"spec":{"containers":null}}';
const NODE_INFO = [
  'machineID',
  'systemUUID',
  'bootID',
  'kernelVersion',
  'osImage',
  'containerRuntimeVersion',
  'kubeletVersion',
  'kubeProxyVersion',
  'operatingSystem',
  'architecture',
]
  .map((name) => `"${name}":""`)
  .join(',');

const PLURALS: Readonly<Record<string, string>> = { endpoints: 'endpoints' };

type Scope = 'cluster' | 'namespaced';

interface Extra {
  readonly short?: string;
  readonly all?: boolean;
  readonly status?: boolean;
  readonly zero?: string;
}

function kind(groupVersion: string, name: string, scope: Scope, extra: Extra = {}): Kind {
  const [group, version] = groupVersion.includes('/')
    ? groupVersion.split('/')
    : ['', groupVersion];
  const singular = name.toLowerCase();
  const plural = singular.endsWith('s') ? (PLURALS[singular] ?? `${singular}es`) : `${singular}s`;
  return {
    group,
    version,
    plural,
    kind: name,
    namespaced: scope === 'namespaced',
    singular,
    shortNames: extra.short === undefined ? [] : [extra.short],
    categories: extra.all === true ? ['all'] : [],
    verbs: plural === 'namespaces' ? NAMESPACE_VERBS : ALL_VERBS,
    subresources: extra.status === true ? ['status'] : [],
    zero: extra.zero ?? '',
    custom: false,
    customFields: [],
    printerColumns: [],
  };
}

const EVENT_ZERO =
  ',"involvedObject":{},"source":{},"firstTimestamp":null,"lastTimestamp":null,' +
  '"eventTime":null,"reportingComponent":"","reportingInstance":""';
const CRD_ZERO =
  ',"spec":{"group":"","names":{"plural":"","kind":""},"scope":"","versions":null},' +
  '"status":{"conditions":null,"acceptedNames":{"plural":"","kind":""},"storedVersions":null}';
const DAEMON_ZERO =
  `,"spec":{"selector":null,${TEMPLATE},"updateStrategy":{}},"status":{"currentNumberScheduled":0,` +
  '"numberMisscheduled":0,"desiredNumberScheduled":0,"numberReady":0}';
const STATEFUL_ZERO =
  `,"spec":{"replicas":0,"selector":null,${TEMPLATE},"serviceName":"","updateStrategy":{}},` +
  '"status":{"replicas":0,"availableReplicas":0}';
const NODE_ZERO =
  ',"spec":{},"status":{"daemonEndpoints":{"kubeletEndpoint":{"Port":0}},' +
  `"nodeInfo":{${NODE_INFO}}}`;
const SPEC_STATUS = ',"spec":{},"status":{}';

/** In the order discovery prints groups. */
export const builtInKinds: readonly Kind[] = [
  kind('v1', 'ConfigMap', 'namespaced', { short: 'cm' }),
  kind('v1', 'Endpoints', 'namespaced', { short: 'ep' }),
  kind('v1', 'Event', 'namespaced', { short: 'ev', zero: EVENT_ZERO }),
  kind('v1', 'Namespace', 'cluster', { short: 'ns', status: true, zero: SPEC_STATUS }),
  kind('v1', 'Node', 'cluster', { short: 'no', status: true, zero: NODE_ZERO }),
  kind('v1', 'PersistentVolumeClaim', 'namespaced', {
    short: 'pvc',
    status: true,
    zero: ',"spec":{"resources":{}},"status":{}',
  }),
  {
    ...kind('v1', 'Pod', 'namespaced', {
      short: 'po',
      all: true,
      zero: ',"spec":{"containers":null},"status":{}',
    }),
    subresources: ['log', 'status'],
  },
  kind('v1', 'Secret', 'namespaced'),
  kind('v1', 'ServiceAccount', 'namespaced', { short: 'sa' }),
  kind('v1', 'Service', 'namespaced', {
    short: 'svc',
    all: true,
    status: true,
    zero: ',"spec":{},"status":{"loadBalancer":{}}',
  }),
  kind('apiregistration.k8s.io/v1', 'APIService', 'cluster', {
    status: true,
    zero: ',"spec":{"groupPriorityMinimum":0,"versionPriority":0},"status":{}',
  }),
  kind('apps/v1', 'DaemonSet', 'namespaced', {
    short: 'ds',
    all: true,
    status: true,
    zero: DAEMON_ZERO,
  }),
  kind('apps/v1', 'Deployment', 'namespaced', {
    short: 'deploy',
    all: true,
    status: true,
    zero: `,"spec":{"replicas":0,"selector":null,${TEMPLATE},"strategy":{}},"status":{}`,
  }),
  kind('apps/v1', 'ReplicaSet', 'namespaced', {
    short: 'rs',
    all: true,
    status: true,
    zero: `,"spec":{"replicas":0,"selector":null,${TEMPLATE}},"status":{"replicas":0}`,
  }),
  kind('apps/v1', 'StatefulSet', 'namespaced', {
    short: 'sts',
    all: true,
    status: true,
    zero: STATEFUL_ZERO,
  }),
  kind('batch/v1', 'Job', 'namespaced', {
    all: true,
    status: true,
    zero: `,"spec":{${TEMPLATE}},"status":{}`,
  }),
  kind('apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'cluster', {
    short: 'crd',
    status: true,
    zero: CRD_ZERO,
  }),
  kind('coordination.k8s.io/v1', 'Lease', 'namespaced', { zero: ',"spec":{}' }),
  kind('discovery.k8s.io/v1', 'EndpointSlice', 'namespaced', {
    zero: ',"addressType":"","endpoints":null,"ports":null',
  }),
];
