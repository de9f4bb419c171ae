// A write to kube-apiserver, then at once a read through Watershed: the read contains the write, every
// time, in whatever form it was asked for. Eight clients at once: some on one resource that never rests,
// others each alone on a resource of their own, where nothing but a proof can tell that memory is current
// (the store's revision moves on with everybody's writes). The long form is exact-reads/run.ts.

import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { ApiClient } from './control-plane/api-client.ts';
import { tokens } from './control-plane/users.ts';
import { subjects } from './exact-reads/author.ts';
import { readAfterWrites } from './exact-reads/exactness.ts';
import type { Clients, Exactness } from './exact-reads/exactness.ts';
import { formNames } from './exact-reads/forms.ts';
import { ReadClient } from './exact-reads/read-client.ts';
import { buildTimeoutMs, describeWithControlPlane } from './support/go.ts';
import { collection } from './support/resources.ts';
import type { ResourceName } from './support/resources.ts';
import { startStack } from './support/stack.ts';
import type { Protocol, Stack } from './support/stack.ts';

const reads = 2_000;
/** With two stores; less, because what differs is where the revisions come from. */
const fewerReads = 600;
const timeoutMs = buildTimeoutMs + 180_000;

describeWithControlPlane('Exact reads', () => {
  let stack: Stack | undefined;
  let clients: Clients | undefined;

  afterEach(async () => {
    clients?.direct.close();
    clients?.proxied['http/1.1'].close();
    clients?.proxied.h2.close();
    await stack?.stop();
  });

  async function begin(secondStore: readonly string[] = []): Promise<[Stack, Clients]> {
    stack = await startStack({ controlPlane: { secondStore } });
    const { caFile, url } = stack.controlPlane;
    const authority = readFileSync(caFile);
    const shared = { url: stack.watershed.url, authority, token: tokens.admin };
    const proxied = (protocol: Protocol): ReadClient => new ReadClient({ ...shared, protocol });
    clients = {
      direct: new ApiClient({ url, caFile, token: tokens.admin }),
      proxied: { 'http/1.1': proxied('http/1.1'), h2: proxied('h2') },
    };
    return [stack, clients];
  }

  test(
    `${reads} reads right after a write, in every form, are none of them stale`,
    async () => {
      const [running, asking] = await begin();
      const found = await readAfterWrites(asking, reads);
      console.log(await told(running, found));
      expect(found.stale).toEqual([]);
      // Each form as list, object and stream, over both protocols.
      expect(found.byForm.size).toBe(formNames.length * 3 * 2);
    },
    timeoutMs,
  );

  test(
    'resources in an etcd of their own are measured by its revisions',
    async () => {
      const [running, asking] = await begin(['/configmaps', 'coordination.k8s.io/leases']);
      // Far ahead: a revision of the first store would prove anything to a lane of the second.
      await advance(running.controlPlane.secondEtcdUrl, 3_000);
      const found = await readAfterWrites(asking, fewerReads);
      console.log(await told(running, found));
      const [configmaps, nodes] = await Promise.all(
        (['configmaps', 'nodes'] as const).map((name) => revisionOf(asking, name)),
      );
      expect(configmaps).toBeGreaterThan(nodes + 1_000);
      expect(found.stale).toEqual([]);
      const { lanes } = await running.watershed.status();
      const followed = new Set(lanes.map(({ resource }) => resource));
      expect(followed).toEqual(new Set(subjects.map(({ resource }) => resource)));
    },
    timeoutMs,
  );
});

/** Makes an etcd count on, without an object of Kubernetes. */
async function advance(etcdUrl: string, writes: number): Promise<void> {
  const body = JSON.stringify({ key: Buffer.from('count').toString('base64'), value: '' });
  let left = writes;
  const writer = async (): Promise<void> => {
    while (left-- > 0) {
      const answer = await fetch(`${etcdUrl}/v3/kv/put`, { method: 'POST', body });
      if (answer.status !== 200) throw new Error(`etcd: ${answer.status} ${await answer.text()}`);
      await answer.body?.cancel();
    }
  };
  await Promise.all(Array.from({ length: 32 }, writer));
}

async function revisionOf({ direct }: Clients, name: ResourceName): Promise<number> {
  const { body } = await direct.request('GET', `${collection(name)}?limit=1`);
  const { metadata } = JSON.parse(body.toString()) as {
    readonly metadata: { readonly resourceVersion: string };
  };
  return Number(metadata.resourceVersion);
}

/** A line for people: how the reads were answered. */
async function told(stack: Stack, { reads: count, stale }: Exactness): Promise<string> {
  const { lanes } = await stack.watershed.status();
  const proofs = new Map<string, number>();
  for (const { freshness } of lanes) {
    for (const [proof, own] of Object.entries(freshness.proofs)) {
      proofs.set(proof, (proofs.get(proof) ?? 0) + own);
    }
  }
  const ways = [...proofs].map(([proof, own]) => `${proof} ${own}`).join(', ');
  return `${count} writes, ${stale.length} stale reads; ${ways}`;
}
