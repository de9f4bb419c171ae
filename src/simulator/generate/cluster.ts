/**
 * Cluster: fills an empty store with a cluster of the asked size, the same one for the same seed.
 *
 * Uses the same writes as a client would, so everything has uids, owners, managed fields and
 * defaults. Events of this time are forgotten at the end: the cluster has stood for a while.
 */
import type { Collection } from '../collection.ts';
import type { KubeObject } from '../object.ts';
import type { SimulatorOptions } from '../options.ts';
import type { Random } from '../random.ts';
import { StoredObject } from '../stored-object.ts';
import type { Store } from '../store.ts';
import type { Writes } from '../writes.ts';
import { claim } from '../managed-fields.ts';
import { timestamp } from '../writes.ts';
import { appNamespaces, apps } from './images.ts';
import { nodeBody } from './node.ts';
import { podBody, runningStatus } from './pod.ts';
import {
  configMapBody,
  deploymentBody,
  endpointSliceBody,
  leaseBody,
  ownerReference,
  replicaSetBody,
  serviceBody,
  widgetCrd,
} from './workload.ts';
import type { Workload } from './workload.ts';

export const LEASE_NAMESPACE = 'kube-node-lease';

const SYSTEM_NAMESPACES = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];
const DAY_MS = 86_400_000;
const COLORS = ['red', 'green', 'blue'];
/** Pods of one application before another one is made. */
const MAX_REPLICAS = 250;

interface Builder {
  readonly store: Store;
  readonly writes: Writes;
  readonly random: Random;
}

/** @returns the names of the nodes. */
export function generateCluster(
  builder: Builder,
  size: Pick<SimulatorOptions, 'nodes' | 'podsPerNode'>,
): string[] {
  const { store, random } = builder;
  for (const name of [...SYSTEM_NAMESPACES, ...appNamespaces]) {
    create(builder, 'v1', 'namespaces', { metadata: { name } }, 'kube-apiserver');
    if (name === 'kube-node-lease') continue;
    const metadata = { name: 'default', namespace: name };
    create(builder, 'v1', 'serviceaccounts', { metadata }, 'kube-controller-manager');
    const data = { 'ca.crt': `-----BEGIN CERTIFICATE-----\n${random.hex(1100)}\n` };
    const authority = { metadata: { name: 'kube-root-ca.crt', namespace: name }, data };
    create(builder, 'v1', 'configmaps', authority, 'kube-controller-manager');
  }
  generateWidgets(builder);
  const nodes = generateNodes(builder, size.nodes);
  generateWorkloads(builder, nodes, size.nodes * size.podsPerNode);
  store.expireWindows();
  return nodes;
}

function create(
  { store, writes }: Builder,
  apiVersion: string,
  plural: string,
  body: KubeObject,
  manager: string,
): KubeObject {
  return writes.create(store.get(apiVersion, plural), body, { manager }).decode();
}

function generateNodes(builder: Builder, count: number): string[] {
  const { store, random } = builder;
  const manager = 'kube-controller-manager';
  const nodes = store.get('v1', 'nodes');
  const names: string[] = [];
  const width = Math.max(4, String(count - 1).length);
  for (let index = 0; index < count; index += 1) {
    const name = `node-${String(index).padStart(width, '0')}`;
    const createdMs = Date.now() - random.below(90 * DAY_MS);
    const body = nodeBody({ name, index, createdMs }, random);
    const node = load(builder, nodes, body, { specManager: manager, statusManager: 'kubelet' });
    create(builder, 'coordination.k8s.io/v1', 'leases', leaseBody(node), 'kubelet');
    names.push(name);
  }
  return names;
}

interface History {
  readonly specManager: string;
  readonly statusManager: string;
  /** One with the same fields: who owns what is taken from it, as working it out takes time. */
  readonly sibling?: KubeObject;
}

