// What the generated requests are about: every resource the issue names, and v1 Endpoints, whose
// answers carry a Warning. With them the fields their selectors may name, and some they may not.

import { crdGroup } from '../control-plane/fixture-objects.ts';

export interface Subject {
  /** As the counts name it. */
  readonly name: string;
  /** `/api/v1` or `/apis/group/version`. */
  readonly root: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly custom: boolean;
  /** Fields that are accepted, with values that some objects have. */
  readonly fields: readonly (readonly [field: string, values: readonly string[]])[];
  /** How often it is asked for, beside the others. */
  readonly weight: number;
}

type Fields = Subject['fields'];

interface Scope {
  readonly namespaced: boolean;
  readonly fields?: Fields;
  readonly weight?: number;
}

function define(root: string, plural: string, kind: string, scope: Scope): Subject {
  const { namespaced, fields = [], weight = 2 } = scope;
  const custom = root.includes(crdGroup);
  const version = root.endsWith('beta1') ? `${plural} v1beta1` : plural;
  return { name: version, root, plural, kind, namespaced, custom, fields, weight };
}

const namespaced: Scope = { namespaced: true };
const core = '/api/v1';
const apps = '/apis/apps/v1';
const demo = `/apis/${crdGroup}`;
const colors = ['red', 'green', 'blue', '', 'purple'];

const podFields: Fields = [
  ['spec.nodeName', ['node-1', 'node-2', '']],
  ['spec.host', ['node-1']],
  ['spec.restartPolicy', ['Always', 'Never']],
  ['spec.schedulerName', ['default-scheduler', 'other']],
  ['spec.serviceAccountName', ['', 'default']],
  ['spec.hostNetwork', ['true', 'false', '']],
  ['status.phase', ['Running', 'Pending', 'Succeeded', 'Failed']],
  ['status.podIP', ['10.1.1.1', '']],
  ['status.podIPs', ['10.1.1.1', '']],
  ['status.nominatedNodeName', ['']],
];

export const subjects: readonly Subject[] = [
  define(core, 'pods', 'Pod', { namespaced: true, fields: podFields, weight: 6 }),
  define(core, 'nodes', 'Node', {
    namespaced: false,
    fields: [['spec.unschedulable', ['true', 'false', '']]],
    weight: 3,
  }),
  define('/apis/coordination.k8s.io/v1', 'leases', 'Lease', namespaced),
  define(core, 'configmaps', 'ConfigMap', { namespaced: true, weight: 3 }),
  define(core, 'secrets', 'Secret', {
    namespaced: true,
    fields: [['type', ['Opaque', 'example.com/own', '']]],
  }),
  define(core, 'services', 'Service', {
    namespaced: true,
    fields: [
      ['spec.clusterIP', ['None', '']],
      ['spec.type', ['ClusterIP', 'NodePort']],
    ],
  }),
  define('/apis/discovery.k8s.io/v1', 'endpointslices', 'EndpointSlice', namespaced),
  define(core, 'endpoints', 'Endpoints', { namespaced: true, weight: 1 }),
  define(core, 'namespaces', 'Namespace', {
    namespaced: false,
    fields: [['status.phase', ['Active', 'Terminating']]],
  }),
  define(apps, 'deployments', 'Deployment', namespaced),
  define(apps, 'replicasets', 'ReplicaSet', namespaced),
  define(`${demo}/v1`, 'widgets', 'Widget', {
    namespaced: true,
    fields: [
      ['spec.color', colors],
      ['spec.size', ['small', 'large', '']],
    ],
    weight: 3,
  }),
  define(`${demo}/v1`, 'gadgets', 'Gadget', {
    namespaced: false,
    fields: [
      ['spec.color', colors],
      ['spec.size', ['small', 'large']],
    ],
  }),
  // Two served versions of one resource, each with selectable fields of its own.
  define(`${demo}/v1`, 'gizmos', 'Gizmo', { namespaced: true, fields: [['spec.color', colors]] }),
  define(`${demo}/v1beta1`, 'gizmos', 'Gizmo', {
    namespaced: true,
    fields: [['spec.size', ['small', 'large', '']]],
  }),
];

export const namespaces = ['a', 'a-b', 'ab', 'fat', 'no-such-namespace'] as const;

/** Nobody may name these. */
export const refusedFields = [
  'foo',
  'spec.foo',
  'metadata.uid',
  'metadata.labels',
  'status.replicas',
  'spec.holderIdentity',
  'data.text',
  'spec.extra',
  'Metadata.name',
  ' metadata.name',
  '',
];

export function collectionPath({ root, plural }: Subject, namespace = ''): string {
  return namespace === '' ? `${root}/${plural}` : `${root}/namespaces/${namespace}/${plural}`;
}

/** Path of the object with the key `namespace/name`, or `name` where there is no namespace. */
export function objectPath(subject: Subject, key: string): string {
  const [namespace, name] = subject.namespaced ? key.split('/') : ['', key];
  return `${collectionPath(subject, namespace)}/${name}`;
}
