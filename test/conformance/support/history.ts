// A known past for the equality cases: every resource sees creations, changes that move objects into
// and out of selections, deletions, and a name that is used again. Then both servers are brought to
// the same revision, so that answers can be compared byte for byte, revisions included.

import { randomUUID } from 'node:crypto';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { collection, object, query, resourceNames } from './resources.ts';
import type { ResourceName } from './resources.ts';
import type { Request, Stack } from './stack.ts';

/** Revisions of the store. */
export interface History {
  /** Before the first change; both servers can replay everything after it. */
  readonly start: number;
  readonly middle: number;
  /** Now; nothing writes any more. */
  readonly end: number;
}

const apiVersions: Readonly<Record<ResourceName, string>> = {
  pods: 'v1',
  configmaps: 'v1',
  nodes: 'v1',
  namespaces: 'v1',
  leases: 'coordination.k8s.io/v1',
  services: 'v1',
  widgets: 'demo.watershed.dev/v1',
  gadgets: 'demo.watershed.dev/v1',
};

const kinds: Readonly<Record<ResourceName, string>> = {
  pods: 'Pod',
  configmaps: 'ConfigMap',
  nodes: 'Node',
  namespaces: 'Namespace',
  leases: 'Lease',
  services: 'Service',
  widgets: 'Widget',
  gadgets: 'Gadget',
};

type Labels = Readonly<Record<string, string>>;

class Author {
  readonly #controlPlane: ControlPlane;

  constructor(controlPlane: ControlPlane) {
    this.#controlPlane = controlPlane;
  }

  async create(
    resource: ResourceName,
    namespace: string,
    name: string,
    content: { readonly labels?: Labels } & Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    const { labels, ...rest } = content;
    const body = {
      apiVersion: apiVersions[resource],
      kind: kinds[resource],
      metadata: { name, labels },
      ...rest,
    };
    await this.#send('POST', collection(resource, namespace), body);
  }

  async patch(path: string, body: unknown): Promise<void> {
    await this.#send('PATCH', path, body, 'application/merge-patch+json');
  }

  async label(path: string, labels: Readonly<Record<string, string | null>>): Promise<void> {
    await this.patch(path, { metadata: { labels } });
  }

  async delete(path: string): Promise<void> {
    await this.#send('DELETE', `${path}?gracePeriodSeconds=0`);
  }

  async #send(method: string, path: string, body?: unknown, contentType?: string): Promise<void> {
    const headers = contentType === undefined ? {} : { 'content-type': contentType };
    const answer = await this.#controlPlane.request(method, path, { body, headers });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.body.toString()}`);
  }
}

/** Opens every lane of the proxy, writes the past, and settles. */
export async function writeHistory(stack: Stack): Promise<History> {
  await Promise.all(resourceNames.map((name) => stack.proxied({ path: collection(name) })));
  const start = await settle(stack);
  const author = new Author(stack.controlPlane);
  await writePods(author);
  await writeConfigMaps(author);
  await writeCustom(author);
  const middle = await settle(stack);
  await writeOthers(author);
  await writeSecondRound(author);
  const end = await settle(stack);
  return { start, middle, end };
}

/** Both servers at the store's revision, for every resource; returns that revision. */
export async function settle(stack: Stack): Promise<number> {
  const revision = await storeRevision(stack);
  // All at once: on a quiet resource each of them waits for a bookmark.
  await Promise.all(
    resourceNames.map(async (name) => {
      // A consistent read moves the apiserver's cache, "not older than" the proxy's.
      await stack.direct({ path: collection(name) });
      await reach(stack, { path: collection(name) + query({ resourceVersion: revision }) });
    }),
  );
  if ((await storeRevision(stack)) !== revision) throw new Error('the cluster is not quiet');
  return revision;
}

const reachAttempts = 20;

/** Asks the proxy until it answers from memory: on a busy machine it may pass a few on before it got there. */
export async function reach(stack: Stack, request: Request): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const auditId = randomUUID();
    const headers = { ...request.headers, 'audit-id': auditId };
    const { status } = await stack.proxied({ ...request, headers });
    const { source, reason } = await stack.watershed.logged(auditId);
    if (status === 200 && source === 'cache') return;
    if (attempt === reachAttempts) {
      throw new Error(`${request.path} through the proxy: ${status}, ${source} ${reason}`);
    }
  }
}

