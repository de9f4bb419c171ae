/**
 * Whose share a request counts against: one function, so that every limit means the same by "one identity".
 *
 * A caller with a certificate is known by it from the start. A caller with a token is known by its digest, impersonation
 * included: a gateway that speaks for many people has many shares. Anybody else is known by address only. A token is only claimed until upstream accepted it (`admit.ts` remembers
 * that): whoever makes tokens up has no more than whoever brings none.
 */
import { credentialOf } from '../auth/authenticate.ts';
import type { Peer } from '../auth/certificate.ts';

/** What is needed of a request to know whose it is. */
export interface HeldRequest {
  readonly rawHeaders: readonly string[];
  readonly remoteAddress: string;
  readonly connection: { readonly peer: Peer };
}

export interface Holder {
  /** Equal for two requests of one identity; means nothing outside this process. */
  readonly key: string;
  /**
   * `stranger`: nothing that upstream could accept or refuse. `claimed`: a token, to be believed once upstream took it.
   * `verified`: a certificate.
   */
  readonly standing: 'stranger' | 'claimed' | 'verified';
  /** The token asks to be taken for somebody else: 403 may mean that it may not, and then says nothing about this key. */
  readonly impersonates: boolean;
  /** What strangers share. */
  readonly address: string;
}

/** Kept on the request itself, as `credentialOf` keeps its answer. */
const HOLDER = Symbol('holder');

/** The same object for the same request, however often it is asked for. */
export function holderOf(source: HeldRequest): Holder {
  const request: HeldRequest & { [HOLDER]?: Holder } = source;
  request[HOLDER] ??= identify(source);
  return request[HOLDER];
}

function identify({ rawHeaders, remoteAddress, connection }: HeldRequest): Holder {
  const address = `ip:${remoteAddress}`;
  if (connection.peer.kind === 'certificate') {
    const key = connection.peer.credential.digest;
    return { key, standing: 'verified', impersonates: false, address };
  }
  const credential = credentialOf(rawHeaders);
  if (credential.kind !== 'bearer') {
    return { key: address, standing: 'stranger', impersonates: false, address };
  }
  const impersonates = credential.parts.length > 2;
  return { key: credential.digest, standing: 'claimed', impersonates, address };
}
