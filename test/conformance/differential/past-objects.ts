// What is written for the generated requests beside the fixtures: a custom resource with two served
// versions, one of them deprecated, objects of the resources that the fixtures leave out, and some
// that make a list larger than the 128 KiB from which kube-apiserver compresses.

import { crdGroup } from '../control-plane/fixture-objects.ts';
import type { FixtureObject } from '../control-plane/fixture-objects.ts';

type Content = Readonly<Record<string, unknown>>;

const text = { type: 'string' };
const properties = { color: text, size: text, number: { type: 'integer' } };

/** Versions with one and the same schema must not differ in their selectable fields. */
function schemaOf(description: string): Content {
  const spec = { type: 'object', properties };
  return { openAPIV3Schema: { type: 'object', description, properties: { spec } } };
}

export const gizmoDefinition: FixtureObject = {
  collection: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
  object: {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `gizmos.${crdGroup}` },
    spec: {
      group: crdGroup,
      scope: 'Namespaced',
      names: { plural: 'gizmos', singular: 'gizmo', kind: 'Gizmo', listKind: 'GizmoList' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: schemaOf('now'),
          selectableFields: [{ jsonPath: '.spec.color' }],
        },
        {
          name: 'v1beta1',
          served: true,
          storage: false,
          deprecated: true,
          deprecationWarning: 'gizmos v1beta1 say "goodbye"',
          schema: schemaOf('before'),
          selectableFields: [{ jsonPath: '.spec.size' }],
          additionalPrinterColumns: [{ name: 'Size', type: 'string', jsonPath: '.spec.size' }],
        },
      ],
    },
  },
};

const selector = { matchLabels: { app: 'x' } };
const template = {
  metadata: { labels: { app: 'x' } },
  spec: { containers: [{ name: 'main', image: 'none' }] },
};

/** By the path of the collection after its namespace part, what an object holds beside metadata. */
const contents: Readonly<Record<string, readonly [root: string, kind: string, content: Content]>> =
  {
    secrets: ['/api/v1', 'Secret', { data: { key: 'dmFsdWU=' } }],
    endpoints: ['/api/v1', 'Endpoints', { subsets: [{ addresses: [{ ip: '10.1.1.1' }] }] }],
    endpointslices: [
      '/apis/discovery.k8s.io/v1',
      'EndpointSlice',
      { addressType: 'IPv4', endpoints: [{ addresses: ['10.1.1.1'] }], ports: [{ port: 80 }] },
    ],
    deployments: ['/apis/apps/v1', 'Deployment', { spec: { replicas: 2, selector, template } }],
    replicasets: ['/apis/apps/v1', 'ReplicaSet', { spec: { replicas: 2, selector, template } }],
    gizmos: [`/apis/${crdGroup}/v1`, 'Gizmo', { spec: { color: 'red', size: 'large', number: 3 } }],
  };

/** Resources whose past is written here and not by support/history.ts. */
export const writtenHere = Object.keys(contents);

export function collectionOf(plural: string, namespace: string): string {
  return `${contents[plural][0]}/namespaces/${namespace}/${plural}`;
}

export function objectOf(
  plural: string,
  name: string,
  labels: Readonly<Record<string, string>>,
  more: Content = {},
): Content {
  const [root, kind, content] = contents[plural];
  const apiVersion = root.replace(/^\/apis?\//, '');
  return { apiVersion, kind, metadata: { name, labels }, ...content, ...more };
}

const filling = 'no two of these are far apart; '.repeat(2000);

/** Each of them alone and all of them together cross the limit, in JSON and in protobuf. */
export const fatObjects: readonly (readonly [collection: string, object: Content])[] = [
  ...[1, 2, 3].map(
    (index) =>
      [
        '/api/v1/namespaces/fat/configmaps',
        {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: `fat-${index}`, labels: { color: 'blue', weight: `${index}` } },
          data: { text: index === 1 ? filling + filling + filling : filling },
        },
      ] as const,
  ),
  ...[1, 2, 3].map(
    (index) =>
      [
        `/apis/${crdGroup}/v1/namespaces/fat/widgets`,
        {
          apiVersion: `${crdGroup}/v1`,
          kind: 'Widget',
          metadata: { name: `fat-${index}`, labels: { color: 'blue' } },
          spec: { color: 'blue', text: index === 1 ? filling + filling + filling : filling },
        },
      ] as const,
  ),
];
