/**
 * Callers known by name: by a certificate that was verified here (certificate.ts), or by a token that upstream reviewed
 * for the proxy (token-reviews.ts). Neither can travel on, so upstream is asked about them, and told of them, by name.
 */

import { inspect } from 'node:util';
import { digestOf } from './digest.ts';

export const AUTHENTICATED = 'system:authenticated';
const NODE_GROUPS = ['system:nodes', AUTHENTICATED];

/** Bounds what one caller may put into every review and every forwarded head. */
const MAX_NAME_BYTES = 8 * 1024;

/** Who somebody is to upstream's authorizers; the fields of a SubjectAccessReview's spec. */
export interface UserInfo {
  readonly user: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Whether upstream knows the holder of a token now; undecided: it could not be asked. */
export type Standing = 'known' | 'unknown' | 'undecided';

/** A token that is not kept as a credential, but that can be asked about again. */
export interface ReviewedToken {
  readonly digest: string;
  stands(): Promise<Standing>;
}

/** Somebody known by name. Prints as that name. */
export class NamedCredential {
  readonly kind = 'named';
  readonly userInfo: UserInfo;
  /** End of validity of what proved the name (a certificate: or of what signed it); ms since 1970. */
  readonly expiresAtMs: number;
  readonly parts: readonly string[];
  readonly digest: string;
  readonly actsAsNode: boolean;
  readonly #token: ReviewedToken | undefined;

  /** @param token what proved the name, where it may be taken back at any time. */
  constructor(userInfo: UserInfo, expiresAtMs: number, token?: ReviewedToken) {
    const { user, uid, groups, extra } = userInfo;
    this.userInfo = userInfo;
    this.expiresAtMs = expiresAtMs;
    this.#token = token;
    // Two tokens of one user end at different times, so what is open under them is asked about apart.
    const proof = token?.digest ?? '';
    this.parts = ['named', proof, user, uid, ...groups, '', ...Object.entries(extra).flat(2)];
    this.digest = digestOf(this.parts);
    this.actsAsNode = groups.includes('system:nodes');
  }

  /** By a token, which may end before its time: who it belongs to must be asked now and then. */
  get mayBeTakenBack(): boolean {
    return this.#token !== undefined;
  }

  /** Whether the name still holds; a certificate's does until it expires. */
  stands(): Promise<Standing> {
    return this.#token?.stands() ?? Promise.resolve('known');
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
    return `known as ${this.userInfo.user}`;
  }
}

/** Why somebody cannot be named to upstream; '' when nothing speaks against it. */
export function whyUnspeakable({ user, uid, groups, extra }: UserInfo): string {
  const values = [user, ...(uid === '' ? [] : [uid]), ...groups, ...Object.values(extra).flat()];
  if (!values.every(isCarriable)) return 'a name that no header can carry';
  // Impersonated, it would get a group that it has not when it comes by itself.
  if (user === 'system:anonymous') return 'the name of nobody';
  const length = [...values, ...Object.keys(extra)].join('').length;
  return length > MAX_NAME_BYTES ? 'names too long' : '';
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
