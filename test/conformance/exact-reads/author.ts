// Writes to kube-apiserver that a read right behind them must show: each client changes objects of its
// own, and every fifth time one goes away.

import type { ApiClient } from '../control-plane/api-client.ts';
import { collection, object, resources } from '../support/resources.ts';
import type { ResourceName } from '../support/resources.ts';

export interface Subject {
  readonly resource: ResourceName;
  /** '' for cluster-scoped ones. */
  readonly namespace: string;
}

/** One per client; leases are the busy resource, the others rest but for their own client. */
export const subjects: readonly Subject[] = [
  { resource: 'leases', namespace: 'a' },
  { resource: 'leases', namespace: 'ab' },
  { resource: 'leases', namespace: 'a-b' },
  { resource: 'configmaps', namespace: 'a' },
  { resource: 'services', namespace: 'a-b' },
  { resource: 'nodes', namespace: '' },
  { resource: 'widgets', namespace: 'ab' },
  { resource: 'gadgets', namespace: '' },
];

const kinds: Readonly<Partial<Record<ResourceName, string>>> = {
  leases: 'Lease',
  configmaps: 'ConfigMap',
  services: 'Service',
  nodes: 'Node',
  widgets: 'Widget',
  gadgets: 'Gadget',
};

/** What a read must show. */
export interface Written {
  readonly namespace: string;
  readonly name: string;
  /** 0 when it was deleted. */
  readonly revision: number;
  readonly deleted: boolean;
}

const patch = { 'content-type': 'application/merge-patch+json' };

export async function write(
  direct: ApiClient,
  subject: Subject,
  turn: number,
  series: string,
): Promise<Written> {
  const { resource, namespace } = subject;
  const name = `exact-${series}${turn % 2}`;
  const path = object(resource, namespace, name);
  const labels = { turn: String(turn), mine: 'yes' };
  const step = Math.floor(turn / 2) % 5;
  const answer =
    step === 0
      ? await direct.request('POST', collection(resource, namespace), {
          body: newObject(resource, name, labels),
        })
      : step === 4
        ? await direct.request('DELETE', path)
        : await direct.request('PATCH', path, { body: { metadata: { labels } }, headers: patch });
  if (answer.status >= 300) throw new Error(`${path}: ${answer.body.toString()}`);
  if (step === 4) return { namespace, name, revision: 0, deleted: true };
  const { metadata } = JSON.parse(answer.body.toString()) as {
    readonly metadata: { readonly resourceVersion: string };
  };
  return { namespace, name, revision: Number(metadata.resourceVersion), deleted: false };
}

/** Changes one lease again and again, so that leases never rest; returns how often. */
export async function disturb(direct: ApiClient, signal: AbortSignal): Promise<number> {
  const path = object('leases', 'a', 'busy');
  await direct.request('POST', collection('leases', 'a'), {
    body: newObject('leases', 'busy', {}),
  });
  for (let turn = 0; ; turn++) {
    if (signal.aborted) return turn;
    await direct.request('PATCH', path, {
      body: { spec: { leaseTransitions: turn } },
      headers: patch,
    });
  }
}

export function newObject(
  resource: ResourceName,
  name: string,
  labels: Readonly<Record<string, string>>,
): object {
  const apiVersion = resources[resource].root.replace(/^\/apis?\//, '');
  const spec = resource === 'services' ? { clusterIP: 'None', ports: [{ port: 80 }] } : undefined;
  return {
    apiVersion,
    kind: kinds[resource],
    metadata: { name, labels },
    ...(spec === undefined ? {} : { spec }),
  };
}
