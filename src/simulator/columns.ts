/**
 * Columns: what `kubectl get` shows of each kind.
 *
 * Names, order and priorities are kube-apiserver's (priority 1 is printed with `-o wide` only); the
 * cells are computed the same way for everything a simulated object can be.
 */
import type { Kind } from './kinds.ts';
import type { KubeObject } from './object.ts';

export type Cell = string | number;

export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly format?: 'name';
  readonly wide?: boolean;
  readonly cell: (object: KubeObject) => Cell;
}

const NONE = '<none>';

const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  cell: (object) => object.metadata.name ?? '',
};
const ageColumn: Column = {
  name: 'Age',
  type: 'string',
  cell: (object) => age(object.metadata.creationTimestamp),
};

function text(name: string, cell: Column['cell'], wide = false): Column {
  return { name, type: 'string', cell, wide };
}

const containersColumns: readonly Column[] = [
  text('Containers', (object) => templateContainers(object, 'name'), true),
  text('Images', (object) => templateContainers(object, 'image'), true),
  text('Selector', (object) => labelsText(object.spec?.selector?.matchLabels), true),
];

const byKind: Readonly<Record<string, readonly Column[]>> = {
  '/pods': [
    nameColumn,
    text('Ready', (pod) => {
      const statuses: { ready: boolean }[] = pod.status?.containerStatuses ?? [];
      return `${statuses.filter((status) => status.ready).length}/${pod.spec?.containers?.length ?? 0}`;
    }),
    text('Status', podStatus),
    text('Restarts', (pod) => {
      const statuses: { restartCount: number }[] = pod.status?.containerStatuses ?? [];
      return String(statuses.reduce((sum, status) => sum + status.restartCount, 0));
    }),
    ageColumn,
    text('IP', (pod) => pod.status?.podIP ?? NONE, true),
    text('Node', (pod) => pod.spec?.nodeName ?? NONE, true),
    text('Nominated Node', (pod) => pod.status?.nominatedNodeName ?? NONE, true),
    text('Readiness Gates', () => NONE, true),
  ],
  '/nodes': [
    nameColumn,
    text('Status', nodeStatus),
    text('Roles', nodeRoles),
    ageColumn,
    text('Version', (node) => node.status?.nodeInfo?.kubeletVersion ?? ''),
    text('Internal-IP', (node) => nodeAddress(node, 'InternalIP'), true),
    text('External-IP', (node) => nodeAddress(node, 'ExternalIP'), true),
    text('OS-Image', (node) => node.status?.nodeInfo?.osImage || '<unknown>', true),
    text('Kernel-Version', (node) => node.status?.nodeInfo?.kernelVersion || '<unknown>', true),
    text(
      'Container-Runtime',
      (node) => node.status?.nodeInfo?.containerRuntimeVersion || '<unknown>',
      true,
    ),
  ],
  '/namespaces': [nameColumn, text('Status', (object) => object.status?.phase ?? ''), ageColumn],
  '/services': [
    nameColumn,
    text('Type', (service) => service.spec?.type ?? ''),
    text('Cluster-IP', (service) => service.spec?.clusterIP ?? NONE),
    text('External-IP', () => NONE),
    text('Port(s)', (service) => {
      const ports: { port: number; protocol?: string }[] = service.spec?.ports ?? [];
      return ports.map((port) => `${port.port}/${port.protocol ?? 'TCP'}`).join(',') || NONE;
    }),
    ageColumn,
    text('Selector', (service) => labelsText(service.spec?.selector), true),
  ],
  '/configmaps': [nameColumn, text('Data', (object) => dataCount(object)), ageColumn],
  '/secrets': [
    nameColumn,
    text('Type', (object) => object.type ?? 'Opaque'),
    text('Data', (object) => dataCount(object)),
    ageColumn,
  ],
  '/events': [
    text('Last Seen', (event) => age(event.lastTimestamp ?? event.eventTime)),
    text('Type', (event) => event.type ?? ''),
    text('Reason', (event) => event.reason ?? ''),
    text('Object', (event) => {
      return `${(event.involvedObject?.kind ?? '').toLowerCase()}/${event.involvedObject?.name ?? ''}`;
    }),
    text('Message', (event) => (event.message ?? '').trim()),
    { ...nameColumn, wide: true },
  ],
  'apps/deployments': [
    nameColumn,
    text('Ready', (object) => {
      return `${object.status?.readyReplicas ?? 0}/${object.spec?.replicas ?? 0}`;
    }),
    text('Up-to-date', (object) => object.status?.updatedReplicas ?? 0),
    text('Available', (object) => object.status?.availableReplicas ?? 0),
    ageColumn,
    ...containersColumns,
  ],
  'apps/replicasets': [
    nameColumn,
    { name: 'Desired', type: 'integer', cell: (object) => object.spec?.replicas ?? 0 },
    { name: 'Current', type: 'integer', cell: (object) => object.status?.replicas ?? 0 },
    { name: 'Ready', type: 'integer', cell: (object) => object.status?.readyReplicas ?? 0 },
    ageColumn,
    ...containersColumns,
  ],
  'coordination.k8s.io/leases': [
    nameColumn,
    text('Holder', (lease) => lease.spec?.holderIdentity ?? ''),
    ageColumn,
  ],
  'discovery.k8s.io/endpointslices': [
    nameColumn,
    text('AddressType', (slice) => slice.addressType ?? ''),
    text('Ports', (slice) => {
      const ports: { port: number }[] = slice.ports ?? [];
      return ports.map((port) => port.port).join(',') || '<unset>';
    }),
    text('Endpoints', (slice) => {
      const endpoints: { addresses: string[] }[] = slice.endpoints ?? [];
      const addresses = endpoints.flatMap((endpoint) => endpoint.addresses);
      const more = addresses.length > 3 ? ` + ${addresses.length - 3} more...` : '';
      return addresses.slice(0, 3).join(',') + more || '<unset>';
    }),
    ageColumn,
  ],
  'apiregistration.k8s.io/apiservices': [
    nameColumn,
    text('Service', () => 'Local'),
    text('Available', () => 'True'),
    ageColumn,
  ],
  'apiextensions.k8s.io/customresourcedefinitions': [
    nameColumn,
    { name: 'Created At', type: 'date', cell: (object) => object.metadata.creationTimestamp ?? '' },
  ],
};

