/**
 * One review of what a caller may do.
 *
 * Who comes with a token is asked about with that token and nothing of ours (SelfSubjectAccessReview):
 * upstream authenticates the caller, applies its impersonation and evaluates all its authorizers; the
 * proxy needs no right for this. Who is known by name is asked about by name
 * (SubjectAccessReview), with an account that may do nothing but ask. The answer is an allow only when
 * it says `allowed: true` and not `denied: true`; a malformed or missing answer decides nothing.
 */

import type { Readable } from 'node:stream';
import type { Attributes } from './attributes.ts';
import type { BearerCredential, JudgeableCredential } from './authenticate.ts';
import type { NamedCredential, UserInfo } from './named.ts';

/** What a review needs of upstream; `Upstream` satisfies it. It must add no credential. */
export interface ReviewForwarder {
  forward(request: {
    readonly method: string;
    readonly path: string;
    readonly rawHeaders: readonly string[];
    readonly body: Buffer;
    readonly signal: AbortSignal;
    readonly isReview: true;
  }): Promise<ReviewResponse>;
}

/** The account that asks about callers known by name; its own `Upstream` satisfies it. */
export interface Reviewer {
  open(
    path: string,
    request: {
      readonly method?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: Buffer;
      readonly signal: AbortSignal;
    },
  ): Promise<ReviewResponse>;
}

interface ReviewResponse {
  readonly status: number;
  readonly body: Readable;
}

export interface Reviewers {
  readonly forwarder: ReviewForwarder;
  /** Absent where nobody is known by name. */
  readonly reviewer?: Reviewer;
}

export type Verdict =
  | { readonly kind: 'allow' }
  | { readonly kind: 'deny'; readonly reason: 'forbidden' | 'unauthenticated' | 'refused' }
  /** Nobody said yes or no: upstream down, overloaded, or answering nonsense. */
  | { readonly kind: 'undecided'; readonly reason: string };

const SELF_REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
const REVIEWS = '/apis/authorization.k8s.io/v1/subjectaccessreviews';

const OWN_HEADERS = [
  'Content-Type',
  'application/json',
  'Accept',
  'application/json',
  'User-Agent',
  'watershed',
];

/** The answer repeats the question (at most some 10 KiB) and adds a line of reason. */
const MAX_ANSWER_BYTES = 256 * 1024;

/** Never throws. */
export async function review(
  reviewers: Reviewers,
  credential: JudgeableCredential,
  question: Attributes,
  timeoutMs: number,
): Promise<Verdict> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    return credential.kind === 'bearer'
      ? await retried(() => askAs(reviewers.forwarder, credential, question, signal))
      : await askAbout(reviewers.reviewer, credential, question, signal);
  } catch (error) {
    return undecided(error);
  }
}

/** An idle connection may have been closed just now; asking twice changes nothing upstream. */
async function retried<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'reset') throw error;
    return ask();
  }
}

function undecided(error: unknown): Verdict {
  const code = (error as { code?: unknown } | null)?.code;
  return { kind: 'undecided', reason: typeof code === 'string' ? code : 'error' };
}

async function askAs(
  forwarder: ReviewForwarder,
  credential: BearerCredential,
  question: Attributes,
  signal: AbortSignal,
): Promise<Verdict> {
  const response = await forwarder.forward({
    method: 'POST',
    path: SELF_REVIEWS,
    rawHeaders: [...credential.headers(), ...OWN_HEADERS],
    body: reviewBody('SelfSubjectAccessReview', question),
    signal,
    isReview: true,
  });
  const text = await readText(response.body);
  if (response.status === 200 || response.status === 201) {
    return verdictOf('SelfSubjectAccessReview', text);
  }
  if (response.status === 401) {
    return { kind: 'deny', reason: 'unauthenticated' };
  }
  if (response.status === 408 || response.status === 429 || response.status >= 500) {
    return { kind: 'undecided', reason: `status ${response.status}` };
  }
  // The caller may not ask (hardened RBAC), or may not impersonate: upstream must answer it itself.
  return { kind: 'deny', reason: 'refused' };
}

/** Every failure is the account's, not the caller's: nothing is decided by it. */
async function askAbout(
  reviewer: Reviewer | undefined,
  named: NamedCredential,
  question: Attributes,
  signal: AbortSignal,
): Promise<Verdict> {
  if (reviewer === undefined) return { kind: 'undecided', reason: 'no reviewer' };
  const standing = await named.stands();
  if (standing === 'undecided') return { kind: 'undecided', reason: 'no token review' };
  if (standing === 'unknown') return { kind: 'deny', reason: 'unauthenticated' };
  const body = reviewBody('SubjectAccessReview', question, named.userInfo);
  const { text, status } = await postReview(reviewer, REVIEWS, body, signal);
  return text !== undefined
    ? verdictOf('SubjectAccessReview', text)
    : { kind: 'undecided', reason: `reviewer ${status}` };
}

interface Posted {
  readonly status: number;
  /** The answer, absent where upstream gave none. */
  readonly text?: string;
}

/** Sends a review as an account of the proxy. */
export function postReview(
  account: Reviewer,
  path: string,
  body: Buffer,
  signal: AbortSignal,
): Promise<Posted> {
  return retried(() => postOnce(account, path, body, signal));
}

async function postOnce(
  account: Reviewer,
  path: string,
  body: Buffer,
  signal: AbortSignal,
): Promise<Posted> {
  const headers = { 'content-type': 'application/json' };
  const response = await account.open(path, { method: 'POST', headers, body, signal });
  const { status } = response;
  const text = await readText(response.body);
  return status === 200 || status === 201 ? { status, text } : { status };
}

type ReviewKind = 'SelfSubjectAccessReview' | 'SubjectAccessReview';

/** Empty parts are left out: an absent field and '' mean the same to upstream. */
function reviewBody(kind: ReviewKind, question: Attributes, about?: UserInfo): Buffer {
  const { verb, group, version, resource, subresource, namespace, name } = question;
  const resourceAttributes = {
    namespace: namespace || undefined,
    verb,
    group: group || undefined,
    version,
    resource,
    subresource: subresource || undefined,
    name: name || undefined,
    fieldSelector: rawSelector(question.rawFieldSelector),
    labelSelector: rawSelector(question.rawLabelSelector),
  };
  const spec = { ...about, resourceAttributes };
  return Buffer.from(JSON.stringify({ kind, apiVersion: 'authorization.k8s.io/v1', spec }));
}

function rawSelector(text: string): { readonly rawSelector: string } | undefined {
  return text === '' ? undefined : { rawSelector: text };
}

function verdictOf(kind: ReviewKind, text: string): Verdict {
  const answer = parse(text);
  const status = answer?.status;
  if (answer?.kind !== kind || typeof status?.allowed !== 'boolean') {
    return { kind: 'undecided', reason: 'not a review' };
  }
  // Allowed and denied at once is an error, and an error never allows (webhook.go).
  return status.allowed === true && status.denied !== true
    ? { kind: 'allow' }
    : { kind: 'deny', reason: 'forbidden' };
}

interface Answer {
  readonly kind?: unknown;
  readonly status?: { readonly allowed?: unknown; readonly denied?: unknown } | null;
}

function parse(text: string): Answer | null {
  try {
    return JSON.parse(text) as Answer | null;
  } catch {
    return null;
  }
}

/** The body of an answer, bounded. */
export async function readText(body: Readable): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) {
      throw new Error('the review is too long');
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
