// What may differ between the two answers to one case. In this order: an answer that upstream refused to
// give is a violation, an object that upstream did not show is one; a status that differs needs an
// explanation; a refusal must be upstream's own words.

import type { Answer } from './answer.ts';
import type { FuzzCase } from './cases.ts';
import { explanations } from './explained.ts';

export type Finding =
  | { readonly kind: 'equal' }
  /** The proxy answered what upstream refused, or showed what upstream did not show. */
  | { readonly kind: 'violation'; readonly what: string }
  | { readonly kind: 'difference'; readonly what: string; readonly explained?: string };

export interface Verdict {
  readonly fuzzCase: FuzzCase;
  readonly direct: Answer;
  readonly proxied: Answer;
  /** How often both were asked. */
  readonly attempts: number;
  /** What the first answers were found to be. */
  readonly first: Finding;
  readonly finding: Finding;
}

const EQUAL: Finding = Object.freeze({ kind: 'equal' });

export function isRefusal({ status }: Answer): boolean {
  return status === 401 || status === 403;
}

/** 101: the tunnel of an upgrade is open. */
export function isGranted({ status }: Answer): boolean {
  return status === 101 || (status >= 200 && status < 300);
}

export function judge({ sent }: FuzzCase, direct: Answer, proxied: Answer): Finding {
  if (isGranted(proxied) && isRefusal(direct)) {
    return { kind: 'violation', what: `status ${proxied.status}, upstream ${direct.status}` };
  }
  if (isGranted(proxied) && isGranted(direct)) {
    const shown = objectsOnlyIn(proxied, direct);
    if (shown.length === 0) return EQUAL;
    return { kind: 'violation', what: `shows ${shown.join(' ')}, which upstream does not` };
  }
  const what = differenceOf(direct, proxied);
  if (what === undefined) return EQUAL;
  const explained = explanations.find(({ covers }) => covers(sent, direct, proxied))?.name;
  return { kind: 'difference', what, explained };
}

/** Refusals are compared in every word, other answers by their status. */
function differenceOf(direct: Answer, proxied: Answer): string | undefined {
  if (proxied.status !== direct.status) {
    return `status ${proxied.status}, upstream ${direct.status}`;
  }
  if (!isRefusal(direct)) return undefined;
  if (proxied.contentType !== direct.contentType) return `refused as ${proxied.contentType}`;
  if (proxied.body.equals(direct.body)) return undefined;
  return `refused with ${proxied.body}, upstream ${direct.body}`;
}

const UID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const mostShown = 3;

/** An object carries its uid, in every encoding the same text. Compressed bodies are not looked into. */
function objectsOnlyIn(proxied: Answer, direct: Answer): string[] {
  if (isCompressed(proxied) || isCompressed(direct)) return [];
  const shown = new Set(proxied.body.toString('latin1').match(UID));
  if (shown.size === 0) return [];
  for (const uid of direct.body.toString('latin1').match(UID) ?? []) shown.delete(uid);
  return [...shown].slice(0, mostShown);
}

function isCompressed({ body }: Answer): boolean {
  return body[0] === 0x1f && body[1] === 0x8b;
}
