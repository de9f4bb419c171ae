import { describe, expect, test } from 'vitest';
import { runSimulator } from '../../src/simulator/run.ts';
import { simulate } from './support.ts';

const size = { nodes: 10, podsPerNode: 8, podChurnPerSecond: 0, leaseRenewMs: 0, podStepMs: 20 };
const api = await simulate({ ...size, seed: 7 });
const bytes = (object: unknown): number => JSON.stringify(object).length;

describe('the generated cluster', () => {
  test('has the asked size and bodies of real size', async () => {
    const nodes = (await api.get('/api/v1/nodes')).json.items;
    const pods = (await api.get('/api/v1/pods')).json.items;
    expect([nodes.length, pods.length]).toEqual([10, 80]);
    expect(bytes(nodes[0])).toBeGreaterThan(9_000);
    expect(bytes(nodes[0])).toBeLessThan(14_000);
    for (const pod of pods) {
      expect(bytes(pod)).toBeGreaterThan(5_000);
      expect(bytes(pod)).toBeLessThan(10_000);
      expect(pod.metadata.ownerReferences[0].kind).toBe('ReplicaSet');
      expect(pod.metadata.managedFields).toHaveLength(2);
    }
  });

  test.each([
    '/apis/apps/v1/deployments',
    '/apis/apps/v1/replicasets',
    '/apis/discovery.k8s.io/v1/endpointslices',
    '/api/v1/services',
    '/api/v1/configmaps',
    '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases',
    '/apis/demo.watershed.dev/v1/widgets',
  ])('has %s', async (path) => {
    expect((await api.get(path)).json.items.length).toBeGreaterThan(0);
  });

  test('is the same for the same seed', async () => {
    const names = async (client: typeof api): Promise<string[]> => {
      const { items } = (await client.get('/api/v1/pods')).json;
      return items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
    };
    const twin = await simulate({ ...size, seed: 7 });
    const other = await simulate({ ...size, seed: 8 });
    expect(await names(twin)).toEqual(await names(api));
    expect(await names(other)).not.toEqual(await names(api));
  });

  test('has no history: a watch from before it gets 410', async () => {
    const watch = await api.watch('/api/v1/pods?watch=1&resourceVersion=1010');
    expect((await watch.next()).object.code).toBe(410);
  });
});

describe('the life of a pod', () => {
  const pods = '/api/v1/namespaces/default/pods';

  test('it is bound, runs, and stops gracefully', async () => {
    const watch = await api.watch(`${pods}?watch=1&fieldSelector=metadata.name=p`);
    const spec = { containers: [{ name: 'c', image: 'i' }] };
    await api.send('POST', pods, { metadata: { name: 'p' }, spec });
    const created = await watch.next();
    expect(created.object.status.phase).toBe('Pending');
    expect((await watch.next()).object.spec.nodeName).toMatch(/^node-/);
    expect((await watch.next()).object.status.phase).toBe('Running');
    expect((await api.get(`${pods}/p/log`)).text).toContain('simulated pod p on node-');
    await api.send('DELETE', `${pods}/p`);
    const stopping = await watch.next();
    expect([stopping.type, stopping.object.metadata.deletionGracePeriodSeconds]).toEqual([
      'MODIFIED',
      30,
    ]);
    expect((await watch.next()).type).toBe('DELETED');
    watch.close();
  });

  test('one that a ReplicaSet wants comes back under another name', async () => {
    const pod = (await api.get('/api/v1/pods?limit=1')).json.items[0];
    const { namespace, name, labels } = pod.metadata;
    const selector = `pod-template-hash=${labels['pod-template-hash']}`;
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const before = (await api.get(`${path}?labelSelector=${selector}`)).json;
    const query = `watch=1&labelSelector=${selector}`;
    const watch = await api.watch(
      `${path}?${query}&resourceVersion=${before.metadata.resourceVersion}`,
    );
    await api.send('DELETE', `${path}/${name}?gracePeriodSeconds=0`);
    expect(await watch.take(1)).toEqual([`DELETED ${name}`]);
    const { type, object } = await watch.next();
    expect(type).toBe('ADDED');
    expect(object.metadata.name).not.toBe(name);
    expect(object.metadata.ownerReferences).toEqual(pod.metadata.ownerReferences);
    watch.close();
  });

  test('churn replaces pods and keeps their number', async () => {
    const churned = await simulate({ ...size, podChurnPerSecond: 50 });
    const watch = await churned.watch(
      '/api/v1/pods?watch=1&resourceVersion=0&sendInitialEvents=false&resourceVersionMatch=NotOlderThan',
    );
    const types = new Set<string>();
    while (types.size < 3) types.add((await watch.next()).type);
    watch.close();
    const count = churned.simulator.store.get('v1', 'pods').size;
    expect(count).toBeGreaterThan(60);
  });

  test('churn leaves a pod alone that no ReplicaSet owns', async () => {
    const churned = await simulate({ ...size, podsPerNode: 0, podChurnPerSecond: 200 });
    const spec = { containers: [{ name: 'c', image: 'i' }] };
    await churned.send('POST', pods, { metadata: { name: 'mine' }, spec });
    const watch = await churned.watch(`${pods}?watch=1&timeoutSeconds=1`);
    const types = new Set<string>();
    for (let line = await watch.line(); line !== undefined; line = await watch.line()) {
      types.add((JSON.parse(line) as { type: string }).type);
    }
    expect([...types]).toEqual(['ADDED', 'MODIFIED']);
  });

  test('nodes renew their leases by themselves', async () => {
    const beating = await simulate({ ...size, leaseRenewMs: 100 });
    const path = '/apis/coordination.k8s.io/v1/leases?watch=1';
    const watch = await beating.watch(
      `${path}&resourceVersion=${beating.simulator.store.revisions.current}`,
    );
    const renewed = new Set(await watch.take(10));
    expect(renewed.size).toBe(10);
    watch.close();
  });
});

test('run from a command line, it says where it is and stops when told to', async () => {
  const stop = new AbortController();
  const lines: string[] = [];
  const log = (line: string): void => {
    lines.push(line);
    if (line.startsWith('faults')) stop.abort();
  };
  await runSimulator({ nodes: 1, podsPerNode: 2 }, { signal: stop.signal, log });
  expect(lines[0]).toBe('simulated cluster with 1 nodes and 2 pods');
  const url = lines[1].split(' ').at(-1) ?? '';
  await expect(fetch(`${url}/version`)).rejects.toThrow();
});
