/**
 * Authorizer: may this caller read this, as upstream sees it?
 *
 * Asks upstream as the caller or about it (review.ts), remembers answers for a few seconds
 * under keyed digests, and asks each question once at a time. The wide question comes first: who may
 * list all pods of a namespace may list any selection of them, so controllers cost one entry (two, where
 * they read single objects: who may get and list all of them may get each). Only an
 * allow gives an `Authorized`, and nothing but this file can make one: functions that serve
 * cached bytes take it as an argument. A deny carries no text, because the request is then passed
 * through and upstream words its own 401 or 403.
 */

import { LRUCache } from 'lru-cache';
import { isWidest, partsOf, widened } from './attributes.ts';
import type { Attributes } from './attributes.ts';
import type { Credential, JudgeableCredential } from './authenticate.ts';
import { digestOf } from './digest.ts';
import { NodeShapes } from './node-shapes.ts';
import { ReviewBudget } from './review-budget.ts';
import { review } from './review.ts';
import type { Reviewers, Verdict } from './review.ts';

export type DenyReason =
  /** Upstream said no. */
  | 'forbidden'
  /** Upstream does not know the caller (401). */
  | 'unauthenticated'
  /** Upstream would not review for this caller. */
  | 'refused'
  /** There is no credential, or none that can be judged. */
  | 'no-credential'
  /** The question is larger than what may be remembered. */
  | 'too-large'
  /** Too many reviews at once, in all or for this caller. */
  | 'busy';

export type Decision =
  | { readonly kind: 'allow'; readonly authorized: Authorized }
  | { readonly kind: 'deny'; readonly reason: DenyReason }
  | { readonly kind: 'undecided'; readonly reason: string };

let make: (
  attributes: Attributes,
  question: Attributes,
  credential: JudgeableCredential,
) => Authorized;

/** Proof that upstream allowed this read to this caller, at most one TTL ago. */
export class Authorized {
  readonly attributes: Attributes;
  /** The question that was allowed: `attributes`, or a wider one that covers them. */
  readonly question: Attributes;
  readonly #credential: JudgeableCredential;

  static {
    make = (attributes, question, credential) => new Authorized(attributes, question, credential);
  }

  private constructor(
    attributes: Attributes,
    question: Attributes,
    credential: JudgeableCredential,
  ) {
    this.attributes = attributes;
    this.question = question;
    this.#credential = credential;
  }

  /** Whether it was this caller who was allowed. */
  belongsTo(credential: Credential): boolean {
    return isJudgeable(credential) && credential.digest === this.#credential.digest;
  }

  /** False for anything that was not made here, however alike. */
  static isGenuine(value: unknown): value is Authorized {
    return typeof value === 'object' && value !== null && #credential in value;
  }
}

export interface AuthorizerOptions {
  readonly allowTtlMs: number;
  /** Callers that act as nodes: 0, whatever this says. */
  readonly denyTtlMs: number;
  /** Decisions remembered at once; the least used go first. */
  readonly maxDecisions: number;
  readonly reviewTimeoutMs: number;
  /** Reviews under way at once, in all. */
  readonly maxReviews: number;
  /** Reviews per second that one credential may cause. */
  readonly reviewsPerSecond: number;
  /** Caller-controlled bytes of one question (names and selectors); kube-apiserver: 10,000. */
  readonly maxQuestionBytes: number;
  /** What nodes read of themselves is allowed without asking; see node-shapes.ts. */
  readonly nodeFastPath: boolean;
  /** Upstream refused what the fast path had allowed: for the log, once. */
  readonly onFastPathOff: () => void;
  /** Wall clock in milliseconds; tests set it. */
  readonly now: () => number;
}