/** The revision of the store now, told by a list that holds nothing. */
export async function storeRevision(stack: Stack): Promise<number> {
  const path = collection('pods', 'a') + query({ fieldSelector: 'metadata.name=no-such-pod' });
  const answer = await stack.direct({ path });
  const list = answer.json() as { readonly metadata: { readonly resourceVersion: string } };
  return Number(list.metadata.resourceVersion);
}

const containers = [{ name: 'main', image: 'none' }];

async function writePods(author: Author): Promise<void> {
  await author.label(object('pods', 'a', 'n'), { color: 'green' });
  await author.label(object('pods', 'a', 'n-b'), { color: 'red' });
  await author.patch(`${object('pods', 'a', 'n')}/status`, {
    status: { phase: 'Running', podIP: '10.1.1.1', podIPs: [{ ip: '10.1.1.1' }] },
  });
  await author.create('pods', 'ab', 'short', {
    labels: { color: 'red', weight: '7' },
    spec: { nodeName: 'node-1', containers, restartPolicy: 'Never', hostNetwork: true },
  });
  await author.delete(object('pods', 'ab', 'short'));
  await author.create('pods', 'ab', 'short', {
    labels: { color: 'blue' },
    spec: { containers, schedulerName: 'other' },
  });
}

async function writeConfigMaps(author: Author): Promise<void> {
  await author.create('configmaps', 'a-b', 'heavy', { labels: { weight: '10' } });
  await author.create('configmaps', 'a-b', 'light', { labels: { weight: '3', color: 'red' } });
  await author.create('configmaps', 'ab', 'odd', {
    labels: { weight: 'ten', 'example.com/part-of': 'x' },
    data: { text: 'é \u2028 <&> "quoted" \\ 𝄞 \u0001' },
  });
  await author.label(object('configmaps', 'a', 'n'), { color: 'blue' });
  await author.label(object('configmaps', 'a', 'n'), { color: 'red' });
  await author.label(object('configmaps', 'a', 'n0'), { color: null });
  await author.delete(object('configmaps', 'ab', 'n-b'));
}

async function writeCustom(author: Author): Promise<void> {
  await author.patch(object('widgets', 'a', 'n'), {
    spec: { color: 'blue', extra: { b: 1, a: 2 } },
  });
  await author.create('widgets', 'ab', 'new', { labels: { weight: '4' }, spec: { size: 'small' } });
  await author.delete(object('widgets', 'a-b', 'n0'));
  await author.patch(object('gadgets', '', 'n'), { spec: { size: 'large' } });
  await author.label(object('gadgets', '', 'n-b'), { color: 'red' });
  await author.delete(object('gadgets', '', 'n0'));
}

async function writeOthers(author: Author): Promise<void> {
  await author.create('nodes', '', 'node-2', { labels: { zone: 'x', weight: '2' } });
  await author.patch(object('nodes', '', 'node-1'), { spec: { unschedulable: true } });
  await author.create('nodes', '', 'node-3');
  await author.delete(object('nodes', '', 'node-3'));
  await author.create('namespaces', '', 'a-c', { labels: { color: 'red' } });
  await author.label(object('namespaces', '', 'a-c'), { color: 'blue' });
  await author.create('leases', 'a', 'holder', {
    spec: { holderIdentity: 'x', leaseTransitions: 1 },
  });
  await author.create('leases', 'a-b', 'holder', { labels: { color: 'red' } });
  await author.patch(object('leases', 'a', 'holder'), { spec: { leaseTransitions: 2 } });
  await author.create('leases', 'ab', 'gone');
  await author.delete(object('leases', 'ab', 'gone'));
  const ports = [{ port: 80 }];
  await author.create('services', 'a', 'headless', { spec: { clusterIP: 'None', ports } });
  await author.create('services', 'a-b', 'inside', { labels: { color: 'red' }, spec: { ports } });
  await author.create('services', 'ab', 'node-port', { spec: { type: 'NodePort', ports } });
  await author.label(object('services', 'a-b', 'inside'), { color: 'blue' });
}

/** So that every resource has events on both sides of the middle. */
async function writeSecondRound(author: Author): Promise<void> {
  await author.label(object('pods', 'a', 'n.b'), { color: 'red' });
  await author.label(object('pods', 'a', 'n.b'), { color: 'blue' });
  await author.delete(object('pods', 'a', 'n0'));
  await author.label(object('configmaps', 'a-b', 'n.b'), { weight: '6' });
  await author.patch(object('widgets', 'a', 'n'), { spec: { color: 'red' } });
  await author.patch(object('widgets', 'ab', 'n.b'), { spec: { color: null } });
  await author.patch(object('gadgets', '', 'n'), { spec: { color: 'green' } });
}