/** Puts an object in place that has lived for a while. */
function load(
  { store, random }: Builder,
  collection: Collection,
  body: KubeObject,
  { specManager, statusManager, sibling }: History,
): KubeObject {
  const { kind } = collection;
  const { metadata } = body;
  const time = metadata.creationTimestamp ?? timestamp();
  metadata.name ??= `${metadata.generateName}${random.nameSuffix(5)}`;
  metadata.uid = random.uuid();
  metadata.creationTimestamp = time;
  metadata.managedFields = sibling?.metadata.managedFields?.map((entry) => ({ ...entry, time }));
  if (sibling === undefined) {
    claim(body, { kind, manager: specManager, time });
    claim(body, { kind, manager: statusManager, time, subresource: 'status' });
  }
  store.load(collection, (revision) => StoredObject.encode(kind, body, revision));
  return body;
}

function generateWorkloads(builder: Builder, nodes: readonly string[], pods: number): void {
  let left = pods;
  for (let at = 0; left > 0; at += 1) {
    const round = Math.floor(at / (apps.length * appNamespaces.length));
    const name = apps[at % apps.length];
    const workload: Workload = {
      app: round === 0 ? name : `${name}-${round}`,
      namespace: appNamespaces[Math.floor(at / apps.length) % appNamespaces.length],
      replicas: Math.min(left, workloadSize(builder, pods)),
      hash: builder.random.nameSuffix(10),
    };
    generateWorkload(builder, workload, nodes);
    left -= workload.replicas;
  }
}

/** Most applications are small, a few are large. */
function workloadSize({ random }: Builder, pods: number): number {
  const largest = Math.max(1, Math.min(MAX_REPLICAS, Math.ceil(pods / 20)));
  return 1 + random.below(1 + random.below(largest));
}

function generateWorkload(builder: Builder, workload: Workload, nodes: readonly string[]): void {
  const { store, random } = builder;
  const manager = 'kube-controller-manager';
  create(builder, 'v1', 'configmaps', configMapBody(workload, random), 'kubectl');
  const service = create(builder, 'v1', 'services', serviceBody(workload), 'kubectl');
  const deployment = create(builder, 'apps/v1', 'deployments', deploymentBody(workload), 'kubectl');
  const owner = ownerReference(deployment, 'Deployment');
  const body = replicaSetBody(workload, owner);
  const replicaSet = create(builder, 'apps/v1', 'replicasets', body, manager);
  const template = { ...workload, owner: ownerReference(replicaSet, 'ReplicaSet') };
  const collection = store.get('v1', 'pods');
  const pods: KubeObject[] = [];
  for (let at = 0; at < workload.replicas; at += 1) {
    const pod = podBody(template);
    const createdMs = Date.now() - random.below(10 * DAY_MS);
    pod.metadata.creationTimestamp = timestamp(createdMs);
    pod.metadata.generation = 1;
    pod.spec = { ...pod.spec, ...podPlacement(random.pick(nodes)) };
    pod.status = runningStatus(pod, random, createdMs + 3_000);
    const managers = { specManager: manager, statusManager: 'kubelet' };
    pods.push(load(builder, collection, pod, { ...managers, sibling: pods[0] }));
  }
  const slice = endpointSliceBody(workload, ownerReference(service, 'Service', 'v1'), pods);
  create(builder, 'discovery.k8s.io/v1', 'endpointslices', slice, manager);
}

function podPlacement(nodeName: string) {
  return {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    serviceAccountName: 'default',
    serviceAccount: 'default',
    nodeName,
    securityContext: {},
    schedulerName: 'default-scheduler',
    priority: 0,
    enableServiceLinks: true,
    preemptionPolicy: 'PreemptLowerPriority',
  };
}

function generateWidgets(builder: Builder): void {
  const crds = ['apiextensions.k8s.io/v1', 'customresourcedefinitions'] as const;
  create(builder, ...crds, widgetCrd(), 'kubectl');
  COLORS.forEach((color, at) => {
    const metadata = { name: `${color}-widget`, namespace: 'default', labels: { color } };
    const widget = { metadata, spec: { color, size: String(at + 1) } };
    create(builder, 'demo.watershed.dev/v1', 'widgets', widget, 'kubectl');
  });
}
