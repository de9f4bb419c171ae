/**
 * Impersonation by somebody who is known by name: whom the headers name, and what the caller
 * must be allowed for it, both as kube-apiserver reads them (apiserver pkg/endpoints/filters/impersonation).
 *
 * Upstream sees such a request in the name of the target alone, so the caller's own right is asked for
 * here, value by value, before anything is sent. (Who comes with a token sends these headers on, and
 * upstream judges them.)
 */

import type { Attributes } from './attributes.ts';
import { isCarriable } from './named.ts';
import type { UserInfo } from './named.ts';

/** Each value is a question; real requests have a handful. */
const MAX_VALUES = 64;

/** As `serviceaccount.SplitUsername` reads it; any other spelling is a user, who takes another right. */
const SERVICE_ACCOUNT =
  /^system:serviceaccount:([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?):((?=[^:]{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*)$/;
const EXTRA = 'impersonate-extra-';

export type Impersonation =
  | { readonly kind: 'none' }
  /** As they are sent on, with the groups that upstream adds by itself. */
  | { readonly kind: 'of'; readonly target: UserInfo; readonly questions: readonly Attributes[] }
  | { readonly kind: 'malformed'; readonly reason: string };

export function impersonates(rawHeaders: readonly string[]): boolean {
  return rawHeaders.some((name, at) => at % 2 === 0 && /^impersonate-/i.test(name));
}

export function impersonationOf(rawHeaders: readonly string[]): Impersonation {
  if (!impersonates(rawHeaders)) return { kind: 'none' };
  const named = namedIn(rawHeaders);
  if (named === undefined) return malformed('an unknown Impersonate header');
  const { user, uid, groups, extra } = named;
  if (user === '') return malformed('impersonation without a user');
  const values = [user, ...groups, ...(uid === '' ? [] : [uid]), ...[...extra.values()].flat()];
  if (values.length > MAX_VALUES) return malformed('impersonation with too many values');
  if (!values.every(isCarriable)) return malformed('impersonation with an empty or torn value');
  const target: UserInfo = {
    user,
    uid,
    groups: effectiveGroups(user, groups),
    extra: Object.fromEntries(extra),
  };
  return { kind: 'of', target, questions: questionsAbout(named) };
}

interface Named {
  readonly user: string;
  readonly uid: string;
  readonly groups: string[];
  readonly extra: Map<string, string[]>;
}

/** Undefined: a header of this prefix that upstream would ignore; ignoring it here could widen a right. */
function namedIn(rawHeaders: readonly string[]): Named | undefined {
  const groups: string[] = [];
  const extra = new Map<string, string[]>();
  // Of several lines the first counts, empty or not, as for Go's `Header.Get`.
  let user: string | undefined;
  let uid: string | undefined;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at].toLowerCase();
    if (!name.startsWith('impersonate-')) continue;
    const value = fromWire(rawHeaders[at + 1]);
    if (name === 'impersonate-user') user ??= value;
    else if (name === 'impersonate-uid') uid ??= value;
    else if (name === 'impersonate-group') groups.push(value);
    else if (name.startsWith(EXTRA)) {
      const key = unescaped(name.slice(EXTRA.length));
      const values = extra.get(key) ?? [];
      extra.set(key, [...values, value]);
    } else return undefined;
  }
  return { user: user ?? '', uid: uid ?? '', groups, extra };
}

/** Groups that are given are the authority; a service account without any has those of its kind. */
function effectiveGroups(user: string, given: readonly string[]): readonly string[] {
  const account = SERVICE_ACCOUNT.exec(user);
  const groups =
    given.length === 0 && account !== null
      ? ['system:serviceaccounts', `system:serviceaccounts:${account[1]}`]
      : [...given];
  if (user === 'system:anonymous') return [...new Set([...groups, 'system:unauthenticated'])];
  const said = groups.some((group) => /^system:(?:un)?authenticated$/.test(group));
  return said ? groups : [...groups, 'system:authenticated'];
}

function questionsAbout({ user, uid, groups, extra }: Named): readonly Attributes[] {
  const account = SERVICE_ACCOUNT.exec(user);
  const questions = [
    account === null
      ? question({ resource: 'users', name: user })
      : question({ resource: 'serviceaccounts', namespace: account[1], name: account[2] }),
    ...groups.map((name) => question({ resource: 'groups', name })),
  ];
  const group = 'authentication.k8s.io';
  if (uid !== '') questions.push(question({ group, resource: 'uids', name: uid }));
  for (const [subresource, values] of extra) {
    for (const name of values) {
      questions.push(question({ group, resource: 'userextras', subresource, name }));
    }
  }
  return questions;
}

function question(about: Partial<Attributes>): Attributes {
  return {
    verb: 'impersonate',
    group: '',
    version: 'v1',
    resource: '',
    subresource: '',
    namespace: '',
    name: '',
    rawFieldSelector: '',
    rawLabelSelector: '',
    ...about,
  };
}

function malformed(reason: string): Impersonation {
  return { kind: 'malformed', reason };
}

/** Header values are octets: UTF-8, one per character. */
function fromWire(value: string): string {
  return Buffer.from(value, 'latin1').toString('utf8');
}

function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    // Go keeps a key that it cannot decode as it is.
    return key;
  }
}
