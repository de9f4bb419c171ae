/**
 * What a raw request target is about, as far as a proxy that forwards it must know: whether it is a
 * watch (errors must then be 429, never 5xx: semantics 9.4 rule 1) and whether it may run for hours.
 * A wrong guess costs a status code or a timeout, never a permission; upstream decides what it is.
 */

/** Subresources that kube-apiserver exempts from its request timeout (`--request-timeout` docs). */
const LONG_RUNNING: ReadonlySet<string> = new Set([
  'attach',
  'exec',
  'log',
  'portforward',
  'proxy',
]);

/** Whether the target asks for a watch: a truthy `watch` parameter or the old `/watch/` prefix. */
export function isWatchTarget(target: string): boolean {
  const mark = target.indexOf('?');
  if (isWatchPath(mark < 0 ? target : target.slice(0, mark))) return true;
  if (mark < 0) return false;
  for (const pair of target.slice(mark + 1).split('&')) {
    // Go drops such a pair.
    if (pair.includes(';') || BAD_ESCAPE.test(pair)) continue;
    const equals = pair.indexOf('=');
    if (unescaped(equals < 0 ? pair : pair.slice(0, equals)) !== 'watch') continue;
    // Go reads the first value only; everything but 0 and false is true, the empty string too.
    const value = equals < 0 ? '' : unescaped(pair.slice(equals + 1)).toLowerCase();
    return value !== '0' && value !== 'false';
  }
  return false;
}

const BAD_ESCAPE = /%(?![\da-f]{2})/i;

function unescaped(text: string): string {
  if (!text.includes('%')) return text;
  return text.replaceAll(/%(..)/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

/** Whether upstream may keep the answer open without a limit of its own. */
export function isLongRunningTarget(target: string): boolean {
  if (isWatchTarget(target)) return true;
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  for (const segment of path.split('/')) {
    if (LONG_RUNNING.has(segment)) return true;
  }
  return false;
}

function isWatchPath(path: string): boolean {
  return /^\/(?:api\/[^/]+|apis\/[^/]+\/[^/]+)\/watch\//.test(path);
}
