import { describe, expect, test } from 'vitest';
import { decodeContinueToken } from '../../src/k8s/continue-token.ts';
import { quiet, simulate } from './support.ts';

const api = await simulate({ ...quiet, windowEvents: 50 });
const { store } = api.simulator;
const configMaps = '/api/v1/configmaps';
const names = (items: { metadata: { namespace: string; name: string } }[]): string[] =>
  items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);

for (const name of ['a', 'a-b']) {
  await api.send('POST', '/api/v1/namespaces', { metadata: { name } });
}
for (const namespace of ['a', 'a-b']) {
  for (const name of ['x', 'y', 'z']) {
    const labels = { team: name === 'x' ? 'one' : 'two', ns: namespace };
    await api.configMap(namespace, name, { metadata: { labels }, data: { html: '<b>&' } });
  }
}
const own = `${configMaps}?labelSelector=team`;

describe('bytes', () => {
  test('a built-in list item is the watch object without kind and apiVersion', async () => {
    const { text } = await api.get('/api/v1/namespaces/a/configmaps?fieldSelector=metadata.name=x');
    const one = await api.get('/api/v1/namespaces/a/configmaps/x');
    const item = one.text.trimEnd().replace('"kind":"ConfigMap","apiVersion":"v1",', '');
    expect(text).toBe(
      `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"${store.revisions.current}"},"items":[${item}]}\n`,
    );
    expect(one.text).toMatch(
      /^\{"kind":"ConfigMap","apiVersion":"v1","metadata":\{"name":"x","namespace":"a","uid":"[0-9a-f-]{36}","resourceVersion":"\d+","creationTimestamp":"[^"]+Z","labels":\{"ns":"a","team":"one"\},"managedFields":\[/,
    );
    expect(one.text).toContain('"data":{"html":"\\u003cb\\u003e\\u0026"}');
  });

  test('a custom resource has sorted keys, keeps its kind and always says continue', async () => {
    const path = '/apis/demo.watershed.dev/v1/widgets';
    const { text } = await api.get(`${path}?fieldSelector=spec.color=red`);
    expect(text).toMatch(
      /^\{"apiVersion":"demo.watershed.dev\/v1","items":\[\{"apiVersion":"demo.watershed.dev\/v1","kind":"Widget","metadata":\{"creationTimestamp":/,
    );
    expect(text).toMatch(
      /\],"kind":"WidgetList","metadata":\{"continue":"","resourceVersion":"\d+"\}\}\n$/,
    );
  });

  test('an empty list prints an empty array', async () => {
    const { json } = await api.get('/api/v1/namespaces/none/pods');
    expect(json.items).toEqual([]);
  });

  test('curl gets indented JSON', async () => {
    const { text } = await api.get('/api/v1/namespaces/a', { 'User-Agent': 'curl/8.5.0' });
    expect(text).toMatch(/^\{\n {2}"kind": "Namespace",/);
  });

  test('answers carry the headers of an apiserver', async () => {
    const { headers } = await api.get(configMaps, { 'Audit-Id': 'mine' });
    expect(headers['audit-id']).toBe('mine');
    expect(headers['cache-control']).toBe('no-cache, private');
    expect(headers['content-type']).toBe('application/json');
  });
});

describe('lists', () => {
  test('order is by the bytes of namespace/name', async () => {
    const { json } = await api.get(own);
    expect(names(json.items)).toEqual(['a-b/x', 'a-b/y', 'a-b/z', 'a/x', 'a/y', 'a/z']);
  });

  test('a namespace is not its neighbour', async () => {
    const { json } = await api.get('/api/v1/namespaces/a/configmaps');
    expect(names(json.items)).toEqual(['a/x', 'a/y', 'a/z']);
  });

  test.each([
    ['labelSelector=team=one', ['a-b/x', 'a/x']],
    ['labelSelector=team in (two),ns!=a', ['a-b/y', 'a-b/z']],
    ['labelSelector=team,ns notin (a-b)', ['a/x', 'a/y', 'a/z']],
    ['labelSelector=team&fieldSelector=metadata.name=x', ['a-b/x', 'a/x']],
    ['labelSelector=team&fieldSelector=metadata.namespace!=a,metadata.name!=x', ['a-b/y', 'a-b/z']],
  ])('%s selects', async (query, expected) => {
    const { json } = await api.get(`${configMaps}?${encodeURI(query)}`);
    expect(names(json.items)).toEqual(expected);
  });

  test('pages go on where they stopped, at the same revision', async () => {
    const first = (await api.get('/api/v1/namespaces/a/configmaps?limit=2')).json;
    expect(first.metadata.remainingItemCount).toBe(1);
    const token = decodeContinueToken(first.metadata.continue);
    expect(token).toEqual({ revision: Number(first.metadata.resourceVersion), start: 'y\0' });
    await api.configMap('a', 'zz');
    const path = '/api/v1/namespaces/a/configmaps?limit=2';
    const second = (await api.get(`${path}&continue=${first.metadata.continue}`)).json;
    expect(names(second.items)).toEqual(['a/z']);
    expect(second.metadata).toEqual({ resourceVersion: first.metadata.resourceVersion });
    await api.send('DELETE', '/api/v1/namespaces/a/configmaps/zz');
  });

  test('a page with a selector does not say how many are left', async () => {
    const { metadata } = (await api.get(`${own}&limit=1`)).json;
    expect(metadata.remainingItemCount).toBeUndefined();
    expect(metadata.continue).toBeDefined();
  });

  test('resourceVersion 0 ignores the limit', async () => {
    const { json } = await api.get(`${own}&limit=1&resourceVersion=0`);
    expect(json.items).toHaveLength(6);
    expect(json.metadata.continue).toBeUndefined();
  });

  test('an exact revision shows the state of that time', async () => {
    const before = store.revisions.current;
    await api.send('DELETE', '/api/v1/namespaces/a/configmaps/y');
    await api.configMap('a', 'new');
    const exact = `/api/v1/namespaces/a/configmaps?resourceVersion=${before}`;
    for (const form of ['&resourceVersionMatch=Exact', '&limit=10']) {
      const { json } = await api.get(exact + form);
      expect(names(json.items)).toEqual(['a/x', 'a/y', 'a/z']);
      expect(json.metadata.resourceVersion).toBe(String(before));
    }
    const { json } = await api.get(`${exact}&resourceVersionMatch=NotOlderThan`);
    expect(names(json.items)).toEqual(['a/new', 'a/x', 'a/z']);
  });

  test('a revision that is still to come is waited for', async () => {
    const wanted = store.revisions.current + 1;
    const list = api.get(`${configMaps}?resourceVersion=${wanted}`);
    await api.configMap('a', 'late');
    expect((await list).status).toBe(200);
  });
});

describe('refusals', () => {
  test.each([
    ['limit=abc', 400, 'strconv.ParseInt: parsing "abc": invalid syntax'],
    [
      'resourceVersion=abc',
      400,
      'invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax',
    ],
    ['labelSelector=a,', 400, undefined],
    [
      'fieldSelector=a.b=c',
      400,
      '"a.b" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ],
    ['continue=abc', 400, undefined],
    [
      'resourceVersion=0&resourceVersionMatch=Exact',
      422,
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    ],
    [
      'sendInitialEvents=true',
      422,
      'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list',
    ],
    [
      'watch=1&resourceVersion=1&resourceVersionMatch=Exact',
      422,
      'ListOptions.meta.k8s.io "" is invalid: [resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided, resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"]',
    ],
    ['resourceVersion=99999999', 504, undefined],
    ['watch=1&resourceVersion=abc', 500, undefined],
  ])('%s is refused with %i', async (query, status, message) => {
    const answer = await api.get(`${configMaps}?${query}`);
    expect(answer.status).toBe(status);
    expect(answer.json.kind).toBe('Status');
    if (message !== undefined) expect(answer.json.message).toBe(message);
  });

  test('a revision from before the window is gone', async () => {
    const answer = await api.get(`${configMaps}?resourceVersion=1&resourceVersionMatch=Exact`);
    expect(answer.status).toBe(410);
    expect(answer.json.message).toBe('The resourceVersion for the provided list is too old.');
  });

  test('a page from before the window offers to go on inexactly', async () => {
    const { metadata } = (await api.get(`${configMaps}?limit=1`)).json;
    for (let at = 0; at < 51; at += 1) await api.configMap('a-b', `filler-${at}`);
    const answer = await api.get(`${configMaps}?continue=${metadata.continue}`);
    expect(answer.status).toBe(410);
    expect(answer.json.reason).toBe('Expired');
    expect(decodeContinueToken(answer.json.metadata.continue)?.revision).toBe(-1);
    const path = `${configMaps}?limit=500&continue=${answer.json.metadata.continue}`;
    expect((await api.get(path)).status).toBe(200);
  });

  test.each([
    ['/api/v1/foos', 404, 'the server could not find the requested resource'],
    ['/api/v1/pods/x/y', 404, 'the server could not find the requested resource'],
    ['/api/v1/namespaces/a/pods/nope', 404, 'pods "nope" not found'],
    ['/apis/apps/v1/namespaces/a/deployments/nope', 404, 'deployments.apps "nope" not found'],
    [
      '/api/v1/nodes?fieldSelector=metadata.namespace=x',
      400,
      'field label not supported: metadata.namespace',
    ],
    ['/api/v1/pods?fieldSelector=a.b=c', 400, 'field label not supported: a.b'],
  ])('%s gives %i', async (path, status, message) => {
    const answer = await api.get(path);
    expect(answer.status).toBe(status);
    expect(answer.json.message).toBe(message);
  });

  test.each(['/foo', '/apis/nope/v1/x'])('%s is not even a Status', async (path) => {
    const answer = await api.get(path);
    expect(answer.status).toBe(404);
    expect(answer.text).toBe('404 page not found\n');
  });

  test('a media type nobody can write is not acceptable', async () => {
    const answer = await api.get(configMaps, { Accept: 'application/vnd.kubernetes.protobuf' });
    expect(answer.status).toBe(406);
  });
});

describe('views', () => {
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
  const partial = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

  test('a table has columns and a row per object', async () => {
    const { json } = await api.get('/api/v1/namespaces?limit=1', { Accept: table });
    expect(json.kind).toBe('Table');
    expect(json.columnDefinitions.map((column: { name: string }) => column.name)).toEqual([
      'Name',
      'Status',
      'Age',
    ]);
    expect(json.rows[0].cells.slice(0, 2)).toEqual(['a', 'Active']);
    expect(json.rows[0].object.kind).toBe('PartialObjectMetadata');
    expect(json.metadata.continue).toBeDefined();
  });

  test('metadata lists name their items', async () => {
    const { json } = await api.get(own, { Accept: partial });
    expect(json.kind).toBe('PartialObjectMetadataList');
    expect(json.items).toHaveLength(5);
    expect(Object.keys(json.items[0])).toEqual(['kind', 'apiVersion', 'metadata']);
  });
});
