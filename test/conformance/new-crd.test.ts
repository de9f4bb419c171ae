// Custom resources come and go while Watershed runs: a new one is served from memory without a
// restart, a deleted one ends its watches, and one that comes back under the same name starts empty.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { buildTimeoutMs, describeWithControlPlane } from './support/go.ts';
import { startStack } from './support/stack.ts';
import type { Stack } from './support/stack.ts';

const group = 'late.watershed.dev';
const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const things = `/apis/${group}/v1/namespaces/a/things`;
/** Discovery is asked again at a miss, and every so often; this is far beyond either. */
const patience = { timeout: 90_000, interval: 100 };

function definition(): object {
  const names = { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' };
  const spec = { type: 'object', properties: { color: { type: 'string' } } };
  const version = {
    name: 'v1',
    served: true,
    storage: true,
    schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
    selectableFields: [{ jsonPath: '.spec.color' }],
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `things.${group}` },
    spec: { group, scope: 'Namespaced', names, versions: [version] },
  };
}

function thing(name: string, color: string): object {
  return { apiVersion: `${group}/v1`, kind: 'Thing', metadata: { name }, spec: { color } };
}

describeWithControlPlane('Custom resources that appear and disappear', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack();
  }, buildTimeoutMs);

  afterAll(async () => {
    await stack?.stop();
  });

  async function createCrd(): Promise<void> {
    const { controlPlane } = stack;
    expect((await controlPlane.request('POST', crds, { body: definition() })).status).toBe(201);
    await vi.waitUntil(
      async () => (await controlPlane.request('GET', things)).status === 200,
      patience,
    );
  }

  async function createThing(name: string, color: string): Promise<void> {
    const answer = await stack.controlPlane.request('POST', things, { body: thing(name, color) });
    expect(answer.status, answer.body.toString()).toBe(201);
  }

  /** Asks until the answer comes from memory; what came before was right all the same. */
  async function fromMemory(path: string): Promise<string> {
    let text = '';
    const began = performance.now();
    await vi.waitUntil(async () => {
      const auditId = randomUUID();
      const answer = await stack.proxied({ path, headers: { 'audit-id': auditId } });
      expect(answer.status).toBe(200);
      text = answer.text;
      return (await stack.watershed.logged(auditId)).source === 'cache';
    }, patience);
    console.log(`${path}: from memory after ${Math.round(performance.now() - began)} ms`);
    return text;
  }

  function namesIn(text: string): string[] {
    const list = JSON.parse(text) as { items: { metadata: { name: string } }[] };
    return list.items.map(({ metadata }) => metadata.name);
  }

  test('a new one is served from memory, its selectable fields included', async () => {
    expect((await stack.proxied({ path: things })).status).toBe(404);
    await createCrd();
    await createThing('one', 'red');
    await createThing('two', 'blue');
    expect(namesIn(await fromMemory(things))).toEqual(['one', 'two']);
    const selected = `${things}?fieldSelector=spec.color%3Dred`;
    expect(namesIn(await fromMemory(selected))).toEqual(['one']);
  }, 120_000);

  test('its deletion ends its watches well, after the deletions of its objects', async () => {
    const path = `${things}?watch=1&resourceVersion=0&timeoutSeconds=120`;
    const client = await stack.connect('proxied');
    const headers = { authorization: `Bearer ${stack.controlPlane.tokens.admin}` };
    const watch = client.open({ path, headers });
    try {
      await watch.untilLines(2);
      const answer = await stack.controlPlane.request('DELETE', `${crds}/things.${group}`);
      expect(answer.status).toBe(200);
      await watch.untilEnd();
      expect(watch.end).toEqual({ kind: 'clean' });
      const types = watch.lines.map((line) => (JSON.parse(line) as { type: string }).type);
      expect(types.slice(0, 2)).toEqual(['ADDED', 'ADDED']);
      expect(types.filter((type) => type === 'DELETED')).toHaveLength(2);
    } finally {
      client.close();
    }
    await vi.waitUntil(async () => (await stack.direct({ path: things })).status === 404, patience);
    const direct = await stack.direct({ path: things });
    await vi.waitUntil(
      async () => (await stack.proxied({ path: things })).status === 404,
      patience,
    );
    expect((await stack.proxied({ path: things })).text).toBe(direct.text);
  }, 180_000);

  test('one that comes back under the same name holds nothing of the first', async () => {
    await createCrd();
    await createThing('three', 'red');
    expect(namesIn(await fromMemory(things))).toEqual(['three']);
    const watched = await stack.proxied({ path: `${things}?watch=1&timeoutSeconds=1` });
    expect(watched.lines).toHaveLength(1);
  }, 120_000);
});
