/**
 * Header hygiene for requests that travel under the caller's identity.
 *
 * Takes and gives raw pairs (name, value, name, value ...), so duplicates, order and casing
 * survive. Hop-by-hop fields and everything that Connection nominates go, X-Remote-* goes always,
 * and a request that tries to strip or fake an identity header through Connection or through
 * underscores is refused: the capsule-proxy and Rancher incidents (CVE-2023-48312,
 * CVE-2021-31999) came through exactly that door.
 */

export type HeaderCheck =
  | { readonly kind: 'headers'; readonly headers: string[] }
  | { readonly kind: 'refused'; readonly reason: string };

/** RFC 9110 7.6.1, and what only concerns the sender's own hop. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  // The listener answers 100-continue itself; the HTTP client cannot send it.
  'expect',
]);

/**
 * The headers to send upstream, without host (the connection's own is used). The listener, which
 * knows the caller's address, has set X-Forwarded-For; it is kept as given.
 */
export function forwardableHeaders(raw: readonly string[]): HeaderCheck {
  const nominated = nominations(raw);
  for (const name of nominated) {
    if (isIdentity(name) || name === 'host' || name === 'cookie') {
      return { kind: 'refused', reason: `Connection names the end-to-end header ${name}` };
    }
  }
  const headers: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at].toLowerCase();
    if (name.includes('_') && isIdentity(name.replaceAll('_', '-'))) {
      return { kind: 'refused', reason: `header ${name} imitates an identity header` };
    }
    if (isDropped(name) || name === 'host' || nominated.has(name)) {
      continue;
    }
    if (!name.startsWith('x-remote-')) {
      headers.push(raw[at], raw[at + 1]);
    }
  }
  return { kind: 'headers', headers };
}

/** A bearer token in a list of WebSocket protocols (apiserver request/websocket/protocol.go). */
const SUBPROTOCOL_TOKEN = /^base64url\.bearer\.authorization\.k8s\.io\./i;

/** Headers without anything by which upstream could take the sender for somebody. */
export function withoutIdentity(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at].toLowerCase();
    if (isIdentity(name)) continue;
    const value =
      name === 'sec-websocket-protocol' ? withoutToken(headers[at + 1]) : headers[at + 1];
    if (value !== undefined) kept.push(headers[at], value);
  }
  return kept;
}

function withoutToken(protocols: string): string | undefined {
  const kept = protocols.split(',').filter((name) => !SUBPROTOCOL_TOKEN.test(name.trim()));
  return kept.length === 0 ? undefined : kept.join(',').trim();
}

/** A response's headers without what concerns only the hop between upstream and us. */
export function endToEndHeaders(raw: readonly string[]): string[] {
  const nominated = nominations(raw);
  const headers: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at].toLowerCase();
    if (!isDropped(name) && !nominated.has(name)) {
      headers.push(raw[at], raw[at + 1]);
    }
  }
  return headers;
}

/** First value of a header in raw pairs; `name` in lower case. */
export function headerValue(raw: readonly string[], name: string): string | undefined {
  for (let at = 0; at + 1 < raw.length; at += 2) {
    if (raw[at].length === name.length && raw[at].toLowerCase() === name) {
      return raw[at + 1];
    }
  }
  return undefined;
}

/** Whether Connection nominates a header that says who is asking; such a request is refused. */
export function nominatesIdentity(raw: readonly string[]): boolean {
  for (const name of nominations(raw)) {
    if (isIdentity(name)) {
      return true;
    }
  }
  return false;
}

function isDropped(name: string): boolean {
  return HOP_BY_HOP.has(name) || name.startsWith('proxy-') || name.startsWith(':');
}

function isIdentity(name: string): boolean {
  return (
    name === 'authorization' || name.startsWith('impersonate-') || name.startsWith('x-remote-')
  );
}

const NOTHING: ReadonlySet<string> = new Set();

function nominations(raw: readonly string[]): ReadonlySet<string> {
  let names: Set<string> | undefined;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    if (raw[at].length !== 10 || raw[at].toLowerCase() !== 'connection') {
      continue;
    }
    for (const token of raw[at + 1].split(',')) {
      names ??= new Set();
      names.add(token.trim().toLowerCase());
    }
  }
  return names ?? NOTHING;
}