export function columnsOf(kind: Kind): readonly Column[] {
  const columns = byKind[`${kind.group}/${kind.plural}`];
  if (columns !== undefined) return columns;
  const own = kind.printerColumns.map((column) => {
    const path = column.jsonPath.split('.').slice(1);
    return text(column.name, (object) => {
      let value: unknown = object;
      for (const step of path) value = (value as Record<string, unknown> | undefined)?.[step];
      return value === undefined ? '' : String(value);
    });
  });
  return [nameColumn, ...own, ageColumn];
}

/** `12s`, `5m3s`, `7h`, `3d4h`: as k8s.io/apimachinery's HumanDuration. */
export function age(creation: string | null | undefined, nowMs = Date.now()): string {
  const atMs = Date.parse(creation ?? '');
  if (Number.isNaN(atMs)) return '<unknown>';
  const seconds = Math.max(0, Math.floor((nowMs - atMs) / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return withRest(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return withRest(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (days < 8) return withRest(days, 'd', hours % 24, 'h');
  return days < 730 ? `${days}d` : `${Math.floor(days / 365)}y`;
}

function withRest(count: number, unit: string, rest: number, restUnit: string): string {
  return rest === 0 ? `${count}${unit}` : `${count}${unit}${rest}${restUnit}`;
}

function podStatus(pod: KubeObject): string {
  if (pod.metadata.deletionTimestamp !== undefined) return 'Terminating';
  const statuses: { state?: { waiting?: { reason: string } } }[] =
    pod.status?.containerStatuses ?? [];
  const waiting = statuses.find((status) => status.state?.waiting !== undefined);
  return waiting?.state?.waiting?.reason ?? pod.status?.phase ?? '';
}

function nodeStatus(node: KubeObject): string {
  const conditions: { type: string; status: string }[] = node.status?.conditions ?? [];
  const ready = conditions.find((condition) => condition.type === 'Ready');
  const word = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return node.spec?.unschedulable === true ? `${word},SchedulingDisabled` : word;
}

function nodeRoles(node: KubeObject): string {
  const prefix = 'node-role.kubernetes.io/';
  const roles = Object.keys(node.metadata.labels ?? {}).filter((label) => label.startsWith(prefix));
  return roles.map((label) => label.slice(prefix.length)).join(',') || NONE;
}

function nodeAddress(node: KubeObject, type: string): string {
  const addresses: { type: string; address: string }[] = node.status?.addresses ?? [];
  return addresses.find((address) => address.type === type)?.address ?? NONE;
}

function dataCount(object: KubeObject): number {
  return Object.keys({ ...object.data, ...object.binaryData }).length;
}

function labelsText(labels: Record<string, string> | undefined): string {
  const entries = Object.entries(labels ?? {}).sort();
  return entries.map(([name, value]) => `${name}=${value}`).join(',') || NONE;
}

function templateContainers(object: KubeObject, member: 'name' | 'image'): string {
  const containers: Record<string, string>[] = object.spec?.template?.spec?.containers ?? [];
  return containers.map((container) => container[member]).join(',');
}
