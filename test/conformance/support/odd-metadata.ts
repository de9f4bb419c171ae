// Objects whose metadata is as odd as upstream lets it be, with a past in which they enter and leave a
// selection, are changed by two managers, stripped of their managers, held by finalizers and deleted.

import type { ControlPlane } from '../control-plane/control-plane.ts';

export interface OddKind {
  readonly collection: string;
  /** The collection in namespace `a`, where the objects are; the same for cluster-scoped kinds. */
  readonly home: string;
  readonly apiVersion: string;
  readonly kind: string;
  /** Everything but metadata. */
  readonly content: Readonly<Record<string, unknown>>;
  /** A selection by a field that metadata has not. */
  readonly fieldSelector?: string;
}

const containers = [{ name: 'main', image: 'none' }];
const labels = { app: 'odd' };
const template = { metadata: { labels }, spec: { containers } };

function namespaced(root: string, plural: string): Pick<OddKind, 'collection' | 'home'> {
  return { collection: `${root}/${plural}`, home: `${root}/namespaces/a/${plural}` };
}

function cluster(plural: string): Pick<OddKind, 'collection' | 'home'> {
  return { collection: `/api/v1/${plural}`, home: `/api/v1/${plural}` };
}

const demo = '/apis/demo.watershed.dev/v1';

export const oddKinds = {
  pods: {
    ...namespaced('/api/v1', 'pods'),
    apiVersion: 'v1',
    kind: 'Pod',
    content: { spec: { nodeName: 'node-1', containers } },
    fieldSelector: 'spec.nodeName=node-1',
  },
  nodes: {
    ...cluster('nodes'),
    apiVersion: 'v1',
    kind: 'Node',
    content: { spec: { unschedulable: true } },
    fieldSelector: 'spec.unschedulable=true',
  },
  configmaps: {
    ...namespaced('/api/v1', 'configmaps'),
    apiVersion: 'v1',
    kind: 'ConfigMap',
    content: { data: { metadata: '{"name":"not this one"}' } },
  },
  leases: {
    ...namespaced('/apis/coordination.k8s.io/v1', 'leases'),
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    content: { spec: { holderIdentity: 'x' } },
  },
  namespaces: { ...cluster('namespaces'), apiVersion: 'v1', kind: 'Namespace', content: {} },
  replicasets: {
    ...namespaced('/apis/apps/v1', 'replicasets'),
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    content: { spec: { replicas: 0, selector: { matchLabels: labels }, template } },
  },
  deployments: {
    ...namespaced('/apis/apps/v1', 'deployments'),
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    content: { spec: { replicas: 0, selector: { matchLabels: labels }, template } },
  },
  daemonsets: {
    ...namespaced('/apis/apps/v1', 'daemonsets'),
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    content: { spec: { selector: { matchLabels: labels }, template } },
  },
  widgets: {
    ...namespaced(demo, 'widgets'),
    apiVersion: 'demo.watershed.dev/v1',
    kind: 'Widget',
    content: { spec: { color: 'red' } },
  },
} as const satisfies Readonly<Record<string, OddKind>>;

export type OddName = keyof typeof oddKinds;

/** Legal wherever annotations are; some mean something to a conversion of one kind or another. */
const annotations: Readonly<Record<string, string>> = {
  empty: '',
  'example.com/text': 'é \u2028\u2029 <&> "quoted" \\ / 𝄞 \u0001 \u007f \t\r\n',
  'example.com/object': '{"metadata":{"resourceVersion":"1","labels":{"color":"red"}}}',
  'deprecated.deployment.rollback.to': '1',
  'deprecated.daemonset.template.generation': '7',
  'pod.beta.kubernetes.io/init-containers': '[]',
  'autoscaling.alpha.kubernetes.io/metrics': '[]',
  'kubectl.kubernetes.io/last-applied-configuration': `{"filler":"${'x'.repeat(3_000)}"}`,
};

const ownerReferences = [
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: 'none',
    uid: '00000000-0000-4000-8000-000000000001',
  },
  {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    name: 'none',
    uid: '00000000-0000-4000-8000-000000000002',
    controller: true,
    blockOwnerDeletion: true,
  },
];

const MERGE = 'application/merge-patch+json';

/** One object of the kind, so that there is something to compare from the start. */
export async function writeOddSeed(controlPlane: ControlPlane, kind: OddKind): Promise<void> {
  const { home, apiVersion, content } = kind;
  const body = { apiVersion, kind: kind.kind, metadata: { name: 'odd-seed' }, ...content };
  const answer = await controlPlane.request('POST', home, { body });
  if (answer.status !== 201) throw new Error(`POST ${home}: ${answer.body.toString()}`);
}

/** Writes the past of one kind. */
export async function writeOddPast(controlPlane: ControlPlane, kind: OddKind): Promise<void> {
  const { home, apiVersion, content } = kind;
  const send = async (
    method: string,
    path: string,
    body?: object,
    type?: string,
  ): Promise<void> => {
    const headers = type === undefined ? {} : { 'content-type': type };
    const answer = await controlPlane.request(method, path, { body, headers });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.body.toString()}`);
  };
  const create = (metadata: object, path = home): Promise<void> =>
    send('POST', path, { apiVersion, kind: kind.kind, metadata, ...content });
  const patch = (name: string, metadata: object): Promise<void> =>
    send('PATCH', `${home}/${name}`, { metadata }, MERGE);
  await create({ name: 'odd', annotations, ownerReferences, labels: { color: 'red', empty: '' } });
  await create({ generateName: 'odd-', labels: { color: 'red' } }, `${home}?fieldManager=other`);
  await create({ name: 'odd-bare' });
  await patch('odd-bare', { managedFields: [{}] });
  await patch('odd', { labels: { color: 'blue' } });
  await patch('odd', { labels: { color: 'red' }, finalizers: ['example.com/keep'] });
  await create({ name: 'odd-held', finalizers: ['example.com/keep'], labels: { color: 'red' } });
  await send('DELETE', `${home}/odd-held?gracePeriodSeconds=5`);
  await create({ name: 'odd-short', labels: { color: 'red' } });
  const applied = {
    apiVersion,
    kind: kind.kind,
    metadata: { name: 'odd-bare', labels: { side: 'b' } },
  };
  await send(
    'PATCH',
    `${home}/odd-bare?fieldManager=applier&force=true`,
    applied,
    'application/apply-patch+yaml',
  );
  await patch('odd', { finalizers: null, annotations: { empty: null } });
  await send('DELETE', `${home}/odd-short?gracePeriodSeconds=0`);
}
