/**
 * The proof that an account may do what it is for and nothing else.
 *
 * Impersonation fails open: should the header that names the caller ever be lost on the way, the request
 * runs as the account that sent it (Pinniped's rule; CVE-2022-23652). So the impersonating account must
 * be able to do nothing without it. Asked are the rules that hold for it (SelfSubjectRulesReview: RBAC)
 * and some of the worst single questions (SelfSubjectAccessReview: every authorizer).
 */

import { postReview, readText } from './review.ts';
import type { Reviewer } from './review.ts';

export type Proof =
  /** `nodesByName`: it may impersonate nodes as upstream's constrained impersonation knows them (KEP-5284). */
  | { readonly kind: 'fit'; readonly nodesByName: boolean }
  /** `fault` says what is wrong with the account, for people. */
  | { readonly kind: 'unfit'; readonly fault: string }
  /** Upstream could not be asked. */
  | { readonly kind: 'undecided'; readonly reason: string };

const TIMEOUT_MS = 10_000;

/** The rights of everybody (system:basic-user, system:cluster-trust-bundle-discovery). */
const EVERYBODYS: Readonly<Record<string, readonly string[]>> = {
  selfsubjectaccessreviews: ['create'],
  selfsubjectrulesreviews: ['create'],
  selfsubjectreviews: ['create'],
  clustertrustbundles: ['get', 'list', 'watch'],
};

/** In each of these the rules are asked for: those of the whole cluster, and of its two usual namespaces. */
const NAMESPACES = ['default', 'kube-system'];

const WORST = [
  { verb: '*', group: '*', resource: '*' },
  { verb: 'list', group: '', resource: 'pods' },
  { verb: 'get', group: '', resource: 'secrets' },
  { verb: 'create', group: '', resource: 'pods' },
  { verb: 'list', group: '', resource: 'nodes' },
];

/** Whether the impersonating account can do nothing in its own name. Never throws. */
export async function testImpersonator(account: Reviewer): Promise<Proof> {
  try {
    let rules: readonly Rule[] = [];
    for (const namespace of NAMESPACES) {
      rules = await rulesIn(account, namespace);
      const right = excessOf(rules);
      if (right !== undefined) {
        return { kind: 'unfit', fault: `it may ${right} without impersonating anybody` };
      }
    }
    for (const question of WORST) {
      if (await mayItself(account, question)) {
        const { verb, resource } = question;
        return {
          kind: 'unfit',
          fault: `it may ${verb} ${resource} without impersonating anybody`,
        };
      }
    }
    const nodesByName = mayNameNodes(rules) && (await knowsConstraints(account));
    return { kind: 'fit', nodesByName };
  } catch (error) {
    return { kind: 'undecided', reason: (error as Error).message };
  }
}

/** What a reviewer is needed for. */
export type Review = keyof typeof REVIEW_GROUPS;

const REVIEW_GROUPS = {
  subjectaccessreviews: 'authorization.k8s.io',
  tokenreviews: 'authentication.k8s.io',
} as const;

/** Whether the reviewing account may ask what others may do, and who they are. Never throws. */
export async function testReviewer(
  account: Reviewer,
  reviews: readonly Review[],
): Promise<Exclude<Proof, { kind: 'fit' }> | { readonly kind: 'fit' }> {
  try {
    for (const resource of reviews) {
      const question = { verb: 'create', group: REVIEW_GROUPS[resource], resource };
      if (await mayItself(account, question)) continue;
      return { kind: 'unfit', fault: `it may not create ${resource}` };
    }
    return { kind: 'fit' };
  } catch (error) {
    return { kind: 'undecided', reason: (error as Error).message };
  }
}

const NODE_VERB = /^impersonate:(?:arbitrary|associated)-node$/;

function mayNameNodes(rules: readonly Rule[]): boolean {
  return rules.some(
    ({ verbs = [], resources = [] }) =>
      resources.includes('nodes') && verbs.some((verb) => NODE_VERB.test(verb)),
  );
}

/** Constrained impersonation is on by default since 1.36; before, a node's name alone would be no node. */
async function knowsConstraints(account: Reviewer): Promise<boolean> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const { status, body } = await account.open('/version', { signal });
  const text = await readText(body);
  if (status !== 200) throw new Error(`upstream answered ${status} to /version`);
  const { major, minor } = JSON.parse(text) as { readonly major?: string; readonly minor?: string };
  return Number(major) > 1 || (Number(major) === 1 && Number.parseInt(minor ?? '', 10) >= 36);
}

/** A rule of RBAC, as far as it is looked at. */
export interface Rule {
  readonly verbs?: readonly string[];
  readonly resources?: readonly string[];
}

/** The first right that goes beyond impersonation and what everybody may do. */
export function excessOf(rules: readonly Rule[]): string | undefined {
  for (const { verbs = [], resources = [] } of rules) {
    for (const verb of verbs.filter((name) => !/^impersonate(?:$|:|-on:)/.test(name))) {
      const excess = resources.find((resource) => EVERYBODYS[resource]?.includes(verb) !== true);
      if (excess !== undefined) return `${verb} ${excess}`;
    }
  }
  return undefined;
}

async function rulesIn(account: Reviewer, namespace: string): Promise<readonly Rule[]> {
  const status = await ask(account, 'SelfSubjectRulesReview', { namespace });
  const rules = status['resourceRules'];
  if (!Array.isArray(rules)) throw new Error('upstream gave no rules');
  return rules as readonly Rule[];
}

async function mayItself(
  account: Reviewer,
  resourceAttributes: Readonly<Record<string, string>>,
): Promise<boolean> {
  const status = await ask(account, 'SelfSubjectAccessReview', { resourceAttributes });
  if (typeof status['allowed'] !== 'boolean') throw new Error('upstream gave no decision');
  return status['allowed'];
}

async function ask(
  account: Reviewer,
  kind: 'SelfSubjectRulesReview' | 'SelfSubjectAccessReview',
  spec: object,
): Promise<Readonly<Record<string, unknown>>> {
  const body = { kind, apiVersion: 'authorization.k8s.io/v1', spec };
  const { status, text } = await postReview(
    account,
    `/apis/authorization.k8s.io/v1/${kind.toLowerCase()}s`,
    Buffer.from(JSON.stringify(body)),
    AbortSignal.timeout(TIMEOUT_MS),
  );
  if (text === undefined) throw new Error(`upstream answered ${status} to a ${kind}`);
  const answer = JSON.parse(text) as { readonly status?: Record<string, unknown> } | null;
  return answer?.status ?? {};
}
