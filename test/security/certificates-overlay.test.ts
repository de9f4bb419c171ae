// manifests/overlays/certificates as it is applied: a real kube-apiserver accepts every object of it, and
// the proxy takes callers with certificates by its two accounts, with the rights and kubeconfigs it brings.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startControlPlane } from '../conformance/control-plane/control-plane.ts';
import { tokens, userNames } from '../conformance/control-plane/users.ts';
import { buildTimeoutMs, describeWithControlPlane } from '../conformance/support/go.ts';
import { collection, query } from '../conformance/support/resources.ts';
import { Stack } from '../conformance/support/stack.ts';
import type { Request } from '../conformance/support/stack.ts';

const overlay = join(import.meta.dirname, '../../manifests/overlays/certificates');
const selfReviews = '/apis/authentication.k8s.io/v1/selfsubjectreviews';

describeWithControlPlane('The overlay for client certificates', () => {
  let stack: Stack;

  beforeAll(async () => {
    // Without the fixtures, whose accounts have the same names.
    stack = new Stack(await startControlPlane());
  }, buildTimeoutMs);

  afterAll(async () => {
    await stack?.stop();
  });

  /** What the rules of the base give to its reader, once a controller manager has aggregated them. */
  async function bindReader(): Promise<void> {
    const apiGroup = 'rbac.authorization.k8s.io';
    const path = `/apis/${apiGroup}/v1/clusterrolebindings`;
    const body = {
      metadata: { name: 'reader' },
      roleRef: { apiGroup, kind: 'ClusterRole', name: 'watershed-reader-builtin' },
      subjects: [{ apiGroup, kind: 'User', name: userNames.reader }],
    };
    expect((await stack.controlPlane.request('POST', path, { body })).status).toBe(201);
  }

  async function tokenOf(account: string): Promise<string> {
    const path = `/api/v1/namespaces/watershed/serviceaccounts/${account}/token`;
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' };
    const answer = await stack.controlPlane.request('POST', path, { body });
    return (JSON.parse(answer.body.toString()) as { status: { token: string } }).status.token;
  }

  /** The overlay's own file, with what is mounted in a pod lying elsewhere. */
  async function kubeconfigOf(name: 'reviewer' | 'impersonator', token: string): Promise<string> {
    const { controlPlane } = stack;
    const folder = join(controlPlane.directory, name);
    await mkdir(folder);
    await writeFile(join(folder, 'token'), token, { mode: 0o440 });
    const text = (await readFile(join(overlay, `${name}.yaml`), 'utf8'))
      .replace('https://kubernetes.default.svc', controlPlane.url)
      .replace('/var/run/secrets/kubernetes.io/serviceaccount/ca.crt', controlPlane.caFile)
      .replace(`/etc/watershed/${name}`, folder);
    await writeFile(join(folder, 'kubeconfig'), text);
    return join(folder, 'kubeconfig');
  }

  /** Authorizers learn of bindings a little after they are made. */
  async function untilGranted(token: string, verb: string, group: string, resource: string) {
    const spec = { resourceAttributes: { verb, group, resource } };
    const kind = 'SelfSubjectAccessReview';
    const body = { apiVersion: 'authorization.k8s.io/v1', kind, spec };
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    const isGranted = async (): Promise<boolean> => {
      const answer = await stack.controlPlane.request('POST', path, { token, body });
      const { status } = JSON.parse(answer.body.toString()) as { status?: { allowed: boolean } };
      return status?.allowed === true;
    };
    await vi.waitUntil(isGranted, { timeout: 30_000, interval: 100 });
  }

  test('brings all that the proxy needs to answer a node, and passes its own check', async () => {
    const { controlPlane } = stack;
    const apply = ['apply', '--validate=strict', `--kustomize=${overlay}`];
    const applied = await controlPlane.kubectl(await controlPlane.kubeconfig('admin'), apply);
    expect(applied).toMatchObject({ code: 0, stderr: '' });

    await bindReader();
    const reviewer = await tokenOf('watershed-reviewer');
    const impersonator = await tokenOf('watershed-impersonator');
    await untilGranted(tokens.reader, 'list', '', 'pods');
    await untilGranted(reviewer, 'create', 'authorization.k8s.io', 'subjectaccessreviews');
    await untilGranted(impersonator, 'impersonate', '', 'users');
    const watershed = await stack.startProxy({
      flags: [
        `--client-ca-file=${controlPlane.certificates.clientAuthority.certFile}`,
        `--authorization-kubeconfig=${await kubeconfigOf('reviewer', reviewer)}`,
        `--impersonation-kubeconfig=${await kubeconfigOf('impersonator', impersonator)}`,
      ],
    });

    const certificate = controlPlane.certificates.node;
    const pods = collection('pods') + query({ fieldSelector: 'spec.nodeName=node-1' });
    const headers = { 'audit-id': crypto.randomUUID() };
    expect((await stack.proxied({ path: pods, certificate, headers })).status).toBe(200);
    expect(await watershed.logged(headers['audit-id'])).toMatchObject({
      source: 'cache',
      user: 'system:node:node-1',
    });

    const asked: Request = {
      method: 'POST',
      path: selfReviews,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }),
      certificate,
    };
    const told = await stack.proxied(asked);
    expect(JSON.parse(told.text)).toMatchObject({
      status: { userInfo: { username: 'system:node:node-1' } },
    });
    const others = collection('pods') + query({ fieldSelector: 'spec.nodeName=node-2' });
    expect((await stack.proxied({ path: others, certificate })).status).toBe(403);
  }, 120_000);
});
