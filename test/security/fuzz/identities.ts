// Who asks: one row per kind of credential that kube-apiserver tells apart. What most of them may do is
// decided by the RBAC states (rbac-states.ts); the rest have nothing, or everything.

import { createPrivateKey, createSign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { KeyPair } from '../../conformance/control-plane/certificates.ts';
import type { ControlPlane } from '../../conformance/control-plane/control-plane.ts';
import { tokens } from '../../conformance/control-plane/users.ts';

export type IdentityName =
  | 'no credential'
  | 'garbage'
  | 'expired'
  | 'service account'
  | 'namespace reader'
  | 'watch-only'
  | 'resourceNames-only'
  | 'node certificate'
  | 'admin certificate'
  | 'cluster admin'
  /** May impersonate anybody, nothing else. */
  | 'impersonator';

export interface Identity {
  readonly name: IdentityName;
  readonly token?: string;
  readonly certificate?: KeyPair;
  /** As RBAC subjects name it; undefined when the states give it nothing. */
  readonly subject?: Subject;
  /** How often it asks, beside the others. */
  readonly weight: number;
  /** A write would succeed, so none is sent. */
  readonly mayWrite: boolean;
  /** kube-apiserver does not know who it is. */
  readonly isStranger: boolean;
}

export interface Subject {
  readonly kind: 'User' | 'Group' | 'ServiceAccount';
  readonly name: string;
  readonly namespace?: string;
}

const account = { namespace: 'a', name: 'fuzz' } as const;
export const accountUser = `system:serviceaccount:${account.namespace}:${account.name}`;
/** Longer than any run. */
const tokenSeconds = 24 * 3600;

/** Makes the service account and its tokens. */
export async function makeIdentities(controlPlane: ControlPlane): Promise<readonly Identity[]> {
  const accountToken = await makeAccount(controlPlane);
  const { serviceAccountKeyFile: keyFile, node, admin } = controlPlane.certificates;
  const row = (name: IdentityName, weight: number, rest: Partial<Identity>): Identity => ({
    name,
    weight,
    mayWrite: false,
    isStranger: name === 'no credential' || name === 'garbage' || name === 'expired',
    ...rest,
  });
  const user = (name: string): Subject => ({ kind: 'User', name });
  return [
    row('no credential', 2, { subject: { kind: 'Group', name: 'system:unauthenticated' } }),
    row('garbage', 1, { token: 'garbage' }),
    row('expired', 1, { token: expired(accountToken, keyFile) }),
    row('service account', 4, {
      token: accountToken,
      subject: { kind: 'ServiceAccount', ...account },
    }),
    row('namespace reader', 5, { token: tokens.alice, subject: user('alice') }),
    row('watch-only', 4, { token: tokens.wanda, subject: user('wanda') }),
    row('resourceNames-only', 5, { token: tokens.nora, subject: user('nora') }),
    row('node certificate', 4, { certificate: node, mayWrite: true }),
    row('admin certificate', 1, { certificate: admin, mayWrite: true }),
    row('cluster admin', 3, { token: tokens.admin, mayWrite: true }),
    row('impersonator', 3, { token: tokens.impersonator }),
  ];
}

async function makeAccount(controlPlane: ControlPlane): Promise<string> {
  const path = `/api/v1/namespaces/${account.namespace}/serviceaccounts`;
  const made = await controlPlane.request('POST', path, { body: { metadata: account } });
  if (made.status !== 201) throw new Error(`POST ${path}: ${made.body}`);
  const asked = await controlPlane.request('POST', `${path}/${account.name}/token`, {
    body: { spec: { expirationSeconds: tokenSeconds } },
  });
  if (asked.status !== 201) throw new Error(`POST ${path}/${account.name}/token: ${asked.body}`);
  return (JSON.parse(asked.body.toString()) as { status: { token: string } }).status.token;
}

/** The same token as it would have been an hour before, long over, signed with the same key. */
function expired(token: string, keyFile: string): string {
  const [header, payload] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<
    string,
    unknown
  >;
  const nowSeconds = Math.floor(Date.now() / 1000);
  const past = { iat: nowSeconds - 7200, nbf: nowSeconds - 7200, exp: nowSeconds - 3600 };
  const body = Buffer.from(JSON.stringify({ ...claims, ...past })).toString('base64url');
  const signer = createSign('RSA-SHA256').update(`${header}.${body}`);
  const signature = signer.sign(createPrivateKey(readFileSync(keyFile)), 'base64url');
  return `${header}.${body}.${signature}`;
}
