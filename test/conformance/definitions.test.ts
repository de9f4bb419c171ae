// Definitions that change under way: schema, selectable fields, versions, storage version, scope. What is
// served follows at once, watches end as kube-apiserver ends them, and no byte of the old definition comes
// back. The limits of the waits lie below the interval at which discovery looks by itself.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { RecordedResponse } from '../support/recorded-response.ts';
import { ChangingDefinition, stringField } from './support/definition.ts';
import type { Definition, Version } from './support/definition.ts';
import { buildTimeoutMs, describeWithControlPlane } from './support/go.ts';
import { authorization, quietFlags, startStack } from './support/stack.ts';
import type { Stack } from './support/stack.ts';

const group = 'changing.watershed.dev';
const named = { group, plural: 'things', kind: 'Thing' };
/** Discovery looks every 30 s by itself; news must be much faster. */
const patience = { timeout: 20_000, interval: 20 };
/** Longer than the apiserver keeps the watches of an old definition, when nothing else is under way. */
const afterwardsMs = 2_500;

vi.setConfig({ testTimeout: 120_000 });

const v1: Version = { name: 'v1', fields: { color: stringField }, selectable: ['.spec.color'] };

/** A version that was stored once must stay; what differs between versions must differ in all of it. */
const unserved: Version = {
  name: 'v1beta1',
  fields: { color: stringField, old: stringField },
  storage: false,
  served: false,
};

function definition(...versions: readonly Version[]): Definition {
  return { ...named, versions };
}

function collection(version = 'v1', namespace = 'a'): string {
  return `/apis/${group}/${version}/namespaces/${namespace}/things`;
}

