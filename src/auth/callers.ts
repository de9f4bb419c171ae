/**
 * Callers: who sends a request, with upstream asked where that takes a right of its own.
 *
 * Almost always the headers and the certificate tell at once. Only a caller with a certificate that
 * impersonates must be allowed each value first; it then travels in the name of its target, and never
 * reads from memory: its right is asked for once, at the start, as upstream does.
 */

import { forbidden, serviceUnavailable } from '../k8s/status.ts';
import type { StatusResponse } from '../k8s/status.ts';
import type { Attributes } from './attributes.ts';
import { callerOf } from './authenticate.ts';
import type { Caller, Impersonating, JudgeableCredential, RefusedCaller } from './authenticate.ts';
import type { Verdict } from './review.ts';
import { CertificateCredential } from './certificate.ts';
import type { Peer } from './certificate.ts';

/** May this caller do that? `Authorizer` answers. */
export interface RightsJudge {
  judge(
    credential: JudgeableCredential,
    question: Attributes,
  ): Promise<{ readonly kind: Verdict['kind']; readonly reason?: string }>;
}

const RETRY_AFTER_SECONDS = 1;

export class Callers {
  readonly #judge: RightsJudge;
  readonly #now: () => number;

  constructor(judge: RightsJudge, now: () => number = Date.now) {
    this.#judge = judge;
    this.#now = now;
  }

  /** Never rejects. A promise only where upstream must be asked. */
  of(rawHeaders: readonly string[], peer: Peer): Caller | Promise<Caller> {
    const caller = callerOf(rawHeaders, peer, this.#now());
    return caller.kind === 'impersonating' ? this.#permitted(caller) : caller;
  }

  async #permitted({ by, target, questions }: Impersonating): Promise<Caller> {
    for (const question of questions) {
      const { kind, reason } = await this.#judge.judge(by, question);
      // Too many questions is no answer: a 403 would be taken for upstream's.
      if (kind === 'undecided' || reason === 'busy') return refused('undecided', UNDECIDED);
      if (kind === 'deny') return refused('may not impersonate', denied(by, question));
    }
    return { kind: 'impersonated', named: new CertificateCredential(target, by.expiresAtMs) };
  }
}

const UNDECIDED = serviceUnavailable(
  'the right to impersonate cannot be asked for now',
  RETRY_AFTER_SECONDS,
);

function refused(reason: string, status: StatusResponse): RefusedCaller {
  return { kind: 'refused', reason, status };
}

function denied({ userInfo }: CertificateCredential, question: Attributes): StatusResponse {
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
