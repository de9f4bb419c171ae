/**
 * Tokens that are meant for the proxy and not for upstream: a ServiceAccount token of an audience in
 * `auth.tokenAudiences`. A copy of it is worthless at the apiserver, so it cannot travel on either. Upstream is asked whom
 * it belongs to (TokenReview, by the reviewer account), and from then on its holder is known by name.
 *
 * Which tokens these are is read from the token, unverified: upstream has to vouch for the audience in its answer. What it
 * says is remembered as long as decisions are, because an account, a pod or a node that is gone ends a token early.
 */

import { LRUCache } from 'lru-cache';
import { unauthorized } from '../k8s/status.ts';
import type { BearerCredential, RefusedCaller, UndecidedCaller } from './authenticate.ts';
import { digestOf } from './digest.ts';
import { NamedCredential, whyUnspeakable } from './named.ts';
import type { Standing, UserInfo } from './named.ts';
import { postReview } from './review.ts';
import type { Reviewer } from './review.ts';

export interface TokenReviewOptions {
  readonly audiences: readonly string[];
  readonly allowTtlMs: number;
  readonly denyTtlMs: number;
  /** Tokens remembered at once; the least used go first. */
  readonly maxTokens: number;
  readonly timeoutMs: number;
  /** Reviews under way at once, in all. */
  readonly maxReviews: number;
  /** Wall clock in milliseconds; tests set it. */
  readonly now: () => number;
}

export const DEFAULT_TOKEN_REVIEW_OPTIONS: TokenReviewOptions = Object.freeze({
  audiences: [],
  allowTtlMs: 10_000,
  denyTtlMs: 10_000,
  maxTokens: 65_536,
  timeoutMs: 10_000,
  maxReviews: 256,
  now: Date.now,
});

type Holder =
  | { readonly kind: 'known'; readonly userInfo: UserInfo }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'undecided' };

type Remembered = Exclude<Holder, { kind: 'undecided' }> & { readonly untilMs: number };

/** Of the reviews under way, those of tokens that were not known before. */
const SHARE_OF_NEW = 0.75;

const PATH = '/apis/authentication.k8s.io/v1/tokenreviews';

const REFUSED: RefusedCaller = Object.freeze({
  kind: 'refused',
  reason: 'unknown token',
  status: unauthorized(),
});

export class TokenReviews {
  readonly #reviewer: Reviewer;
  readonly #options: TokenReviewOptions;
  readonly #remembered: LRUCache<string, Remembered>;
  readonly #underWay = new Map<string, Promise<Holder>>();

  /** Plain counters, read at scrape time. */
  readonly counters = { known: 0, unknown: 0, undecided: 0 };

  constructor(reviewer: Reviewer, options: Partial<TokenReviewOptions>) {
    this.#reviewer = reviewer;
    this.#options = { ...DEFAULT_TOKEN_REVIEW_OPTIONS, ...options };
    this.#remembered = new LRUCache({ max: this.#options.maxTokens });
  }

  /** Whether a token says that it is meant for the proxy. */
  isFor(credential: BearerCredential): boolean {
    return credential.audiences.some((audience) => this.#options.audiences.includes(audience));
  }

  /** Whom upstream says the token belongs to. Never rejects. */
  async callerOf(
    credential: BearerCredential,
  ): Promise<NamedCredential | RefusedCaller | UndecidedCaller> {
    const token = credential.token();
    const digest = digestOf(['token', token]);
    const holder = await this.#holderOf(token, digest, credential.expiresAtMs);
    if (holder.kind === 'unknown') return REFUSED;
    if (holder.kind === 'undecided') return holder;
    const stands = async (): Promise<Standing> =>
      (await this.#holderOf(token, digest, credential.expiresAtMs)).kind;
    return new NamedCredential(holder.userInfo, credential.expiresAtMs, { digest, stands });
  }

  #holderOf(token: string, digest: string, expiresAtMs: number): Holder | Promise<Holder> {
    const known = this.#remembered.get(digest);
    if (known !== undefined && this.#options.now() < known.untilMs) return known;
    return this.#underWay.get(digest) ?? this.#ask(token, digest, expiresAtMs);
  }

  async #ask(token: string, digest: string, expiresAtMs: number): Promise<Holder> {
    if (this.#underWay.size >= this.#placesFor(digest)) return { kind: 'undecided' };
    const asking = this.#review(token);
    this.#underWay.set(digest, asking);
    const holder = await asking;
    this.#underWay.delete(digest);
    this.counters[holder.kind] += 1;
    this.#remember(digest, holder, expiresAtMs);
    return holder;
  }

  /** Who makes tokens up cannot take the places of those whose token was good before. */
  #placesFor(digest: string): number {
    const { maxReviews } = this.#options;
    const wasKnown = this.#remembered.peek(digest)?.kind === 'known';
    return wasKnown ? maxReviews : Math.ceil(maxReviews * SHARE_OF_NEW);
  }

  /** Errors are never remembered, and nobody is known for longer than the token says. */
  #remember(digest: string, holder: Holder, expiresAtMs: number): void {
    if (holder.kind === 'undecided') return;
    const { allowTtlMs, denyTtlMs, now } = this.#options;
    const untilMs =
      holder.kind === 'known' ? Math.min(now() + allowTtlMs, expiresAtMs) : now() + denyTtlMs;
    this.#remembered.set(digest, { ...holder, untilMs });
  }

  async #review(token: string): Promise<Holder> {
    const { audiences, timeoutMs } = this.#options;
    const body = {
      kind: 'TokenReview',
      apiVersion: 'authentication.k8s.io/v1',
      spec: { token, audiences },
    };
    try {
      const { text } = await postReview(
        this.#reviewer,
        PATH,
        Buffer.from(JSON.stringify(body)),
        AbortSignal.timeout(timeoutMs),
      );
      return text === undefined ? { kind: 'undecided' } : holderIn(text, audiences);
    } catch {
      return { kind: 'undecided' };
    }
  }
}

interface Answer {
  readonly kind?: unknown;
  readonly status?: {
    readonly authenticated?: unknown;
    readonly error?: unknown;
    readonly audiences?: unknown;
    readonly user?: {
      readonly username?: unknown;
      readonly uid?: unknown;
      readonly groups?: unknown;
      readonly extra?: unknown;
    };
  };
}

/**
 * An authenticator that knows no audiences leaves them out; its word is about upstream's own, not about ours
 * (apiserver plugin/pkg/authenticator/token/webhook asks for one in common, too).
 */
function holderIn(text: string, ours: readonly string[]): Holder {
  const answer = JSON.parse(text) as Answer | null;
  if (answer?.kind !== 'TokenReview') return { kind: 'undecided' };
  const { authenticated, audiences, user = {} } = answer.status ?? {};
  if (authenticated !== true) return { kind: 'unknown' };
  if (!isTexts(audiences) || !audiences.some((one) => ours.includes(one))) {
    return { kind: 'unknown' };
  }
  const { username, uid = '', groups = [], extra = {} } = user;
  if (typeof username !== 'string' || typeof uid !== 'string') return { kind: 'undecided' };
  if (!isTexts(groups) || !isExtra(extra)) return { kind: 'undecided' };
  const userInfo: UserInfo = { user: username, uid, groups, extra };
  return whyUnspeakable(userInfo) === '' ? { kind: 'known', userInfo } : { kind: 'unknown' };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isExtra(value: unknown): value is Readonly<Record<string, readonly string[]>> {
  return typeof value === 'object' && value !== null && Object.values(value).every(isTexts);
}
