// A request in parts, as the tricks change it.

import type { Protocol } from '../../conformance/support/stack.ts';

export interface Draft {
  method: string;
  path: string;
  /** Without `?`; undefined: none. */
  query: string | undefined;
  /** name, value, name, value... */
  headers: string[];
  body: string | undefined;
  protocol: Protocol;
}

export function pairsOf({ query }: Draft): string[] {
  return query === undefined || query === '' ? [] : query.split('&');
}

export function targetOf({ path, query }: Draft): string {
  return query === undefined ? path : `${path}?${query}`;
}

/** Replaces or adds: the value of the first header of this name. */
export function setHeader(draft: Draft, name: string, value: string): void {
  const at = draft.headers.findIndex((part, i) => i % 2 === 0 && part.toLowerCase() === name);
  if (at < 0) draft.headers.push(name, value);
  else draft.headers[at + 1] = value;
}

export function valueOf({ headers }: Draft, name: string): string | undefined {
  const at = headers.findIndex((part, i) => i % 2 === 0 && part.toLowerCase() === name);
  return at < 0 ? undefined : headers[at + 1];
}

export function dropHeader(draft: Draft, name: string): void {
  const kept: string[] = [];
  for (let i = 0; i < draft.headers.length; i += 2) {
    if (draft.headers[i].toLowerCase() !== name) kept.push(draft.headers[i], draft.headers[i + 1]);
  }
  draft.headers = kept;
}
