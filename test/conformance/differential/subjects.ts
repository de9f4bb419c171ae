// What the generated requests are about: every resource the issue names, and v1 Endpoints, whose
// answers carry a Warning. With them the fields their selectors may name, and some they may not.

import { crdGroup } from '../control-plane/fixture-objects.ts';

export interface Subject {
  /** As the counts name it. */
  readonly name: string;
  /** `/api/v1` or `/apis/group/version`. */
  readonly root: string;
  readonly plural: string;
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

function define(root: string, plural: string, scope: Scope): Subject {
  const { namespaced, fields = [], weight = 2 } = scope;
  const custom = root.includes(crdGroup);
  const version = root.endsWith('beta1') ? `${plural} v1beta1` : plural;
  return { name: version, root, plural, namespaced, custom, fields, weight };
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
  define(core, 'pods', { namespaced: true, fields: podFields, weight: 6 }),
  define(core, 'nodes', {
    namespaced: false,
    fields: [['spec.unschedulable', ['true', 'false', '']]],
    weight: 3,
  }),
  define('/apis/coordination.k8s.io/v1', 'leases', namespaced),
  define(core, 'configmaps', { namespaced: true, weight: 3 }),
  define(core, 'secrets', {
    namespaced: true,
    fields: [['type', ['Opaque', 'example.com/own', '']]],
  }),
  define(core, 'services', {
    namespaced: true,
    fields: [
      ['spec.clusterIP', ['None', '']],
      ['spec.type', ['ClusterIP', 'NodePort']],
    ],
  }),
  define('/apis/discovery.k8s.io/v1', 'endpointslices', namespaced),
  define(core, 'endpoints', { namespaced: true, weight: 1 }),
  define(core, 'namespaces', {
    namespaced: false,
    fields: [['status.phase', ['Active', 'Terminating']]],
  }),
  define(apps, 'deployments', namespaced),
  define(apps, 'replicasets', namespaced),
  define(`${demo}/v1`, 'widgets', {
    namespaced: true,
    fields: [
      ['spec.color', colors],
      ['spec.size', ['small', 'large', '']],
    ],
    weight: 3,
  }),
  define(`${demo}/v1`, 'gadgets', {
    namespaced: false,
    fields: [
      ['spec.color', colors],
      ['spec.size', ['small', 'large']],
    ],
  }),
  // Two served versions of one resource, each with selectable fields of its own.
  define(`${demo}/v1`, 'gizmos', { namespaced: true, fields: [['spec.color', colors]] }),
  define(`${demo}/v1beta1`, 'gizmos', {
    namespaced: true,
    fields: [['spec.size', ['small', 'large', '']]],
  }),
  // What kube-apiserver writes by itself, and two whose bookmarks or fields are special.
  ...(
    [
      ['/apis/rbac.authorization.k8s.io/v1', 'clusterroles'],
      ['/apis/apiextensions.k8s.io/v1', 'customresourcedefinitions'],
      ['/apis/apiregistration.k8s.io/v1', 'apiservices'],
      ['/apis/flowcontrol.apiserver.k8s.io/v1', 'flowschemas'],
    ] as const
  ).map(([root, plural]) => define(root, plural, { namespaced: false, weight: 0.5 })),
  define(apps, 'daemonsets', { namespaced: true, weight: 0.5 }),
  define('/apis/batch/v1', 'jobs', {
    namespaced: true,
    weight: 0.5,
    fields: [['status.successful', ['0', '1']]],
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
