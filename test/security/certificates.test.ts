// Callers with client certificates, against a real kube-apiserver with Node and RBAC authorization: the
// proxy must answer each of them as kube-apiserver answers the same certificate.

import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { issueCertificate, makeAuthority } from '../conformance/control-plane/certificates.ts';
import type { KeyPair } from '../conformance/control-plane/certificates.ts';
import { differences } from '../conformance/support/compare.ts';
import { buildTimeoutMs, describeWithControlPlane } from '../conformance/support/go.ts';
import { collection, object, query } from '../conformance/support/resources.ts';
import { quietFlags, startBareStack } from '../conformance/support/stack.ts';
import type { Request, Stack } from '../conformance/support/stack.ts';
import { RecordingClient } from '../support/recording-client.ts';
import { Watershed } from '../conformance/support/watershed.ts';

const secrets = '/api/v1/namespaces/a/secrets';
const protobuf = { accept: 'application/vnd.kubernetes.protobuf' };

describeWithControlPlane('Client certificates', () => {
  let stack: Stack;
  let node: KeyPair;
  let authorityFile: string;

  beforeAll(async () => {
    stack = await startBareStack({
      controlPlane: {
        apiserverFlags: [...quietFlags, '--enable-admission-plugins=NodeRestriction'],
      },
    });
    const { directory, certificates } = stack.controlPlane;
    node = certificates.node;
    authorityFile = join(directory, 'accepted-ca.crt');
    await copyFile(certificates.clientAuthority.certFile, authorityFile);
    await stack.startProxy({ clientAuthority: authorityFile });
    for (const name of ['node-1', 'node-2']) await write('POST', '/api/v1/nodes', nodeNamed(name));
  }, buildTimeoutMs);

  afterAll(async () => {
    await stack?.stop();
  });

  function issue(name: string, subject: string, more: object = {}): Promise<KeyPair> {
    const { directory, certificates } = stack.controlPlane;
    const authority = certificates.clientAuthority;
    return issueCertificate({ directory, name, subject, authority, usage: 'clientAuth', ...more });
  }

  async function write(method: string, path: string, body: object): Promise<void> {
    const { status, body: text } = await stack.controlPlane.request(method, path, { body });
    if (status >= 300 && status !== 409) throw new Error(`${method} ${path}: ${status} ${text}`);
  }

  /** Asks both, and expects the same; tells the status and who answered. */
  async function same(request: Request): Promise<{ status: number; from: string; text: string }> {
    for (const protocol of ['http/1.1', 'h2'] as const) {
      const id = crypto.randomUUID();
      const headers = { ...request.headers, 'audit-id': id };
      const [direct, proxied] = await Promise.all([
        stack.direct({ ...request, protocol }),
        stack.proxied({ ...request, headers, protocol }),
      ]);
      const { source } = await stack.watershed.logged(id);
      const from = source === 'cache' ? 'cache' : 'passthrough';
      expect(differences(direct, proxied, { protocol, from }), request.path).toEqual([]);
      if (protocol === 'h2') return { status: proxied.status, from, text: proxied.text };
    }
    throw new Error('unreachable');
  }

  const mine = query({ fieldSelector: 'spec.nodeName=node-1' });

  test('#28 a node lists the pods bound to itself from memory, and no others', async () => {
    const pods = collection('pods');
    const certificate = node;
    expect(await same({ path: pods + mine, certificate })).toMatchObject({
      status: 200,
      from: 'cache',
    });
    expect(await same({ path: pods + mine, certificate, headers: protobuf })).toMatchObject({
      status: 200,
      from: 'cache',
    });
    for (const selector of ['', 'spec.nodeName=node-2', 'spec.nodeName!=node-1']) {
      const path = pods + (selector === '' ? '' : query({ fieldSelector: selector }));
      expect((await same({ path, certificate })).status, path).toBe(403);
    }
  });

  test('what a kubelet reads is answered alike, and from memory', async () => {
    const certificate = node;
    for (const path of [
      `/api/v1/nodes${query({ fieldSelector: 'metadata.name=node-1' })}`,
      '/api/v1/nodes/node-1',
      collection('services'),
      '/apis/node.k8s.io/v1/runtimeclasses',
      '/apis/storage.k8s.io/v1/csidrivers',
    ]) {
      expect(await same({ path, certificate, headers: protobuf }), path).toMatchObject({
        status: 200,
        from: 'cache',
      });
    }
  });

  test('what a kubelet watches comes from memory, frame for frame', async () => {
    const [node1, other] = ['spec.nodeName=node-1', 'spec.nodeName=node-2'];
    const options = {
      watch: 1,
      resourceVersion: '',
      timeoutSeconds: 2,
      allowWatchBookmarks: 'true',
    };
    const streaming = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' };
    for (const path of [
      collection('pods') + query({ ...options, ...streaming, fieldSelector: node1 }),
      `/api/v1/nodes${query({ ...options, ...streaming, fieldSelector: 'metadata.name=node-1' })}`,
      collection('services') + query({ ...options, ...streaming }),
    ]) {
      const answer = await same({ path, certificate: node, headers: protobuf });
      expect(answer, path).toMatchObject({ status: 200, from: 'cache' });
    }
    const path = collection('pods') + query({ ...options, ...streaming, fieldSelector: other });
    expect((await same({ path, certificate: node, headers: protobuf })).status).toBe(403);
  });

  test('what a kubelet writes arrives as its own', async () => {
    const json = { 'content-type': 'application/json' };
    const merge = { 'content-type': 'application/strategic-merge-patch+json' };
    await write('POST', collection('pods', 'a'), podWithSecret('mine', 'node-1', 'none'));
    const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };
    const metadata = { name: 'node-1', namespace: 'kube-node-lease' };
    await write('POST', '/api/v1/namespaces', { metadata: { name: 'kube-node-lease' } });
    const statusOf = async (method: string, path: string, body: object): Promise<number> => {
      const headers = method === 'PATCH' ? merge : json;
      const request = { method, path, headers, certificate: node, body: JSON.stringify(body) };
      const { status, text } = await stack.proxied(request);
      return status < 300 ? status : (console.error(text), status);
    };
    expect(await statusOf('POST', leases, { ...lease, metadata })).toBe(201);
    const made = await stack.proxied({ path: `${leases}/node-1`, certificate: node });
    const held = { ...JSON.parse(made.text), spec: { holderIdentity: 'node-1' } };
    expect(await statusOf('PUT', `${leases}/node-1`, held)).toBe(200);
    const read = await stack.proxied({ path: `${leases}/node-1`, certificate: node });
    expect(JSON.parse(read.text).spec.holderIdentity).toBe('node-1');
    const ready = { status: { phase: 'Running' } };
    expect(await statusOf('PATCH', `${object('pods', 'a', 'mine')}/status`, ready)).toBe(200);
    const ping = { status: { conditions: [{ type: 'Ready', status: 'True' }] } };
    expect(await statusOf('PATCH', '/api/v1/nodes/node-1/status', ping)).toBe(200);
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'seen', namespace: 'a' },
      involvedObject: { kind: 'Pod', namespace: 'a', name: 'mine' },
    };
    expect(await statusOf('POST', '/api/v1/namespaces/a/events', event)).toBe(201);
    expect(
      await statusOf('DELETE', `${object('pods', 'a', 'mine')}?gracePeriodSeconds=0`, {}),
    ).toBe(200);
  });

  test('#27 a node changes itself and nothing of another node', async () => {
    const certificate = node;
    const type = { 'content-type': 'application/strategic-merge-patch+json' };
    const body = JSON.stringify({ metadata: { labels: { seen: 'yes' } } });
    const patch = (name: string): Request => ({
      method: 'PATCH',
      path: `/api/v1/nodes/${name}/status?dryRun=All`,
      headers: type,
      certificate,
      body,
    });
    const own = await stack.proxied(patch('node-1'));
    expect(own.status, own.text).toBe(200);
    expect((await same(patch('node-2'))).status).toBe(403);
    expect((await same(mirrorPod('node-2', certificate))).status).toBe(403);
    const lease = object('leases', 'kube-node-lease', 'node-2');
    const put = { metadata: { name: 'node-2', namespace: 'kube-node-lease' }, spec: {} };
    expect(
      (
        await same({
          method: 'PUT',
          path: lease,
          certificate,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', ...put }),
        })
      ).status,
    ).toBe(403);
  });

  test('#29 a node reads the Secret of a pod as soon as the pod is bound to it, another never', async () => {
    const other = await issue('node-2', '/O=system:nodes/CN=system:node:node-2');
    const path = `${secrets}/bound`;
    await write('POST', secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'bound' },
    });
    expect((await same({ path, certificate: node })).status).toBe(403);
    await write('POST', collection('pods', 'a'), podWithSecret('holder', 'node-1', 'bound'));
    await until(
      30_000,
      async () => (await stack.direct({ path, certificate: node })).status === 200,
    );
    const selected = `${secrets}${query({ fieldSelector: 'metadata.name=bound' })}`;
    for (const question of [path, selected]) {
      expect((await same({ path: question, certificate: node })).status).toBe(200);
      expect((await same({ path: question, certificate: other })).status).toBe(403);
    }
  });

  test('#7 a certificate that proves nothing is refused, and leaves the word to a token', async () => {
    const { directory } = stack.controlPlane;
    const stranger = await makeAuthority(directory, 'stranger-ca');
    const bad = [
      await issue('stranger', '/O=system:masters/CN=x', { authority: stranger }),
      await issue('server-only', '/O=system:masters/CN=x', { usage: 'serverAuth' }),
      await issue('expired', '/O=system:masters/CN=x', { days: 0 }),
    ];
    for (const certificate of bad) {
      for (const path of [collection('pods', 'a'), '/api', '/apis/unknown/v1/things']) {
        expect(await same({ path, certificate })).toMatchObject({ status: 401 });
        const known = await same({ path, certificate, user: 'alice' });
        expect(known.status).toBe(path.includes('unknown') ? 403 : 200);
        expect((await same({ path, certificate, token: 'garbage' })).status).toBe(401);
      }
    }
  });

  test('#8 every organization is a group', async () => {
    const certificate = await issue('grouped', '/O=g1/O=g2/CN=somebody');
    const path = collection('configmaps', 'ab');
    expect((await same({ path, certificate })).status).toBe(403);
    const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/ab';
    const apiVersion = 'rbac.authorization.k8s.io/v1';
    const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list'] }];
    const metadata = { name: 'g2' };
    await write('POST', `${rbac}/roles`, { apiVersion, kind: 'Role', metadata, rules });
    await write('POST', `${rbac}/rolebindings`, {
      apiVersion,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'g2' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'g2' }],
    });
    await until(30_000, async () => (await stack.direct({ path, certificate })).status === 200);
    // Upstream decides at once, memory when its refusal is over.
    expect((await same({ path, certificate })).status).toBe(200);
    await until(30_000, async () => (await same({ path, certificate })).from === 'cache');
  }, 60_000);

  test('upstream knows the caller by the same name, groups, UID and extras', async () => {
    const certificate = await issue('named', '/O=g1/O=g,2/CN=Zoë Ω');
    const kind = 'SelfSubjectReview';
    const body = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind });
    const request: Request = {
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      headers: { 'content-type': 'application/json' },
      body,
      certificate,
    };
    const told = async (side: 'direct' | 'proxied'): Promise<unknown> => {
      const response = await stack[side](request);
      const { status } = JSON.parse(response.text) as {
        status: { userInfo: { groups: string[] } };
      };
      return { ...status.userInfo, groups: status.userInfo.groups.toSorted() };
    };
    const direct = await told('direct');
    expect(direct).toMatchObject({
      username: 'Zoë Ω',
      groups: ['g,2', 'g1', 'system:authenticated'],
    });
    expect(await told('proxied')).toEqual(direct);
  });

  test('#20 who is known by a certificate becomes somebody else only by its own right', async () => {
    const { admin } = stack.controlPlane.certificates;
    const path = `${collection('pods')}${mine}`;
    for (const headers of [
      { 'Impersonate-User': 'system:node:node-1', 'Impersonate-Group': 'system:nodes' },
      { 'Impersonate-User': 'root', 'IMPERSONATE-group': 'system:masters' },
      { 'Impersonate-User': 'root', 'Impersonate-Uid': '1', 'Impersonate-Extra-x': 'y' },
    ] as Record<string, string>[]) {
      // v1.36 words it by the mode of impersonation that it tried first.
      for (const side of ['direct', 'proxied'] as const) {
        const answer = await stack[side]({ path, certificate: node, headers });
        expect(answer.json()).toMatchObject({ kind: 'Status', reason: 'Forbidden', code: 403 });
        expect(answer.text).toContain('User \\"system:node:node-1\\" cannot impersonate');
      }
    }
    for (const name of ['Impersonate-Group', 'Impersonate-Uid', 'Impersonate-Extra-x']) {
      const headers = { [name]: 'root' };
      expect((await stack.proxied({ path, certificate: admin, headers })).status).toBe(400);
    }
    const asAlice = { certificate: admin, headers: { 'Impersonate-User': 'alice' } };
    expect((await same({ path: collection('pods', 'a'), ...asAlice })).status).toBe(200);
    expect((await same({ path: collection('pods', 'ab'), ...asAlice })).status).toBe(403);
    const imitated = { Impersonate_User: 'root' };
    const answer = await stack.proxied({ path: '/api', certificate: admin, headers: imitated });
    expect(answer.status).toBe(400);
    const front = { 'X-Remote-User': 'root', 'X-Remote-Group': 'system:masters' };
    const all = '/api/v1/secrets';
    expect((await same({ path: all, certificate: node, headers: front })).status).toBe(403);
  });

  test('#18 #19 a Connection header cannot take the name of the caller away', async () => {
    for (const connection of [
      'keep-alive,  Impersonate-User, Impersonate-Group',
      'authorization',
    ]) {
      for (const upgrade of [{}, { Upgrade: 'websocket' }] as Record<string, string>[]) {
        const headers = { Connection: `Upgrade, ${connection}`, ...upgrade };
        const answer = await stack.proxied({ path: '/api/v1/nodes', certificate: node, headers });
        expect(answer.status).toBe(400);
      }
    }
  });

  test('#45 the certificate decides, whatever token comes along', async () => {
    const path = collection('nodes');
    expect((await same({ path, certificate: node, user: 'admin' })).status).toBe(403);
    const { admin } = stack.controlPlane.certificates;
    expect((await same({ path, certificate: admin, user: 'nobody' })).status).toBe(200);
    expect((await same({ path, certificate: admin, token: 'garbage' })).status).toBe(200);
  });

  test('upgrades travel in the name of the certificate', async () => {
    const { controlPlane, watershed } = stack;
    const run = async (server?: string): Promise<unknown> => {
      const kubeconfig = await controlPlane.kubeconfig('admin-cert', { server });
      const args = ['exec', '-n', 'a', 'n', '--', 'true'];
      const { code, stderr } = await controlPlane.kubectl(kubeconfig, args);
      return { code, stderr };
    };
    const direct = await run();
    expect(direct).toMatchObject({ code: 1 });
    expect(await run(watershed.url)).toEqual(direct);
    const upgrade = {
      path: `${object('pods', 'a', 'n')}/exec?command=true&stdout=1`,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'sec-websocket-version': '13',
        'sec-websocket-protocol': 'v5.channel.k8s.io',
      },
      certificate: node,
    };
    const [refused, alike] = [await stack.proxied(upgrade), await stack.direct(upgrade)];
    expect([refused.status, refused.text]).toEqual([alike.status, alike.text]);
    expect(refused.status).toBe(403);
  });

  test('an account that may impersonate nodes only, names them as upstream knows them', async () => {
    const constrained = await stack.startProxy({
      clientAuthority: true,
      impersonator: 'nodeImpersonator',
    });
    const ask = async (request: Request): Promise<{ status: number; text: string }> => {
      const { cert, key } = await pem(request.certificate ?? node);
      const { port } = constrained;
      const options = { port, ca: stack.authority, protocol: 'h2', cert, key } as const;
      const client = await RecordingClient.connect(options);
      const answer = await client.send(request);
      client.close();
      return answer;
    };
    const body = JSON.stringify({ metadata: { labels: { named: 'yes' } } });
    const headers = { 'content-type': 'application/strategic-merge-patch+json' };
    const change = {
      method: 'PATCH',
      path: '/api/v1/nodes/node-1/status?dryRun=All',
      headers,
      body,
    };
    const changed = await ask(change);
    expect(changed.status, changed.text).toBe(200);
    expect((await ask({ ...change, path: '/api/v1/nodes/node-2/status?dryRun=All' })).status).toBe(
      403,
    );
    expect((await ask({ path: collection('pods') + mine })).status).toBe(200);
    // Not in its rights: the answer says whose they are.
    expect((await ask({ path: '/api/v1/namespaces/a/podtemplates' })).text).toContain(
      'impersonate',
    );
  });

  test('#9 connections and watches end when the authority is exchanged, and nothing is resumed', async () => {
    const client = await stack.connect('proxied', 'h2', node);
    const path = `${collection('pods')}${mine}&watch=1&resourceVersion=0`;
    const watch = client.open({ path });
    await until(30_000, async () => watch.status === 200);
    const stranger = await readFile(
      (await makeAuthority(stack.controlPlane.directory, 'next-ca')).certFile,
    );
    const before = await readFile(authorityFile);
    await writeFile(authorityFile, stranger);
    await until(60_000, async () => watch.end.kind !== 'open');
    expect(
      (await stack.proxied({ path: collection('pods') + mine, certificate: node })).status,
    ).toBe(401);
    await writeFile(authorityFile, before);
    const works = async (): Promise<boolean> =>
      (await stack.proxied({ path: collection('pods') + mine, certificate: node })).status === 200;
    await until(60_000, works);
    client.close();
  }, 200_000);

  test('#52 an impersonating account with any other right is not started with', async () => {
    const { controlPlane } = stack;
    const cases = [
      ['reviewer', 'reader', /it may get \*/],
      ['reviewer', 'admin', /it may \* \*/],
      ['nobody', 'impersonator', /may not create subjectaccessreviews/],
    ] as const;
    await Promise.all(
      cases.map(async ([reviewer, impersonator, fault]) => {
        const flags = [
          `--client-ca-file=${authorityFile}`,
          `--authorization-kubeconfig=${await controlPlane.kubeconfig(reviewer)}`,
          `--impersonation-kubeconfig=${await controlPlane.kubeconfig(impersonator)}`,
        ];
        await expect(startWith(flags)).rejects.toThrow(fault);
      }),
    );
  });

  async function startWith(flags: readonly string[]): Promise<void> {
    const { controlPlane } = stack;
    const watershed = await Watershed.start({
      directory: controlPlane.directory,
      kubeconfig: await controlPlane.kubeconfig('reader'),
      certificate: await issue(`proxy-${crypto.randomUUID()}`, '/CN=proxy', {
        authority: controlPlane.certificates.servingAuthority,
        usage: 'serverAuth',
        alternativeNames: 'IP:127.0.0.1,DNS:localhost',
      }),
      caFile: controlPlane.caFile,
      flags,
    });
    await watershed.stop();
  }
});

async function until(timeout: number, condition: () => Promise<boolean>): Promise<void> {
  await vi.waitUntil(condition, { timeout, interval: 100 });
}

async function pem({ certFile, keyFile }: KeyPair): Promise<{ cert: Buffer; key: Buffer }> {
  return { cert: await readFile(certFile), key: await readFile(keyFile) };
}

function nodeNamed(name: string): object {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name } };
}

function podWithSecret(name: string, nodeName: string, secretName: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      nodeName,
      containers: [{ name: 'main', image: 'none' }],
      volumes: [{ name: 'secret', secret: { secretName } }],
    },
  };
}

/** What a kubelet posts for a pod of its own disk. */
function mirrorPod(nodeName: string, certificate: KeyPair): Request {
  const annotations = { 'kubernetes.io/config.mirror': 'x' };
  const body = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `mirror-${nodeName}`, annotations },
    spec: { nodeName, containers: [{ name: 'main', image: 'none' }] },
  };
  return {
    method: 'POST',
    path: `${collection('pods', 'a')}?dryRun=All`,
    headers: { 'content-type': 'application/json' },
    certificate,
    body: JSON.stringify(body),
  };
}
