/**
 * Whose share a request counts against: one function, so that every limit means the same by "one identity".
 *
 * A caller with a token is known by its digest, impersonation included: a gateway that speaks for many people has many
 * shares. Anybody else is known by address only. A token is only claimed until upstream accepted it (`admit.ts` remembers
 * that): whoever makes tokens up has no more than whoever brings none.
 */
import { credentialOf } from '../auth/authenticate.ts';

/** What is needed of a request to know whose it is. */
export interface CallerSource {
  readonly rawHeaders: readonly string[];
  readonly remoteAddress: string;
}

export interface Caller {
  /** Equal for two requests of one identity; means nothing outside this process. */
  readonly key: string;
  /** `stranger`: nothing that upstream could accept or refuse. `claimed`: a token, to be believed once upstream took it. */
  readonly standing: 'stranger' | 'claimed';
  /** The token asks to be taken for somebody else: 403 may mean that it may not, and then says nothing about this key. */
  readonly impersonates: boolean;
  /** What strangers share. */
  readonly address: string;
}

const callers = new WeakMap<CallerSource, Caller>();

/** The same object for the same request, however often it is asked for. */
export function callerOf(source: CallerSource): Caller {
  let caller = callers.get(source);
  if (caller === undefined) {
    caller = identify(source);
    callers.set(source, caller);
  }
  return caller;
}

function identify({ rawHeaders, remoteAddress }: CallerSource): Caller {
  const address = `ip:${remoteAddress}`;
  const credential = credentialOf(rawHeaders);
  if (credential.kind !== 'bearer') {
    return { key: address, standing: 'stranger', impersonates: false, address };
  }
  const impersonates = credential.parts.length > 2;
  return { key: credential.digest, standing: 'claimed', impersonates, address };
}
