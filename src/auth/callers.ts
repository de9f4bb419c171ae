/**
 * Callers: who sends a request, with upstream asked where that takes a right of its own.
 *
 * Almost always the headers and the certificate tell at once. A token that is meant for the proxy has to be
 * reviewed (token-reviews.ts), and a caller known by name that impersonates must be allowed each value
 * first; it then travels in the name of its target, and never reads from memory: its right is asked for
 * once, at the start, as upstream does.
 */

import { forbidden, tooManyRequests } from '../k8s/status.ts';
import type { StatusResponse } from '../k8s/status.ts';
import type { Attributes } from './attributes.ts';
import { actingAs, bearerOf, callerOf } from './authenticate.ts';
import type { Caller, Impersonating, JudgeableCredential, RefusedCaller } from './authenticate.ts';
import type { Verdict } from './review.ts';
import type { Peer } from './certificate.ts';
import { NamedCredential } from './named.ts';
import type { TokenReviews } from './token-reviews.ts';

/** May this caller do that? `Authorizer` answers. */
export interface RightsJudge {
  judge(
    credential: JudgeableCredential,
    question: Attributes,
  ): Promise<{ readonly kind: Verdict['kind']; readonly reason?: string }>;
}

/** Whom the tokens belong to that are meant for the proxy; `TokenReviews` answers. */
export type TokenJudge = Pick<TokenReviews, 'isFor' | 'callerOf'>;

export class Callers {
  readonly #judge: RightsJudge;
  readonly #tokens: TokenJudge | undefined;
  readonly #now: () => number;

  /** @param tokens absent where no tokens are meant for the proxy. */
  constructor(judge: RightsJudge, tokens?: TokenJudge, now: () => number = Date.now) {
    this.#judge = judge;
    this.#tokens = tokens;
    this.#now = now;
  }

  /** Never rejects. A promise only where upstream must be asked. */
  of(rawHeaders: readonly string[], peer: Peer): Caller | Promise<Caller> {
    const caller = callerOf(rawHeaders, peer, this.#now());
    if (caller.kind === 'impersonating') return this.#permitted(caller);
    if (this.#tokens === undefined) return caller;
    if (caller.kind !== 'bearer' && caller.kind !== 'unjudgeable') return caller;
    const token = bearerOf(rawHeaders);
    if (token === undefined || !this.#tokens.isFor(token)) return caller;
    return this.#reviewed(rawHeaders, this.#tokens.callerOf(token));
  }

  async #reviewed(
    rawHeaders: readonly string[],
    holder: ReturnType<TokenJudge['callerOf']>,
  ): Promise<Caller> {
    const known = await holder;
    if (known.kind !== 'named') return known;
    const caller = actingAs(rawHeaders, known);
    return caller.kind === 'impersonating' ? this.#permitted(caller) : caller;
  }

  async #permitted({ by, target, questions }: Impersonating): Promise<Caller> {
    for (const question of questions) {
      const { kind, reason } = await this.#judge.judge(by, question);
      // Too many questions is no answer: a 403 would be taken for upstream's.
      if (reason === 'busy') return refused('too many questions', TOO_MANY_QUESTIONS);
      if (kind === 'undecided') return { kind: 'undecided' };
      if (kind === 'deny') return refused('may not impersonate', denied(by, question));
    }
    return { kind: 'impersonated', named: new NamedCredential(target, by.expiresAtMs) };
  }
}

const TOO_MANY_QUESTIONS = tooManyRequests(
  'Too many questions about the rights of this user, please try again later.',
);

function refused(reason: string, status: StatusResponse): RefusedCaller {
  return { kind: 'refused', reason, status };
}

function denied({ userInfo }: NamedCredential, question: Attributes): StatusResponse {
  const { group, resource, subresource, namespace, name } = question;
  const plural = subresource === '' ? resource : `${resource}/${subresource}`;
  return forbidden({
    user: userInfo.user,
    verb: 'impersonate',
    resource: { group, plural },
    name,
    namespace,
  });
}
