import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../src/simulator/object.ts';
import { quiet, simulate } from './support.ts';

const api = await simulate({ ...quiet, bookmarkMs: 30, bookmarkTickMs: 10, windowEvents: 100 });
const { store, writes } = api.simulator;
const path = '/api/v1/namespaces/default/configmaps';
const own = `${path}?labelSelector=t&watch=1`;
const now = (): number => store.revisions.current;

async function label(name: string, labels: Record<string, string | null>): Promise<void> {
  const patch = { metadata: { labels } };
  await api.send('PATCH', `${path}/${name}`, patch, {
    'Content-Type': 'application/merge-patch+json',
  });
}

describe('the start', () => {
  test('an unset revision sends the state, then the end mark, then events', async () => {
    await api.configMap('default', 'one', { metadata: { labels: { t: 'start' } } });
    const watch = await api.watch(`${own}&allowWatchBookmarks=true`);
    expect(await watch.take(1)).toEqual(['ADDED one']);
    expect(await watch.line()).toBe(
      `{"type":"BOOKMARK","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"resourceVersion":"${now()}","annotations":{"k8s.io/initial-events-end":"true"}}}}`,
    );
    await label('one', { more: 'yes' });
    expect(await watch.take(1)).toEqual(['MODIFIED one']);
    watch.close();
  });

  test('without bookmarks there is no end mark', async () => {
    const watch = await api.watch(own);
    expect(await watch.take(1)).toEqual(['ADDED one']);
    await label('one', { more: 'no' });
    expect(await watch.take(1)).toEqual(['MODIFIED one']);
    watch.close();
  });

  test('sendInitialEvents=false starts with what happens next', async () => {
    const form = '&sendInitialEvents=false&resourceVersionMatch=NotOlderThan';
    const watch = await api.watch(own + form);
    await label('one', { more: 'later' });
    expect(await watch.take(1)).toEqual(['MODIFIED one']);
    watch.close();
  });

  test('a revision replays what came after it', async () => {
    const from = now();
    await api.configMap('default', 'two', { metadata: { labels: { t: 'x' } } });
    await label('two', { more: 'a' });
    await api.send('DELETE', `${path}/two`);
    const watch = await api.watch(`${own}&resourceVersion=${from}`);
    expect(await watch.take(3)).toEqual(['ADDED two', 'MODIFIED two', 'DELETED two']);
    watch.close();
  });

  test('a future revision is accepted and hides everything up to it', async () => {
    const watch = await api.watch(`${own}&resourceVersion=${now() + 2}`);
    for (const more of ['1', '2', '3']) await label('one', { more });
    expect((await watch.next()).object.metadata.labels.more).toBe('3');
    watch.close();
  });

  test('a revision from before the window gives one ERROR with 410', async () => {
    const watch = await api.watch(`${own}&resourceVersion=7`);
    const { floor } = store.get('v1', 'configmaps').window;
    expect(watch.status).toBe(200);
    expect(await watch.line()).toBe(
      `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version: 7 (${floor})","reason":"Expired","code":410}}`,
    );
    expect(await watch.ended()).toBe(true);
  });

  test('initial events of a future revision time out', async () => {
    const form = '&sendInitialEvents=true&resourceVersionMatch=NotOlderThan';
    const watch = await api.watch(`${own}${form}&resourceVersion=99999999`);
    const { type, object } = await watch.next();
    expect([type, object.code, object.details.retryAfterSeconds]).toEqual(['ERROR', 504, 1]);
  });
});

