import { describe, expect, test } from 'vitest';
import { quiet, simulate } from './support.ts';

const api = await simulate(quiet);
const path = '/api/v1/namespaces/default/configmaps';
const now = (): number => api.simulator.store.revisions.current;
const mergePatch = { 'Content-Type': 'application/merge-patch+json' };
const strategicPatch = { 'Content-Type': 'application/strategic-merge-patch+json' };
const jsonPatch = { 'Content-Type': 'application/json-patch+json' };

describe('create', () => {
  test('the server fills in what is its own', async () => {
    const { status, json } = await api.send('POST', path, {
      metadata: { name: 'c', uid: 'mine', generation: 7, creationTimestamp: null },
      data: { a: '1' },
    });
    expect(status).toBe(201);
    expect(Object.keys(json)).toEqual(['kind', 'apiVersion', 'metadata', 'data']);
    expect(json.metadata).toMatchObject({ namespace: 'default', resourceVersion: String(now()) });
    expect(json.metadata.uid).toMatch(/^[0-9a-f]{8}-/);
    expect(json.metadata.managedFields[0].fieldsV1).toEqual({ 'f:data': { '.': {}, 'f:a': {} } });
  });

  test('numeric keys of a map are in byte order, as Go prints them', async () => {
    const { text } = await api.send('POST', path, {
      metadata: { name: 'order' },
      data: { '2': 'b', '10': 'a' },
    });
    expect(text).toContain('"data":{"10":"a","2":"b"}');
  });

  test('a generated name is made up', async () => {
    const { json } = await api.send('POST', path, { metadata: { generateName: 'x-' } });
    expect(json.metadata.name).toMatch(/^x-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  test.each([
    ['the same name again', { name: 'c' }, 409, 'configmaps "c" already exists'],
    [
      'an impossible name',
      { name: 'C_' },
      422,
      /^ConfigMap "C_" is invalid: metadata.name: Invalid/,
    ],
    [
      'another namespace',
      { name: 'd', namespace: 'other' },
      400,
      /namespace of the provided object/,
    ],
    ['a resourceVersion', { name: 'd', resourceVersion: '1' }, 400, /should not be set/],
  ])('%s is refused', async (_, metadata, status, message) => {
    const answer = await api.send('POST', path, { metadata });
    expect(answer.status).toBe(status);
    expect(answer.json.message).toEqual(
      typeof message === 'string' ? message : expect.stringMatching(message),
    );
  });

  test('a namespace that is not there is not found', async () => {
    const answer = await api.send('POST', '/api/v1/namespaces/nope/pods', {
      metadata: { name: 'p' },
    });
    expect(answer.status).toBe(404);
    expect(answer.json.details).toEqual({ name: 'nope', kind: 'namespaces' });
  });

  test('a namespaced object needs a namespace in its path', async () => {
    expect((await api.send('POST', '/api/v1/pods', { metadata: { name: 'p' } })).status).toBe(405);
  });

  test('a broken body is a bad request', async () => {
    const answer = await api.send('POST', path, '{"metadata":');
    expect(answer.status).toBe(400);
    expect(answer.json.reason).toBe('BadRequest');
  });

  test('a body of another kind is a bad request', async () => {
    const answer = await api.send('POST', path, { kind: 'Secret', metadata: { name: 's' } });
    expect(answer.status).toBe(400);
  });

  test('a body beyond the limit is too large', async () => {
    const data = { big: 'x'.repeat(4 * 1024 ** 2) };
    const answer = await api.send('POST', path, { metadata: { name: 'big' }, data });
    expect(answer.status).toBe(413);
  });

  test('a dry run stores nothing', async () => {
    const before = now();
    const answer = await api.send('POST', `${path}?dryRun=All`, { metadata: { name: 'dry' } });
    expect(answer.status).toBe(201);
    expect(now()).toBe(before);
  });
});

describe('update', () => {
  test('the newest version may be replaced, an older one may not', async () => {
    const read = (await api.get(`${path}/c`)).json;
    const first = await api.send('PUT', `${path}/c`, { ...read, data: { a: '2' } });
    expect(first.json.metadata.resourceVersion).toBe(String(now()));
    expect(first.json.metadata.uid).toBe(read.metadata.uid);
    const second = await api.send('PUT', `${path}/c`, { ...read, data: { a: '3' } });
    expect(second.status).toBe(409);
    expect(second.json.message).toBe(
      'Operation cannot be fulfilled on configmaps "c": the object has been modified; ' +
        'please apply your changes to the latest version and try again',
    );
  });

  test('a change of nothing is no event', async () => {
    const read = (await api.get(`${path}/c`)).json;
    const before = now();
    const answer = await api.send('PUT', `${path}/c`, read);
    expect(answer.status).toBe(200);
    expect(now()).toBe(before);
  });

  test('the name must be that of the path', async () => {
    const answer = await api.send('PUT', `${path}/c`, { metadata: { name: 'other' } });
    expect(answer.json.message).toBe(
      'the name of the object (other) does not match the name on the URL (c)',
    );
  });

  test('status and the rest are written apart', async () => {
    const nodes = '/api/v1/nodes';
    await api.send('POST', nodes, { metadata: { name: 'n' }, spec: { podCIDR: '10.0.0.0/24' } });
    const status = { phase: 'Running' };
    const main = await api.send('PATCH', `${nodes}/n`, { status }, mergePatch);
    expect(main.json.status).toBeUndefined();
    const sub = await api.send(
      'PATCH',
      `${nodes}/n/status`,
      { status, spec: { podCIDR: 'x' } },
      mergePatch,
    );
    expect(sub.json.status).toEqual(status);
    expect(sub.json.spec.podCIDR).toBe('10.0.0.0/24');
  });
});

describe('patch', () => {
  test('a merge patch sets and removes', async () => {
    const patch = { metadata: { labels: { a: 'b' } }, data: { a: null, n: '1' } };
    const { json } = await api.send('PATCH', `${path}/c`, patch, mergePatch);
    expect(json.metadata.labels).toEqual({ a: 'b' });
    expect(json.data).toEqual({ n: '1' });
  });

  test('a JSON patch tests, adds, moves and removes', async () => {
    const patch = [
      { op: 'test', path: '/data/n', value: '1' },
      { op: 'add', path: '/data/a~1b', value: 'slash' },
      { op: 'move', from: '/data/n', path: '/data/m' },
      { op: 'remove', path: '/metadata/labels/a' },
    ];
    const { json } = await api.send('PATCH', `${path}/c`, patch, jsonPatch);
    expect(json.data).toEqual({ 'a/b': 'slash', m: '1' });
    expect(json.metadata.labels).toBeUndefined();
    expect((await api.send('PATCH', `${path}/c`, patch, jsonPatch)).status).toBe(422);
  });

  test('a strategic patch merges containers by name', async () => {
    const deployments = '/apis/apps/v1/namespaces/default/deployments';
    const containers = [
      { name: 'a', image: 'one', ports: [{ containerPort: 1 }] },
      { name: 'b', image: 'two' },
    ];
    const spec = { template: { spec: { containers } } };
    const created = await api.send('POST', deployments, { metadata: { name: 'd' }, spec });
    expect(created.json.metadata.generation).toBe(1);
    const change = {
      $setElementOrder: [],
      containers: [
        { name: 'a', image: 'three' },
        { name: 'b', $patch: 'delete' },
      ],
    };
    const patch = { spec: { template: { spec: change } } };
    const { json } = await api.send('PATCH', `${deployments}/d`, patch, strategicPatch);
    expect(json.spec.template.spec.containers).toEqual([
      { name: 'a', image: 'three', ports: [{ containerPort: 1 }] },
    ]);
    expect(json.metadata.generation).toBe(2);
  });

  test('a patch of another version is a conflict', async () => {
    const patch = { metadata: { resourceVersion: '1' } };
    expect((await api.send('PATCH', `${path}/c`, patch, mergePatch)).status).toBe(409);
  });

  test('an unknown patch type is refused', async () => {
    expect((await api.send('PATCH', `${path}/c`, {})).status).toBe(415);
  });

  test('an apply creates what is not there', async () => {
    const type = { 'Content-Type': 'application/apply-patch+yaml' };
    const object = { metadata: { name: 'applied' }, data: { a: '1' } };
    const apply = () => api.send('PATCH', `${path}/applied?fieldManager=me`, object, type);
    expect((await apply()).status).toBe(201);
    const again = await apply();
    expect(again.status).toBe(200);
    expect(again.json.metadata.managedFields[0].manager).toBe('me');
  });
});

describe('delete', () => {
  test('the answer tells what was deleted', async () => {
    const { metadata } = await api.configMap('default', 'gone');
    const { json } = await api.send('DELETE', `${path}/gone`);
    expect(json).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: 'gone', kind: 'configmaps', uid: metadata.uid },
    });
    expect((await api.send('DELETE', `${path}/gone`)).status).toBe(404);
  });

  test('a precondition protects another object of the same name', async () => {
    await api.configMap('default', 'guarded');
    const options = { preconditions: { uid: 'another' } };
    expect((await api.send('DELETE', `${path}/guarded`, options)).status).toBe(409);
    expect((await api.get(`${path}/guarded`)).status).toBe(200);
  });

  test('a finalizer holds an object until it is removed', async () => {
    await api.configMap('default', 'held', { metadata: { finalizers: ['me/wait'] } });
    const { json } = await api.send('DELETE', `${path}/held`);
    expect(json.metadata.deletionTimestamp).toBeDefined();
    await api.send('PATCH', `${path}/held`, { metadata: { finalizers: null } }, mergePatch);
    expect((await api.get(`${path}/held`)).status).toBe(404);
  });

  test('a collection is deleted by selector', async () => {
    for (const name of ['one', 'two', 'three']) {
      await api.configMap('default', name, { metadata: { labels: { many: 'yes' } } });
    }
    const { json } = await api.send('DELETE', `${path}?labelSelector=many`);
    expect(json.kind).toBe('ConfigMapList');
    expect(json.items).toHaveLength(3);
    expect((await api.get(`${path}?labelSelector=many`)).json.items).toEqual([]);
    expect((await api.get(`${path}/c`)).status).toBe(200);
  });

  test('a namespace takes its contents along', async () => {
    await api.send('POST', '/api/v1/namespaces', { metadata: { name: 'doomed' } });
    await api.configMap('doomed', 'inside');
    await api.send('DELETE', '/api/v1/namespaces/doomed');
    const { json } = await api.get('/api/v1/configmaps?fieldSelector=metadata.namespace=doomed');
    expect(json.items).toEqual([]);
  });

  test('a workload takes what it owns along', async () => {
    const sets = '/apis/apps/v1/namespaces/default/replicasets';
    const { uid } = (await api.send('POST', sets, { metadata: { name: 'rs' } })).json.metadata;
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid };
    const pods = '/api/v1/namespaces/default/pods';
    const spec = { containers: [{ name: 'c', image: 'i' }] };
    await api.send('POST', pods, { metadata: { name: 'p', ownerReferences: [owner] }, spec });
    await api.send('DELETE', `${sets}/rs`);
    expect((await api.get(`${pods}/p`)).status).toBe(404);
  });
});