export const DEFAULT_AUTHORIZER_OPTIONS: AuthorizerOptions = Object.freeze({
  allowTtlMs: 10_000,
  denyTtlMs: 10_000,
  maxDecisions: 65_536,
  reviewTimeoutMs: 10_000,
  maxReviews: 256,
  reviewsPerSecond: 20,
  maxQuestionBytes: 10_000,
  nodeFastPath: false,
  onFastPathOff: () => {},
  now: Date.now,
});

type Remembered = Exclude<Verdict, { kind: 'undecided' }> & { readonly untilMs: number };

type Answer = Verdict | { readonly kind: 'deny'; readonly reason: 'busy' };

const ALLOW: Answer = Object.freeze({ kind: 'allow' });
const BUSY: Answer = Object.freeze({ kind: 'deny', reason: 'busy' });

export class Authorizer {
  readonly #reviewers: Reviewers;
  readonly #options: AuthorizerOptions;
  readonly #remembered: LRUCache<string, Remembered>;
  readonly #underWay = new Map<string, Promise<Verdict>>();
  readonly #budget: ReviewBudget;
  readonly nodes: NodeShapes;

  /** Plain counters, read at scrape time. hits + misses = questions. */
  readonly counters = { hits: 0, misses: 0, reviews: 0, errors: 0, busy: 0 };
  readonly #outcomes = { allowed: 0, denied: 0, undecided: 0 };

  constructor(reviewers: Reviewers, options: Partial<AuthorizerOptions> = {}) {
    this.#reviewers = reviewers;
    this.#options = { ...DEFAULT_AUTHORIZER_OPTIONS, ...options };
    const { maxDecisions, reviewsPerSecond } = this.#options;
    this.nodes = new NodeShapes(this.#options.nodeFastPath, this.#options.onFastPathOff);
    this.#remembered = new LRUCache({ max: maxDecisions });
    this.#budget = new ReviewBudget(reviewsPerSecond, maxDecisions);
  }

  /** For status and metrics: questions answered from memory, reviews by outcome, what is kept. */
  get status() {
    return { cached: this.#remembered.size, hits: this.counters.hits, ...this.#outcomes };
  }

  /** Asks upstream now, whatever is remembered, and remembers the answer. For open watches. */
  askAgain(credential: JudgeableCredential, question: Attributes): Promise<Answer> {
    const look = this.nodes.look(credential, question);
    if (look === 'allow') return Promise.resolve(ALLOW);
    const answer = this.#askNow(credential, question);
    if (look === 'sample') void answer.then((given) => this.#learn(given));
    return answer;
  }

  /** That nobody could ask says nothing about nodes. */
  #learn(answer: Answer): void {
    const said =
      answer.kind === 'allow' || (answer.kind === 'deny' && answer.reason === 'forbidden');
    this.nodes.learn(said ? answer.kind : 'undecided');
  }

  #askNow(credential: JudgeableCredential, question: Attributes): Promise<Answer> {
    const key = keyOf(credential, question);
    return this.#underWay.get(key) ?? this.#review(key, credential, question);
  }

  /** Decides one read. Never rejects. */
  async authorize(credential: Credential, attributes: Attributes): Promise<Decision> {
    if (!isJudgeable(credential)) {
      return { kind: 'deny', reason: 'no-credential' };
    }
    if (questionBytes(attributes) > this.#options.maxQuestionBytes) {
      return { kind: 'deny', reason: 'too-large' };
    }
    const { answer, question } = await this.#askWidely(credential, attributes);
    return answer.kind === 'allow'
      ? { kind: 'allow', authorized: make(attributes, question, credential) }
      : answer;
  }

  /**
   * Whether upstream allows something that is no read of memory. Never rejects. Asked exactly: that somebody may
   * impersonate users says nothing about one whom an authorizer in front of RBAC excepts.
   */
  async judge(credential: JudgeableCredential, attributes: Attributes): Promise<Answer> {
    return this.#ask(credential, attributes);
  }

  /** The wide question first, and the exact one where that is refused. */
  async #askWidely(
    credential: JudgeableCredential,
    attributes: Attributes,
  ): Promise<{ readonly answer: Answer; readonly question: Attributes }> {
    const look = this.nodes.look(credential, attributes);
    if (look === 'allow') return { answer: ALLOW, question: attributes };
    if (look === 'sample') {
      // What is remembered would prove nothing new.
      this.#remembered.delete(keyOf(credential, attributes));
      const answer = await this.#ask(credential, attributes);
      this.#learn(answer);
      return { answer, question: attributes };
    }
    const question = widened(attributes);
    const answer = await this.#ask(credential, question);
    if (isWidest(attributes) || !(await this.#mustAskExactly(credential, question, answer))) {
      return { answer, question };
    }
    return { answer: await this.#ask(credential, attributes), question: attributes };
  }

  /**
   * What the wide answer leaves open: a right to less, where it is no, and where it is yes to a GET, an authorizer that
   * excepts this one name. Who may list all of them could read it there.
   */
  async #mustAskExactly(
    credential: JudgeableCredential,
    wide: Attributes,
    answer: Answer,
  ): Promise<boolean> {
    if (answer.kind === 'deny') return answer.reason === 'forbidden';
    if (answer.kind !== 'allow' || wide.verb !== 'get') return false;
    return (await this.#ask(credential, { ...wide, verb: 'list' })).kind !== 'allow';
  }

  /** From memory, from a review under way, or from a new one within the budgets. */
  #ask(credential: JudgeableCredential, question: Attributes): Answer | Promise<Answer> {
    const key = keyOf(credential, question);
    const nowMs = this.#options.now();
    const known = this.#remembered.get(key);
    if (known !== undefined && nowMs < known.untilMs) {
      this.counters.hits += 1;
      return known;
    }
    this.counters.misses += 1;
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) {
      return underWay;
    }
    if (!this.#budget.take(credential.digest, nowMs)) {
      this.counters.busy += 1;
      return BUSY;
    }
    return this.#review(key, credential, question);
  }

