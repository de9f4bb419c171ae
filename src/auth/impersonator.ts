/**
 * Impersonator: passes requests of callers with certificates through in their name, once the account it
 * uses has been shown to be harmless by itself (self-test.ts), and for as long as that is shown again.
 *
 * Nothing is sent while nobody knows: rights that the account was given meanwhile are found within
 * `PROOF_TTL_MS`. The first proof is made at the start, where a dangerous account ends the process.
 */

import type { Upstream } from '../upstream/upstream.ts';
import type { NamedCredential } from './named.ts';
import type { Proof } from './self-test.ts';

export const PROOF_TTL_MS = 10 * 60_000;
/** After a test that could not be made, or that failed. */
const RETRY_MS = 1_000;

type ImpersonatingUpstream = Pick<Upstream, 'forwardAs' | 'connectAs'>;
type ForwardRequest = Parameters<Upstream['forwardAs']>[0];

export class Impersonator {
  readonly #upstream: ImpersonatingUpstream;
  readonly #test: () => Promise<Proof>;
  readonly #onUnfit: (fault: string) => void;
  readonly #now: () => number;
  #proof: Proof = { kind: 'undecided', reason: 'not tested yet' };
  #untilMs = -Infinity;
  #testing: Promise<Proof> | undefined;

  constructor(
    upstream: ImpersonatingUpstream,
    test: () => Promise<Proof>,
    onUnfit: (fault: string) => void,
    now: () => number = Date.now,
  ) {
    this.#upstream = upstream;
    this.#test = test;
    this.#onUnfit = onUnfit;
    this.#now = now;
  }

  /** Rejects while the account is not known to be harmless. */
  async forwardAs(
    request: ForwardRequest,
    named: NamedCredential,
  ): ReturnType<Upstream['forwardAs']> {
    return this.#upstream.forwardAs(request, await this.#headersFor(named));
  }

  /** The same for an upgrade. */
  async connectAs(
    rawHeaders: readonly string[],
    named: NamedCredential,
  ): ReturnType<Upstream['connectAs']> {
    return this.#upstream.connectAs(rawHeaders, await this.#headersFor(named));
  }

  /** What is known about the account, tested now unless that was done lately. */
  prove(): Proof | Promise<Proof> {
    if (this.#now() < this.#untilMs) return this.#proof;
    this.#testing ??= this.#prove().finally(() => {
      this.#testing = undefined;
    });
    return this.#testing;
  }

  async #prove(): Promise<Proof> {
    const proof = await this.#test();
    this.#proof = proof;
    this.#untilMs = this.#now() + (proof.kind === 'fit' ? PROOF_TTL_MS : RETRY_MS);
    if (proof.kind === 'unfit') this.#onUnfit(proof.fault);
    return proof;
  }

  async #headersFor(named: NamedCredential): Promise<readonly string[]> {
    const proof = await this.prove();
    if (proof.kind !== 'fit') throw new Error('the impersonating account is not proven harmless');
    return (proof.nodesByName && named.nodeImpersonation) || named.impersonation();
  }
}
