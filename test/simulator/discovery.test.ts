import { describe, expect, test } from 'vitest';
import { quiet, simulate } from './support.ts';

const api = await simulate(quiet);
const aggregated = {
  Accept:
    'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,' +
    'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json',
};

interface Named {
  readonly name: string;
}

describe('discovery', () => {
  test('the core group lists its resources', async () => {
    expect((await api.get('/api')).json.versions).toEqual(['v1']);
    const { resources } = (await api.get('/api/v1')).json;
    const pods = resources.find(({ name }: Named) => name === 'pods');
    expect(pods).toMatchObject({
      singularName: 'pod',
      namespaced: true,
      kind: 'Pod',
      shortNames: ['po'],
      categories: ['all'],
    });
    expect(pods.verbs).toContain('watch');
    expect(resources.map(({ name }: Named) => name)).toContain('pods/status');
  });

  test('every group leads to its resources', async () => {
    const { groups } = (await api.get('/apis')).json;
    expect(groups.map(({ name }: Named) => name)).toContain('coordination.k8s.io');
    for (const { name, preferredVersion } of groups) {
      expect((await api.get(`/apis/${name}`)).json.kind).toBe('APIGroup');
      const list = (await api.get(`/apis/${preferredVersion.groupVersion}`)).json;
      expect(list.groupVersion).toBe(preferredVersion.groupVersion);
      expect(list.resources.length).toBeGreaterThan(0);
    }
  });

  test('the aggregated form says the same', async () => {
    const answer = await api.get('/apis', aggregated);
    expect(answer.headers['content-type']).toContain('as=APIGroupDiscoveryList');
    const apps = answer.json.items.find(({ metadata }: { metadata: Named }) => {
      return metadata.name === 'apps';
    });
    const { resources } = apps.versions[0];
    expect(resources.map(({ resource }: { resource: string }) => resource)).toEqual([
      'daemonsets',
      'deployments',
      'replicasets',
      'statefulsets',
    ]);
    expect((await api.get('/api', aggregated)).json.items[0].metadata).toEqual({});
  });

  test('a new CRD is served at once and has an APIService', async () => {
    const crd = {
      metadata: { name: 'gears.test.example.com' },
      spec: {
        group: 'test.example.com',
        scope: 'Cluster',
        names: { plural: 'gears', kind: 'Gear' },
        versions: [{ name: 'v1', served: true, storage: true }],
      },
    };
    await api.send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd);
    const gears = '/apis/test.example.com/v1/gears';
    const created = await api.send('POST', gears, { metadata: { name: 'g' }, spec: { teeth: 9 } });
    expect(created.text).toMatch(
      /^\{"apiVersion":"test.example.com\/v1","kind":"Gear","metadata":/,
    );
    expect((await api.get('/apis', aggregated)).text).toContain('"resource":"gears"');
    const service = '/apis/apiregistration.k8s.io/v1/apiservices/v1.test.example.com';
    expect((await api.get(service)).json.spec.service).toBeUndefined();
    const conditions = async (): Promise<string[]> => {
      const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gears.test.example.com';
      const { status } = (await api.get(path)).json;
      return (status?.conditions ?? []).map(({ type }: { type: string }) => type);
    };
    await expect.poll(conditions).toContain('Established');
  });
});

describe('other paths', () => {
  test('the version is one clients accept', async () => {
    const { json } = await api.get('/version');
    expect(json.gitVersion).toMatch(/^v1\.36\./);
  });

  test('OpenAPI v3 tells kubectl that patches are validated by the server', async () => {
    const root = (await api.get('/openapi/v3')).json;
    const { serverRelativeURL } = root.paths['apis/apps/v1'];
    const { paths } = (await api.get(serverRelativeURL)).json;
    const { patch } = paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'];
    expect(patch.parameters.map(({ name }: Named) => name)).toContain('fieldValidation');
    expect(patch['x-kubernetes-group-version-kind'].kind).toBe('Deployment');
  });
});
