/** Who a verified certificate names, read from certificates that openssl made. */

import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DetailedPeerCertificate } from 'node:tls';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BearerCredential, callerOf } from '../../src/auth/authenticate.ts';
import { peerOf } from '../../src/auth/certificate.ts';
import type { NamedCredential } from '../../src/auth/named.ts';
import type { Peer } from '../../src/auth/certificate.ts';

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'watershed-certificates-'));
});

afterAll(() => rmSync(directory, { recursive: true }));

/** `subject`: rows of a section of openssl's configuration; repeated names carry a number and a dot. */
function certificateOf(subject: string): X509Certificate {
  const configuration = join(directory, 'request.cnf');
  const file = join(directory, 'self.crt');
  const head = 'oid_section=oids\n[oids]\nk8sUid=1.3.6.1.4.1.57683.2\n[req]\n';
  writeFileSync(
    configuration,
    `${head}distinguished_name=dn\nprompt=no\nutf8=yes\nstring_mask=utf8only\n[dn]\n${subject}\n`,
  );
  execFileSync(
    'openssl',
    [
      ['req', '-x509', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
      ['-nodes', '-days', '3', '-config', configuration],
      ['-keyout', join(directory, 'self.key'), '-out', file],
    ].flat(),
    { stdio: 'ignore' },
  );
  return new X509Certificate(readFileSync(file));
}

function peer(subject: string, authorized = true): Peer {
  const certificate = certificateOf(subject);
  return peerOf({
    authorized,
    authorizationError: authorized ? null : 'SELF_SIGNED_CERT_IN_CHAIN',
    getPeerX509Certificate: () => certificate,
    getPeerCertificate: () => certificate.toLegacyObject() as DetailedPeerCertificate,
  });
}

function credential(subject: string): NamedCredential {
  const found = peer(subject);
  if (found.kind !== 'certificate') throw new Error(`the peer is ${JSON.stringify(found)}`);
  return found.credential;
}

describe('A certificate', () => {
  test('names a user, groups and a UID as kube-apiserver reads them', () => {
    const { userInfo, actsAsNode } = credential(
      'O=system:nodes\n1.O=g, 2\nCN=first\n1.CN=system:node:x\nk8sUid=uid-7',
    );
    expect(userInfo).toEqual({
      user: 'system:node:x',
      uid: 'uid-7',
      groups: ['system:nodes', 'g, 2', 'system:authenticated'],
      extra: {
        'authentication.kubernetes.io/credential-id': [
          expect.stringMatching(/^X509SHA256=[\da-f]{64}$/),
        ],
      },
    });
    expect(actsAsNode).toBe(true);
  });

  test('is named to upstream by one header line per value', () => {
    const headers = credential('O=g1\n1.O=g2\nCN=Zoë').impersonation();
    expect(headers.slice(0, 8)).toEqual(
      [
        ['Impersonate-User', Buffer.from('Zoë').toString('latin1')],
        ['Impersonate-Group', 'g1'],
        ['Impersonate-Group', 'g2'],
        ['Impersonate-Group', 'system:authenticated'],
      ].flat(),
    );
    expect(headers[8]).toBe('Impersonate-Extra-authentication.kubernetes.io%2Fcredential-id');
  });

  test('without a common name is no certificate', () => {
    expect(peer('O=g1').kind).toBe('none');
  });

  test.each([
    ['CN=" root"', 'white space in front'],
    ['CN="root "', 'white space behind'],
    [String.raw`CN=root\nx`, 'a line break'],
    ['CN=root\nO=" system:masters"', 'white space in a group'],
    ['CN=system:anonymous', 'the name of nobody'],
    ['CN=a\nk8sUid=1\n1.k8sUid=2', 'two UIDs'],
  ])('with %j is rejected: %s', (subject) => {
    expect(peer(subject).kind).toBe('rejected');
  });

  test('that did not verify is rejected', () => {
    expect(peer('CN=root', false)).toEqual({
      kind: 'rejected',
      reason: 'SELF_SIGNED_CERT_IN_CHAIN',
    });
  });

  test('ends when its validity does, and has its own key in caches', () => {
    const one = credential('CN=a\nO=b');
    const other = credential('CN=b\nO=a');
    expect(one.expiresAtMs).toBeGreaterThan(Date.now());
    expect(one.expiresAtMs).toBeLessThan(Date.now() + 4 * 86_400_000);
    expect(one.digest).not.toBe(other.digest);
    expect(inspect(one)).toBe('known as a');
  });
});

describe('A caller with a certificate', () => {
  const bearer = ['Authorization', 'Bearer alice'];

  test('is who the certificate says, whatever token comes along', () => {
    const known = peer('CN=a');
    for (const headers of [[], bearer, ['Authorization', 'Basic x']]) {
      expect(callerOf(headers, known, Date.now())).toBe(
        known.kind === 'certificate' && known.credential,
      );
    }
  });

  test('that wants to be somebody else must be allowed every value', () => {
    const headers = [
      ['impersonate-user', 'system:serviceaccount:ns:name'],
      ['Impersonate-Uid', 'u'],
      ['Impersonate-Extra-Acme.com%2FScopes', 'view'],
    ].flat();
    const caller = callerOf(headers, peer('CN=a'), Date.now());
    if (caller.kind !== 'impersonating') throw new Error(caller.kind);
    expect(caller.by.userInfo.user).toBe('a');
    expect(caller.target).toEqual({
      user: 'system:serviceaccount:ns:name',
      uid: 'u',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated'],
      extra: { 'acme.com/scopes': ['view'] },
    });
    expect(caller.questions).toMatchObject([
      {
        verb: 'impersonate',
        group: '',
        resource: 'serviceaccounts',
        namespace: 'ns',
        name: 'name',
      },
      { group: 'authentication.k8s.io', resource: 'uids', name: 'u' },
      { resource: 'userextras', subresource: 'acme.com/scopes', name: 'view' },
    ]);
  });

  test.each([
    [['Impersonate-Group', 'system:masters']],
    [['Impersonate-Anything', 'x']],
    [['Impersonate-User', '']],
    // The first line counts, as for kube-apiserver.
    [['Impersonate-User', '', 'Impersonate-User', 'root']],
    [['Impersonate-User', 'x', 'Impersonate-Group', '']],
    [
      [
        'Impersonate-User',
        'x',
        ...Array.from({ length: 140 }, (_, at) => (at % 2 === 0 ? 'Impersonate-Group' : 'g')),
      ],
    ],
  ])('that impersonates nobody or unclearly is refused', (headers) => {
    const caller = callerOf(headers, peer('CN=a'), Date.now());
    expect(caller).toMatchObject({ kind: 'refused', status: { code: 400 } });
  });

  test.each([
    ['x', ['g'], ['g', 'system:authenticated']],
    ['x', ['system:unauthenticated'], ['system:unauthenticated']],
    ['system:anonymous', [], ['system:unauthenticated']],
    ['system:serviceaccount:a:b', ['g'], ['g', 'system:authenticated']],
  ])('as %s with %j has the groups that upstream gives it', (user, given, groups) => {
    const named = given.flatMap((group) => ['Impersonate-Group', group]);
    const caller = callerOf(['Impersonate-User', user, ...named], peer('CN=a'), Date.now());
    expect(caller).toMatchObject({ kind: 'impersonating', target: { groups } });
  });

  test.each(['rejected', 'expired'])('%s, is who its token says, and nobody without one', (how) => {
    const known = peer('CN=a', how !== 'rejected');
    const nowMs = Date.now() + 10 * 86_400_000;
    expect(callerOf(bearer, known, nowMs)).toBeInstanceOf(BearerCredential);
    for (const headers of [
      [],
      ['Authorization', 'Basic x'],
      ['Authorization', 'Bearer '],
      [...bearer, ...bearer],
      ['Sec-WebSocket-Protocol', 'base64url.bearer.authorization.k8s.io.YQ'],
    ]) {
      const caller = callerOf(headers, known, nowMs);
      expect(caller).toMatchObject({ kind: 'refused', status: { code: 401 } });
    }
    const upgrade = callerOf([...bearer, 'Upgrade', 'websocket'], known, nowMs);
    expect(upgrade).toMatchObject({ kind: 'unjudgeable', reason: 'upgrade' });
  });
});
