/**
 * Headers as they came: raw `[name, value, name, value...]` lists, never a joined object (two
 * `Impersonate-Group` lines are two groups, "a, b" is one other group).
 *
 * The front ends write them, pass-through and upgrades clean them here, in one place, before anything
 * is forwarded: what belongs to one hop is dropped, what `Connection` nominates is dropped (trimmed,
 * any case: the CVE-2022-23652 and Envoy #44525 mistakes), identity headers that only a front proxy
 * may set are dropped by prefix. A request that nominates an identity header is refused, not cleaned.
 */

/** Names that concern one hop only (RFC 9110 7.6.1) plus what our own hop decides itself. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
  'proxy-connection',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Replaced by our own value or by the upstream client; audit reads the last two as the source. */
const SET_BY_US: ReadonlySet<string> = new Set(['host', 'x-forwarded-for', 'x-real-ip']);

/** What `Connection` must never strip (auth.md 4.2 rule 3). */
const UNSTRIPPABLE: ReadonlySet<string> = new Set(['authorization', 'cookie', 'host']);

/** First value of a header, name in lower case; undefined when absent. */
export function headerValue(rawHeaders: readonly string[], name: string): string | undefined {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const candidate = rawHeaders[i];
    if (candidate.length === name.length && candidate.toLowerCase() === name) {
      return rawHeaders[i + 1];
    }
  }
  return undefined;
}

/** How many times a header is there, name in lower case. */
export function headerCount(rawHeaders: readonly string[], name: string): number {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i].toLowerCase() === name) count++;
  }
  return count;
}

/** Octets the headers take by the HTTP/2 measure (RFC 9113 6.5.2): name + value + 32 each. */
export function headerListBytes(rawHeaders: readonly string[]): number {
  let bytes = 16 * rawHeaders.length;
  for (let i = 0; i < rawHeaders.length; i++) bytes += rawHeaders[i].length;
  return bytes;
}

/** What is judged before a request gets anywhere. */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  readonly rawHeaders: readonly string[];
  /** HTTP/1.1 requires a Host header. */
  readonly hostRequired: boolean;
  /** HTTP/2's `:authority`, when sent. */
  readonly authority?: string;
}

/**
 * Why a request must not even be forwarded (the text of a 400), or undefined. Only what two parsers
 * could read in two ways is refused: every other oddity is upstream's to judge.
 */
export function refusal(head: RequestHead): string | undefined {
  if (head.method === 'CONNECT') return 'CONNECT is not supported';
  return refusedTarget(head.target) ?? refusedHeaders(head);
}

function refusedTarget(target: string): string | undefined {
  if (target.charCodeAt(0) !== 0x2f) return 'the request target must be an absolute path';
  for (let i = 1; i < target.length; i++) {
    const code = target.charCodeAt(i);
    if (code <= 0x20 || code >= 0x7f || code === 0x23) {
      return 'the request target contains a character that is not allowed';
    }
  }
  return undefined;
}

function refusedHeaders(head: RequestHead): string | undefined {
  const { rawHeaders, hostRequired, authority } = head;
  let host: string | undefined;
  let chunked = false;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i].toLowerCase();
    if (name === 'host') {
      if (host !== undefined) return 'more than one Host header';
      host = rawHeaders[i + 1];
    } else if (name === 'transfer-encoding') {
      // llhttp finds an unknown coding only behind the head, when the request was handed on already.
      if (rawHeaders[i + 1].trim().toLowerCase() !== 'chunked' || chunked) {
        return 'the transfer encoding is not supported';
      }
      chunked = true;
    } else if (name === 'connection') {
      for (const nominated of tokens(rawHeaders[i + 1])) {
        if (isIdentityHeader(nominated)) return 'Connection must not name an identity header';
      }
    } else if (name.startsWith('impersonate-') && isPadded(rawHeaders[i + 1])) {
      // HTTP/2 alone can say it: to upstream it is another user, and the way there by HTTP/1.1 trims it.
      return 'white space around the value of an impersonation header';
    } else if (name.includes('_') && isIdentityHeader(name.replaceAll('_', '-'))) {
      // Some servers read `_` as `-`; no client needs it here.
      return 'a header name imitates an identity header';
    }
  }
  if (host === undefined) return hostRequired ? 'missing Host header' : undefined;
  if (authority !== undefined && host.toLowerCase() !== authority.toLowerCase()) {
    return 'Host and :authority differ';
  }
  return undefined;
}

function isPadded(value: string): boolean {
  return /^[ \t]|[ \t]$/.test(value);
}

function isIdentityHeader(name: string): boolean {
  return UNSTRIPPABLE.has(name) || name.startsWith('impersonate-') || name.startsWith('x-remote-');
}

/** What an upgrade keeps besides the rest: our hop's own `Connection` line names it. */
export interface ForwardedFrom {
  /** The peer; becomes `X-Forwarded-For`, whatever the client claimed. */
  readonly remoteAddress: string;
  /** Protocol of an upgrade (`websocket`, `SPDY/3.1`); absent for plain requests. */
  readonly upgrade?: string;
}

/** The request headers to send upstream, names and values otherwise as they came. */
export function forwardedHeaders(rawHeaders: readonly string[], from: ForwardedFrom): string[] {
  const nominated = nominatedHeaders(rawHeaders);
  const kept: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i].toLowerCase();
    if (HOP_BY_HOP.has(name) || SET_BY_US.has(name) || name.startsWith('x-remote-')) continue;
    if (nominated !== undefined && nominated.has(name)) continue;
    if (name === 'te' && rawHeaders[i + 1].trim().toLowerCase() !== 'trailers') continue;
    kept.push(rawHeaders[i], rawHeaders[i + 1]);
  }
  kept.push('X-Forwarded-For', from.remoteAddress);
  if (from.upgrade !== undefined) kept.push('Connection', 'Upgrade', 'Upgrade', from.upgrade);
  return kept;
}

/** Upstream's response headers without those of its hop; HTTP/2 forbids them altogether. */
export function relayedHeaders(rawHeaders: readonly string[]): string[] {
  const nominated = nominatedHeaders(rawHeaders);
  const kept: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i].toLowerCase();
    if (HOP_BY_HOP.has(name) || (nominated !== undefined && nominated.has(name))) continue;
    kept.push(rawHeaders[i], rawHeaders[i + 1]);
  }
  return kept;
}

function nominatedHeaders(rawHeaders: readonly string[]): Set<string> | undefined {
  let nominated: Set<string> | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i].toLowerCase() !== 'connection') continue;
    nominated ??= new Set();
    for (const token of tokens(rawHeaders[i + 1])) nominated.add(token);
  }
  return nominated;
}

function tokens(value: string): string[] {
  return value.split(',').map((token) => token.trim().toLowerCase());
}
