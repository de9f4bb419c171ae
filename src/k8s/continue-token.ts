/**
 * Continue token: where the next page of a LIST begins, as kube-apiserver encodes it.
 *
 * Base64 (raw URL alphabet) of `{"v":"meta.k8s.io/v1","rv":N,"start":"..."}` in exactly that order
 * (apiserver pkg/storage/continue.go). Tokens from upstream and from here are interchangeable. Only
 * text that this module would itself have written is understood; any other spelling, valid upstream
 * or not, gives `undefined` and the request is passed through.
 */
import { goJson } from './go-text.ts';

/** Bound on the work a token can cause: far beyond namespace (63) + name (253) in base64. */
const MAX_TOKEN_LENGTH = 2048;

export interface ContinueToken {
  /** Revision of the list's first page; -1 asks for the latest state from `start` on. */
  readonly revision: number;
  /**
   * First key of the page, inclusive, without a leading slash: the key of the last item sent
   * and a NUL, `default/pod-1\0`, or `pod-1\0` inside one namespace and for cluster-scoped kinds.
   */
  readonly start: string;
}

/** The token a text spells; undefined when upstream refuses it or when its spelling is unusual. */
export function decodeContinueToken(text: string): ContinueToken | undefined {
  if (text.length > MAX_TOKEN_LENGTH || !/^[A-Za-z0-9_-]+$/.test(text)) return undefined;
  const fields = parseObject(Buffer.from(text, 'base64url').toString('utf8'));
  if (fields === undefined) return undefined;
  const { rv: revision, start } = fields;
  if (typeof revision !== 'number' || typeof start !== 'string') return undefined;
  if (!Number.isSafeInteger(revision) || (revision < 1 && revision !== -1)) return undefined;
  // One comparison covers unusual key order, spacing, escapes, invalid UTF-8 and base64 remainders.
  if (encodeContinueToken(revision, start) !== text) return undefined;
  const key = start.startsWith('/') ? start.slice(1) : start;
  return isCleanKey(key) ? { revision, start: key } : undefined;
}

/** `start` is written as given: the apiserver's cache writes it with a leading slash. */
export function encodeContinueToken(revision: number, start: string): string {
  const json = goJson({ v: 'meta.k8s.io/v1', rv: revision, start });
  return Buffer.from(json).toString('base64url');
}

function parseObject(json: string): { rv?: unknown; start?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What Go's path.Clean leaves alone: no empty, `.` or `..` segment. */
function isCleanKey(key: string): boolean {
  return key.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}
