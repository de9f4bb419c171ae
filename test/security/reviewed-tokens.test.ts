// Tokens that are meant for the proxy alone, against a real kube-apiserver: whoever brings one is answered as the same
// account is answered by kube-apiserver when it comes with a token of its own audience.

import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { buildTimeoutMs, describeWithControlPlane } from '../conformance/support/go.ts';
import { collection, query } from '../conformance/support/resources.ts';
import { quietFlags, startBareStack } from '../conformance/support/stack.ts';
import type { Request, Stack } from '../conformance/support/stack.ts';
import { create, createCaller, requestToken } from './support/callers.ts';
import type { Caller } from './support/callers.ts';

const audience = 'https://watershed.example.com';
const ttlMs = 1_000;
const pods = collection('pods', 'a');
const patience = { timeout: 30_000, interval: 50 };

describeWithControlPlane('Tokens meant for the proxy', () => {
  let stack: Stack;
  let caller: Caller;
  /** Of the same account: for the proxy, and for kube-apiserver. */
  let token: string;
  let theirs: string;

  beforeAll(async () => {
    stack = await startBareStack({ controlPlane: { apiserverFlags: [...quietFlags] } });
    const auth = {
      tokenAudiences: [audience],
      allowTtl: `${ttlMs}ms`,
      denyTtl: '0s',
      recheckInterval: '1s',
    };
    await stack.startProxy({ reviewsTokens: true, settings: { auth } });
    caller = await createCaller(stack, {
      namespace: 'a',
      name: 'robot',
      rules: [
        { apiGroups: [''], resources: ['pods', 'configmaps'], verbs: ['get', 'list', 'watch'] },
        { apiGroups: [''], resources: ['configmaps'], verbs: ['create', 'delete'] },
      ],
    });
    theirs = caller.token;
    token = await requestToken(stack, caller.account, { audiences: [audience] });
  }, buildTimeoutMs);

  afterAll(async () => {
    await stack?.stop();
  });

  async function source(request: Request): Promise<{ status: number; from: string; body: string }> {
    const id = crypto.randomUUID();
    const headers = { ...request.headers, 'audit-id': id };
    const { status, text: body } = await stack.proxied({ ...request, headers });
    return { status, body, from: (await stack.watershed.logged(id)).source };
  }

  test('#4 kube-apiserver itself does not take such a token', async () => {
    expect((await stack.direct({ path: pods, token })).status).toBe(401);
  });

  test.each(['http/1.1', 'h2'] as const)(
    'are good for what the account may read, from memory, over %s',
    async (protocol) => {
      const direct = await stack.direct({ path: pods, token: theirs, protocol });
      const { status, body, from } = await source({ path: pods, token, protocol });
      expect({ status, body, from }).toEqual({ status: 200, body: direct.text, from: 'cache' });
    },
  );

  test('are good for nothing else', async () => {
    for (const path of [
      collection('pods', 'a-b'),
      collection('pods'),
      '/api/v1/namespaces/a/secrets',
      '/api/v1/nodes',
    ]) {
      const direct = await stack.direct({ path, token: theirs });
      const { status, body, from } = await source({ path, token });
      expect({ status, body, from }, path).toEqual({
        status: 403,
        body: direct.text,
        from: 'passthrough',
      });
    }
  });

  test('write in the name of the account', async () => {
    const path = collection('configmaps', 'a');
    const body = JSON.stringify({ metadata: { name: 'by-robot' } });
    const headers = { 'content-type': 'application/json' };
    const post = { method: 'POST', path, headers, body, token };
    expect((await stack.proxied(post)).status).toBe(201);
    const gone = { method: 'DELETE', path: `${path}/by-robot`, token };
    expect((await stack.proxied(gone)).status).toBe(200);
    const review = await stack.proxied({
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      headers,
      body: JSON.stringify({ kind: 'SelfSubjectReview', apiVersion: 'authentication.k8s.io/v1' }),
      token,
    });
    expect(JSON.parse(review.text)).toMatchObject({
      status: { userInfo: { username: caller.userName, uid: caller.uid } },
    });
  });

  test('#4 a token of this audience that nobody signed is 401', async () => {
    const [head, payload] = token.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    const forged = Buffer.from(
      JSON.stringify({ ...claims, sub: 'system:serviceaccount:kube-system:admin' }),
    ).toString('base64url');
    for (const bad of [
      `${head}.${forged}.${token.split('.')[2]}`,
      `${head}.${payload}.`,
      `x.${payload}.y`,
    ]) {
      for (const path of [pods, '/version', `${pods}${query({ watch: 1 })}`]) {
        const { status, from } = await source({ path, token: bad });
        expect({ status, from }, path).toEqual({ status: 401, from: 'local' });
      }
    }
  });

  test('impersonate nobody without the right', async () => {
    const headers = { 'Impersonate-User': 'admin', 'Impersonate-Group': 'system:masters' };
    expect((await stack.proxied({ path: pods, token, headers })).status).toBe(403);
  });

  test('end with their pod, reads within the time of a decision and watches at the next check', async () => {
    const pod = await create(stack, pods, {
      metadata: { name: 'bound' },
      spec: {
        serviceAccountName: 'robot',
        automountServiceAccountToken: false,
        containers: [{ name: 'c', image: 'i' }],
      },
    });
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'bound', uid: pod.metadata.uid };
    const bound = await requestToken(stack, caller.account, {
      audiences: [audience],
      boundObjectRef,
    });
    expect(await source({ path: pods, token: bound })).toMatchObject({
      status: 200,
      from: 'cache',
    });
    const watch = await stack.connect('proxied');
    const path = `${pods}${query({ watch: 1, resourceVersion: pod.metadata.resourceVersion })}`;
    const ended = watch.send({ path, headers: { authorization: `Bearer ${bound}` } });
    const gone = `${pods}/bound${query({ gracePeriodSeconds: 0 })}`;
    const { status } = await stack.controlPlane.request('DELETE', gone, {});
    expect(status).toBe(200);
    await vi.waitUntil(
      async () => (await stack.proxied({ path: pods, token: bound })).status === 401,
      patience,
    );
    expect((await ended).status).toBe(200);
    watch.close();
    expect((await source({ path: pods, token })).status).toBe(200);
  }, 60_000);
});
