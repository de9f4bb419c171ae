// The fixtures as data, in the order in which they can be created.
//
// Names: etcd and the apiserver order objects by the bytes of `namespace/name`, and `-` and `.` sort
// before `/`, which sorts before digits and letters. So namespace `a-b` comes before `a`, and within
// one namespace `n` < `n-b` < `n.b` < `n0`; an order over (namespace, name) pairs gets this wrong.
// A namespace is a DNS label and cannot hold a dot, so dots occur in object names only.

import { userNames } from './users.ts';
import type { User } from './users.ts';

export interface FixtureObject {
  /** The path to POST to. */
  readonly collection: string;
  readonly object: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly metadata: { readonly name: string } & Record<string, unknown>;
  } & Record<string, unknown>;
}

export const namespaces = ['a', 'a-b', 'ab'] as const;
export const awkwardNames = ['n', 'n-b', 'n.b', 'n0'] as const;
export const crdGroup = 'demo.watershed.dev';

const rbac = '/apis/rbac.authorization.k8s.io/v1';
const rbacVersion = 'rbac.authorization.k8s.io/v1';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** A role and its binding, in the whole cluster or in one namespace. */
function grant(user: User, rules: readonly Rule[], namespace?: string): FixtureObject[] {
  const prefix = namespace === undefined ? 'Cluster' : '';
  const scope = namespace === undefined ? rbac : `${rbac}/namespaces/${namespace}`;
  const metadata = { name: userNames[user] };
  const role: FixtureObject = {
    collection: `${scope}/${prefix.toLowerCase()}roles`,
    object: { apiVersion: rbacVersion, kind: `${prefix}Role`, metadata, rules },
  };
  return [role, bind(user, `${prefix}Role`, metadata.name, scope)];
}

function bind(user: User, roleKind: string, roleName: string, scope: string): FixtureObject {
  const kind = `${roleKind}Binding`;
  return {
    collection: `${scope}/${kind.toLowerCase()}s`,
    object: {
      apiVersion: rbacVersion,
      kind,
      metadata: { name: userNames[user] },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: roleKind, name: roleName },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: userNames[user] }],
    },
  };
}

function makeNamespace(name: string): FixtureObject {
  return {
    collection: '/api/v1/namespaces',
    object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
  };
}

const impersonated = {
  apiGroups: [''],
  resources: ['users', 'groups', 'serviceaccounts'],
  verbs: ['impersonate'],
};
const impersonatedDetails = {
  apiGroups: ['authentication.k8s.io'],
  // RBAC knows no `userextras/*`: each extra is named.
  resources: [
    'uids',
    ...['credential-id', 'pod-name', 'pod-uid', 'node-name', 'node-uid'].map(
      (key) => `userextras/authentication.kubernetes.io/${key}`,
    ),
  ],
  verbs: ['impersonate'],
};

export const rights: readonly FixtureObject[] = [
  ...namespaces.map(makeNamespace),
  ...grant('reader', [{ apiGroups: ['*'], resources: ['*'], verbs: ['get', 'list', 'watch'] }]),
  bind('reviewer', 'ClusterRole', 'system:auth-delegator', rbac),
  ...grant('impersonator', [impersonated, impersonatedDetails]),
  ...grant('nodeImpersonator', [
    {
      apiGroups: ['authentication.k8s.io'],
      resources: ['nodes'],
      verbs: ['impersonate:arbitrary-node'],
    },
    {
      apiGroups: ['', 'coordination.k8s.io'],
      resources: ['nodes', 'nodes/status', 'pods', 'pods/status', 'secrets', 'leases'],
      verbs: ['get', 'list', 'watch', 'create', 'update', 'patch'].map(
        (verb) => `impersonate-on:arbitrary-node:${verb}`,
      ),
    },
  ]),
  ...grant(
    'alice',
    [{ apiGroups: [''], resources: ['pods', 'configmaps'], verbs: ['get', 'list'] }],
    'a',
  ),
  ...grant('wanda', [{ apiGroups: [''], resources: ['pods'], verbs: ['watch'] }]),
];

function crd(kind: string, scope: 'Namespaced' | 'Cluster'): FixtureObject {
  const singular = kind.toLowerCase();
  const text = { type: 'string' };
  const spec = {
    type: 'object',
    properties: { color: text, size: text },
    'x-kubernetes-preserve-unknown-fields': true,
  };
  return {
    collection: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    object: {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${singular}s.${crdGroup}` },
      spec: {
        group: crdGroup,
        scope,
        names: { plural: `${singular}s`, singular, kind, listKind: `${kind}List` },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
            selectableFields: [{ jsonPath: '.spec.color' }, { jsonPath: '.spec.size' }],
          },
        ],
      },
    },
  };
}

/** Namespaced widgets and cluster-scoped gadgets, both selectable by `spec.color` and `spec.size`. */
export const crds: readonly FixtureObject[] = [
  crd('Widget', 'Namespaced'),
  crd('Gadget', 'Cluster'),
];

const colors = ['red', 'green', 'blue'];
const sizes = ['small', 'large'];

function configMap(inNamespace: string, name: string, index: number): FixtureObject {
  return {
    collection: `/api/v1/namespaces/${inNamespace}/configmaps`,
    object: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, labels: { color: colors[index % colors.length] } },
      data: { text: `fixture ${index}` },
    },
  };
}

function custom(kind: string, collection: string, name: string, index: number): FixtureObject {
  const spec = { color: colors[index % colors.length], size: sizes[index % sizes.length] };
  return {
    collection: `/apis/${crdGroup}/v1/${collection}`,
    object: {
      apiVersion: `${crdGroup}/v1`,
      kind,
      metadata: { name, labels: { color: spec.color } },
      spec,
    },
  };
}

const nodeAndPods: readonly FixtureObject[] = [
  {
    collection: '/api/v1/nodes',
    object: { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } },
  },
  ...awkwardNames.map((name, index) => ({
    collection: '/api/v1/namespaces/a/pods',
    object: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { color: colors[index % colors.length] } },
      spec: {
        // Every second pod belongs to the node whose certificate tests may use.
        ...(index % 2 === 0 ? { nodeName: 'node-1' } : {}),
        containers: [{ name: 'main', image: 'none' }],
      },
    },
  })),
];

export const objects: readonly FixtureObject[] = [
  ...nodeAndPods,
  ...namespaces.flatMap((inNamespace) =>
    awkwardNames.flatMap((name, index) => [
      configMap(inNamespace, name, index),
      custom('Widget', `namespaces/${inNamespace}/widgets`, name, index),
    ]),
  ),
  ...awkwardNames.map((name, index) => custom('Gadget', 'gadgets', name, index)),
];
