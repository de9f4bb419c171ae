// The rights that come and go: each is (identity, namespace, verb), one RoleBinding on the real
// kube-apiserver. The identities are service accounts with tokens of their own.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlane } from '../../conformance/control-plane/control-plane.ts';

export const verbs = ['get', 'list', 'watch'] as const;
export type Verb = (typeof verbs)[number];
export const raceNamespaces = ['a', 'ab'] as const;
const identityCount = 8;
const home = 'a';
const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces';
const apiVersion = 'rbac.authorization.k8s.io/v1';
const pollMs = 20;
const patienceMs = 60_000;
const tokenSeconds = 24 * 3600;

export interface Right {
  /** Names it in the intervals. */
  readonly key: string;
  readonly account: string;
  readonly token: string;
  readonly namespace: string;
  readonly verb: Verb;
}

/** Makes the accounts and the roles; nobody has any right yet. */
export async function makeRights(controlPlane: ControlPlane): Promise<readonly Right[]> {
  for (const namespace of raceNamespaces) {
    for (const verb of verbs) {
      const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: [verb] }];
      const body = { apiVersion, kind: 'Role', metadata: { name: `race-${verb}` }, rules };
      await send(controlPlane, 'POST', `${rbac}/${namespace}/roles`, body);
    }
  }
  const rights: Right[] = [];
  for (let i = 0; i < identityCount; i += 1) {
    const account = `race-${i}`;
    const token = await makeAccount(controlPlane, account);
    for (const namespace of raceNamespaces) {
      for (const verb of verbs) {
        rights.push({ key: `${account} ${namespace} ${verb}`, account, token, namespace, verb });
      }
    }
  }
  return rights;
}

async function makeAccount(controlPlane: ControlPlane, name: string): Promise<string> {
  const path = `/api/v1/namespaces/${home}/serviceaccounts`;
  await send(controlPlane, 'POST', path, { metadata: { name } });
  const spec = { expirationSeconds: tokenSeconds };
  const made = await send(controlPlane, 'POST', `${path}/${name}/token`, { spec });
  return (JSON.parse(made) as { status: { token: string } }).status.token;
}

function bindingOf({ account, verb }: Right): string {
  return `${account}-${verb}`;
}

export async function grant(controlPlane: ControlPlane, right: Right): Promise<void> {
  const body = {
    apiVersion,
    kind: 'RoleBinding',
    metadata: { name: bindingOf(right) },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: `race-${right.verb}` },
    subjects: [{ kind: 'ServiceAccount', name: right.account, namespace: home }],
  };
  await send(controlPlane, 'POST', `${rbac}/${right.namespace}/rolebindings`, body);
}

export async function revoke(controlPlane: ControlPlane, right: Right): Promise<void> {
  await send(controlPlane, 'DELETE', `${rbac}/${right.namespace}/rolebindings/${bindingOf(right)}`);
}

/** Whether upstream's own authorizer grants it now. */
export async function isAllowed(controlPlane: ControlPlane, right: Right): Promise<boolean> {
  const { namespace, verb, token } = right;
  const { body } = await controlPlane.request(
    'POST',
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    {
      token,
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: { namespace, verb, version: 'v1', resource: 'configmaps' } },
      },
    },
  );
  return (JSON.parse(body.toString()) as { status: { allowed: boolean } }).status.allowed;
}

/**
 * How long upstream's authorizer takes to hear of a revocation that was just acknowledged; undefined when
 * that is no longer the question.
 */
export async function untilDenied(
  controlPlane: ControlPlane,
  right: Right,
  isOver: () => boolean,
): Promise<number | undefined> {
  const beganMs = performance.now();
  for (;;) {
    const allowed = await isAllowed(controlPlane, right);
    if (isOver()) return undefined;
    const tookMs = performance.now() - beganMs;
    if (!allowed) return tookMs;
    if (tookMs > patienceMs) throw new Error(`${right.key} stays allowed`);
    await sleep(pollMs);
  }
}

async function send(
  controlPlane: ControlPlane,
  method: string,
  path: string,
  body?: unknown,
): Promise<string> {
  const answer = await controlPlane.request(method, path, { body });
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.body}`);
  return answer.body.toString();
}
