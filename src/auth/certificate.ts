/**
 * Client certificates: who a TLS peer is, read from its verified certificate as kube-apiserver reads it
 * (apiserver pkg/authentication/request/x509: CN is the user, each O a group, one OID the UID, the
 * fingerprint an extra).
 *
 * OpenSSL has verified chain, purpose and dates at the handshake; dates are looked at again per request,
 * and a change of the authority ends the connection (proxy/server.ts). A name that a header could not
 * carry to upstream letter by letter is rejected: " root" must never arrive as "root".
 */

import type { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate } from 'node:tls';
import { AUTHENTICATED, NamedCredential, whyUnspeakable } from './named.ts';
import type { UserInfo } from './named.ts';

const UID_OID = '1.3.6.1.4.1.57683.2';
const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';

/** What a TLS connection says about its peer, once and for all its requests. */
export type Peer =
  /** No certificate, or one without a name: as if there were none. */
  | { readonly kind: 'none' }
  | { readonly kind: 'certificate'; readonly credential: NamedCredential }
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
  if (uids.includes('')) return rejected('an empty UID');
  const userInfo: UserInfo = {
    user,
    uid: uids[0] ?? '',
    groups: [...new Set([...organizations, AUTHENTICATED])],
    extra: { [CREDENTIAL_ID]: [`X509SHA256=${fingerprintOf(certificate)}`] },
  };
  const fault = whyUnspeakable(userInfo);
  if (fault !== '') return rejected(fault);
  const expiresAtMs = expiryOf(socket.getPeerCertificate(true));
  return { kind: 'certificate', credential: new NamedCredential(userInfo, expiresAtMs) };
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
