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
 * Tokens that are meant for the proxy alone are callers.ts's business.
 */

import { inspect } from 'node:util';
import { badRequest, unauthorized } from '../k8s/status.ts';
import type { StatusResponse } from '../k8s/status.ts';
import { nominatesIdentity } from '../upstream/headers.ts';
import type { Attributes } from './attributes.ts';
import type { Peer } from './certificate.ts';
import { digestOf } from './digest.ts';
import { impersonationOf } from './impersonation.ts';
import type { NamedCredential, UserInfo } from './named.ts';

/** Bound on the token and the impersonation headers together; real ones are under 4 KiB. */
const MAX_CREDENTIAL_BYTES = 16 * 1024;

/** A credential about which upstream can be asked. */
export type JudgeableCredential = BearerCredential | NamedCredential;

export type Credential =
  | JudgeableCredential
  /** Somebody known by name who was allowed to act as somebody else; never served from memory. */
  | { readonly kind: 'impersonated'; readonly named: NamedCredential }
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

/** Upstream would have to be asked first, and did not answer. */
export interface UndecidedCaller {
  readonly kind: 'undecided';
}

export type Caller = Credential | RefusedCaller | UndecidedCaller;

/** Somebody known by name who wants to act as somebody else, not yet allowed to (callers.ts). */
export interface Impersonating {
  readonly kind: 'impersonating';
  readonly by: NamedCredential;
  readonly target: UserInfo;
  readonly questions: readonly Attributes[];
}

/** In whose name a request travels, where it does not travel with its own credential. */
export function namedCaller(credential: Credential | undefined): NamedCredential | undefined {
  if (credential?.kind === 'named') return credential;
  return credential?.kind === 'impersonated' ? credential.named : undefined;
}

/** A bearer token with its impersonation headers. Prints as [redacted]. */
export class BearerCredential {
  readonly kind = 'bearer';
  readonly #headers: readonly string[];
  #parts: readonly string[] | undefined;
  #digest: string | undefined;
  #claims: Claims | undefined;

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
    const { exp } = this.#claimed;
    return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 : Infinity;
  }

  /** For whom the token says that it is, unverified: good for choosing who is asked about it, and nothing else. */
  get audiences(): readonly string[] {
    const { aud } = this.#claimed;
    return [aud].flat().filter((one) => typeof one === 'string');
  }

  /** The secret itself. */
  token(): string {
    return this.#headers[1].split(' ')[1];
  }

  get #claimed(): Claims {
    this.#claims ??= claimsOf(this.token());
    return this.#claims;
  }

  toJSON(): string {
    return '[redacted]';
  }

  [inspect.custom](): string {
    return '[redacted]';
  }
}

/** What a JWT says about itself, unverified. */
interface Claims {
  readonly exp?: unknown;
  readonly aud?: unknown;
}

function claimsOf(token: string): Claims {
  const payload = token.split('.', 2)[1] ?? '';
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    return typeof claims === 'object' && claims !== null ? claims : {};
  } catch {
    return {};
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
    return actingAs(rawHeaders, peer.credential);
  }
  // Upstream tries the next authenticator behind one that fails, and never ends with anonymous.
  return bearerOf(rawHeaders) === undefined ? BAD_CERTIFICATE : credentialOf(rawHeaders);
}

/** The bearer token of a request, an upgrade or not. */
export function bearerOf(rawHeaders: readonly string[]): BearerCredential | undefined {
  const credential = credentialOf(rawHeaders);
  if (credential.kind === 'bearer') return credential;
  const isUpgrade = credential.kind === 'unjudgeable' && credential.reason === UPGRADE;
  return isUpgrade ? bearerOf(withoutUpgrade(rawHeaders)) : undefined;
}

function withoutUpgrade(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter(
    (_, at) => !UPGRADE_HEADERS.has(rawHeaders[at - (at % 2)].toLowerCase()),
  );
}

const UPGRADE = 'upgrade';

const UPGRADE_HEADERS: ReadonlySet<string> = new Set(['upgrade', 'sec-websocket-protocol']);

const BAD_CERTIFICATE: RefusedCaller = Object.freeze({
  kind: 'refused',
  reason: 'bad client certificate',
  status: unauthorized(),
});

/** Whom a request of somebody known by name is for: the sender, or whom its headers name. */
export function actingAs(
  rawHeaders: readonly string[],
  by: NamedCredential,
): Caller | Impersonating {
  const impersonation = impersonationOf(rawHeaders);
  if (impersonation.kind === 'none') return by;
  if (impersonation.kind === 'malformed') {
    const { reason } = impersonation;
    return { kind: 'refused', reason, status: badRequest(reason) };
  }
  return { ...impersonation, kind: 'impersonating', by };
}

/** Kept on the pairs themselves: the entries of a WeakMap live until a full collection, ten thousands of them in a burst. */
const CREDENTIAL = Symbol('credential');

/**
 * What the raw header pairs of a request say about its caller. The same object for the same pairs: whoever counts requests
 * asks as well, and a digest is made once.
 */
export function credentialOf(rawHeaders: readonly string[]): Credential {
  const pairs: readonly string[] & { [CREDENTIAL]?: Credential } = rawHeaders;
  pairs[CREDENTIAL] ??= readCredential(rawHeaders);
  return pairs[CREDENTIAL];
}

function readCredential(rawHeaders: readonly string[]): Credential {
  const identity: string[] = [];
  let authorizations = 0;
  let bytes = 0;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at].toLowerCase();
    if (UPGRADE_HEADERS.has(name)) {
      return { kind: 'unjudgeable', reason: UPGRADE };
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
