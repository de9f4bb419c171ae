/**
 * Field selector: the parsed form of the `fieldSelector` parameter.
 *
 * A port of apimachinery's `fields.ParseSelector` (pkg/fields/selector.go). Whatever that function
 * refuses gives `undefined` here, and the request is passed through. Which fields a resource accepts
 * is another question (selectable-fields.ts).
 */

/** One comparison. `==` is spelled `=`. */
export interface FieldTerm {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

/**
 * All terms must hold. `terms` keeps upstream's order (sorted as written), which decides which of two
 * contradicting terms counts as the required value. `canonical` is the same text for every spelling
 * of the same set of terms, `''` for everything: a cache key.
 */
export interface FieldSelector {
  readonly terms: readonly FieldTerm[];
  readonly canonical: string;
}

/** The selector that selects everything. */
export const ALL_FIELDS: FieldSelector = Object.freeze({ terms: Object.freeze([]), canonical: '' });

/** Parses decoded parameter text (no percent-encoding left); undefined where upstream answers 400. */
export function parseFieldSelector(text: string): FieldSelector | undefined {
  const terms: FieldTerm[] = [];
  for (const part of splitTerms(text).sort(byBytes)) {
    if (part === '') continue;
    const term = parseTerm(part);
    if (term === undefined) return undefined;
    // Upstream's Transform drops a term that names neither a field nor a value.
    if (term.field !== '' || term.value !== '') terms.push(term);
  }
  return terms.length === 0 ? ALL_FIELDS : { terms, canonical: canonicalText(terms) };
}

/** The value an object must have in `field`: that of the first equality term, else undefined. */
export function requiredValue(selector: FieldSelector, field: string): string | undefined {
  return selector.terms.find((term) => term.operator === '=' && term.field === field)?.value;
}

/** Splits at commas that no backslash precedes; backslashes stay in the parts. */
function splitTerms(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === ',') {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** The first operator splits, whatever stands before it; the field itself knows no escapes. */
function parseTerm(part: string): FieldTerm | undefined {
  const split = /!=|==|=/.exec(part);
  if (split === null) return undefined;
  const value = unescapeValue(part.slice(split.index + split[0].length));
  if (value === undefined) return undefined;
  return {
    field: part.slice(0, split.index),
    operator: split[0] === '!=' ? '!=' : '=',
    value,
  };
}

function unescapeValue(text: string): string | undefined {
  if (!/^(?:[^\\,=]|\\[\\,=])*$/u.test(text)) return undefined;
  return text.replaceAll(/\\(.)/g, '$1');
}

function escapeValue(value: string): string {
  return value.replaceAll(/[\\,=]/g, '\\$&');
}

function canonicalText(terms: readonly FieldTerm[]): string {
  const texts = terms.map((term) => `${term.field}${term.operator}${escapeValue(term.value)}`);
  return [...new Set(texts)].sort().join(',');
}

/** Go compares strings by their UTF-8 bytes; JS would compare UTF-16 units. */
function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
