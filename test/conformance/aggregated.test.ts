// A group that another server takes over and gives back: from that moment on nothing of it is answered from
// memory, watches end, and what was held before never comes back. kube-apiserver itself lets its old watches
// run to their time (printed); Watershed ends them, since they show what its server no longer says.

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { RecordedResponse } from '../support/recorded-response.ts';
import { ChangingDefinition, stringField } from './support/definition.ts';
import { buildTimeoutMs, describeWithControlPlane } from './support/go.ts';
import { authorization, quietFlags, startStack } from './support/stack.ts';
import type { Stack } from './support/stack.ts';

const group = 'taken.watershed.dev';
const named = { group, plural: 'things', kind: 'Thing' };
const things = `/apis/${group}/v1/namespaces/a/things`;
const apiServices = '/apis/apiregistration.k8s.io/v1/apiservices';
/** Discovery looks every 30 s by itself; news must be much faster. */
const patience = { timeout: 20_000, interval: 20 };

vi.setConfig({ testTimeout: 120_000 });

describeWithControlPlane('A group that changes hands', () => {
  let stack: Stack;
  let other: Server;

  beforeAll(async () => {
    stack = await startStack({ controlPlane: { apiserverFlags: quietFlags } });
    const definition = new ChangingDefinition(stack.controlPlane, named);
    const version = { name: 'v1', fields: { color: stringField } };
    await definition.create({ ...named, versions: [version] });
    const body = { apiVersion: `${group}/v1`, kind: 'Thing', metadata: { name: 'ours' } };
    await write('POST', things, body);
    other = await serveElsewhere(stack);
    await write('POST', '/api/v1/namespaces/a/services', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'elsewhere' },
      spec: { type: 'ExternalName', externalName: 'localhost' },
    });
  }, buildTimeoutMs);

  afterAll(async () => {
    other?.close();
    other?.closeAllConnections();
    await stack?.stop();
  });

  async function write(method: string, path: string, body?: object): Promise<void> {
    const answer = await stack.controlPlane.request(method, path, { body });
    expect(answer.status, answer.body.toString()).toBeLessThan(300);
  }

  /** The automatic mark is left out, or the apiserver would take the group back at once. */
  async function giveAway(): Promise<void> {
    const path = `${apiServices}/v1.${group}`;
    const { body } = await stack.controlPlane.request('GET', path);
    const { metadata } = JSON.parse(body.toString()) as { metadata: { resourceVersion: string } };
    const { port } = other.address() as AddressInfo;
    await write('PUT', path, {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: `v1.${group}`, resourceVersion: metadata.resourceVersion },
      spec: {
        group,
        version: 'v1',
        groupPriorityMinimum: 1000,
        versionPriority: 100,
        insecureSkipTLSVerify: true,
        service: { namespace: 'a', name: 'elsewhere', port },
      },
    });
  }

  async function asked(path: string): Promise<{ answer: RecordedResponse; source: string }> {
    const auditId = randomUUID();
    const answer = await stack.proxied({ path, headers: { 'audit-id': auditId } });
    return { answer, source: (await stack.watershed.logged(auditId)).source };
  }

  async function untilDirectHolds(text: string): Promise<void> {
    const holds = async (): Promise<boolean> => {
      const { status, text: body } = await stack.direct({ path: things });
      return status === 200 && body.includes(text);
    };
    await vi.waitUntil(holds, patience);
  }

  async function openWatch(server: 'direct' | 'proxied') {
    const client = await stack.connect(server);
    const path = `${things}?watch=1&resourceVersion=0&timeoutSeconds=300`;
    const watch = client.open({ path, headers: authorization({}) });
    await watch.untilLines(1);
    return { client, watch };
  }

  test('is passed through from the moment another server has it', async () => {
    await vi.waitUntil(async () => (await asked(things)).source === 'cache', patience);
    const watches = [await openWatch('direct'), await openWatch('proxied')];
    try {
      const [direct, proxied] = watches.map(({ watch }) => watch);
      await giveAway();
      await untilDirectHolds('theirs');
      const began = performance.now();
      await proxied.untilEnd();
      console.log(`watch ended after ${Math.round(performance.now() - began)} ms`);
      console.log(`the watch of kube-apiserver is ${direct.end.kind}`);
      expect(proxied.end).toEqual({ kind: 'clean' });
      expect(proxied.lines).toEqual(direct.lines);
      for (let round = 0; round < 20; round++) {
        for (const query of ['', '?resourceVersion=0']) {
          const { answer, source } = await asked(things + query);
          expect([source, answer.status]).toEqual(['passthrough', 200]);
          expect(answer.text).toContain('theirs');
        }
      }
    } finally {
      for (const { client } of watches) client.close();
    }
  });

  test('is served from memory again once the apiserver has it back', async () => {
    await write('DELETE', `${apiServices}/v1.${group}`);
    await untilDirectHolds('ours');
    await vi.waitUntil(async () => (await asked(things)).source === 'cache', patience);
    const [direct, { answer }] = [await stack.direct({ path: things }), await asked(things)];
    expect(answer.text).toBe(direct.text);
    const { client, watch } = await openWatch('proxied');
    try {
      const name = 'later';
      await write('POST', things, { apiVersion: `${group}/v1`, kind: 'Thing', metadata: { name } });
      await watch.until(({ text }) => text.includes(name));
    } finally {
      client.close();
    }
  });
});

/** An aggregated server with one thing in it, whoever asks. */
async function serveElsewhere({ controlPlane }: Stack): Promise<Server> {
  const { certFile, keyFile } = controlPlane.certificates.serving;
  const files = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
  const groupVersion = `${group}/v1`;
  const resource = { name: 'things', singularName: 'thing', namespaced: true, kind: 'Thing' };
  const verbs = ['get', 'list', 'watch'];
  const list = {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: [{ ...resource, verbs }],
  };
  const metadata = { name: 'theirs', namespace: 'a', resourceVersion: '1' };
  const items = [{ apiVersion: groupVersion, kind: 'Thing', metadata }];
  const all = { apiVersion: groupVersion, kind: 'ThingList', metadata: {}, items };
  const server = createServer(files, (request, response) => {
    const path = (request.url ?? '').split('?')[0];
    const document = path === `/apis/${groupVersion}` ? list : path === things ? all : undefined;
    response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(document ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
