// Secrets of the namespaces that were opted in, and of no other: answered as kube-apiserver answers them.

import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { differences } from './support/compare.ts';
import { buildTimeoutMs, describeWithControlPlane } from './support/go.ts';
import { query } from './support/resources.ts';
import { quietFlags, startStack } from './support/stack.ts';
import type { Stack } from './support/stack.ts';

const forms = [
  'application/json',
  'application/vnd.kubernetes.protobuf',
  'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
];

const streaming = query({
  watch: 1,
  resourceVersion: '',
  sendInitialEvents: 'true',
  resourceVersionMatch: 'NotOlderThan',
  allowWatchBookmarks: 'true',
  timeoutSeconds: 1,
});

describeWithControlPlane('Secrets of one namespace', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({
      controlPlane: { apiserverFlags: quietFlags },
      proxy: { settings: { resources: { secretNamespaces: ['a'] } } },
    });
    for (const namespace of ['a', 'a-b', 'ab']) {
      for (const name of ['one', 'one-more', 'two']) {
        const object = {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name },
          stringData: { name },
        };
        const path = `/api/v1/namespaces/${namespace}/secrets`;
        const { status } = await stack.controlPlane.request('POST', path, { body: object });
        expect(status).toBe(201);
      }
    }
  }, buildTimeoutMs);

  afterAll(async () => {
    await stack?.stop();
  });

  async function ask(path: string, accept: string): Promise<{ from: string; reason?: string }> {
    const id = crypto.randomUUID();
    const [direct, proxied] = await Promise.all([
      stack.direct({ path, headers: { accept } }),
      stack.proxied({ path, headers: { accept, 'audit-id': id } }),
    ]);
    const { source, reason } = await stack.watershed.logged(id);
    const from = source === 'cache' ? 'cache' : 'passthrough';
    expect(differences(direct, proxied, { protocol: 'http/1.1', from }), path).toEqual([]);
    return { from, reason };
  }

  test.each(forms)('are served from memory as %s', async (accept) => {
    for (const [what, more] of [
      ['', ''],
      ['', '?limit=2'],
      ['', query({ fieldSelector: 'metadata.name=two' })],
      ['', streaming],
      ['/one', ''],
      ['/none', ''],
    ]) {
      const path = `/api/v1/namespaces/a/secrets${what}${more}`;
      const settled = async (): Promise<boolean> => (await ask(path, accept)).from === 'cache';
      // An object has another form than a list, and its absence none.
      if (accept.includes('List') && (what !== '' || more === streaming)) continue;
      await vi.waitUntil(settled, { timeout: 10_000, interval: 100 });
    }
  });

  test('those of other namespaces, and of all, are passed through', async () => {
    for (const path of [
      '/api/v1/namespaces/a-b/secrets',
      '/api/v1/secrets',
      '/api/v1/namespaces/ab/secrets/one',
    ]) {
      for (const accept of forms) {
        expect(await ask(path, accept)).toEqual({
          from: 'passthrough',
          reason: 'namespace not cached',
        });
      }
    }
    const { lanes } = await stack.watershed.status();
    const held = lanes.filter(({ resource }) => resource === 'secrets');
    expect(held.length).toBeGreaterThan(0);
    for (const { objects } of held) expect(objects).toBe(3);
  });
});
