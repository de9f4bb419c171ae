/**
 * Objects of real size and shape, seeded: a Lease of 838 B, a Pod of 6.2 KB and a Node of 11.6 KB with managedFields, as
 * watch events in upstream's form. Names, revisions and times have fixed places, so that the next event is made by
 * writing digits over a template: making events costs next to nothing beside taking them.
 */

/** Numbers from 0 to 1, the same in every run. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#state / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** The numbers below `count`, in random order. */
  order(count: number): Uint32Array {
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const other = order[j];
      order[j] = order[i];
      order[i] = other;
    }
    return order;
  }

  hex(length: number): string {
    let text = '';
    while (text.length < length) text += Math.floor(this.next() * 16).toString(16);
    return text;
  }
}

export type ObjectKind = 'lease' | 'pod' | 'node';

/** Objects are padded to these sizes with annotations (cache-measurements 1). */
const OBJECT_BYTES: Readonly<Record<ObjectKind, number>> = { lease: 838, pod: 6193, node: 11_600 };

const NUMBER = '0000000000';
/** Revisions begin here, so that all of them have ten digits. */
export const FIRST_REVISION = 1_000_000_000;

interface MetadataParts {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Record<string, string>;
  readonly manager: string;
  readonly fields: unknown;
}

function metadata(random: Random, parts: MetadataParts, padding: string): object {
  return {
    name: parts.name,
    namespace: parts.namespace,
    uid: `${random.hex(8)}-${random.hex(4)}-4${random.hex(3)}-a${random.hex(3)}-${random.hex(12)}`,
    resourceVersion: 'REVISION',
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: parts.labels,
    annotations: padding === '' ? undefined : { 'example.com/notes': padding },
    managedFields: [
      {
        manager: parts.manager,
        operation: 'Update',
        apiVersion: 'v1',
        time: '2026-01-01T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: parts.fields,
      },
    ],
  };
}

function fieldsOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [`f:${key}`, fieldsOf(inner)]),
  );
}

function lease(random: Random, padding: string): object {
  const spec = {
    holderIdentity: `node-${NUMBER}`,
    leaseDurationSeconds: 40,
    renewTime: '2026-01-01T00:00:00.000000Z',
  };
  return {
    kind: 'Lease',
    apiVersion: 'coordination.k8s.io/v1',
    metadata: {
      ...metadata(
        random,
        {
          name: `node-${NUMBER}`,
          namespace: 'kube-node-lease',
          manager: 'kubelet',
          fields: { 'f:spec': fieldsOf(spec) },
        },
        padding,
      ),
      ownerReferences: [
        { apiVersion: 'v1', kind: 'Node', name: `node-${NUMBER}`, uid: random.hex(32) },
      ],
    },
    spec,
  };
}

function container(random: Random, name: string): object {
  return {
    name,
    image: `registry.example.com/team/${name}@sha256:${random.hex(64)}`,
    args: ['--listen=:8080', '--log-level=info', `--shard=${random.below(100)}`],
    ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
    env: Array.from({ length: 8 }, (_, i) => ({ name: `SETTING_${i}`, value: random.hex(12) })),
    resources: {
      limits: { cpu: '500m', memory: '512Mi' },
      requests: { cpu: '100m', memory: '128Mi' },
    },
    volumeMounts: [
      { name: 'token', readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
    ],
    livenessProbe: {
      httpGet: { path: '/healthz', port: 8080, scheme: 'HTTP' },
      periodSeconds: 10,
      failureThreshold: 3,
    },
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
  };
}

function pod(random: Random, padding: string): object {
  const containers = [container(random, 'server'), container(random, 'sidecar')];
  const spec = {
    volumes: [
      {
        name: 'token',
        projected: {
          sources: [{ serviceAccountToken: { expirationSeconds: 3607, path: 'token' } }],
          defaultMode: 420,
        },
      },
    ],
    containers,
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    serviceAccountName: 'default',
    nodeName: `node-${String(random.below(1000)).padStart(5, '0')}`,
    schedulerName: 'default-scheduler',
    tolerations: [
      {
        key: 'node.kubernetes.io/not-ready',
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds: 300,
      },
    ],
    priority: 0,
    enableServiceLinks: true,
  };
  const status = {
    phase: 'Running',
    conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
      type,
      status: 'True',
      lastProbeTime: null,
      lastTransitionTime: '2026-01-01T00:00:00Z',
    })),
    hostIP: '10.0.0.1',
    podIP: '10.1.2.3',
    startTime: '2026-01-01T00:00:00Z',
    qosClass: 'Burstable',
  };
  const labels = {
    app: `app-${random.below(50)}`,
    'pod-template-hash': random.hex(10),
    tier: 'web',
  };
  const fields = {
    'f:metadata': { 'f:labels': fieldsOf(labels) },
    'f:spec': fieldsOf({ ...spec, containers: containers[0] }),
  };
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: metadata(
      random,
      {
        name: `pod-${NUMBER}`,
        namespace: `team-${String(random.below(100)).padStart(4, '0')}`,
        labels,
        manager: 'kube-controller-manager',
        fields,
      },
      padding,
    ),
    spec,
    status,
  };
}

