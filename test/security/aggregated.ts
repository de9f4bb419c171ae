// A group that an extension server answers, and answers to each caller differently: never from memory, whatever the
// proxy's own account would be told.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Stack } from '../conformance/support/stack.ts';
import { askBoth } from './support/ask.ts';
import { create, createCaller } from './support/callers.ts';
import type { Caller } from './support/callers.ts';

const group = 'mine.watershed.dev';
const groupVersion = `${group}/v1`;
const things = `/apis/${groupVersion}/namespaces/a/things`;
const patience = { timeout: 60_000, interval: 50 };
const rules = [{ apiGroups: [group], resources: ['things'], verbs: ['get', 'list', 'watch'] }];

export function aggregatedTests(cluster: () => Stack): void {
  describe('An extension server', () => {
    let stack: Stack;
    let extension: Server;
    let callers: readonly Caller[];

    beforeAll(async () => {
      stack = cluster();
      extension = await serveExtension(stack);
      const { discoveredResources: before } = await stack.watershed.status();
      await register(stack, (extension.address() as AddressInfo).port);
      callers = await Promise.all(
        ['anna', 'bert'].map((name) => createCaller(stack, { namespace: 'a', name, rules })),
      );
      const isServed = async () => (await stack.direct({ path: things })).status === 200;
      await vi.waitUntil(isServed, patience);
      // From here on it would be cached if anything of it were.
      const isDiscovered = async () => {
        const { discoveredResources } = await stack.watershed.status();
        return discoveredResources > before;
      };
      await vi.waitUntil(isDiscovered, patience);
    }, 150_000);

    afterAll(() => {
      extension?.close();
      extension?.closeAllConnections();
    });

    const paths = [
      things,
      `${things}?resourceVersion=0`,
      `${things}?limit=1`,
      `${things}/mine`,
      `${things}/mine?resourceVersion=0`,
      `${things}?watch=1&resourceVersion=0&timeoutSeconds=1`,
    ];

    test('#30 two callers are told different things, as upstream tells them', async () => {
      for (let round = 0; round < 3; round++) {
        for (const path of paths) {
          for (const { token, userName } of callers) {
            const { proxied, logged, found } = await askBoth(stack, { path, token });
            expect(found, found.join('\n')).toEqual([]);
            expect([logged.source, proxied.status]).toEqual(['passthrough', 200]);
            const users = [...proxied.text.matchAll(/"owner":"([^"]+)"/g)].map((match) => match[1]);
            expect(new Set(users)).toEqual(new Set([userName]));
          }
        }
      }
      const { lanes } = await stack.watershed.status();
      expect(lanes.filter((lane) => lane.group === group)).toEqual([]);
    });
  });
}

async function register(stack: Stack, port: number): Promise<void> {
  await create(stack, '/api/v1/namespaces/a/services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'mine' },
    spec: { type: 'ExternalName', externalName: 'localhost' },
  });
  await create(stack, '/apis/apiregistration.k8s.io/v1/apiservices', {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: `v1.${group}` },
    spec: {
      group,
      version: 'v1',
      groupPriorityMinimum: 1000,
      versionPriority: 100,
      insecureSkipTLSVerify: true,
      service: { namespace: 'a', name: 'mine', port },
    },
  });
}

/** Shows everybody a thing of his own; who asks is told by kube-apiserver. */
async function serveExtension({ controlPlane }: Stack): Promise<Server> {
  const { certFile, keyFile } = controlPlane.certificates.serving;
  const files = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
  const resource = { name: 'things', singularName: 'thing', namespaced: true, kind: 'Thing' };
  const resources = [{ ...resource, verbs: ['get', 'list', 'watch'] }];
  const discovery = { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
  const server = createServer(files, ({ url = '', headers }, response) => {
    const thing = {
      apiVersion: groupVersion,
      kind: 'Thing',
      metadata: { name: 'mine', namespace: 'a', resourceVersion: '1' },
      owner: headers['x-remote-user'],
    };
    const list = { apiVersion: groupVersion, kind: 'ThingList', metadata: {}, items: [thing] };
    const [path, query = ''] = url.split('?');
    const documents: Readonly<Record<string, object>> = {
      [`/apis/${groupVersion}`]: discovery,
      [things]: query.includes('watch=1') ? { type: 'ADDED', object: thing } : list,
      [`${things}/mine`]: thing,
    };
    const found = documents[path];
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify(found ?? {})}\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
