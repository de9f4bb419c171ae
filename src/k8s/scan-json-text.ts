/**
 * Small questions about the inside of a JSON string or number, asked by place in the bytes.
 *
 * A string without a backslash is its own UTF-8 text; the others are decoded, which allocates and is rare.
 */

const BACKSLASH = 0x5c;

/** The text of the JSON string whose inside is [start, end). */
export function decodeString(bytes: Uint8Array, start: number, end: number): string {
  const inside = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString();
  return JSON.parse(`"${inside}"`) as string;
}

/** Whether the JSON string whose inside is [start, end) says `text`. */
export function isText(bytes: Uint8Array, start: number, end: number, text: Uint8Array): boolean {
  if (end - start < text.length) return false;
  if (hasBackslash(bytes, start, end)) {
    return Buffer.from(decodeString(bytes, start, end)).equals(text);
  }
  return sameBytes(bytes, start, end, text);
}

/** Whether [start, end) holds the bytes of `text`. */
export function sameBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  text: Uint8Array,
): boolean {
  if (end - start !== text.length) return false;
  for (let k = 0; k < text.length; k++) if (bytes[start + k] !== text[k]) return false;
  return true;
}

export function hasBackslash(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] === BACKSLASH) return true;
  return false;
}

/** A backslash or a byte >= 0x80: the bytes are not the text in Latin-1. */
export function hasEscape(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] === BACKSLASH || bytes[i] >= 0x80) return true;
  return false;
}

/** The number written in [start, end), at most nine digits; 0 when it is anything else. */
export function decimal(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > 9) return 0;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i] - 0x30;
    if (digit < 0 || digit > 9) return 0;
    value = value * 10 + digit;
  }
  return value;
}
