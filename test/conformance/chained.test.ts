// A Watershed in front of a Watershed: what kube-apiserver answers, what the inner and what the outer proxy
// answer is the same, consistent reads included, and informers behind both stay in step.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { RecordedResponse } from '../support/recorded-response.ts';
import { RecordingClient } from '../support/recording-client.ts';
import { differences } from './support/compare.ts';
import type { Case } from './support/case.ts';
import { buildTimeoutMs, describeWithControlPlane } from './support/go.ts';
import { settle, writeHistory } from './support/history.ts';
import type { History } from './support/history.ts';
import { Informers } from './support/informers.ts';
import { listCases } from './support/list-cases.ts';
import { collection, query, resourceNames } from './support/resources.ts';
import { authorization, quietFlags, startBareStack } from './support/stack.ts';
import type { Request, Stack } from './support/stack.ts';
import { watchCases } from './support/watch-cases.ts';
import type { Watershed } from './support/watershed.ts';

vi.setConfig({ maxConcurrency: 16, testTimeout: 60_000 });

const protobuf = 'application/vnd.kubernetes.protobuf,application/json';
const writes = 300;
/** More objects than are compared by a list: the outer proxy proves its lane by short watches of the inner one. */
const manyObjects = 40;
const validateMaxObjects = 20;

