// Upstream, discovery and permission against a real kube-apiserver: what the proxy decides is what
// the apiserver itself answers to the same caller, and what it finds is what is there.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { attributesOf } from '../../src/auth/attributes.ts';
import { credentialOf } from '../../src/auth/authenticate.ts';
import { Authorizer } from '../../src/auth/authorize.ts';
import { WatchRechecks } from '../../src/auth/recheck.ts';
import { parseGetOptions, parseListOptions } from '../../src/k8s/list-options.ts';
import { parseRequestTarget } from '../../src/k8s/request-target.ts';
import { Discovery } from '../../src/upstream/discovery.ts';
import type { DiscoveryChange } from '../../src/upstream/discovery.ts';
import { loadClusterConfig } from '../../src/upstream/kubeconfig.ts';
import { Upstream } from '../../src/upstream/upstream.ts';
import { startControlPlane } from '../conformance/control-plane/control-plane.ts';
import type { ControlPlane } from '../conformance/control-plane/control-plane.ts';
import { crdGroup } from '../conformance/control-plane/fixture-objects.ts';
import { installFixtures } from '../conformance/control-plane/fixtures.ts';
import { tokens } from '../conformance/control-plane/users.ts';
import type { User } from '../conformance/control-plane/users.ts';
import { buildTimeoutMs, describeWithControlPlane } from '../conformance/support/go.ts';
import { bytesOf, until } from '../upstream/support/server.ts';

