/**
 * Access: who a bearer token is and what its rules allow.
 *
 * Asked by the server before every request and by the review resources, which is how the proxy asks.
 * Everybody known may read discovery and health, as everybody may in a real cluster.
 */
import { forbidden, unauthorized } from '../k8s/status.ts';
import { ApiError } from './errors.ts';
import type { Rules, TokenUser } from './options.ts';

export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  readonly rules: Rules;
}

/** What is to be done, in the words of an access review. */
export interface Action {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace: string;
  readonly name: string;
}

const ANYBODY: User = { name: 'system:admin', groups: ['system:masters'], rules: 'all' };

export class Access {
  readonly #tokens: Readonly<Record<string, TokenUser>> | undefined;

  constructor(tokens: Readonly<Record<string, TokenUser>> | undefined) {
    this.#tokens = tokens;
  }

  /** The caller; throws 401 for an unknown token and for none. */
  authenticate(authorization: string | undefined, impersonated: string | undefined): User {
    const caller = this.#caller(authorization);
    if (impersonated === undefined) return caller;
    const action = { verb: 'impersonate', group: '', resource: 'users', namespace: '' };
    this.require(caller, { ...action, name: impersonated });
    return this.user(impersonated) ?? unknownUser(impersonated);
  }

  /** A user by name; all are known by their token. */
  user(name: string): User | undefined {
    const found = Object.values(this.#tokens ?? {}).find((entry) => entry.user === name);
    return found === undefined ? undefined : userOf(found);
  }

  byToken(token: string): User | undefined {
    if (this.#tokens === undefined) return ANYBODY;
    return Object.hasOwn(this.#tokens, token) ? userOf(this.#tokens[token]) : undefined;
  }

  /** Throws 403. */
  require(user: User, action: Action): void {
    if (allows(user.rules, action)) return;
    const { verb, group, namespace, name } = action;
    const plural =
      action.subresource === undefined
        ? action.resource
        : `${action.resource}/${action.subresource}`;
    const resource = { group, plural };
    throw new ApiError(forbidden({ user: user.name, verb, resource, name, namespace }));
  }

  #caller(authorization: string | undefined): User {
    if (this.#tokens === undefined) return ANYBODY;
    const token = /^Bearer +(.+)$/i.exec(authorization ?? '')?.[1];
    const user = token === undefined ? undefined : this.byToken(token.trim());
    if (user === undefined) throw new ApiError(unauthorized());
    return user;
  }
}

export function allows(rules: Rules, action: Action): boolean {
  if (rules === 'all') return true;
  if (rules === 'none') return false;
  const { group, namespace } = action;
  const plural = action.subresource ? `${action.resource}/${action.subresource}` : action.resource;
  const resource = group === '' ? plural : `${plural}.${group}`;
  return rules.some(
    (rule) =>
      includes(rule.verbs, action.verb) &&
      includes(rule.resources, resource) &&
      (rule.namespaces === undefined || includes(rule.namespaces, namespace)),
  );
}

function includes(list: readonly string[], value: string): boolean {
  return list.includes('*') || list.includes(value);
}

function userOf(entry: TokenUser): User {
  const groups = [...(entry.groups ?? []), 'system:authenticated'];
  return { name: entry.user, groups, rules: entry.rules };
}

function unknownUser(name: string): User {
  return { name, groups: ['system:authenticated'], rules: 'none' };
}