describeWithControlPlane('A proxy behind a proxy', () => {
  let stack: Stack;
  let inner: Watershed;
  let outer: Watershed;
  let history: History;

  beforeAll(async () => {
    stack = await startBareStack({ controlPlane: { apiserverFlags: quietFlags } });
    const settings = { freshness: { validateMaxObjects } };
    inner = await stack.startProxy({ settings });
    outer = await stack.startProxy({ settings, upstream: inner.url });
    for (const name of resourceNames) await ask(outer, { path: collection(name) });
    history = await writeHistory(stack);
    for (const name of resourceNames) {
      const path = collection(name) + query({ resourceVersion: history.end });
      expect((await ask(outer, { path })).status).toBe(200);
    }
  }, buildTimeoutMs);

  afterAll(async () => {
    await stack?.stop();
  });

  async function ask(proxy: Watershed, request: Request): Promise<RecordedResponse> {
    const protocol = request.protocol ?? 'http/1.1';
    const ca = stack.authority;
    const client = await RecordingClient.connect({ port: proxy.port, ca, protocol });
    try {
      const headers = { ...authorization(request), ...request.headers };
      return await client.send({ path: request.path, headers });
    } finally {
      client.close();
    }
  }

  async function compare(request: Request): Promise<{ found: string[]; source: string }> {
    const auditId = randomUUID();
    const headers = { ...request.headers, 'audit-id': auditId };
    const [direct, proxied] = await Promise.all([
      stack.direct(request),
      ask(outer, { ...request, headers }),
    ]);
    const { source } = await outer.logged(auditId);
    // Below the outer one there may have been a cache: its answers have no queue headers either.
    const found = differences(direct, proxied, { protocol: 'http/1.1', from: 'cache' });
    return { found, source };
  }

  async function check(each: Case, headers: Request['headers']): Promise<void> {
    const asked = each.request(history);
    const request = { ...asked, headers: { ...headers, ...asked.headers } };
    let { found } = await compare(request);
    for (let attempt = 1; each.ages && found.length > 0 && attempt < 5; attempt++) {
      ({ found } = await compare(request));
    }
    expect(found, `${request.path}\n${found.join('\n')}`).toEqual([]);
  }

  for (const [form, headers] of [
    ['JSON', {}],
    ['protobuf', { accept: protobuf }],
  ] as const) {
    describe.concurrent(`answers alike in ${form}`, () => {
      for (const each of [...listCases, ...watchCases]) {
        test(each.name, () => check(each, headers));
      }
    });
  }

  test('and from memory, both of them', async () => {
    const { source } = await compare({ path: collection('configmaps') });
    expect(source).toBe('cache');
    await settle(stack);
    const lanes = async (proxy: Watershed): Promise<string[]> =>
      (await proxy.status()).lanes.map(({ resource, form }) => `${resource} ${form}`).toSorted();
    expect(await lanes(inner)).toEqual(expect.arrayContaining(await lanes(outer)));
  });

  for (const objects of [0, manyObjects] as const) {
    test(`${writes} reads after a write to kube-apiserver hold it, beside ${objects} objects`, async () => {
      const { controlPlane } = stack;
      const name = `chained-${objects}`;
      const collectionPath = collection('configmaps', 'a');
      for (let at = 0; at < objects; at++) {
        const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `more-${at}` } };
        await controlPlane.request('POST', collectionPath, { body });
      }
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } };
      expect((await controlPlane.request('POST', collectionPath, { body })).status).toBe(201);
      const headers = { 'content-type': 'application/merge-patch+json' };
      const sources: Record<string, number> = {};
      let stale = 0;
      for (let round = 0; round < writes; round++) {
        // Other resources move the store's revision, too: the lane read is idle then.
        const isIdle = round % 3 === 0;
        const path = isIdle
          ? `${collection('services', 'a')}/headless`
          : `${collectionPath}/${name}`;
        const labels = { round: String(round) };
        await controlPlane.request('PATCH', path, { body: { metadata: { labels } }, headers });
        const auditId = randomUUID();
        const target = round % 2 === 0 ? collectionPath : `${collectionPath}/${name}`;
        const answer = await ask(outer, {
          path: isIdle ? collection('services', 'a') : target,
          headers: { 'audit-id': auditId },
        });
        if (!answer.text.includes(`"round":"${round}"`)) stale++;
        const { source } = await outer.logged(auditId);
        sources[source] = (sources[source] ?? 0) + 1;
      }
      console.log(`beside ${objects} objects: ${JSON.stringify(sources)}`);
      expect(stale).toBe(0);
    });
  }

  test('a read of an idle lane is as new as the store, whether proven or forwarded', async () => {
    // Large for both, and nothing of it moves while the store does.
    const path = collection('configmaps');
    const headers = { 'content-type': 'application/merge-patch+json' };
    for (let round = 0; round < 5; round++) {
      const body = { metadata: { labels: { idle: String(round) } } };
      const other = `${collection('services', 'a')}/headless`;
      const written = await stack.controlPlane.request('PATCH', other, { body, headers });
      const began = performance.now();
      const auditId = randomUUID();
      const answer = await ask(outer, { path, headers: { 'audit-id': auditId } });
      const { source, reason } = await outer.logged(auditId);
      console.log(`idle: ${source} ${reason ?? ''} ${Math.round(performance.now() - began)} ms`);
      expect(answer.status).toBe(200);
      expect(revisionOf(answer.json())).toBeGreaterThanOrEqual(
        revisionOf(JSON.parse(written.body.toString())),
      );
    }
  });

  test('informers behind both stay in step, and none lists again', async () => {
    const { controlPlane } = stack;
    const program = await Informers.start([
      `--kubeconfig=${await controlPlane.kubeconfig('admin', { server: outer.url })}`,
      `--direct-kubeconfig=${await controlPlane.kubeconfig('admin')}`,
      '--informers=24',
      '--writes=1000',
      '--write',
      '--timeout=120s',
    ]);
    try {
      await program.said('READY');
      program.tell('GO');
      const verdict = await program.verdict();
      console.log(`behind two: ${JSON.stringify(verdict)}`);
      expect(verdict).toMatchObject({ ok: true, equal: true, errors: 0, relists: 0 });
    } finally {
      await program.stop();
    }
  }, 240_000);
});

/** Of an object or a list. */
function revisionOf(answer: unknown): number {
  return Number((answer as { metadata: { resourceVersion: string } }).metadata.resourceVersion);
}
