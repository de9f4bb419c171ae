/**
 * Varints written into a caller's buffer, and the number of bytes they take.
 *
 * Lengths and counts only: numbers from 0 to 2^53 - 1, written in the shortest form as upstream's encoder does. Nothing is
 * allocated.
 */

/** Bytes of `value` as a varint. */
export function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  let bytes = 4;
  for (let rest = Math.floor(value / 0x10000000); rest > 0; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

/** Writes `value` as a varint; returns the position behind it. */
export function writeVarint(value: number, to: Uint8Array, at: number): number {
  while (value > 0x7fffffff) {
    to[at++] = (value % 0x80) | 0x80;
    value = Math.floor(value / 0x80);
  }
  while (value >= 0x80) {
    to[at++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  to[at++] = value;
  return at;
}

/**
 * Where the length of the value that begins at `valueStart` begins. The byte before a length is the
 * last one of a tag, which has no continuation bit, so the way back is unambiguous.
 */
export function lengthStart(bytes: Uint8Array, valueStart: number): number {
  let at = valueStart - 1;
  while (bytes[at - 1] >= 0x80) at--;
  return at;
}
