// @kubernetes/client-node's informer through Watershed: in step with kube-apiserver over hundreds of
// writes, without an error, on a built-in and with a selector.

import { KubeConfig, CoreV1Api, makeInformer } from '@kubernetes/client-node';
import type {
  Informer,
  KubernetesListObject,
  ObjectCache,
  V1ConfigMap,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { buildTimeoutMs, describeWithControlPlane } from '../conformance/support/go.ts';
import { collection, object, query } from '../conformance/support/resources.ts';
import { startStack } from '../conformance/support/stack.ts';
import type { Stack } from '../conformance/support/stack.ts';

const writes = 500;
const colors = ['red', 'green', 'blue'];

type Followed = Informer<V1ConfigMap> & ObjectCache<V1ConfigMap>;

describeWithControlPlane('@kubernetes/client-node through the proxy', () => {
  let stack: Stack;
  let kubeconfig: KubeConfig;

  beforeAll(async () => {
    stack = await startStack();
    kubeconfig = new KubeConfig();
    const server = stack.watershed.url;
    kubeconfig.loadFromFile(await stack.controlPlane.kubeconfig('admin', { server }));
  }, buildTimeoutMs);

  afterAll(async () => {
    await stack?.stop();
  });

  test(`its informers are in step with the apiserver over ${writes} writes`, async () => {
    const everything = follow(kubeconfig);
    const selected = follow(kubeconfig, 'color=red');
    try {
      await Promise.all([everything.informer.start(), selected.informer.start()]);
      await write(stack);
      await vi.waitUntil(
        async () =>
          statesOf(everything.informer.list()) === (await directStates(stack)) &&
          statesOf(selected.informer.list()) === (await directStates(stack, 'color=red')),
        { timeout: 30_000, interval: 100 },
      );
      expect(everything.errors).toEqual([]);
      expect(selected.errors).toEqual([]);
      expect(everything.events).toBeGreaterThanOrEqual(writes);
      const { requests } = await stack.watershed.status();
      const passed = requests.rows.filter(
        ({ verb, source }) => verb === 'watch' && source !== 'cache',
      );
      expect(passed).toEqual([]);
    } finally {
      await Promise.all([everything.informer.stop(), selected.informer.stop()]);
    }
  }, 120_000);
});

interface Following {
  readonly informer: Followed;
  readonly errors: unknown[];
  events: number;
}

function follow(kubeconfig: KubeConfig, labelSelector?: string): Following {
  const api = kubeconfig.makeApiClient(CoreV1Api);
  const list = (): Promise<KubernetesListObject<V1ConfigMap>> =>
    api.listConfigMapForAllNamespaces({ labelSelector });
  const informer = makeInformer(kubeconfig, '/api/v1/configmaps', list, labelSelector);
  const following: Following = { informer, errors: [], events: 0 };
  informer.on('error', (error) => following.errors.push(error));
  for (const event of ['add', 'update', 'delete'] as const) {
    informer.on(event, () => {
      following.events += 1;
    });
  }
  return following;
}

/** Creates, changes and deletes, a few objects over and over. */
async function write(stack: Stack): Promise<void> {
  const { controlPlane } = stack;
  const live = new Set<string>();
  for (let turn = 0; turn < writes; turn++) {
    const name = `compat-${turn % 17}`;
    const labels = { color: colors[(turn * 7) % colors.length] };
    const path = object('configmaps', 'a', name);
    const metadata = { name, labels };
    const data = { turn: String(turn), text: 'é <&> "quoted" \\' };
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
    const deletes = live.has(name) && turn % 5 === 0;
    const answer = deletes
      ? await controlPlane.request('DELETE', path)
      : live.has(name)
        ? await controlPlane.request('PUT', path, { body })
        : await controlPlane.request('POST', collection('configmaps', 'a'), { body });
    if (answer.status >= 300) throw new Error(`${path}: ${answer.body.toString()}`);
    if (deletes) live.delete(name);
    else live.add(name);
  }
}

/** Which objects, in which state. */
function statesOf(items: readonly V1ConfigMap[]): string {
  return items
    .map(({ metadata }) => `${metadata?.uid} ${metadata?.resourceVersion}`)
    .toSorted()
    .join('\n');
}

async function directStates(stack: Stack, labelSelector?: string): Promise<string> {
  const path = collection('configmaps') + query({ labelSelector });
  const { body } = await stack.controlPlane.request('GET', path);
  const { items } = JSON.parse(body.toString()) as { readonly items: readonly V1ConfigMap[] };
  return statesOf(items);
}