describeWithControlPlane('Against a real kube-apiserver', () => {
  let controlPlane: ControlPlane;
  let upstream: Upstream;

  beforeAll(async () => {
    controlPlane = await startControlPlane();
    await installFixtures(controlPlane);
    upstream = await connect('reader');
  }, buildTimeoutMs);

  afterAll(async () => {
    await upstream?.close();
    await controlPlane?.stop();
  });

  async function connect(who: User | 'node-1'): Promise<Upstream> {
    const kubeconfig = await controlPlane.kubeconfig(who);
    return Upstream.connect(
      loadClusterConfig({ kubeconfig, environment: {}, homeDirectory: '/nonexistent' }),
    );
  }

  async function discovered(who: User): Promise<Discovery> {
    const account = await connect(who);
    const discovery = new Discovery(account);
    await discovery.refresh().finally(() => account.close());
    return discovery;
  }

  test('the proxy’s own account is the one of the kubeconfig', async () => {
    const path = '/api/v1/nodes/node-1';
    const asReader = await upstream.open(path);
    const asNode = await connect('node-1');
    const refused = await asNode.open('/api/v1/nodes/node-2');
    expect([200, 404]).toContain(asReader.status);
    expect(refused.status).toBe(403);
    expect((await bytesOf(refused.body)).toString()).toContain('system:node:node-1');
    await bytesOf(asReader.body);
    await asNode.close();
  });

  test('discovery finds built-ins and custom resources with their fields', async () => {
    const discovery = await discovered('reader');
    const found = discovery.resources();
    const never = [...found].filter(([, { cacheable }]) => !cacheable).map(([id]) => id);
    expect(never.toSorted()).toEqual([
      'certificates.k8s.io/v1/certificatesigningrequests',
      'events.k8s.io/v1/events',
      'v1/events',
      'v1/secrets',
    ]);
    expect(found.get('apps/v1/deployments')).toMatchObject({
      resource: { kind: 'Deployment', namespaced: true },
      custom: false,
      cacheable: true,
    });
    expect(found.get(`${crdGroup}/v1/widgets`)).toMatchObject({
      resource: { kind: 'Widget', namespaced: true },
      custom: true,
      selectableFields: ['.spec.color', '.spec.size'],
      cacheable: true,
    });
    expect(found.get(`${crdGroup}/v1/gadgets`)?.resource.namespaced).toBe(false);
    expect([...discovery.stale]).toEqual([]);
  });

  test('an account that may read neither APIServices nor definitions believes built-ins only', async () => {
    const discovery = await discovered('nobody');
    const cacheable = (id: string) => discovery.resources().get(id)?.cacheable;
    expect(cacheable('v1/pods')).toBe(true);
    expect(cacheable(`${crdGroup}/v1/widgets`)).toBe(false);
  });

  test('a new definition appears, a changed one is told, a deleted one goes', async () => {
    const discovery = new Discovery(upstream, { refreshMs: 100, missRefreshMs: 100 });
    const changes: DiscoveryChange[] = [];
    discovery.onChange((change) => changes.push(change));
    await discovery.start();
    const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'gizmos.late.example.com' },
      spec: {
        group: 'late.example.com',
        scope: 'Namespaced',
        names: { plural: 'gizmos', singular: 'gizmo', kind: 'Gizmo' },
        versions: [{ name: 'v1', served: true, storage: true, schema: anySchema() }],
      },
    };
    const created = await controlPlane.request('POST', path, { body: definition });
    expect(created.status).toBe(201);
    await until(() => discovery.lookup('late.example.com', 'v1', 'gizmos')?.cacheable === true);
    const patch = await controlPlane.request('PATCH', `${path}/gizmos.late.example.com`, {
      body: { spec: { names: { shortNames: ['gz'] } } },
      headers: { 'content-type': 'application/merge-patch+json' },
    });
    expect(patch.status).toBe(200);
    await until(() => changes.some(({ kind }) => kind === 'changed'));
    await controlPlane.request('DELETE', `${path}/gizmos.late.example.com`);
    await until(() => discovery.lookup('late.example.com', 'v1', 'gizmos') === undefined);
    expect(changes.at(-1)).toMatchObject({ kind: 'removed', resource: { plural: 'gizmos' } });
    discovery.close();
  });

  function anySchema(): unknown {
    const schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    return { openAPIV3Schema: schema };
  }

  const targets = [
    '/api/v1/pods',
    '/api/v1/namespaces/a/pods',
    '/api/v1/namespaces/a/pods?watch=1&timeoutSeconds=1',
    '/api/v1/namespaces/a/pods/n',
    '/api/v1/namespaces/a',
    '/api/v1/namespaces/ab/pods?labelSelector=app%3Dx',
    '/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&watch=1&timeoutSeconds=1',
    '/api/v1/namespaces/a/configmaps?fieldSelector=metadata.name%3Dn',
    `/apis/${crdGroup}/v1/widgets`,
    '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  ];
  const people: readonly User[] = ['admin', 'reader', 'alice', 'wanda', 'nobody', 'reviewer'];
  const questions = people.flatMap((who) => targets.map((target) => [who, target] as const));

  test.each(questions)('%s is judged as the apiserver judges for GET %s', async (who, target) => {
    const rawHeaders = ['Authorization', `Bearer ${tokens[who]}`];
    const decision = await new Authorizer({ forwarder: upstream }).authorize(
      credentialOf(rawHeaders),
      attributes(target),
    );
    const direct = await upstream.forward({ method: 'GET', path: target, rawHeaders, body: null });
    await bytesOf(direct.body);
    // 404 comes after permission: the object was looked for.
    expect(decision.kind).toBe([200, 404].includes(direct.status) ? 'allow' : 'deny');
    expect([200, 403, 404]).toContain(direct.status);
  });

  function attributes(rawTarget: string) {
    const target = parseRequestTarget(rawTarget);
    if (target.kind === 'object') {
      const parsed = parseGetOptions(target.query);
      if (parsed.kind === 'options') {
        return attributesOf('get', target, parsed.options);
      }
    } else if (target.kind === 'collection') {
      const parsed = parseListOptions(target.query);
      if (parsed.kind === 'options') {
        return attributesOf(parsed.options.watch ? 'watch' : 'list', target, parsed.options);
      }
    }
    throw new Error(`${rawTarget} is not eligible`);
  }

  test('impersonation is judged by upstream: who may not do it is not served', async () => {
    const authorizer = new Authorizer({ forwarder: upstream });
    const decide = async (who: User, as: string, target: string) => {
      const headers = ['Authorization', `Bearer ${tokens[who]}`, 'Impersonate-User', as];
      return authorizer.authorize(credentialOf(headers), attributes(target));
    };
    const pods = '/api/v1/namespaces/a/pods';
    expect((await decide('impersonator', 'alice', pods)).kind).toBe('allow');
    expect(await decide('impersonator', 'nobody', pods)).toMatchObject({ reason: 'forbidden' });
    expect(await decide('alice', 'admin', pods)).toMatchObject({ reason: 'refused' });
  });

  test('an unknown token is unauthenticated', async () => {
    const decision = await new Authorizer({ forwarder: upstream }).authorize(
      credentialOf(['Authorization', 'Bearer unknown']),
      attributes('/api/v1/pods'),
    );
    expect(decision).toEqual({ kind: 'deny', reason: 'unauthenticated' });
  });

  test('an open watch ends after its right was taken away', async () => {
    const clock = { nowMs: Date.now() };
    const now = (): number => clock.nowMs;
    const authorizer = new Authorizer({ forwarder: upstream }, { now });
    const rechecks = new WatchRechecks(authorizer, { now, tickMs: 1_000 });
    const credential = credentialOf(['Authorization', `Bearer ${tokens.wanda}`]);
    const decision = await authorizer.authorize(credential, attributes('/api/v1/pods?watch=1'));
    if (decision.kind !== 'allow') {
      throw new Error('wanda may watch pods');
    }
    let ended = false;
    rechecks.track(decision.authorized, credential, () => {
      ended = true;
    });
    const role = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/wanda';
    expect((await controlPlane.request('DELETE', role)).status).toBe(200);
    await until(() => {
      clock.nowMs += 1_000;
      rechecks.tick();
      return ended;
    });
    expect(rechecks.status.revoked).toBe(1);
    rechecks.stop();
  });

  test('wanda’s loss reaches new requests too', async () => {
    const credential = credentialOf(['Authorization', `Bearer ${tokens.wanda}`]);
    const decision = await new Authorizer({ forwarder: upstream }).authorize(
      credential,
      attributes('/api/v1/pods?watch=1'),
    );
    expect(decision).toEqual({ kind: 'deny', reason: 'forbidden' });
  });
});
