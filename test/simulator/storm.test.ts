import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { quiet, simulate } from './support.ts';

const nodes = 300;
const api = await simulate({
  ...quiet,
  nodes,
  podsPerNode: 0,
  leaseRenewMs: 0,
  windowEvents: 5_000,
});
const { store } = api.simulator;
const leases = '/apis/coordination.k8s.io/v1/leases';
const inNamespace = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';

/** Reads the stream until `events` lines were seen; returns their revisions. */
async function revisions(message: IncomingMessage, events: () => number): Promise<number[]> {
  const seen: number[] = [];
  let rest = '';
  for await (const chunk of message) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const { type, object } = JSON.parse(line) as {
        type: string;
        object: { metadata: { resourceVersion: string } };
      };
      if (type === 'MODIFIED') seen.push(Number(object.metadata.resourceVersion));
    }
    if (seen.length >= events()) break;
  }
  return seen;
}

describe('a lease storm', () => {
  test('loses nothing and never goes back, across a new digit', async () => {
    // 1,000 to 9,999 and beyond: revisions gain a digit on the way.
    const from = store.revisions.current;
    let wanted = Infinity;
    const readers: Promise<number[]>[] = [];
    for (const path of [leases, inNamespace]) {
      const message = await api.open('GET', `${path}?watch=1&resourceVersion=${from}`);
      readers.push(revisions(message, () => wanted));
    }
    const storm = api.simulator.startStorm({ ratePerSecond: 50_000, tickMs: 5 });
    await expect.poll(() => storm.renewed, { timeout: 20_000 }).toBeGreaterThan(20_000);
    storm.stop();
    wanted = storm.renewed;
    // One more event, so that readers which have everything look once more.
    const last = api.simulator.startStorm({ ratePerSecond: 100 });
    await expect.poll(() => last.renewed).toBeGreaterThan(0);
    last.stop();
    for (const seen of await Promise.all(readers)) {
      expect(seen.length).toBeGreaterThanOrEqual(wanted);
      expect(seen[0]).toBe(from + 1);
      expect(seen.every((revision, at) => revision === from + 1 + at)).toBe(true);
    }
  });

  test('leaves objects that read like any other', async () => {
    const { text } = await api.get(`${inNamespace}/node-0007`);
    const object = JSON.parse(text) as { spec: { renewTime: string } };
    expect(`${JSON.stringify(object)}\n`).toBe(text);
    expect(object.spec.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  });

  test('sees what others wrote in between', async () => {
    const labels = { touched: 'yes' };
    const type = { 'Content-Type': 'application/merge-patch+json' };
    await api.send('PATCH', `${inNamespace}/node-0007`, { metadata: { labels } }, type);
    await api.send('DELETE', `${inNamespace}/node-0008`);
    const watch = await api.watch(
      `${inNamespace}?watch=1&labelSelector=touched&resourceVersion=${store.revisions.current}`,
    );
    const storm = api.simulator.startStorm({ ratePerSecond: 10_000 });
    const { object } = await watch.next();
    storm.stop();
    expect(object.metadata.labels).toEqual(labels);
    expect((await api.get(`${inNamespace}/node-0008`)).status).toBe(404);
    watch.close();
  });

  test('a list at a revision of the window undoes newer renewals', async () => {
    const page = (await api.get(`${leases}?limit=100`)).json;
    const path = `${leases}?limit=500&resourceVersion=${page.metadata.resourceVersion}`;
    const storm = api.simulator.startStorm({ ratePerSecond: 1_000 });
    await expect.poll(() => storm.renewed).toBeGreaterThan(10);
    storm.stop();
    const revision = Number(page.metadata.resourceVersion);
    const { json, status } = await api.get(path);
    expect(status).toBe(200);
    const found = json.items.map((item: { metadata: { resourceVersion: string } }) =>
      Number(item.metadata.resourceVersion),
    );
    expect(found).toHaveLength(nodes - 1);
    expect(Math.max(...found)).toBeLessThanOrEqual(revision);
  });
});
