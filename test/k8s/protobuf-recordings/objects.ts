// What the recorded cluster holds: two objects or more of every kind whose fields can be selected, with
// labels, annotations, owners and finalizers on some, and text outside ASCII.

export interface Created {
  readonly collection: string;
  readonly object: Readonly<Record<string, unknown>>;
  /** Merged into the status afterwards. */
  readonly status?: Readonly<Record<string, unknown>>;
}

const labels = { app: 'watershed', 'app.kubernetes.io/name': 'demo', empty: '' };
const template = {
  metadata: { labels: { app: 'watershed', nodeName: 'not-the-node' } },
  spec: { containers: [{ name: 'main', image: 'none' }], restartPolicy: 'Always' },
};

function core(
  plural: string,
  kind: string,
  metadata: Readonly<Record<string, unknown>>,
  rest: Readonly<Record<string, unknown>> = {},
  status?: Readonly<Record<string, unknown>>,
): Created {
  const scope = metadata['namespace'] === undefined ? '' : `/namespaces/${metadata['namespace']}`;
  const object = { apiVersion: 'v1', kind, metadata, ...rest };
  return { collection: `/api/v1${scope}/${plural}`, object, status };
}

function grouped(
  version: string,
  plural: string,
  kind: string,
  metadata: Readonly<Record<string, unknown>>,
  rest: Readonly<Record<string, unknown>> = {},
  status?: Readonly<Record<string, unknown>>,
): Created {
  const scope = metadata['namespace'] === undefined ? '' : `/namespaces/${metadata['namespace']}`;
  const object = { apiVersion: version, kind, metadata, ...rest };
  return { collection: `/apis/${version}${scope}/${plural}`, object, status };
}

/** A certificate request in PEM goes into the one object that needs one. */
export function recordedObjects(certificateRequest: string): readonly Created[] {
  const namespace = 'a';
  return [
    core('namespaces', 'Namespace', { name: 'a', labels }),
    core('namespaces', 'Namespace', { name: 'a-b' }),
    core('namespaces', 'Namespace', { name: 'live' }),
    core(
      'nodes',
      'Node',
      { name: 'node-1', labels, annotations: { note: 'größer \\ "quoted" 語' } },
      {
        spec: {
          unschedulable: true,
          podCIDR: '10.1.0.0/24',
          taints: [{ key: 'k', effect: 'NoSchedule' }],
        },
      },
      {
        conditions: [{ type: 'Ready', status: 'True' }],
        images: [{ names: ['none:1'], sizeBytes: 2 ** 40 }],
      },
    ),
    core('nodes', 'Node', { name: 'node-2' }),
    core(
      'pods',
      'Pod',
      {
        name: 'full',
        namespace,
        labels,
        annotations: { nodeName: 'no', 'a/b': 'ü' },
        finalizers: ['example.org/x'],
      },
      {
        spec: {
          nodeName: 'node-1',
          hostNetwork: true,
          restartPolicy: 'OnFailure',
          schedulerName: 'other',
          serviceAccountName: 'robot',
          containers: [{ name: 'main', image: 'none', env: [{ name: 'A', value: 'b' }] }],
        },
      },
      { phase: 'Running', podIP: '10.1.0.7', podIPs: [{ ip: '10.1.0.7' }] },
    ),
    core(
      'pods',
      'Pod',
      { name: 'bare', namespace },
      { spec: { containers: template.spec.containers } },
      {
        nominatedNodeName: 'node-2',
      },
    ),
    core('configmaps', 'ConfigMap', { name: 'n', namespace, labels }, { data: { text: 'one' } }),
    core('configmaps', 'ConfigMap', { name: 'n-b', namespace }, { data: { big: 'x'.repeat(300) } }),
    core('configmaps', 'ConfigMap', { name: 'n', namespace: 'a-b' }),
    core(
      'secrets',
      'Secret',
      { name: 's', namespace },
      { type: 'example.org/kind', stringData: { k: 'v' } },
    ),
    core('secrets', 'Secret', { name: 't', namespace }),
    core(
      'services',
      'Service',
      { name: 'headless', namespace, labels },
      { spec: { clusterIP: 'None', selector: { app: 'x' }, ports: [{ port: 80 }] } },
    ),
    core(
      'services',
      'Service',
      { name: 'plain', namespace },
      { spec: { ports: [{ port: 80, protocol: 'UDP' }] } },
    ),
    core(
      'replicationcontrollers',
      'ReplicationController',
      { name: 'many', namespace },
      { spec: { replicas: 300, selector: { app: 'watershed' }, template } },
      { replicas: 300 },
    ),
    core(
      'replicationcontrollers',
      'ReplicationController',
      { name: 'none', namespace },
      { spec: { replicas: 0, selector: { app: 'watershed' }, template } },
    ),
    grouped(
      'coordination.k8s.io/v1',
      'leases',
      'Lease',
      {
        name: 'node-1',
        namespace,
        labels,
        ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'node-1', uid: 'u-1' }],
      },
      {
        spec: {
          holderIdentity: 'node-1',
          leaseDurationSeconds: 40,
          renewTime: '2026-01-02T03:04:05.000006Z',
        },
      },
    ),
    grouped('coordination.k8s.io/v1', 'leases', 'Lease', { name: 'node-2', namespace }),
    grouped(
      'apps/v1',
      'deployments',
      'Deployment',
      { name: 'web', namespace, labels },
      { spec: { replicas: 3, selector: { matchLabels: { app: 'watershed' } }, template } },
      { replicas: 3, observedGeneration: 1 },
    ),
    grouped(
      'apps/v1',
      'deployments',
      'Deployment',
      { name: 'api', namespace },
      { spec: { replicas: 0, selector: { matchLabels: { app: 'watershed' } }, template } },
    ),
    grouped(
      'batch/v1',
      'jobs',
      'Job',
      { name: 'done', namespace },
      {
        spec: {
          completions: 92,
          parallelism: 1,
          template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } },
        },
      },
      // 92 is a backslash as a varint.
      { succeeded: 92, startTime: '2026-01-02T03:04:05Z' },
    ),
    grouped(
      'certificates.k8s.io/v1',
      'certificatesigningrequests',
      'CertificateSigningRequest',
      { name: 'csr' },
      {
        spec: {
          request: Buffer.from(certificateRequest).toString('base64'),
          signerName: 'example.org/signer',
          usages: ['client auth'],
        },
      },
    ),
    grouped(
      'resource.k8s.io/v1',
      'resourceslices',
      'ResourceSlice',
      { name: 'slice' },
      {
        spec: {
          driver: 'gpu.example.org',
          pool: { name: 'p', generation: 1, resourceSliceCount: 1 },
          nodeName: 'node-1',
          devices: [{ name: 'd' }],
        },
      },
    ),
  ];
}

/** Group and version as in a path, plural name, namespaced. */
export const recordedCollections: readonly (readonly [string, string])[] = [
  ['/api/v1', 'namespaces'],
  ['/api/v1', 'nodes'],
  ['/api/v1', 'pods'],
  ['/api/v1', 'configmaps'],
  ['/api/v1', 'secrets'],
  ['/api/v1', 'services'],
  ['/api/v1', 'replicationcontrollers'],
  ['/apis/coordination.k8s.io/v1', 'leases'],
  ['/apis/apps/v1', 'deployments'],
  ['/apis/batch/v1', 'jobs'],
  ['/apis/certificates.k8s.io/v1', 'certificatesigningrequests'],
  ['/apis/resource.k8s.io/v1', 'resourceslices'],
];