describe('selectors', () => {
  test('an object comes and goes as its labels match', async () => {
    const selected = `${path}?watch=1&labelSelector=s=in&resourceVersion=${now()}`;
    const watch = await api.watch(selected);
    await api.configMap('default', 'moving', { data: { v: '1' } });
    await label('moving', { s: 'in' });
    await label('moving', { more: '1' });
    await label('moving', { s: 'out' });
    const leftAt = now();
    await label('moving', { s: 'in' });
    await api.send('DELETE', `${path}/moving`);
    expect(await watch.take(2)).toEqual(['ADDED moving', 'MODIFIED moving']);
    const left = await watch.next();
    expect(left.type).toBe('DELETED');
    expect(left.object.metadata.labels).toEqual({ more: '1', s: 'in' });
    expect(left.object.metadata.resourceVersion).toBe(String(leftAt));
    expect(await watch.take(2)).toEqual(['ADDED moving', 'DELETED moving']);
    watch.close();
  });

  test('a field selector follows the field', async () => {
    const pods = '/api/v1/namespaces/default/pods';
    const watch = await api.watch(`${pods}?watch=1&fieldSelector=spec.nodeName=n1`);
    const spec = { containers: [{ name: 'c', image: 'i' }] };
    await api.send('POST', pods, { metadata: { name: 'p' }, spec });
    const bind = (pod: KubeObject): KubeObject => ({
      ...pod,
      spec: { ...pod.spec, nodeName: 'n1' },
    });
    writes.update(store.get('v1', 'pods'), 'default/p', bind, { manager: 'test' });
    expect(await watch.take(1)).toEqual(['ADDED p']);
    watch.close();
  });

  test('another namespace is not seen', async () => {
    const watch = await api.watch(`${path}?watch=1&labelSelector=n&resourceVersion=${now()}`);
    await api.configMap('kube-system', 'elsewhere', { metadata: { labels: { n: '' } } });
    await api.configMap('default', 'here', { metadata: { labels: { n: '' } } });
    expect(await watch.take(1)).toEqual(['ADDED here']);
    watch.close();
  });

  test('a deletion carries the last state and the revision of the deletion', async () => {
    await api.configMap('default', 'gone', { data: { last: 'words' } });
    const watch = await api.watch(`${path}?watch=1&resourceVersion=${now()}`);
    await api.send('DELETE', `${path}/gone`);
    const { type, object } = await watch.next();
    expect([type, object.data.last]).toEqual(['DELETED', 'words']);
    expect(object.metadata.resourceVersion).toBe(String(now()));
    watch.close();
  });
});

describe('bookmarks', () => {
  test('come when asked for, and only once the store has moved on', async () => {
    const watch = await api.watch(
      `/api/v1/secrets?watch=1&allowWatchBookmarks=true&resourceVersion=${now()}`,
    );
    await api.configMap('default', 'elsewhere');
    const expected = now();
    const { type, object } = await watch.next();
    expect(type).toBe('BOOKMARK');
    expect(object).toEqual({
      kind: 'Secret',
      apiVersion: 'v1',
      metadata: { resourceVersion: String(expected) },
    });
    watch.close();
  });

  test.each([
    ['/api/v1/pods', '"spec":{"containers":null},"status":{}'],
    ['/apis/coordination.k8s.io/v1/leases', '"spec":{}'],
    ['/apis/discovery.k8s.io/v1/endpointslices', '"addressType":"","endpoints":null,"ports":null'],
  ])('of %s hold the zero object of the kind', async (collection, zero) => {
    const query = 'watch=1&allowWatchBookmarks=true&fieldSelector=metadata.name=none';
    const watch = await api.watch(`${collection}?${query}`);
    expect(await watch.line()).toContain(`"k8s.io/initial-events-end":"true"}},${zero}}}`);
    watch.close();
  });
});

describe('the end', () => {
  test('timeoutSeconds ends the stream cleanly', async () => {
    const watch = await api.watch(`${path}?watch=1&timeoutSeconds=1`);
    expect(await watch.ended()).toBe(true);
  });

  test('a watch of a custom resource ends with its CRD', async () => {
    const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const watch = await api.watch('/apis/demo.watershed.dev/v1/widgets?watch=1');
    expect(await watch.take(3)).toContain('ADDED red-widget');
    await api.send('DELETE', `${crds}/widgets.demo.watershed.dev`);
    expect(await watch.ended()).toBe(true);
    expect((await api.get('/apis/demo.watershed.dev/v1/widgets')).status).toBe(404);
  });

  test('a closed client leaves nothing behind', async () => {
    const watch = await api.watch('/api/v1/endpoints?watch=1');
    expect(api.simulator.watchCounts()['v1/endpoints']).toBe(1);
    watch.close();
    await expect.poll(() => api.simulator.watchCounts()['v1/endpoints']).toBeUndefined();
  });
});

test('a table watch describes its columns once', async () => {
  const accept = { Accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
  const query = 'watch=1&allowWatchBookmarks=true&limit=500';
  const watch = await api.watch(`/api/v1/namespaces?${query}`, accept);
  const first = await watch.next();
  expect(first.object.columnDefinitions).toHaveLength(3);
  expect(first.object.rows[0].cells[0]).toBe('default');
  const second = await watch.next();
  expect(second.object.columnDefinitions).toBeNull();
  watch.close();
});
