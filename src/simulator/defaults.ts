/**
 * Defaults: what the apiserver fills in when an object is created, as far as people see it.
 *
 * Called by writes.ts on a copy that it may change. A kind that is not here is stored as sent.
 */
import type { Kind } from './kinds.ts';
import type { KubeObject } from './object.ts';
import type { Random } from './random.ts';

export function applyDefaults(kind: Kind, object: KubeObject, random: Random): void {
  switch (`${kind.group}/${kind.plural}`) {
    case '/pods':
      return podDefaults(object);
    case '/namespaces':
      object.metadata.labels = {
        ...object.metadata.labels,
        'kubernetes.io/metadata.name': object.metadata.name ?? '',
      };
      object.spec = { finalizers: ['kubernetes'] };
      object.status = { phase: 'Active' };
      return;
    case '/services':
      object.spec = { type: 'ClusterIP', sessionAffinity: 'None', ...object.spec };
      object.spec.clusterIP ??= `10.96.${random.below(256)}.${1 + random.below(254)}`;
      object.spec.clusterIPs ??= [object.spec.clusterIP];
      object.status ??= { loadBalancer: {} };
      return;
    case '/secrets':
      return secretDefaults(object);
    case 'apps/deployments':
    case 'apps/replicasets':
    case 'apps/statefulsets':
      object.spec = { replicas: 1, ...object.spec };
      object.status ??= kind.plural === 'deployments' ? {} : { replicas: 0 };
      return;
    default:
  }
}

function podDefaults(object: KubeObject): void {
  const { containers = [], ...spec } = object.spec ?? {};
  object.spec = {
    ...(spec.volumes === undefined ? {} : { volumes: spec.volumes }),
    containers: containers.map((container: Record<string, unknown>) => ({
      resources: {},
      terminationMessagePath: '/dev/termination-log',
      terminationMessagePolicy: 'File',
      imagePullPolicy: 'IfNotPresent',
      ...container,
    })),
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    serviceAccountName: 'default',
    serviceAccount: 'default',
    securityContext: {},
    schedulerName: 'default-scheduler',
    enableServiceLinks: true,
    preemptionPolicy: 'PreemptLowerPriority',
    priority: 0,
    ...spec,
  };
  object.status = { phase: 'Pending', qosClass: 'BestEffort', ...object.status };
}

/** `stringData` is write-only: it is folded into `data`. */
function secretDefaults(object: KubeObject): void {
  object.type ??= 'Opaque';
  if (object.stringData === undefined) return;
  object.data ??= {};
  for (const [name, text] of Object.entries(object.stringData)) {
    object.data[name] = Buffer.from(String(text)).toString('base64');
  }
  delete object.stringData;
}