function node(random: Random, padding: string): object {
  const labels = {
    'kubernetes.io/hostname': `node-${NUMBER}`,
    'kubernetes.io/os': 'linux',
    'topology.kubernetes.io/zone': `zone-${random.below(3)}`,
  };
  const status = {
    capacity: { cpu: '64', memory: '263734288Ki', pods: '110' },
    allocatable: { cpu: '63770m', memory: '259537936Ki', pods: '110' },
    conditions: ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'].map((type) => ({
      type,
      status: type === 'Ready' ? 'True' : 'False',
      lastHeartbeatTime: '2026-01-01T00:00:00Z',
      lastTransitionTime: '2026-01-01T00:00:00Z',
      reason: 'KubeletReports',
      message: 'kubelet reports that all is as it is to be',
    })),
    images: Array.from({ length: 50 }, () => ({
      names: [`registry.example.com/team/image@sha256:${random.hex(64)}`],
      sizeBytes: random.below(1e9),
    })),
    nodeInfo: {
      machineID: random.hex(32),
      kernelVersion: '6.8.0',
      kubeletVersion: 'v1.36.0',
      architecture: 'amd64',
    },
  };
  return {
    kind: 'Node',
    apiVersion: 'v1',
    metadata: metadata(
      random,
      {
        name: `node-${NUMBER}`,
        labels,
        manager: 'kubelet',
        fields: { 'f:status': fieldsOf({ ...status, images: {} }) },
      },
      padding,
    ),
    spec: { podCIDR: '10.1.0.0/24', providerID: `example://${random.hex(16)}` },
    status,
  };
}

const MAKERS = { lease, pod, node };

/** One watch event whose name and revision can be written over. */
export class EventTemplate {
  /** `{"type":"MODIFIED","object":...}` and a newline. */
  readonly bytes: Buffer;
  readonly objectBytes: number;
  readonly #names: readonly number[];
  readonly #revision: number;

  constructor(kind: ObjectKind, random: Random) {
    const seed = random.below(2 ** 31);
    const bare = JSON.stringify(MAKERS[kind](new Random(seed), '')).replace('REVISION', NUMBER);
    const missing = OBJECT_BYTES[kind] - Buffer.byteLength(bare);
    const padding = missing > 45 ? 'n'.repeat(missing - 39) : '';
    const text = JSON.stringify(MAKERS[kind](new Random(seed), padding)).replace(
      'REVISION',
      '#'.repeat(10),
    );
    this.bytes = Buffer.from(`{"type":"MODIFIED","object":${text}}\n`);
    this.objectBytes = Buffer.byteLength(text);
    this.#revision = this.bytes.indexOf('#'.repeat(10));
    const names: number[] = [];
    for (let at = this.bytes.indexOf(NUMBER); at >= 0; at = this.bytes.indexOf(NUMBER, at + 10))
      names.push(at);
    this.#names = names;
  }

  /** Writes the event of object `number` at `revision` to `to`; returns the position behind it. */
  write(number: number, revision: number, to: Buffer, at: number): number {
    this.bytes.copy(to, at);
    for (const place of this.#names) digits(to, at + place, number);
    digits(to, at + this.#revision, revision);
    return at + this.bytes.length;
  }
}

function digits(to: Buffer, at: number, number: number): void {
  for (let i = at + 9, rest = number; i >= at; i--) {
    to[i] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}

/** Events of many objects: each number always gets the same of `variety` templates. */
export class Workload {
  readonly #templates: readonly EventTemplate[];
  readonly kind: ObjectKind;
  revision = FIRST_REVISION;

  constructor(kind: ObjectKind, variety = 64, seed = 1) {
    const random = new Random(seed);
    this.kind = kind;
    this.#templates = Array.from({ length: variety }, () => new EventTemplate(kind, random));
  }

  /** Events of these objects, one behind the other, each ended by a newline. */
  events(numbers: ArrayLike<number>): Buffer {
    let length = 0;
    for (let i = 0; i < numbers.length; i++) length += this.#template(numbers[i]).bytes.length;
    const bytes = Buffer.allocUnsafeSlow(length);
    let at = 0;
    for (let i = 0; i < numbers.length; i++) {
      at = this.#template(numbers[i]).write(numbers[i], this.revision++, bytes, at);
    }
    return bytes;
  }

  #template(number: number): EventTemplate {
    return this.#templates[number % this.#templates.length];
  }
}