describeWithControlPlane('Definitions that change', () => {
  let stack: Stack;
  let things: ChangingDefinition;

  beforeAll(async () => {
    stack = await startStack({
      controlPlane: { apiserverFlags: quietFlags },
      proxy: { settings: { resources: { pinned: [`${group}/v1/things`] } } },
    });
    things = new ChangingDefinition(stack.controlPlane, named);
    await things.create(definition(v1));
    for (const [name, color] of [
      ['one', 'red'],
      ['two', 'blue'],
    ]) {
      await write('POST', collection(), thing(name, { color }));
    }
    await remembered(collection());
  }, buildTimeoutMs);

  afterAll(async () => {
    await stack?.stop();
  });

  async function write(method: string, path: string, body?: object): Promise<void> {
    const headers = method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {};
    const answer = await stack.controlPlane.request(method, path, { body, headers });
    expect(answer.status, answer.body.toString()).toBeLessThan(300);
  }

  /** Asks the proxy until it answers from memory; returns that answer. */
  async function remembered(path: string): Promise<RecordedResponse> {
    let answer: RecordedResponse | undefined;
    await vi.waitUntil(async () => {
      const auditId = randomUUID();
      answer = await stack.proxied({ path, headers: { 'audit-id': auditId } });
      return (await stack.watershed.logged(auditId)).source === 'cache';
    }, patience);
    return answer!;
  }

  /** kube-apiserver's answer once `isNew` holds of it; then the proxy's until it is the same, from memory at last. */
  async function follows(
    path: string,
    isNew: (answer: RecordedResponse) => boolean,
    from: 'cache' | 'either' = 'cache',
  ): Promise<void> {
    let direct = await stack.direct({ path });
    await vi.waitUntil(async () => isNew((direct = await stack.direct({ path }))), patience);
    const began = performance.now();
    await vi.waitUntil(async () => sameAs(direct, await stack.proxied({ path })), patience);
    console.log(`${path}: followed after ${Math.round(performance.now() - began)} ms`);
    if (from === 'cache') expect(sameAs(direct, await remembered(path)), path).toBe(true);
  }

  /** Nothing of an older definition comes back. */
  async function stay(...paths: readonly string[]): Promise<void> {
    for (let round = 0; round <= 5; round++) {
      for (const path of paths) {
        const [direct, proxied] = [await stack.direct({ path }), await stack.proxied({ path })];
        expect(sameAs(direct, proxied), `${proxied.text}\nupstream ${direct.text}`).toBe(true);
      }
      await sleep(afterwardsMs / 5);
    }
  }

  /** Two watches at the newest state, one of each server; they have their objects. */
  async function watches(path: string, objects: number) {
    const clients = [await stack.connect('direct'), await stack.connect('proxied')];
    const headers = authorization({});
    const query = 'watch=1&resourceVersion=0&allowWatchBookmarks=1&timeoutSeconds=300';
    const opened = clients.map((client) => client.open({ path: `${path}?${query}`, headers }));
    await Promise.all(opened.map((watch) => watch.untilLines(objects + 1)));
    const close = (): void => clients.forEach((client) => client.close());
    return { opened, close };
  }

  /** Both end cleanly, having said the same, and say the same to a client that comes back where it was. */
  async function endAlike(path: string, objects: number, act: () => Promise<void>): Promise<void> {
    const { opened, close } = await watches(path, objects);
    try {
      await act();
      await Promise.all(opened.map((watch) => watch.untilEnd()));
      const [direct, proxied] = opened;
      expect(proxied.status).toBe(200);
      expect([direct.end, proxied.end]).toEqual([{ kind: 'clean' }, { kind: 'clean' }]);
      expect(eventsOf(proxied)).toEqual(eventsOf(direct));
      const revision = lastRevision(direct);
      const resume = `${path}?watch=1&resourceVersion=${revision}&timeoutSeconds=1`;
      const expected = await insistently(() => stack.direct({ path: resume }));
      const actual = await insistently(() => stack.proxied({ path: resume }));
      expect([actual.status, actual.text]).toEqual([expected.status, expected.text]);
      expect(actual.status).toBeLessThan(500);
    } finally {
      close();
    }
  }

  test('a pinned resource is followed when it appears', async () => {
    const opened = async (): Promise<boolean> => {
      const { lanes } = await stack.watershed.status();
      return lanes.some(
        (lane) => lane.pinned && lane.group === group && lane.resource === 'things',
      );
    };
    await vi.waitUntil(opened, patience);
  });

  test('a new default is in every object, and the watches end', async () => {
    const changed = { ...v1, fields: { color: stringField, size: sizes('medium') } };
    const one = `${collection()}/one?resourceVersion=0`;
    await endAlike(collection(), 2, () => things.change(definition(changed)));
    await follows(collection(), ({ text }) => text.includes('medium'));
    await follows(one, ({ text }) => text.includes('medium'));
    await stay(collection(), one);
  });

  test('a field that goes is pruned from every object', async () => {
    const changed = { ...v1, fields: { size: sizes('large') }, selectable: [] };
    await endAlike(collection(), 2, () => things.change(definition(changed)));
    await follows(collection(), ({ text }) => !text.includes('red'));
    await stay(collection());
  });

  test('selectable fields come and go', async () => {
    const bySize = `${collection()}?fieldSelector=spec.size%3Dlarge`;
    const byColor = `${collection()}?fieldSelector=spec.color%3Dred`;
    const fields = { color: stringField, size: sizes('large') };
    const selectable = ['.spec.color', '.spec.size'];
    await things.change(definition({ ...v1, fields, selectable }));
    await follows(bySize, ({ status }) => status === 200);
    await follows(byColor, ({ status }) => status === 200);
    await things.change(definition({ ...v1, fields, selectable: ['.spec.color'] }));
    await follows(bySize, ({ status }) => status === 400, 'either');
    await follows(byColor, ({ status }) => status === 200);
    await stay(bySize, byColor);
  });

  test('versions are lanes of their own, each byte for byte, while the storage version changes', async () => {
    const beta = { ...v1, name: 'v1beta1', storage: false };
    const paths = [collection('v1'), collection('v1beta1')];
    await things.change(definition(v1, beta));
    for (const path of paths) await follows(path, ({ status }) => status === 200);
    // The watches of the definition before are over.
    await stay(...paths);
    await tellAlike(paths, 'first');
    await endAlike(collection('v1beta1'), 2, () =>
      things.change(definition({ ...v1, storage: false }, { ...beta, storage: true })),
    );
    for (const path of paths) await follows(path, ({ status }) => status === 200);
    await tellAlike(paths, 'second');
    await stay(...paths);
  });

  /** What one client writes is told alike by both servers to the watches of every version. */
  async function tellAlike(paths: readonly string[], name: string): Promise<void> {
    const pairs = [];
    for (const path of paths) pairs.push(await watches(path, 2));
    try {
      await write('POST', paths[0], thing(name, { color: 'green' }));
      await write('PATCH', `${paths.at(-1)}/${name}`, { spec: { color: 'grey' } });
      await write('DELETE', `${paths[0]}/${name}`);
      for (const { opened } of pairs) {
        await Promise.all(opened.map((watch) => watch.until(() => eventsOf(watch).length === 5)));
        const [direct, proxied] = opened.map(eventsOf);
        expect(proxied).toEqual(direct);
      }
    } finally {
      for (const { close } of pairs) close();
    }
  }

  test('a version that is served no longer is gone, the other one stays', async () => {
    await endAlike(collection('v1beta1'), 2, () => things.change(definition(v1, unserved)));
    await follows(collection('v1beta1'), ({ status }) => status === 404, 'either');
    await follows(collection('v1'), ({ status }) => status === 200);
    await stay(collection('v1'), collection('v1beta1'));
  });

  test('changes in a row, read all the while, leave nothing stale behind', async () => {
    const reading = { on: true };
    const statuses = new Set<number>();
    const reader = (async (): Promise<void> => {
      while (reading.on) {
        for (const query of ['', '?resourceVersion=0']) {
          statuses.add((await stack.proxied({ path: collection() + query })).status);
        }
      }
    })();
    for (let round = 0; round < 5; round++) {
      const fields = { color: stringField, size: sizes(`size-${round}`) };
      await things.change(definition({ ...v1, fields }, unserved));
      await follows(collection(), ({ text }) => text.includes(`size-${round}`));
    }
    await stay(collection());
    reading.on = false;
    await reader;
    // kube-apiserver's own word while a cache of it begins anew.
    statuses.delete(429);
    expect([...statuses]).toEqual([200]);
  });

  test('what comes back in another scope is another resource', async () => {
    await endAlike(collection(), 2, () => things.delete());
    await things.create({ ...definition(v1), scope: 'Cluster' });
    const everywhere = `/apis/${group}/v1/things`;
    await write('POST', everywhere, thing('three', { color: 'red' }));
    await follows(everywhere, ({ text }) => text.includes('three'));
    await follows(collection(), ({ status }) => status === 404, 'either');
  });
});

