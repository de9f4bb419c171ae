/**
 * Credentials: what a caller brought to prove who it is, as far as the proxy can judge it.
 *
 * The proxy does not verify bearer tokens; it recognizes them by kube-apiserver's own parsing rules
 * (auth.md 1.1) and lets upstream judge. Impersonate-* headers belong to the credential: they go
 * along with every review and are part of its digest. Whatever is ambiguous is `unjudgeable` and
 * passed through, never served from memory, never replaced by a credential of ours.
 *
 * A client certificate cannot travel through a proxy that ends TLS, so it is judged here, and first, as
 * upstream does: a good one decides, a bad one leaves the word to a bearer token, and to nothing else.
 */

import { inspect } from 'node:util';
import { badRequest, unauthorized } from '../k8s/status.ts';
import type { StatusResponse } from '../k8s/status.ts';
import { nominatesIdentity } from '../upstream/headers.ts';
import type { Attributes } from './attributes.ts';
import type { CertificateCredential, Peer, UserInfo } from './certificate.ts';
import { digestOf } from './digest.ts';
import { impersonationOf } from './impersonation.ts';

/** Bound on the token and the impersonation headers together; real ones are under 4 KiB. */
const MAX_CREDENTIAL_BYTES = 16 * 1024;

/** A credential about which upstream can be asked. */
export type JudgeableCredential = BearerCredential | CertificateCredential;

export type Credential =
  | JudgeableCredential
  /** Somebody with a certificate who was allowed to act as somebody else; never served from memory. */
  | { readonly kind: 'impersonated'; readonly named: CertificateCredential }
  /** No Authorization header at all. */
  | { readonly kind: 'none' }
  /** `reason` is a constant text, fit for a metric label. */
  | { readonly kind: 'unjudgeable'; readonly reason: string };

/** Nobody to upstream either: answered here, and never sent on. */
export interface RefusedCaller {
  readonly kind: 'refused';
  /** A constant text, fit for a metric label. */
  readonly reason: string;
  readonly status: StatusResponse;
}

export type Caller = Credential | RefusedCaller;

/** A certificate that wants to act as somebody else, not yet allowed to (callers.ts). */
export interface Impersonating {
  readonly kind: 'impersonating';
  readonly by: CertificateCredential;
  readonly target: UserInfo;
  readonly questions: readonly Attributes[];
}

/** In whose name a request travels, where it does not travel with its own credential. */
export function namedCaller(credential: Credential | undefined): CertificateCredential | undefined {
  if (credential?.kind === 'certificate') return credential;
  return credential?.kind === 'impersonated' ? credential.named : undefined;
}

/** A bearer token with its impersonation headers. Prints as [redacted]. */
export class BearerCredential {
  readonly kind = 'bearer';
  readonly #headers: readonly string[];
  #parts: readonly string[] | undefined;
  #digest: string | undefined;

  constructor(headers: readonly string[]) {
    this.#headers = headers;
  }

  /** What tells this caller from others, for keys: the headers with their names in lower case. */
  get parts(): readonly string[] {
    this.#parts ??= this.#headers.map((part, at) => (at % 2 === 0 ? part.toLowerCase() : part));
    return this.#parts;
  }

  /** Stands for token and impersonation in cache keys; worthless outside this process. */
  get digest(): string {
    this.#digest ??= digestOf(this.parts);
    return this.#digest;
  }

  /** Impersonates a node: refusals are not remembered (auth.md 2.2). */
  get actsAsNode(): boolean {
    return this.parts.some(
      (part, at) =>
        at % 2 === 1 && part === 'system:nodes' && this.parts[at - 1] === 'impersonate-group',
    );
  }

  /** Raw pairs exactly as the caller sent them: Authorization, then Impersonate-* in order. */
  headers(): readonly string[] {
    return this.#headers;
  }

  /**
   * When the token itself says that it ends, in milliseconds since the epoch; Infinity when it says
   * nothing. Read without verification, so it may only ever shorten what is remembered.
   */
  get expiresAtMs(): number {
    const [, payload = ''] = this.#headers[1].split(' ')[1]?.split('.') ?? [];
    try {
      const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
      const exp = (claims as { exp?: unknown } | null)?.exp;
      return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 : Infinity;
    } catch {
      return Infinity;
    }
  }

  toJSON(): string {
    return '[redacted]';
  }

  [inspect.custom](): string {
    return '[redacted]';
  }
}

/** Who sends a request with these headers over a connection to this peer. */
export function callerOf(
  rawHeaders: readonly string[],
  peer: Peer,
  nowMs: number,
): Caller | Impersonating {
  if (peer.kind === 'none') return credentialOf(rawHeaders);
  if (peer.kind === 'certificate' && nowMs < peer.credential.expiresAtMs) {
    return certified(rawHeaders, peer.credential);
  }
  // Upstream tries the next authenticator behind one that fails, and never ends with anonymous.
  const credential = credentialOf(rawHeaders);
  if (credential.kind === 'bearer') return credential;
  const plain = credential.kind === 'unjudgeable' && credentialOf(withoutUpgrade(rawHeaders));
  return plain && plain.kind === 'bearer' ? credential : BAD_CERTIFICATE;
}

function withoutUpgrade(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter(
    (_, at) => !UPGRADE_HEADERS.has(rawHeaders[at - (at % 2)].toLowerCase()),
  );
}

const UPGRADE_HEADERS: ReadonlySet<string> = new Set(['upgrade', 'sec-websocket-protocol']);

const BAD_CERTIFICATE: RefusedCaller = Object.freeze({
  kind: 'refused',
  reason: 'bad client certificate',
  status: unauthorized(),
});

function certified(
  rawHeaders: readonly string[],
  by: CertificateCredential,
): Caller | Impersonating {
  const impersonation = impersonationOf(rawHeaders);
  if (impersonation.kind === 'none') return by;
  if (impersonation.kind === 'malformed') {
    const { reason } = impersonation;
    return { kind: 'refused', reason, status: badRequest(reason) };
  }
  return { ...impersonation, kind: 'impersonating', by };
}

/** What the raw header pairs of a request say about its caller. */
export function credentialOf(rawHeaders: readonly string[]): Credential {
  const identity: string[] = [];
  let authorizations = 0;
  let bytes = 0;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at].toLowerCase();
    if (UPGRADE_HEADERS.has(name)) {
      return { kind: 'unjudgeable', reason: 'upgrade' };
    }
    if (name === 'authorization') {
      authorizations += 1;
      identity.unshift(rawHeaders[at], rawHeaders[at + 1]);
    } else if (name.startsWith('impersonate-')) {
      identity.push(rawHeaders[at], rawHeaders[at + 1]);
    } else {
      continue;
    }
    bytes += name.length + rawHeaders[at + 1].length;
  }
  if (authorizations === 0) {
    return { kind: 'none' };
  }
  if (authorizations > 1) {
    return { kind: 'unjudgeable', reason: 'more than one Authorization header' };
  }
  if (!isBearer(identity[1])) {
    return { kind: 'unjudgeable', reason: 'not a bearer token' };
  }
  if (nominatesIdentity(rawHeaders)) {
    return { kind: 'unjudgeable', reason: 'Connection names an identity header' };
  }
  return bytes > MAX_CREDENTIAL_BYTES
    ? { kind: 'unjudgeable', reason: 'credential too long' }
    : new BearerCredential(identity);
}

/** bearertoken.go: split at single spaces into at most three, scheme in any case, token not empty. */
function isBearer(value: string): boolean {
  const [scheme, token = ''] = value.split(' ', 2);
  return scheme.toLowerCase() === 'bearer' && token !== '';
}
