import { describe, expect, test } from 'vitest';
import { Discovery } from '../../src/upstream/discovery.ts';
import type { DiscoveryChange, DiscoveryOptions } from '../../src/upstream/discovery.ts';
import { ClusterDocuments } from './support/cluster-documents.ts';
import { useServers } from './support/harness.ts';
import { until } from './support/server.ts';

const { servePlain } = useServers();

/** A cluster with built-ins, a custom resource and an aggregated API. */
function cluster(): ClusterDocuments {
  const documents = new ClusterDocuments();
  documents.versions.set('v1', {
    resources: [
      { plural: 'pods', kind: 'Pod' },
      { plural: 'nodes', kind: 'Node', namespaced: false },
      { plural: 'events', kind: 'Event' },
      { plural: 'secrets', kind: 'Secret' },
      { plural: 'componentstatuses', kind: 'ComponentStatus', verbs: ['get', 'list'] },
      { plural: 'bindings', kind: 'Binding', verbs: ['create'] },
    ],
  });
  documents.versions.set('apps/v1', { resources: [{ plural: 'deployments', kind: 'Deployment' }] });
  documents.versions.set('events.k8s.io/v1', { resources: [{ plural: 'events', kind: 'Event' }] });
  documents.versions.set('certificates.k8s.io/v1', {
    resources: [{ plural: 'certificatesigningrequests', kind: 'CertificateSigningRequest' }],
  });
  documents.versions.set('example.com/v1', { resources: [{ plural: 'widgets', kind: 'Widget' }] });
  documents.versions.set('metrics.k8s.io/v1beta1', {
    resources: [{ plural: 'pods', kind: 'PodMetrics' }],
  });
  documents.remote.add('metrics.k8s.io/v1beta1');
  documents.definitions.set('widgets.example.com', { generation: 1, fields: ['.spec.color'] });
  return documents;
}

async function discover(documents: ClusterDocuments, options: Partial<DiscoveryOptions> = {}) {
  const { server, upstream } = await servePlain((request, response) =>
    documents.handle(request, response),
  );
  const discovery = new Discovery(upstream, options);
  const changes: DiscoveryChange[] = [];
  discovery.onChange((change) => changes.push(change));
  return { server, discovery, changes };
}

function cacheable(discovery: Discovery): string[] {
  const all = [...discovery.resources()];
  return all.filter(([, found]) => found.cacheable).map(([id]) => id);
}

describe.each(['aggregated', 'classic'] as const)('the %s form', (form) => {
  test('gives listable and watchable resources, and says which may be cached', async () => {
    const documents = cluster();
    documents.form = form;
    const { discovery } = await discover(documents);
    await discovery.refresh();
    expect([...discovery.resources().keys()]).toEqual([
      'v1/pods',
      'v1/nodes',
      'v1/events',
      'v1/secrets',
      'apps/v1/deployments',
      'events.k8s.io/v1/events',
      'certificates.k8s.io/v1/certificatesigningrequests',
      'example.com/v1/widgets',
      'metrics.k8s.io/v1beta1/pods',
    ]);
    expect(cacheable(discovery)).toEqual([
      'v1/pods',
      'v1/nodes',
      'apps/v1/deployments',
      'example.com/v1/widgets',
    ]);
    expect(discovery.lookup('', 'v1', 'nodes')).toMatchObject({
      resource: { group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false },
      custom: false,
      selectableFields: [],
    });
    expect(discovery.lookup('example.com', 'v1', 'widgets')).toMatchObject({
      resource: { kind: 'Widget', namespaced: true },
      custom: true,
      selectableFields: ['.spec.color'],
    });
    expect(discovery.lookup('metrics.k8s.io', 'v1beta1', 'pods')?.reason).toBe(
      'served by another server',
    );
  });

  test('keeps what it knew of a stale group version and says that it is stale', async () => {
    const documents = cluster();
    documents.form = form;
    const { discovery, changes } = await discover(documents);
    await discovery.refresh();
    documents.versions.set('metrics.k8s.io/v1beta1', { resources: [], stale: true });
    documents.failing.set('/apis/metrics.k8s.io', 503);
    await discovery.refresh();
    await discovery.refresh();
    expect([...discovery.stale]).toEqual(['metrics.k8s.io/v1beta1']);
    expect(discovery.lookup('metrics.k8s.io', 'v1beta1', 'pods')).toBeDefined();
    expect(changes).toEqual([]);
  });
});

test('secrets are cacheable when asked for', async () => {
  const { discovery } = await discover(cluster(), { policy: { secrets: true } });
  await discovery.refresh();
  expect(discovery.lookup('', 'v1', 'secrets')?.cacheable).toBe(true);
});

