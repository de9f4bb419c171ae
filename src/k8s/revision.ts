/**
 * Revision: an upstream resourceVersion as an ordered number.
 *
 * Upstream writes etcd revisions: decimal, one counter per store, comparable as integers since
 * KEP-5504. Text that a double cannot hold exactly is not a revision here: the request or the lane
 * is then passed through, so a revision that was printed back always equals the text it came from.
 */

/** 0 .. Number.MAX_SAFE_INTEGER. */
export type Revision = number;

const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
/** Number.MAX_SAFE_INTEGER (9007199254740991) has 16 digits. */
const MAX_DIGITS = 16;

/** The revision a text spells: no sign, no leading zero, at most 2^53-1. `'0'` gives 0. */
export function parseRevision(text: string): Revision | undefined {
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(text)) return undefined;
  const revision = Number(text);
  return revision <= Number.MAX_SAFE_INTEGER ? revision : undefined;
}

/** The same rule over the bytes [start, end); -1 when they are not a revision. Allocates nothing. */
export function parseRevisionBytes(bytes: Uint8Array, start: number, end: number): Revision {
  const digits = end - start;
  if (digits < 1 || digits > MAX_DIGITS || start < 0 || end > bytes.length) return -1;
  if (bytes[start] === DIGIT_0) return digits === 1 ? 0 : -1;
  let revision = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte < DIGIT_0 || byte > DIGIT_9) return -1;
    // 15 digits are always exact; the 16th may pass 2^53, where rounding can only land above the
    // limit, never back below it, so the comparison at the end is reliable.
    revision = revision * 10 + (byte - DIGIT_0);
  }
  return revision <= Number.MAX_SAFE_INTEGER ? revision : -1;
}
