/**
 * Client certificates: who a TLS peer is, read from its verified certificate as kube-apiserver reads it
 * (apiserver pkg/authentication/request/x509: CN is the user, each O a group, one OID the UID, the
 * fingerprint an extra), and how that person is named to upstream.
 *
 * OpenSSL has verified chain, purpose and dates at the handshake; dates are looked at again per request,
 * and a change of the authority ends the connection (proxy/server.ts). A name that a header could not
 * carry to upstream letter by letter is rejected: " root" must never arrive as "root".
 */

import type { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate } from 'node:tls';
import { inspect } from 'node:util';
import { digestOf } from './digest.ts';

const UID_OID = '1.3.6.1.4.1.57683.2';
const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';
const AUTHENTICATED = 'system:authenticated';
const NODE_GROUPS = ['system:nodes', AUTHENTICATED];

/** Bounds what one certificate may put into every review and every forwarded head. */
const MAX_NAME_BYTES = 8 * 1024;

/** Who somebody is to upstream's authorizers; the fields of a SubjectAccessReview's spec. */
export interface UserInfo {
  readonly user: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** A verified client certificate. Prints as the name of its user. */
export class CertificateCredential {
  readonly kind = 'certificate';
  readonly userInfo: UserInfo;
  /** End of validity of the certificate or of what signed it, whichever is first; ms since 1970. */
  readonly expiresAtMs: number;
  readonly parts: readonly string[];
  readonly digest: string;
  readonly actsAsNode: boolean;

  constructor(userInfo: UserInfo, expiresAtMs: number) {
    const { user, uid, groups, extra } = userInfo;
    this.userInfo = userInfo;
    this.expiresAtMs = expiresAtMs;
    this.parts = ['certificate', user, uid, ...groups, '', ...Object.entries(extra).flat(2)];
    this.digest = digestOf(this.parts);
    this.actsAsNode = groups.includes('system:nodes');
  }

  /** What names this caller to upstream beside the credential of an account that may impersonate. */
  impersonation(): readonly string[] {
    const { user, uid, groups, extra } = this.userInfo;
    const headers = ['Impersonate-User', wire(user)];
    if (uid !== '') headers.push('Impersonate-Uid', wire(uid));
    for (const group of groups) headers.push('Impersonate-Group', wire(group));
    for (const [key, values] of Object.entries(extra)) {
      const name = `Impersonate-Extra-${headerKey(key)}`;
      for (const value of values) headers.push(name, wire(value));
    }
    return headers;
  }

  /** Its name alone, where that says everything: upstream's constrained impersonation knows a node's groups. */
  get nodeImpersonation(): readonly string[] | undefined {
    const { user, uid, groups } = this.userInfo;
    const isNode =
      user.startsWith('system:node:') &&
      uid === '' &&
      groups.length === NODE_GROUPS.length &&
      NODE_GROUPS.every((group) => groups.includes(group));
    return isNode ? ['Impersonate-User', wire(user)] : undefined;
  }

  toJSON(): string {
    return this.userInfo.user;
  }

  [inspect.custom](): string {
    return `certificate of ${this.userInfo.user}`;
  }
}

/** What a TLS connection says about its peer, once and for all its requests. */
export type Peer =
  /** No certificate, or one without a name: as if there were none. */
  | { readonly kind: 'none' }
  | { readonly kind: 'certificate'; readonly credential: CertificateCredential }
  /** A certificate that proves nothing; `reason` is for logs. */
  | { readonly kind: 'rejected'; readonly reason: string };

export const NO_PEER: Peer = Object.freeze({ kind: 'none' });

/** The part of a TLS socket that is read. */
export interface VerifiedSocket {
  readonly authorized: boolean;
  readonly authorizationError: unknown;
  getPeerX509Certificate(): X509Certificate | undefined;
  getPeerCertificate(detailed: true): DetailedPeerCertificate;
}

/** Reads the peer of a socket behind its handshake. Never throws. */
export function peerOf(socket: VerifiedSocket): Peer {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return NO_PEER;
  if (!socket.authorized) return rejected(String(socket.authorizationError ?? 'not verified'));
  const subject = certificate.toLegacyObject().subject as Readonly<Record<string, Attribute>>;
  const names = valuesOf(subject['CN']);
  const uids = valuesOf(subject[UID_OID]);
  // Go keeps the last of several common names.
  const user = names.at(-1) ?? '';
  if (user === '') return NO_PEER;
  if (uids.length > 1) return rejected('more than one UID');
  const organizations = valuesOf(subject['O']);
  if (![user, ...uids, ...organizations].every(isCarriable)) {
    return rejected('a name that no header can carry');
  }
  // Impersonated, it would get a group that it has not when it comes by itself.
  if (user === 'system:anonymous') return rejected('the name of nobody');
  const bytes = [user, ...uids, ...organizations].join('').length;
  if (bytes > MAX_NAME_BYTES) return rejected('names too long');
  return {
    kind: 'certificate',
    credential: new CertificateCredential(
      {
        user,
        uid: uids[0] ?? '',
        groups: [...new Set([...organizations, AUTHENTICATED])],
        extra: { [CREDENTIAL_ID]: [`X509SHA256=${fingerprintOf(certificate)}`] },
      },
      expiryOf(socket.getPeerCertificate(true)),
    ),
  };
}

function rejected(reason: string): Peer {
  return { kind: 'rejected', reason };
}

/** As node:tls gives the attributes of a name: one, several, or none of a type. */
type Attribute = string | readonly string[] | undefined;

function valuesOf(attribute: Attribute): readonly string[] {
  if (attribute === undefined) return [];
  return typeof attribute === 'string' ? [attribute] : attribute;
}

/** HTTP trims white space around a value and has no way to say a control character or nothing. */
export function isCarriable(value: string): boolean {
  // oxlint-disable-next-line no-control-regex
  return value !== '' && !/^\s|\s$|[\x00-\x1f\x7f]/.test(value);
}

/**
 * The key of an extra as part of a header's name. Upstream lower-cases the name before it decodes it, so that only an
 * escaped capital stays one, and a name takes no brackets.
 */
function headerKey(key: string): string {
  return key.replaceAll(/[^a-z0-9._-]+/g, (odd) =>
    [...Buffer.from(odd, 'utf8')].map(escaped).join(''),
  );
}

function escaped(octet: number): string {
  return `%${octet.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** Header values are octets: UTF-8, one per character. */
function wire(value: string): string {
  return Buffer.from(value, 'utf8').toString('latin1');
}

function fingerprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}

/**
 * The chain ends with its first link. An X509Certificate knows the issuers that the peer sent, which is mostly none; this
 * older form goes on with those of the authority.
 */
function expiryOf(certificate: DetailedPeerCertificate): number {
  let expiresAtMs = Infinity;
  const seen = new Set<DetailedPeerCertificate>();
  let link: DetailedPeerCertificate | undefined = certificate;
  while (link !== undefined && !seen.has(link)) {
    seen.add(link);
    expiresAtMs = Math.min(expiresAtMs, Date.parse(link.valid_to));
    link = link.issuerCertificate;
  }
  return expiresAtMs;
}
