/**
 * Workload bodies: what stands around the pods of one application.
 */
import type { KubeObject, OwnerReference } from '../object.ts';
import type { Random } from '../random.ts';
import { podLabels, podSpec } from './pod.ts';

export interface Workload {
  readonly app: string;
  readonly namespace: string;
  readonly replicas: number;
  readonly hash: string;
}

export function ownerReference(
  owner: KubeObject,
  kind: string,
  apiVersion = 'apps/v1',
): OwnerReference {
  const { name = '', uid = '' } = owner.metadata;
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

export function deploymentBody({ app, namespace, replicas }: Workload): KubeObject {
  return {
    metadata: {
      name: app,
      namespace,
      labels: { app },
      annotations: { 'deployment.kubernetes.io/revision': '1' },
    },
    spec: {
      replicas,
      selector: { matchLabels: { app } },
      template: { metadata: { labels: { app } }, spec: podSpec(app) },
      strategy: {
        type: 'RollingUpdate',
        rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' },
      },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
    },
    status: {
      observedGeneration: 1,
      replicas,
      updatedReplicas: replicas,
      readyReplicas: replicas,
      availableReplicas: replicas,
    },
  };
}

export function replicaSetBody(workload: Workload, owner: OwnerReference): KubeObject {
  const { app, namespace, replicas, hash } = workload;
  const labels = podLabels(app, hash);
  return {
    metadata: { name: `${app}-${hash}`, namespace, labels, ownerReferences: [owner] },
    spec: {
      replicas,
      selector: { matchLabels: { app, 'pod-template-hash': hash } },
      template: { metadata: { labels }, spec: podSpec(app) },
    },
    status: {
      replicas,
      fullyLabeledReplicas: replicas,
      readyReplicas: replicas,
      availableReplicas: replicas,
      observedGeneration: 1,
    },
  };
}

export function serviceBody({ app, namespace }: Workload): KubeObject {
  return {
    metadata: { name: app, namespace, labels: { app } },
    spec: {
      ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 }],
      selector: { app },
      type: 'ClusterIP',
      sessionAffinity: 'None',
    },
  };
}

export function endpointSliceBody(
  { app, namespace }: Workload,
  service: OwnerReference,
  pods: readonly KubeObject[],
): KubeObject {
  return {
    metadata: {
      generateName: `${app}-`,
      namespace,
      labels: {
        app,
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        'kubernetes.io/service-name': app,
      },
      ownerReferences: [service],
    },
    addressType: 'IPv4',
    endpoints: pods.slice(0, 100).map(({ metadata: { name, uid }, spec, status }) => ({
      addresses: [status.podIP],
      conditions: { ready: true, serving: true, terminating: false },
      targetRef: { kind: 'Pod', namespace, name, uid },
      nodeName: spec.nodeName,
    })),
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  };
}

export function configMapBody({ app, namespace }: Workload, random: Random): KubeObject {
  const settings = Array.from({ length: 20 }, (_, at) => `option.${at}=${random.hex(16)}`);
  return {
    metadata: { name: `${app}-config`, namespace, labels: { app } },
    data: { 'app.properties': settings.join('\n'), 'feature-flags': '<none>' },
  };
}

export function leaseBody(node: KubeObject): KubeObject {
  const { name = '' } = node.metadata;
  const owner = { apiVersion: 'v1', kind: 'Node', name, uid: node.metadata.uid ?? '' };
  const renewTime = `${new Date().toISOString().slice(0, 23)}000Z`;
  return {
    metadata: { name, namespace: 'kube-node-lease', ownerReferences: [owner] },
    spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime },
  };
}

/** A custom resource to try: namespaced, with a selectable field and printer columns. */
export function widgetCrd(): KubeObject {
  const text = { type: 'string' };
  const properties = { spec: { type: 'object', properties: { color: text, size: text } } };
  const columns = [
    { name: 'Color', type: 'string', jsonPath: '.spec.color' },
    { name: 'Size', type: 'string', jsonPath: '.spec.size' },
  ];
  return {
    metadata: { name: 'widgets.demo.watershed.dev' },
    spec: {
      group: 'demo.watershed.dev',
      names: {
        plural: 'widgets',
        singular: 'widget',
        shortNames: ['wd'],
        kind: 'Widget',
        listKind: 'WidgetList',
      },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties,
            },
          },
          selectableFields: [{ jsonPath: '.spec.color' }],
          additionalPrinterColumns: columns,
        },
      ],
      conversion: { strategy: 'None' },
    },
  };
}