test('objects of another group or version than their path are not cacheable', async () => {
  const documents = cluster();
  const { discovery } = await discover({
    handle: (request: never, response: { end(text: string): void; setHeader(): void }) => {
      if ((request as { url: string }).url !== '/apis') {
        documents.handle(request, response as never);
        return;
      }
      const responseKind = { group: 'autoscaling', version: 'v2', kind: 'Scale' };
      const resources = [{ resource: 'odd', responseKind, verbs: ['list', 'watch'] }];
      const versions = [{ version: 'v1', freshness: 'Current', resources }];
      const items = [{ metadata: { name: 'apps' }, versions }];
      response.end(JSON.stringify({ kind: 'APIGroupDiscoveryList', items }));
    },
  } as unknown as ClusterDocuments);
  await discovery.refresh();
  expect(discovery.lookup('apps', 'v1', 'odd')?.cacheable).toBe(false);
});

describe('when APIServices may not be read', () => {
  test('only built-in groups and those of custom resources are believed', async () => {
    const documents = cluster();
    documents.failing.set('/apis/apiregistration.k8s.io', 403);
    const { discovery } = await discover(documents);
    await discovery.refresh();
    expect(cacheable(discovery)).toEqual([
      'v1/pods',
      'v1/nodes',
      'apps/v1/deployments',
      'example.com/v1/widgets',
    ]);
    expect(discovery.lookup('metrics.k8s.io', 'v1beta1', 'pods')?.reason).toBe(
      'nothing says who serves it',
    );
  });

  test('and custom resources neither, only built-in groups are', async () => {
    const documents = cluster();
    documents.failing.set('/apis/apiregistration.k8s.io', 403);
    documents.failing.set('/apis/apiextensions.k8s.io', 404);
    const { discovery } = await discover(documents);
    await discovery.refresh();
    expect(cacheable(discovery)).toEqual(['v1/pods', 'v1/nodes', 'apps/v1/deployments']);
    expect(discovery.lookup('example.com', 'v1', 'widgets')).toMatchObject({ custom: true });
  });
});

describe('changes', () => {
  test('a group that another server takes over stops being cacheable at once', async () => {
    const documents = cluster();
    const { discovery, changes } = await discover(documents);
    await discovery.refresh();
    documents.remote.add('example.com/v1');
    await discovery.refresh();
    expect(discovery.lookup('example.com', 'v1', 'widgets')?.cacheable).toBe(false);
    expect(changes).toMatchObject([{ kind: 'changed', resource: { plural: 'widgets' } }]);
  });

  test('a new generation of a definition is a change and brings its new fields', async () => {
    const documents = cluster();
    const { discovery, changes } = await discover(documents);
    await discovery.refresh();
    await discovery.refresh();
    expect(changes).toEqual([]);
    documents.definitions.set('widgets.example.com', { generation: 2, fields: ['.spec.size'] });
    await discovery.refresh();
    expect(changes).toMatchObject([{ kind: 'changed', resource: { plural: 'widgets' } }]);
    expect(discovery.lookup('example.com', 'v1', 'widgets')?.selectableFields).toEqual([
      '.spec.size',
    ]);
  });

  test('a generation that changes nothing, as a deletion is marked, is no change', async () => {
    const documents = cluster();
    const { discovery, changes } = await discover(documents);
    await discovery.refresh();
    documents.definitions.set('widgets.example.com', { generation: 2, fields: ['.spec.color'] });
    await discovery.refresh();
    expect(changes).toEqual([]);
  });

  test('a version that its definition does not serve is removed though documents name it', async () => {
    const documents = cluster();
    const { discovery, changes } = await discover(documents);
    await discovery.refresh();
    const definition = { generation: 2, fields: [], served: false };
    documents.definitions.set('widgets.example.com', definition);
    await discovery.refresh();
    expect(discovery.lookup('example.com', 'v1', 'widgets')?.cacheable).toBe(false);
    expect(changes).toMatchObject([{ kind: 'changed', resource: { plural: 'widgets' } }]);
    documents.versions.delete('example.com/v1');
    await discovery.refresh();
    expect(changes).toMatchObject([{}, { kind: 'removed', resource: { plural: 'widgets' } }]);
  });

  test('what changed is not cacheable until upstream has settled', async () => {
    const documents = cluster();
    const { discovery } = await discover(documents, { settleMs: 150 });
    await discovery.refresh();
    documents.definitions.set('widgets.example.com', { generation: 2, fields: [] });
    await discovery.refresh();
    const found = discovery.lookup('example.com', 'v1', 'widgets');
    expect(found).toMatchObject({ cacheable: false, reason: 'its definition has just changed' });
    await until(() => discovery.lookup('example.com', 'v1', 'widgets')?.cacheable === true);
  });

  test('an early end of a watch is suspicious as long as the definition is young', async () => {
    const { discovery } = await discover(cluster(), { youngMs: 200 });
    await discovery.refresh();
    const widgets = discovery.lookup('example.com', 'v1', 'widgets')!.resource;
    const pods = discovery.lookup('', 'v1', 'pods')!.resource;
    expect(discovery.doubt(widgets)).toBe(true);
    expect(discovery.doubt(pods)).toBe(false);
    await until(() => !discovery.doubt(widgets));
  });

  test('a custom resource is removed as soon as its definition is gone', async () => {
    const documents = cluster();
    const { discovery, changes } = await discover(documents);
    await discovery.refresh();
    documents.definitions.clear();
    documents.versions.delete('example.com/v1');
    await discovery.refresh();
    expect(changes).toMatchObject([{ kind: 'removed', resource: { plural: 'widgets' } }]);
    expect(discovery.lookup('example.com', 'v1', 'widgets')).toBeUndefined();
  });

  test('anything else must be missing for a while', async () => {
    const documents = cluster();
    const { discovery, changes } = await discover(documents, { absentMs: 200 });
    await discovery.refresh();
    documents.versions.delete('apps/v1');
    documents.versions.delete('v1');
    for (let at = 0; at < 3; at += 1) await discovery.refresh();
    expect(changes).toEqual([]);
    expect(discovery.lookup('apps', 'v1', 'deployments')?.cacheable).toBe(true);
    documents.versions.set('apps/v1', cluster().versions.get('apps/v1')!);
    while (!changes.some(({ resource }) => resource.plural === 'pods')) await discovery.refresh();
    expect(new Set(changes.map(({ resource }) => resource.plural))).not.toContain('deployments');
  });

  test('what a definition serves stays, whatever the documents of a starting server forget', async () => {
    const documents = cluster();
    const { discovery, changes } = await discover(documents, { absentMs: 0 });
    await discovery.refresh();
    documents.versions.delete('example.com/v1');
    for (let at = 0; at < 3; at += 1) await discovery.refresh();
    expect(changes).toEqual([]);
    expect(discovery.lookup('example.com', 'v1', 'widgets')?.cacheable).toBe(true);
  });

  test('what could be read once is not given up at the first refusal', async () => {
    const documents = cluster();
    const { discovery, changes } = await discover(documents, { absentMs: 200 });
    await discovery.refresh();
    documents.failing.set('/apis/apiextensions.k8s.io', 403);
    await expect(discovery.refresh()).rejects.toThrow('may not be read at the moment');
    expect(changes).toEqual([]);
    while (changes.length === 0) await discovery.refresh().catch(() => {});
    expect(changes).toMatchObject([{ kind: 'changed', resource: { plural: 'widgets' } }]);
  });
});

