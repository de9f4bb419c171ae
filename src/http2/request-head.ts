/**
 * The head of a request, from its header list: pseudo headers apart, and nothing that RFC 9113 8.2 and 8.3 call
 * malformed. Go's server resets such streams as well (net/http h2_bundle.go, `processHeaders`).
 */

import { type HeaderList } from './hpack-decoder.ts';

export interface RequestHead {
  readonly method: string;
  /** Empty for CONNECT. */
  readonly path: string;
  readonly authority: string | undefined;
  /** name, value, name, value... without pseudo headers. */
  readonly rawHeaders: readonly string[];
  /** Of the whole list, by the measure of RFC 9113 6.5.2. */
  readonly listBytes: number;
  /** As announced; undefined when it was not. */
  readonly contentLength: number | undefined;
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const LENGTH = /^[0-9]{1,15}$/;
/** Of a connection, which HTTP/2 says by other means (8.2.2). */
const FORBIDDEN: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
const PSEUDO: ReadonlySet<string> = new Set([':method', ':scheme', ':path', ':authority']);

/** undefined: malformed. */
export function requestHead({ fields, bytes }: HeaderList): RequestHead | undefined {
  const pseudo = new Map<string, string>();
  let i = 0;
  for (; i < fields.length && fields[i].charCodeAt(0) === 0x3a; i += 2) {
    if (!PSEUDO.has(fields[i]) || pseudo.has(fields[i]) || hasControl(fields[i + 1])) return;
    pseudo.set(fields[i], fields[i + 1]);
  }
  const rawHeaders = fields.slice(i);
  const method = pseudo.get(':method') ?? '';
  const path = pseudo.get(':path') ?? '';
  if (!isComplete(pseudo, method, path) || !areRegular(rawHeaders)) return undefined;
  const contentLength = lengthIn(rawHeaders);
  if (contentLength === 'malformed') return undefined;
  const authority = pseudo.get(':authority');
  return { method, path, authority, rawHeaders, listBytes: bytes, contentLength };
}

/** Whether a list behind a body is one of trailers. */
export function areTrailers({ fields }: HeaderList): boolean {
  return areRegular(fields);
}

function isComplete(pseudo: ReadonlyMap<string, string>, method: string, path: string): boolean {
  const scheme = pseudo.get(':scheme');
  if (method === 'CONNECT') return scheme === undefined && path === '';
  // Go resets streams with a path that it cannot parse; '*' is answered behind this.
  const isPath = path.startsWith('/') || path === '*';
  return method !== '' && isPath && (scheme === 'https' || scheme === 'http');
}

function areRegular(rawHeaders: readonly string[]): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    const value = rawHeaders[i + 1];
    if (!NAME.test(name) || hasControl(value) || FORBIDDEN.has(name)) return false;
    if (name === 'te' && value !== 'trailers') return false;
  }
  return true;
}

/** A control byte that is no tab: what Go calls no header value (x/net/http/httpguts, `ValidHeaderFieldValue`). */
function hasControl(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return true;
  }
  return false;
}

function lengthIn(rawHeaders: readonly string[]): number | undefined | 'malformed' {
  let length: number | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i] !== 'content-length') continue;
    if (length !== undefined || !LENGTH.test(rawHeaders[i + 1])) return 'malformed';
    length = Number(rawHeaders[i + 1]);
  }
  return length;
}
