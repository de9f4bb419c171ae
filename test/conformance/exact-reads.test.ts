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
import type { Stack } from './support/stack.ts';
import type { Watershed } from './support/watershed.ts';

const reads = 2_000;
/** With two stores, by each kind of proof; less, because what differs is where the revisions come from. */
const fewerReads = 300;
const timeoutMs = buildTimeoutMs + 180_000;

describeWithControlPlane('Exact reads', () => {
  let stack: Stack | undefined;
  const opened: { close(): void }[] = [];

  afterEach(async () => {
    for (const client of opened.splice(0)) client.close();
    await stack?.stop();
  });

  function clientsOf(running: Stack, proxy: Watershed): Clients {
    const { caFile, url } = running.controlPlane;
    const shared = { url: proxy.url, authority: readFileSync(caFile), token: tokens.admin };
    const direct = new ApiClient({ url, caFile, token: tokens.admin });
    const http1 = new ReadClient({ ...shared, protocol: 'http/1.1' });
    const h2 = new ReadClient({ ...shared, protocol: 'h2' });
    opened.push(direct, http1, h2);
    return { direct, proxied: { 'http/1.1': http1, h2 } };
  }

  test(
    `${reads} reads right after a write, in every form, are none of them stale`,
    async () => {
      stack = await startStack();
      const found = await readAfterWrites(clientsOf(stack, stack.watershed), reads);
      console.log(await told(stack.watershed, found));
      expect(found.stale).toEqual([]);
      // Each form as list, object and stream, over both protocols.
      expect(found.byForm.size).toBe(formNames.length * 3 * 2);
    },
    timeoutMs,
  );

  test(
    'resources in an etcd of their own are measured by its revisions',
    async () => {
      const secondStore = ['/configmaps', 'coordination.k8s.io/leases'];
      const running = await startStack({ controlPlane: { secondStore } });
      stack = running;
      // Far ahead: a revision of the first store would prove anything to a lane of the second.
      await advance(running.controlPlane.secondEtcdUrl, 3_000);
      const [configmaps, nodes] = await Promise.all(
        (['configmaps', 'nodes'] as const).map((name) => revisionOf(running, name)),
      );
      expect(configmaps).toBeGreaterThan(nodes + 1_000);
      // One proxy proves by lists; the other is left the probe, its lanes' own events and short watches.
      const probing = await running.startProxy({
        settings: { freshness: { validateMaxObjects: 0 } },
      });
      for (const [series, proxy] of Object.entries({
        listed: running.watershed,
        probed: probing,
      })) {
        const found = await readAfterWrites(clientsOf(running, proxy), fewerReads, `${series}-`);
        console.log(`${series}: ${await told(proxy, found)}`);
        expect(found.stale).toEqual([]);
        const followed = new Set((await proxy.status()).lanes.map(({ resource }) => resource));
        expect(followed).toEqual(new Set(subjects.map(({ resource }) => resource)));
      }
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

async function revisionOf(stack: Stack, name: ResourceName): Promise<number> {
  const answer = await stack.direct({ path: `${collection(name)}?limit=1` });
  const { metadata } = answer.json() as {
    readonly metadata: { readonly resourceVersion: string };
  };
  return Number(metadata.resourceVersion);
}

/** A line for people: how the reads were answered. */
async function told(proxy: Watershed, { reads: count, stale }: Exactness): Promise<string> {
  const { lanes } = await proxy.status();
  const proofs = new Map<string, number>();
  for (const { freshness } of lanes) {
    for (const [proof, own] of Object.entries(freshness.proofs)) {
      proofs.set(proof, (proofs.get(proof) ?? 0) + own);
    }
  }
  const ways = [...proofs].map(([proof, own]) => `${proof} ${own}`).join(', ');
  return `${count} writes, ${stale.length} stale reads; ${ways}`;
}
