/**
 * Node bodies: about 11 KB each, as a kubelet on a cloud machine reports them.
 */
import type { KubeObject } from '../object.ts';
import type { Random } from '../random.ts';
import { timestamp } from '../writes.ts';
import { imageDigest, imageNames } from './images.ts';

export interface NodeTemplate {
  readonly name: string;
  readonly index: number;
  readonly createdMs: number;
}

const ZONES = ['a', 'b', 'c'];
const CONDITIONS: readonly (readonly [string, string, string, string])[] = [
  [
    'FrequentKubeletRestart',
    'False',
    'NoFrequentKubeletRestart',
    'kubelet is functioning properly',
  ],
  ['KernelDeadlock', 'False', 'KernelHasNoDeadlock', 'kernel has no deadlock'],
  ['ReadonlyFilesystem', 'False', 'FilesystemIsNotReadOnly', 'Filesystem is not read-only'],
  [
    ...(['MemoryPressure', 'False', 'KubeletHasSufficientMemory'] as const),
    'kubelet has sufficient memory available',
  ],
  ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
  ['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'],
];

export function nodeBody({ name, index, createdMs }: NodeTemplate, random: Random): KubeObject {
  const zone = `sim-1${ZONES[index % ZONES.length]}`;
  const capacity = { cpu: '16', 'ephemeral-storage': '101430960Ki', 'hugepages-1Gi': '0' };
  const memory = { 'hugepages-2Mi': '0', memory: '65807444Ki', pods: '110' };
  return {
    metadata: {
      name,
      creationTimestamp: timestamp(createdMs),
      labels: labels(name, zone),
      annotations: {
        'csi.volume.kubernetes.io/nodeid': `{"pd.csi.sim":"projects/sim/zones/${zone}/${name}"}`,
        'node.alpha.kubernetes.io/ttl': '0',
        'volumes.kubernetes.io/controller-managed-attach-detach': 'true',
      },
    },
    spec: {
      podCIDR: podRange(index),
      podCIDRs: [podRange(index)],
      providerID: `sim://${zone}/${name}`,
    },
    status: {
      capacity: { ...capacity, ...memory },
      allocatable: { ...capacity, ...memory, cpu: '15890m', memory: '60127692Ki' },
      conditions: CONDITIONS.map(([type, status, reason, message]) => ({
        type,
        status,
        lastHeartbeatTime: timestamp(),
        lastTransitionTime: timestamp(createdMs),
        reason,
        message,
      })),
      addresses: [
        { type: 'InternalIP', address: nodeAddress(index) },
        { type: 'Hostname', address: name },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      nodeInfo: nodeInfo(random),
      images: images(random),
    },
  };
}

export function nodeAddress(index: number): string {
  return `10.${128 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
}

function labels(name: string, zone: string): Record<string, string> {
  return {
    'beta.kubernetes.io/arch': 'amd64',
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'node.kubernetes.io/instance-type': 'sim-standard-16',
    'node-role.kubernetes.io/worker': '',
    'topology.kubernetes.io/region': 'sim-1',
    'topology.kubernetes.io/zone': zone,
  };
}

function podRange(index: number): string {
  return `10.${index >> 8}.${index & 255}.0/24`;
}

function nodeInfo(random: Random): Record<string, string> {
  return {
    machineID: random.hex(32),
    systemUUID: random.uuid(),
    bootID: random.uuid(),
    kernelVersion: '6.6.87+',
    osImage: 'Container-Optimized OS from Simulation',
    containerRuntimeVersion: 'containerd://2.0.5',
    kubeletVersion: 'v1.36.3',
    kubeProxyVersion: '',
    operatingSystem: 'linux',
    architecture: 'amd64',
  };
}

function images(random: Random): unknown[] {
  return imageNames(28).map((name) => ({
    names: [imageDigest(name), name],
    sizeBytes: 5_000_000 + random.below(400_000_000),
  }));
}
