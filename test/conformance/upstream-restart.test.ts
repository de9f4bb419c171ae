// kube-apiserver is killed, the store changes behind its back, and it starts again with an empty history: what
// clients of both settings of `lanes.bridgeUpstreamExpiry` see (docs/semantics.md, "When the apiserver forgets").

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { RecordedResponse } from '../support/recorded-response.ts';
import { RecordingClient } from '../support/recording-client.ts';
import { crdGroup } from './control-plane/fixture-objects.ts';
import { buildTimeoutMs, describeWithControlPlane } from './support/go.ts';
import { Informers } from './support/informers.ts';
import { storeRevision } from './support/history.ts';
import { collection } from './support/resources.ts';
import type { ResourceName } from './support/resources.ts';
import { authorization, quietFlags, startBareStack } from './support/stack.ts';
import type { Stack } from './support/stack.ts';
import { Store } from './support/store.ts';
import type { Watershed } from './support/watershed.ts';

vi.setConfig({ testTimeout: 180_000 });

interface Told {
  readonly type: string;
  readonly object: {
    readonly code?: number;
    readonly metadata: {
      readonly name: string;
      readonly namespace: string;
      readonly resourceVersion: string;
    };
  };
}

const patience = { timeout: 60_000, interval: 50 };
const configMaps = collection('configmaps');
const widgets = collection('widgets');
const pods = collection('pods');

