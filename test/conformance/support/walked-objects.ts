// One object of each of many built-in kinds, so that a walk over everything meets something: among them kinds that
// are served in several versions, whose objects are converted on the way.

interface WalkedObject {
  readonly path: string;
  readonly object: object;
}

const selector = { matchLabels: { app: 'one' } };
const template = {
  metadata: { labels: selector.matchLabels, annotations: { 'example.com/note': 'é <&>' } },
  spec: { containers: [{ name: 'main', image: 'none', resources: { limits: { cpu: '1500m' } } }] },
};
const job = { template: { spec: { ...template.spec, restartPolicy: 'Never' } } };
const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };

function one(
  group: string,
  kind: string,
  plural: string,
  content: object,
  scope = '',
): WalkedObject {
  const root = group.includes('/') ? `/apis/${group}` : `/api/${group}`;
  const metadata = { name: 'one', labels: { of: 'walk' } };
  return {
    path: `${root}${scope === '' ? '/namespaces/a' : ''}/${plural}`,
    object: { apiVersion: group, kind, metadata, ...content },
  };
}

const metric = {
  type: 'Resource',
  resource: { name: 'memory', target: { type: 'Utilization', averageUtilization: 70 } },
};

export const walkedObjects: readonly WalkedObject[] = [
  one('apps/v1', 'Deployment', 'deployments', { spec: { selector, template } }),
  one('apps/v1', 'StatefulSet', 'statefulsets', {
    spec: { selector, template, serviceName: 'one' },
  }),
  one('apps/v1', 'DaemonSet', 'daemonsets', { spec: { selector, template } }),
  one('apps/v1', 'ReplicaSet', 'replicasets', { spec: { selector, template, replicas: 0 } }),
  one('batch/v1', 'Job', 'jobs', { spec: job }),
  one('batch/v1', 'CronJob', 'cronjobs', {
    spec: { schedule: '* * * * *', jobTemplate: { spec: job } },
  }),
  one('autoscaling/v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers', {
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'one' },
      minReplicas: 1,
      maxReplicas: 3,
      metrics: [metric],
      behavior: { scaleDown: { stabilizationWindowSeconds: 60 } },
    },
  }),
  one('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets', {
    spec: { selector, maxUnavailable: '25%' },
  }),
  one('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies', { spec: { podSelector: {} } }),
  one('networking.k8s.io/v1', 'Ingress', 'ingresses', {
    spec: { defaultBackend: { service: { name: 'one', port: { number: 80 } } } },
  }),
  one('v1', 'ServiceAccount', 'serviceaccounts', {}),
  one('v1', 'Secret', 'secrets', { stringData: { key: 'value' } }),
  one('v1', 'LimitRange', 'limitranges', {
    spec: { limits: [{ type: 'Pod', max: { cpu: '64' } }] },
  }),
  one('v1', 'ResourceQuota', 'resourcequotas', { spec: { hard: { pods: '100' } } }),
  one('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims', { spec: claim }),
  one('v1', 'PersistentVolume', 'persistentvolumes', volume(), 'cluster'),
  one('v1', 'Service', 'services', { spec: { ports: [{ port: 80 }] } }),
  one('scheduling.k8s.io/v1', 'PriorityClass', 'priorityclasses', { value: 5 }, 'cluster'),
  one('storage.k8s.io/v1', 'StorageClass', 'storageclasses', { provisioner: 'none' }, 'cluster'),
  one('storage.k8s.io/v1', 'CSIDriver', 'csidrivers', { spec: {} }, 'cluster'),
  one('node.k8s.io/v1', 'RuntimeClass', 'runtimeclasses', { handler: 'none' }, 'cluster'),
  one('coordination.k8s.io/v1', 'Lease', 'leases', { spec: { holderIdentity: 'nobody' } }),
  one('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices', {
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.1.2.3'] }],
  }),
];

function volume(): object {
  return {
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      hostPath: { path: '/tmp/none' },
    },
  };
}