describe('what the watches show', () => {
  /** Nothing but news refreshes here, and the second watch to open. */
  async function watching(documents: ClusterDocuments) {
    documents.watchable = true;
    const found = await discover(documents, { newsRefreshMs: 0, refreshMs: 3_600_000 });
    await found.discovery.start();
    await until(() => documents.watched === 2 && found.discovery.refreshes >= 2);
    // Those caused by the watches that opened are over.
    await new Promise((resolve) => setTimeout(resolve, 100));
    return found;
  }

  test('is acted on at once: a definition that changes, and one that goes', async () => {
    const documents = cluster();
    const { discovery, changes } = await watching(documents);
    documents.definitions.set('widgets.example.com', { generation: 2, fields: ['.spec.size'] });
    documents.show('MODIFIED', 'widgets.example.com');
    await until(() => changes.length === 1);
    expect(changes).toMatchObject([{ kind: 'changed', resource: { plural: 'widgets' } }]);
    documents.definitions.clear();
    documents.versions.delete('example.com/v1');
    documents.show('DELETED', '', { metadata: { name: 'widgets.example.com' } });
    await until(() => changes.length === 2);
    expect(changes[1]).toMatchObject({ kind: 'removed', resource: { plural: 'widgets' } });
    discovery.close();
  });

  test('is acted on at once: a group that another server takes over, and back', async () => {
    const documents = cluster();
    const { discovery, changes } = await watching(documents);
    documents.remote.add('example.com/v1');
    documents.show('MODIFIED', 'example.com/v1');
    await until(() => changes.length === 1);
    expect(discovery.lookup('example.com', 'v1', 'widgets')?.cacheable).toBe(false);
    documents.remote.delete('example.com/v1');
    documents.show('MODIFIED', 'example.com/v1');
    await until(() => changes.length === 2);
    discovery.close();
  });

  test('causes nothing when it is known already', async () => {
    const documents = cluster();
    const { discovery } = await watching(documents);
    const { refreshes } = discovery;
    for (let at = 0; at < 10; at += 1) {
      documents.show('ADDED', 'widgets.example.com');
      documents.show('MODIFIED', 'apps/v1');
      documents.show('BOOKMARK', 'apps/v1');
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(discovery.refreshes).toBe(refreshes);
    discovery.close();
  });

  test('is not all: a watch that breaks is a reason to look at once', async () => {
    const documents = cluster();
    const { server, discovery } = await watching(documents);
    await server.close();
    await until(() => discovery.lastError !== '');
    discovery.close();
  });

  test('is followed again after the watches ended, and what was missed is read', async () => {
    const documents = cluster();
    documents.watchable = true;
    const options = { newsRefreshMs: 0, refreshMs: 3_600_000, retryMs: 20 };
    const { discovery, changes } = await discover(documents, options);
    await discovery.start();
    await until(() => documents.watched === 2);
    documents.definitions.clear();
    documents.versions.delete('example.com/v1');
    documents.endWatches();
    await until(() => changes.some(({ kind }) => kind === 'removed') && documents.watched === 2);
    discovery.close();
  });
});

describe('refreshing', () => {
  test('documents that have not changed are not sent again, nor are definitions', async () => {
    const documents = cluster();
    for (let at = 0; at < 30; at += 1) {
      documents.definitions.set(`r${at}.example.com`, { generation: 1, fields: [] });
    }
    const { discovery } = await discover(documents);
    await discovery.refresh();
    const first = documents.requests.length;
    expect(documents.requests.filter((path) => path.includes('definitions'))).toHaveLength(5);
    await discovery.refresh();
    expect(documents.requests.slice(first)).toEqual([
      '/api',
      '/apis',
      '/apis/apiregistration.k8s.io/v1/apiservices',
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    ]);
  });

  test('while upstream fails the old view stays', async () => {
    const documents = cluster();
    const { server, discovery, changes } = await discover(documents);
    await discovery.refresh();
    for (const path of ['/apis/apiextensions', '/apis/apiregistration', '/apis', '/api']) {
      documents.failing.set(path, 500);
      await expect(discovery.refresh()).rejects.toMatchObject({ code: 'protocol' });
      documents.failing.clear();
    }
    await server.close();
    await expect(discovery.refresh()).rejects.toMatchObject({ code: 'unreachable' });
    expect(discovery.failures).toBe(5);
    expect(discovery.lastError).not.toBe('');
    expect(changes).toEqual([]);
    expect(cacheable(discovery)).toHaveLength(4);
  });

  test('the first answer after a failure is told as a recovery', async () => {
    const documents = cluster();
    const { discovery } = await discover(documents);
    let recoveries = 0;
    discovery.onRecovery = (): void => void recoveries++;
    await discovery.refresh();
    documents.failing.set('/api', 503);
    await expect(discovery.refresh()).rejects.toMatchObject({ code: 'protocol' });
    expect(recoveries).toBe(0);
    documents.failing.clear();
    await discovery.refresh();
    await discovery.refresh();
    expect(recoveries).toBe(1);
  });

  test.each(['{', '[]', '{"kind":"APIGroupDiscoveryList","items":3}', 'null'])(
    'an answer of %s breaks nothing',
    async (text) => {
      const { upstream } = await servePlain((_request, response) => response.end(text));
      const discovery = new Discovery(upstream);
      await discovery.refresh().catch(() => {});
      expect(discovery.resources().size).toBe(0);
    },
  );

  test('an answer that is too long is refused', async () => {
    const { discovery } = await discover(cluster(), { maxDocumentBytes: 100 });
    await expect(discovery.refresh()).rejects.toThrow('longer than 100 bytes');
  });

  test('asking for what is unknown refreshes, at most once per pause', async () => {
    const documents = cluster();
    const late = documents.versions.get('example.com/v1');
    documents.versions.delete('example.com/v1');
    const { discovery } = await discover(documents, { missRefreshMs: 150 });
    await discovery.start();
    expect(discovery.refreshes).toBe(1);
    if (late !== undefined) {
      documents.versions.set('example.com/v1', late);
    }
    for (let at = 0; at < 1_000; at += 1) {
      expect(discovery.lookup('example.com', 'v1', 'widgets')).toBeUndefined();
    }
    await until(() => discovery.lookup('example.com', 'v1', 'widgets') !== undefined);
    expect(discovery.refreshes).toBe(2);
    discovery.lookup('', 'v1', 'bindings');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(discovery.refreshes).toBe(2);
    discovery.close();
  });

  test('the interval refreshes by itself, also after a start without upstream', async () => {
    const documents = cluster();
    documents.failing.set('/api', 503);
    const { discovery } = await discover(documents, { refreshMs: 20, retryMs: 20 });
    await discovery.start();
    expect(discovery.ready).toBe(false);
    documents.failing.clear();
    await until(() => discovery.refreshes > 4);
    expect(discovery.ready).toBe(true);
    discovery.close();
    const after = discovery.refreshes;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(discovery.refreshes).toBeLessThanOrEqual(after + 1);
  });
});
