/**
 * Query: the parameters of a request, decoded as Go's net/url does.
 *
 * Go silently drops a pair with bad percent-encoding or a semicolon and uses the first of repeated
 * ones; a reader that kept them would see another request than upstream. Such a query has no meaning
 * here: it is refused as a whole, and so is any parameter that is not in the caller's list.
 */

/** Name to decoded value; each name at most once. */
export type Query = ReadonlyMap<string, string>;

/** Decodes a raw query (without `?`), or undefined when it is not certain what upstream reads. */
export function parseQuery(raw: string, known: ReadonlySet<string>): Query | undefined {
  const parameters = new Map<string, string>();
  if (raw.includes(';')) return undefined;
  for (const pair of raw.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals === -1 ? pair : pair.slice(0, equals));
    const value = decode(equals === -1 ? '' : pair.slice(equals + 1));
    if (name === undefined || value === undefined) return undefined;
    if (!known.has(name) || parameters.has(name)) return undefined;
    parameters.set(name, value);
  }
  return parameters;
}

/** Percent-decoding with `+` as space; undefined for bad escapes and for bytes that are not UTF-8. */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
