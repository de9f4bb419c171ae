// One request that kube-apiserver and the proxy must answer alike, and the known past it is asked in.

import type { History } from './history.ts';
import type { Request } from './stack.ts';

export interface Case {
  readonly name: string;
  /** Revisions are known only when the test runs. */
  readonly request: (history: History) => Request;
  /** Who must have answered; `cache` means that the proxy asked nobody for the content. */
  readonly from: 'cache' | 'passthrough';
  /** The answer holds ages or times: asked again a few times until both fall into one second. */
  readonly ages?: true;
}

/** Options of a LIST or WATCH; functions are asked for a revision. */
export type Options = Readonly<
  Record<string, string | number | ((history: History) => string | number)>
>;

/** A GET of `path` with options; from memory unless said otherwise. */
export function get(
  path: string,
  options: Options = {},
  rest: Partial<Omit<Case, 'request'>> & { readonly request?: Partial<Request> } = {},
): Case {
  const { request, ...others } = rest;
  return {
    name: `${path}${queryText(options)}`,
    from: 'cache',
    request: (history) => ({ ...request, path: path + queryText(options, history) }),
    ...others,
  };
}

/** The same, by somebody else or in another form, which is part of the name. */
export function variant(what: string, request: Partial<Request>, of: Case): Case {
  return {
    ...of,
    name: `${what}: ${of.name}`,
    request: (history) => ({ ...of.request(history), ...request }),
  };
}

export function passedThrough(of: Case): Case {
  return { ...of, from: 'passthrough' };
}

/** A path and query exactly as written. */
export function raw(path: string, from: Case['from'] = 'passthrough'): Case {
  return { name: path, from, request: () => ({ path }) };
}

export const start = (history: History): number => history.start;
export const middle = (history: History): number => history.middle;
export const end = (history: History): number => history.end;
/** A revision nobody reaches while the test runs. */
export const future = (history: History): number => history.end + 1_000_000;

function queryText(options: Options, history?: History): string {
  const pairs = Object.entries(options).map(([name, value]) => {
    if (typeof value !== 'function') return `${name}=${encodeURIComponent(String(value))}`;
    return `${name}=${history === undefined ? `<${value.name}>` : value(history)}`;
  });
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}