describeWithControlPlane('A restart of kube-apiserver', () => {
  let stack: Stack;
  let exact: Watershed;
  let bridging: Watershed;
  let store: Store;
  const clients: RecordingClient[] = [];

  beforeAll(async () => {
    stack = await startBareStack({ controlPlane: { apiserverFlags: quietFlags } });
    // Nobody can be asked again what a caller may do while kube-apiserver is away.
    const auth = { allowTtl: '2m' };
    exact = await stack.startProxy({ settings: { auth } });
    bridging = await stack.startProxy({
      settings: { auth, lanes: { bridgeUpstreamExpiry: true } },
    });
    store = new Store(stack.controlPlane);
  }, buildTimeoutMs);

  afterAll(async () => {
    for (const client of clients) client.close();
    await stack?.stop();
  });

  async function open(proxy: Watershed, path: string): Promise<RecordedResponse> {
    const ca = stack.authority;
    const client = await RecordingClient.connect({ port: proxy.port, ca, protocol: 'h2' });
    clients.push(client);
    return client.open({ path, headers: authorization({}) });
  }

  /** A watch of what comes from now on, and the state it begins with. */
  async function follow(proxy: Watershed, path: string) {
    const list = await (await open(proxy, path)).untilEnd();
    const { metadata, items } = list.json() as {
      readonly metadata: { readonly resourceVersion: string };
      readonly items: readonly Told['object'][];
    };
    const query = `watch=1&allowWatchBookmarks=1&resourceVersion=${metadata.resourceVersion}`;
    const watch = await (await open(proxy, `${path}?${query}`)).untilHead();
    return { watch, revision: Number(metadata.resourceVersion), items };
  }

  /** Killed, changed behind its back, started again. */
  async function restart(change: () => Promise<void>): Promise<void> {
    // Up again only after the store has changed.
    await stack.controlPlane.restartApiserver({ whileDown: change });
  }

  async function changeEverything(): Promise<void> {
    await store.delete('/registry/configmaps/a/n0');
    await store.change('/registry/configmaps/a/n', 'fixture 0', 'changed 0');
    await store.copy('/registry/configmaps/ab/n-b', 'n-b', 'n-z');
    await store.delete(`/registry/${crdGroup}/widgets/ab/n.b`);
    await store.change(`/registry/${crdGroup}/widgets/a/n`, '"small"', '"large"');
  }

  /** The names and revisions a client holds after a list and its watch. */
  function heldBy(items: readonly Told['object'][], events: readonly Told[]): string[] {
    const held = new Map<string, string>();
    const key = ({ metadata: { namespace, name } }: Told['object']): string =>
      `${namespace}/${name}`;
    for (const item of items) held.set(key(item), item.metadata.resourceVersion);
    for (const { type, object } of events) {
      if (type === 'DELETED') held.delete(key(object));
      else held.set(key(object), object.metadata.resourceVersion);
    }
    return [...held].map(([name, revision]) => `${name}@${revision}`).toSorted();
  }

  async function heldUpstream(path: string): Promise<string[]> {
    const list = (await stack.direct({ path })).json() as { readonly items: Told['object'][] };
    return heldBy(list.items, []);
  }

  test('with the bridge, watches go on and tell exactly what was missed', async () => {
    const paths = [configMaps, widgets, pods];
    const followed = await Promise.all(paths.map((path) => follow(bridging, path)));
    const before = await Promise.all(
      paths.map(async (path) => (await stack.direct({ path })).text),
    );
    await restart(changeEverything);
    for (const [index, { watch, items, revision }] of followed.entries()) {
      const path = paths[index];
      const expected = await heldUpstream(path);
      await vi.waitUntil(
        () => JSON.stringify(heldBy(items, toldIn(watch))) === JSON.stringify(expected),
        patience,
      );
      const events = toldIn(watch);
      const revisions = events.map(({ object }) => Number(object.metadata.resourceVersion));
      expect(revisions, 'never back').toEqual(revisions.toSorted((a, b) => a - b));
      expect(Math.min(revision, ...revisions), 'never before the start').toBe(revision);
      for (const { type, object } of events) {
        if (type !== 'DELETED') continue;
        // Its last state, under the last revision that was sent.
        const { name, namespace } = object.metadata;
        expect(before[index]).toContain(`"name":"${name}","namespace":"${namespace}"`);
      }
      expect(watch.end).toEqual({ kind: 'open' });
    }
    const types = followed.map(({ watch }) => toldIn(watch).map(({ type }) => type));
    expect(types).toEqual([['DELETED', 'MODIFIED', 'ADDED'], ['DELETED', 'MODIFIED'], []]);
    // They go on with what comes next, and who resumes from before the restart is told the same.
    const headers = { 'content-type': 'application/merge-patch+json' };
    const body = { metadata: { labels: { after: 'restart' } } };
    for (const [index, path] of [`${configMaps}`, `${widgets}`].entries()) {
      const one = path.replace(/\/(configmaps|widgets)$/, '/namespaces/a/$1/n');
      const answer = await stack.controlPlane.request('PATCH', one, { body, headers });
      expect(answer.status).toBe(200);
      const { watch, revision } = followed[index];
      await watch.until(({ text }) => text.includes('"after":"restart"'));
      const query = `watch=1&resourceVersion=${revision}&timeoutSeconds=2`;
      const resumed = await (await open(bridging, `${path}?${query}`)).untilEnd();
      expect(resumed.lines).toEqual(eventLines(watch));
    }
  });

  test('without it, watches end with 410 as upstream’s would, also those of idle lanes', async () => {
    const paths = [configMaps, pods];
    const followed = await Promise.all(paths.map((path) => follow(exact, path)));
    await restart(async () => {
      await store.change('/registry/configmaps/a/n', 'changed 0', 'fixture 0');
    });
    for (const [index, { watch, revision }] of followed.entries()) {
      await watch.untilEnd();
      expect(watch.end).toEqual({ kind: 'clean' });
      const told = toldIn(watch);
      expect(told.map(({ type, object }) => `${type} ${object.code}`)).toEqual(['ERROR 410']);
      // kube-apiserver says the same to a client that comes back where it was.
      const query = `watch=1&resourceVersion=${revision}&timeoutSeconds=2`;
      const direct = await stack.direct({ path: `${paths[index]}?${query}` });
      expect(toldIn(direct).map(({ type, object }) => `${type} ${object.code}`)).toEqual([
        'ERROR 410',
      ]);
      const again = await stack.direct({ path: paths[index] });
      await vi.waitUntil(
        async () => (await stack.proxied({ path: paths[index] })).text === again.text,
        patience,
      );
    }
  });

  test('while it is down, watches are never refused with 5xx, and nothing ends', async () => {
    const { watch, revision } = await follow(exact, configMaps);
    await restart(async () => {
      const resumed = await open(
        exact,
        `${configMaps}?watch=1&resourceVersion=${revision}&timeoutSeconds=1`,
      );
      await resumed.untilEnd();
      expect([resumed.status, resumed.end]).toEqual([200, { kind: 'clean' }]);
      const events = await (await open(exact, '/api/v1/events?watch=1')).untilEnd();
      expect([events.status, events.header('retry-after')]).toEqual([429, '1']);
      expect(events.json()).toMatchObject({ details: { retryAfterSeconds: 1 }, code: 429 });
      const auditId = randomUUID();
      const any = await stack.proxied({
        path: `${configMaps}?resourceVersion=0`,
        headers: { 'audit-id': auditId },
      });
      expect([any.status, (await exact.logged(auditId)).source]).toEqual([200, 'cache']);
      const newest = await stack.proxied({ path: configMaps });
      expect([newest.status, newest.header('retry-after')]).toEqual([503, '1']);
      expect(watch.end).toEqual({ kind: 'open' });
    });
  });

  test('a watch from a revision nobody has reached is held, and told only what is newer', async () => {
    for (const proxy of [exact, bridging]) {
      await (await open(proxy, `${configMaps}?resourceVersion=0`)).untilEnd();
      const isLive = async (): Promise<boolean> => {
        const { lanes } = await proxy.status();
        return lanes.some(({ resource, state }) => resource === 'configmaps' && state === 'live');
      };
      await vi.waitUntil(isLive, patience);
    }
    const revision = (await storeRevision(stack)) + 3;
    const query = `watch=1&resourceVersion=${revision}&timeoutSeconds=60`;
    const watches = [
      await (await open(exact, `${configMaps}?${query}`)).untilHead(),
      await (await open(bridging, `${configMaps}?${query}`)).untilHead(),
    ];
    const headers = { 'content-type': 'application/merge-patch+json' };
    for (let round = 1; round <= 6; round++) {
      const body = { metadata: { labels: { round: String(round) } } };
      const path = `${collection('configmaps', 'a')}/n`;
      const answer = await stack.controlPlane.request('PATCH', path, { body, headers });
      expect(answer.status).toBe(200);
    }
    for (const watch of watches) {
      await watch.untilLines(3);
      const revisions = toldIn(watch).map(({ object }) => Number(object.metadata.resourceVersion));
      expect(revisions).toEqual([revision + 1, revision + 2, revision + 3]);
    }
  });

  /** Its lanes of these resources are live. */
  async function settle(proxy: Watershed, names: readonly ResourceName[]): Promise<void> {
    for (const name of names) {
      await (await open(proxy, `${collection(name)}?resourceVersion=0`)).untilEnd();
    }
    const isSettled = async (): Promise<boolean> => {
      const { lanes } = await proxy.status();
      const live = lanes.filter(({ state }) => state === 'live').map(({ resource }) => resource);
      return names.every((name) => live.includes(name));
    };
    await vi.waitUntil(isSettled, patience);
  }

  test('with the bridge, no informer lists again over restarts', async () => {
    const { controlPlane } = stack;
    const settings = { lanes: { bridgeUpstreamExpiry: true } };
    // Of its own: lanes that failed in the restarts before would wait long until they try again.
    const proxy = await stack.startProxy({ settings });
    await settle(proxy, ['pods', 'nodes', 'leases', 'configmaps', 'services', 'widgets']);
    const program = await Informers.start([
      `--kubeconfig=${await controlPlane.kubeconfig('admin', { server: proxy.url })}`,
      `--direct-kubeconfig=${await controlPlane.kubeconfig('admin')}`,
      '--informers=12',
      '--writes=400',
      '--write',
      '--timeout=120s',
      // States in between are not shown.
      '--bridged',
      '--max-errors=-1',
      '--max-relists=-1',
    ]);
    try {
      await program.said('READY');
      // What is passed through ends with the apiserver, and is no matter of the bridge.
      const isServed = async (): Promise<boolean> => (await proxy.status()).watches.open === 12;
      await vi.waitUntil(isServed, patience);
      program.tell('GO');
      for (let restarts = 0; restarts < 2; restarts++) await controlPlane.restartApiserver();
      const verdict = await program.verdict();
      console.log(`with the bridge: ${JSON.stringify(verdict)}`);
      const { lanes, watches } = await proxy.status();
      const states = lanes.map(({ resource, state, reason }) => `${resource} ${state} ${reason}`);
      console.log(`${states.join(', ')}; watches ended: ${JSON.stringify(watches.ended)}`);
      expect(verdict).toMatchObject({ equal: true, relists: 0, gone: 0, violations: 0 });
    } finally {
      await program.stop();
    }
  });
});

function eventLines({ lines }: RecordedResponse): string[] {
  return lines.filter((line) => !line.startsWith('{"type":"BOOKMARK"'));
}

function toldIn(response: RecordedResponse): Told[] {
  return eventLines(response).map((line) => JSON.parse(line) as Told);
}