  async #review(
    key: string,
    credential: JudgeableCredential,
    question: Attributes,
  ): Promise<Answer> {
    if (this.#underWay.size >= this.#options.maxReviews) {
      this.counters.busy += 1;
      return BUSY;
    }
    this.counters.reviews += 1;
    const sent = review(this.#reviewers, credential, question, this.#options.reviewTimeoutMs);
    this.#underWay.set(key, sent);
    const verdict = await sent;
    this.#underWay.delete(key);
    this.#remember(key, credential, verdict);
    return verdict;
  }

  /** Errors are never remembered; no answer outlives the token that it was given for. */
  #remember(key: string, credential: JudgeableCredential, verdict: Verdict): void {
    if (verdict.kind === 'undecided') {
      this.counters.errors += 1;
      this.#outcomes.undecided += 1;
      return;
    }
    this.#outcomes[verdict.kind === 'allow' ? 'allowed' : 'denied'] += 1;
    const { allowTtlMs, denyTtlMs, now } = this.#options;
    const refusalMs = credential.actsAsNode ? 0 : denyTtlMs;
    const ttlMs = verdict.kind === 'allow' ? allowTtlMs : refusalMs;
    const untilMs = Math.min(now() + ttlMs, credential.expiresAtMs);
    if (untilMs > now()) {
      this.#remembered.set(key, { ...verdict, untilMs });
    } else {
      this.#remembered.delete(key);
    }
  }
}

export function isJudgeable(credential: Credential): credential is JudgeableCredential {
  return credential.kind === 'bearer' || credential.kind === 'named';
}

/** Key of one question by one caller; also groups open watches for re-checks. */
export function keyOf(credential: JudgeableCredential, question: Attributes): string {
  return digestOf([...credential.parts, '', ...partsOf(question)]);
}

function questionBytes(attributes: Attributes): number {
  let bytes = 0;
  for (const part of partsOf(attributes)) {
    bytes += part.length;
  }
  return bytes;
}
