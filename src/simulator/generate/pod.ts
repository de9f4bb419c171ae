/**
 * Pod bodies: 6 to 9 KB each, as a ReplicaSet makes them and a kubelet reports on them.
 *
 * The spec is the template's; the status comes in the steps a real pod takes, so that the churn and
 * a user's own pods go through the same states.
 */
import type { KubeObject, OwnerReference } from '../object.ts';
import type { Random } from '../random.ts';
import { timestamp } from '../writes.ts';
import { appImage, imageDigest } from './images.ts';

export interface PodTemplate {
  readonly app: string;
  readonly namespace: string;
  readonly hash: string;
  readonly owner: OwnerReference;
}

/** A pod as its ReplicaSet creates it: no node, no status. */
export function podBody({ app, namespace, hash, owner }: PodTemplate): KubeObject {
  return {
    metadata: {
      generateName: `${app}-${hash}-`,
      namespace,
      labels: podLabels(app, hash),
      annotations: {
        'kubectl.kubernetes.io/default-container': app,
        'prometheus.io/port': '9090',
        'prometheus.io/scrape': 'true',
      },
      ownerReferences: [owner],
    },
    spec: podSpec(app),
  };
}

export function podLabels(app: string, hash: string): Record<string, string> {
  return {
    app,
    'app.kubernetes.io/name': app,
    'app.kubernetes.io/part-of': 'simulation',
    'pod-template-hash': hash,
    tier: hasSidecar(app) ? 'frontend' : 'backend',
  };
}

export function podSpec(app: string): KubeObject['spec'] {
  const token = { name: 'kube-api-access', readOnly: true };
  const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
  return {
    volumes: [
      { name: 'config', configMap: { name: `${app}-config`, defaultMode: 420 } },
      { name: 'kube-api-access', projected: { sources: tokenSources(), defaultMode: 420 } },
    ],
    containers: [
      {
        ...container(app, appImage(app), 8080),
        env: environment(app),
        volumeMounts: [
          { name: 'config', mountPath: `/etc/${app}` },
          { ...token, mountPath },
        ],
        livenessProbe: probe('/livez', 20),
        readinessProbe: probe('/readyz', 5),
      },
      ...(hasSidecar(app) ? [container('proxy', appImage('gateway'), 15090)] : []),
    ],
    tolerations: ['not-ready', 'unreachable'].map((name) => ({
      key: `node.kubernetes.io/${name}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 300,
    })),
  };
}

/** What the kubelet reports once everything runs. */
export function runningStatus(pod: KubeObject, random: Random, sinceMs: number): unknown {
  const since = timestamp(sinceMs);
  const podIP = `10.${random.below(128)}.${random.below(256)}.${1 + random.below(254)}`;
  const hostIP = `10.128.${random.below(256)}.${1 + random.below(254)}`;
  const containers: { name: string; image: string }[] = pod.spec?.containers ?? [];
  const types = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady'];
  return {
    phase: 'Running',
    conditions: [...types, 'PodScheduled'].map((type) => ({
      type,
      status: 'True',
      lastProbeTime: null,
      lastTransitionTime: since,
    })),
    hostIP,
    hostIPs: [{ ip: hostIP }],
    podIP,
    podIPs: [{ ip: podIP }],
    startTime: since,
    containerStatuses: containers.map(({ name, image }) => ({
      name,
      state: { running: { startedAt: since } },
      lastState: {},
      ready: true,
      restartCount: 0,
      image,
      imageID: imageDigest(image),
      containerID: `containerd://${random.hex(64)}`,
      started: true,
    })),
    qosClass: 'Burstable',
  };
}

/** Half of the applications have a second container beside them. */
function hasSidecar(app: string): boolean {
  return app.length % 2 === 1;
}

function container(name: string, image: string, port: number) {
  return {
    name,
    image,
    ports: [
      {
        name: 'http',
        containerPort: port,
        protocol: 'TCP',
      },
    ],
    resources: {
      limits: {
        cpu: '500m',
        memory: '512Mi',
      },
      requests: {
        cpu: '100m',
        memory: '128Mi',
      },
    },
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
  };
}

function environment(app: string): unknown[] {
  const fieldRef = { apiVersion: 'v1', fieldPath: 'metadata.name' };
  return [
    { name: 'SERVICE', value: app },
    { name: 'TRACING_ENDPOINT', value: 'http://collector.platform.svc:4317' },
    { name: 'POD_NAME', valueFrom: { fieldRef } },
  ];
}

function probe(path: string, periodSeconds: number) {
  return {
    httpGet: { path, port: 'http', scheme: 'HTTP' },
    initialDelaySeconds: 5,
    timeoutSeconds: 1,
    periodSeconds,
    successThreshold: 1,
    failureThreshold: 3,
  };
}

function tokenSources(): unknown[] {
  const fieldRef = { apiVersion: 'v1', fieldPath: 'metadata.namespace' };
  return [
    { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    { downwardAPI: { items: [{ path: 'namespace', fieldRef }] } },
  ];
}
