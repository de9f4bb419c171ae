/**
 * Go text: strings written the way Go's encoding/json and fmt's %q write them.
 *
 * Read by every builder of upstream-shaped bytes (status, continue-token). Promises the bytes of
 * `json.Marshal` for values made of plain objects, arrays, strings and safe integers.
 */

const JSON_ESCAPES: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

/**
 * JSON text with Go's HTML escaping. `undefined` members are left out (Go `omitempty`); a lone
 * surrogate, which no Go string can hold, becomes U+FFFD as Go writes for invalid UTF-8.
 */
export function goJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'string' ? member.toWellFormed() : member,
  ).replaceAll(/[<>&\u2028\u2029]/g, (character) => JSON_ESCAPES[character]);
}

const QUOTE_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

/** A string as fmt's `%q` prints it: printable runes stay, others become \x, \u or \U escapes. */
export function goQuote(text: string): string {
  let quoted = '"';
  for (const character of text.toWellFormed()) {
    const code = character.codePointAt(0) as number;
    const escape = QUOTE_ESCAPES[character];
    if (escape !== undefined) quoted += escape;
    // Go's IsPrint: letters, marks, numbers, punctuation, symbols and the ASCII space.
    else if (character === ' ' || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character)) {
      quoted += character;
    } else if (code < 0x20 || code === 0x7f) quoted += `\\x${code.toString(16).padStart(2, '0')}`;
    else if (code < 0x10000) quoted += `\\u${code.toString(16).padStart(4, '0')}`;
    else quoted += `\\U${code.toString(16).padStart(8, '0')}`;
  }
  return `${quoted}"`;
}
