/**
 * A revision's digits written into a caller's buffer, without a string in between.
 */

/** Decimal digits of a revision. */
export function decimalBytes(value: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound && digits < 16; bound *= 10) digits++;
  return digits;
}

/** Writes a revision in decimal; returns the position behind it. */
export function writeDecimal(value: number, to: Uint8Array, at: number): number {
  const end = at + decimalBytes(value);
  for (let i = end - 1; i >= at; i--) {
    to[i] = 0x30 + (value % 10);
    value = Math.floor(value / 10);
  }
  return end;
}
