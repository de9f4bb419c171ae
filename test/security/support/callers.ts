// Callers with rights of their own: a service account, a role with its binding, and a token of the TokenRequest API.
// Promise: when `createCaller` returns, the rights are in force and the token is known.

import { expect, vi } from 'vitest';
import type { Stack } from '../../conformance/support/stack.ts';

const rbacVersion = 'rbac.authorization.k8s.io/v1';
const rbac = `/apis/${rbacVersion}`;
const patience = { timeout: 30_000, interval: 20 };

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

export interface CallerOptions {
  /** Of the account and of its rights. */
  readonly namespace: string;
  readonly name: string;
  readonly rules: readonly Rule[];
}

export interface Caller {
  readonly token: string;
  /** `system:serviceaccount:a:nora` */
  readonly userName: string;
  /** Deleting it takes the rights away. */
  readonly binding: string;
  readonly account: string;
  readonly uid: string;
}

export async function createCaller(stack: Stack, options: CallerOptions): Promise<Caller> {
  const { namespace, name, rules } = options;
  const account = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  const metadata = { name };
  const created = await create(stack, account, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata,
  });
  const roles = `${rbac}/namespaces/${namespace}/roles`;
  await create(stack, roles, { apiVersion: rbacVersion, kind: 'Role', metadata, rules });
  const bindings = `${rbac}/namespaces/${namespace}/rolebindings`;
  await create(stack, bindings, {
    apiVersion: rbacVersion,
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: [{ kind: 'ServiceAccount', name, namespace }],
  });
  const token = await requestToken(stack, `${account}/${name}`);
  const caller: Caller = {
    token,
    userName: `system:serviceaccount:${namespace}:${name}`,
    binding: `${bindings}/${name}`,
    account: `${account}/${name}`,
    uid: created.metadata.uid,
  };
  await untilRightsHold(stack, caller, options);
  return caller;
}

export interface TokenSpec {
  readonly audiences?: readonly string[];
  readonly boundObjectRef?: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly uid: string;
  };
}

/** A token of the service account at `account`. */
export async function requestToken(
  stack: Stack,
  account: string,
  spec: TokenSpec = {},
): Promise<string> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
  const answer = await stack.controlPlane.request('POST', `${account}/token`, { body });
  expect(answer.status, answer.body.toString()).toBe(201);
  const { status } = JSON.parse(answer.body.toString()) as { status: { token: string } };
  return status.token;
}

interface Created {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string };
}

/** Creates an object as the administrator. */
export async function create(stack: Stack, collection: string, body: object): Promise<Created> {
  const answer = await stack.controlPlane.request('POST', collection, { body });
  expect(answer.status, `POST ${collection}: ${answer.body.toString()}`).toBe(201);
  return JSON.parse(answer.body.toString()) as Created;
}

/** Authorizers learn of roles through watches, and authenticators of accounts: a moment later. */
async function untilRightsHold(
  stack: Stack,
  { token }: Caller,
  { namespace, rules }: CallerOptions,
): Promise<void> {
  for (const { apiGroups, resources, verbs, resourceNames } of rules) {
    const resourceAttributes = {
      namespace,
      group: apiGroups[0],
      resource: resources[0],
      verb: verbs[0],
      name: resourceNames?.[0],
    };
    await vi.waitUntil(() => mayDo(stack, token, resourceAttributes), patience);
  }
}

/** What kube-apiserver itself says about a right of the holder of a token. */
export async function mayDo(
  stack: Stack,
  token: string,
  resourceAttributes: object,
): Promise<boolean> {
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const kind = 'SelfSubjectAccessReview';
  const body = { apiVersion: 'authorization.k8s.io/v1', kind, spec: { resourceAttributes } };
  const answer = await stack.controlPlane.request('POST', path, { token, body });
  if (answer.status !== 201) return false;
  const review = JSON.parse(answer.body.toString()) as { status: { allowed: boolean } };
  return review.status.allowed;
}