function sizes(fallback: string): object {
  return { ...stringField, default: fallback };
}

function thing(name: string, spec: object): object {
  return { apiVersion: `${group}/v1`, kind: 'Thing', metadata: { name }, spec };
}

/** Status and bytes; the revision of a list may be any that names the same state. */
function sameAs(direct: RecordedResponse, proxied: RecordedResponse): boolean {
  const plain = ({ text }: RecordedResponse): string =>
    text.replace(/("metadata":\{"continue":"","resourceVersion":")\d+("\}\}\n)$/, '$1$2');
  return direct.status === proxied.status && plain(direct) === plain(proxied);
}

/** A cache that begins anew says 429 for a moment, and clients ask again. */
async function insistently(ask: () => Promise<RecordedResponse>): Promise<RecordedResponse> {
  let answer = await ask();
  while (answer.status === 429) {
    await sleep(patience.interval);
    answer = await ask();
  }
  return answer;
}

function eventsOf({ lines }: RecordedResponse): string[] {
  return lines.filter((line) => !line.startsWith('{"type":"BOOKMARK"'));
}

/** Of the last event or bookmark a watch got. */
function lastRevision({ lines }: RecordedResponse): string {
  const last = JSON.parse(lines.at(-1) ?? '') as {
    readonly object: { readonly metadata: { readonly resourceVersion: string } };
  };
  return last.object.metadata.resourceVersion;
}
