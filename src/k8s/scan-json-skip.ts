/**
 * Walks over one JSON value without building it: the strict half of the byte scanner.
 *
 * Accepts exactly the grammar of JSON.parse (RFC 8259): strings are checked for control characters and
 * escapes, numbers and literals byte by byte. Bytes >= 0x80 are legal inside strings only, and their UTF-8 is
 * not judged, just as JSON.parse sees replacement characters there. Nothing is allocated.
 *
 * Positions are returned as numbers; a negative one is a problem code, see PROBLEMS.
 */

export const TRUNCATED = -1;
export const CONTROL_CHARACTER = -2;
export const BAD_ESCAPE = -3;
export const BAD_NUMBER = -4;
export const BAD_LITERAL = -5;
export const UNEXPECTED_BYTE = -6;
export const TOO_DEEP = -7;

/** What a negative position means: PROBLEMS[-position]. */
export const PROBLEMS: readonly string[] = [
  '',
  'truncated',
  'control character in a string',
  'bad escape',
  'bad number',
  'bad literal',
  'unexpected byte',
  'too deep',
];

// An exported constant is read from memory at each use, also by its own module; not so a private one (7 % of a scan).
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** 1 for the characters that may follow a backslash, 2 for `u`. */
const ESCAPE = new Uint8Array(256);
for (const character of '"\\/bfnrt') ESCAPE[character.charCodeAt(0)] = 1;
ESCAPE[0x75] = 2;

const HEX = new Uint8Array(256);
for (const character of '0123456789abcdefABCDEF') HEX[character.charCodeAt(0)] = 1;

const TRUE = [0x74, 0x72, 0x75, 0x65];
const FALSE = [0x66, 0x61, 0x6c, 0x73, 0x65];
const NULL = [0x6e, 0x75, 0x6c, 0x6c];

/** The first position at or after `i` that holds no JSON white space; may be `end`. */
export function skipSpace(bytes: Uint8Array, i: number, end: number): number {
  while (i < end) {
    const c = bytes[i];
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return i;
    i++;
  }
  return i;
}

/**
 * The first position at or after `i` that holds a quote, a backslash or a control character; `end` when none does.
 *
 * Four bytes at a time: in each of the three differences the highest bit of a byte is set where that byte is below
 * the one subtracted, and borrows only spoil bytes above a hit, so the lowest hit is exact. 1.5 times the speed of
 * a table look-up per byte on the short strings of real objects.
 */
export function stopOf(view: DataView, i: number, end: number): number {
  const last = end - 4;
  while (i <= last) {
    const x = view.getInt32(i, true);
    const stops =
      (((x ^ 0x22222222) - 0x01010101) | ((x ^ 0x5c5c5c5c) - 0x01010101) | (x - 0x20202020)) &
      ~x &
      0x80808080;
    if (stops !== 0) return i + ((31 - Math.clz32(stops & -stops)) >> 3);
    i += 4;
  }
  while (i < end) {
    const c = view.getUint8(i);
    if (c === QUOTE || c === BACKSLASH || c < 0x20) return i;
    i++;
  }
  return end;
}

/** `i` is just behind an opening quote (or inside the string); returns the position of the closing quote. */
export function skipString(view: DataView, i: number, end: number): number {
  for (;;) {
    i = stopOf(view, i, end);
    if (i >= end) return TRUNCATED;
    const c = view.getUint8(i);
    if (c === QUOTE) return i;
    if (c !== BACKSLASH) return CONTROL_CHARACTER;
    i = skipEscape(view, i, end);
    if (i < 0) return i;
  }
}

/** `i` is at a backslash; returns the position behind the escape. */
function skipEscape(view: DataView, i: number, end: number): number {
  if (i + 1 >= end) return TRUNCATED;
  const kind = ESCAPE[view.getUint8(i + 1)];
  if (kind === 1) return i + 2;
  if (kind === 0) return BAD_ESCAPE;
  if (i + 6 > end) return TRUNCATED;
  for (let k = i + 2; k < i + 6; k++) if (HEX[view.getUint8(k)] === 0) return BAD_ESCAPE;
  return i + 6;
}

/** A number or one of true, false, null; returns the position behind it. */
export function skipScalar(bytes: Uint8Array, i: number, end: number): number {
  const c = bytes[i];
  if (c === 0x2d || (c >= 0x30 && c <= 0x39)) return skipNumber(bytes, i, end);
  if (c === 0x74) return skipLiteral(bytes, i, end, TRUE);
  if (c === 0x66) return skipLiteral(bytes, i, end, FALSE);
  if (c === 0x6e) return skipLiteral(bytes, i, end, NULL);
  return UNEXPECTED_BYTE;
}

function skipLiteral(bytes: Uint8Array, i: number, end: number, word: readonly number[]): number {
  if (i + word.length > end) return TRUNCATED;
  for (let k = 1; k < word.length; k++) if (bytes[i + k] !== word[k]) return BAD_LITERAL;
  return i + word.length;
}

/** -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? and nothing else. */
function skipNumber(bytes: Uint8Array, i: number, end: number): number {
  if (bytes[i] === 0x2d) i++;
  if (i < end && bytes[i] === 0x30) i++;
  else {
    i = skipDigits(bytes, i, end);
    if (i < 0) return i;
  }
  if (i < end && bytes[i] === 0x2e) {
    i = skipDigits(bytes, i + 1, end);
    if (i < 0) return i;
  }
  if (i < end && (bytes[i] | 0x20) === 0x65) {
    i++;
    if (i < end && (bytes[i] === 0x2b || bytes[i] === 0x2d)) i++;
    i = skipDigits(bytes, i, end);
  }
  return i;
}

/** One digit or more. */
function skipDigits(bytes: Uint8Array, i: number, end: number): number {
  const from = i;
  while (i < end && bytes[i] >= 0x30 && bytes[i] <= 0x39) i++;
  if (i > from) return i;
  return i >= end ? TRUNCATED : BAD_NUMBER;
}

/** Holds the stack of open containers, so that nesting costs no call and is bounded. */
export class JsonSkipper {
  /** The bytes being scanned, as attach() got them. */
  bytes: Uint8Array = new Uint8Array(0);
  /** The same bytes, to read four at a time. */
  view: DataView = new DataView(this.bytes.buffer);

  /** 1 where an object is open, 0 where an array is. */
  readonly #stack: Uint8Array;

  constructor(maxDepth: number) {
    this.#stack = new Uint8Array(maxDepth);
  }

  get maxDepth(): number {
    return this.#stack.length;
  }

  /** Says which bytes the positions are in; allocates once per chunk, not per event. */
  attach(bytes: Uint8Array): void {
    if (bytes === this.bytes) return;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /**
   * Skips one value, and white space before it.
   *
   * Compact JSON takes the short way through: structural bytes are compared where they must stand, and only what does
   * not match looks for white space and for the end. A structural byte behind `end` may be read and even taken; the
   * position tells in the end, because strings and space never lead past it.
   *
   * @param depth how many containers are open around the value.
   * @returns the position behind the value, or a problem code.
   */
  skipValue(i: number, end: number, depth: number): number {
    const bytes = this.bytes;
    const view = this.view;
    const stack = this.#stack;
    let level = depth;
    let inObject = false;
    for (;;) {
      // A value begins here.
      const c = bytes[i];
      if (c === QUOTE) {
        i = closingQuote(bytes, view, i + 1, end);
        if (i < 0) return i;
        i++;
      } else if (c === OPEN_BRACE || c === OPEN_BRACKET) {
        if (level >= stack.length) return TOO_DEEP;
        i++;
        if (bytes[i] <= 0x20) i = skipSpace(bytes, i, end);
        if (bytes[i] === c + 2) {
          i++;
        } else {
          inObject = c === OPEN_BRACE;
          stack[level++] = inObject ? 1 : 0;
          if (inObject) {
            i = skipKey(bytes, view, i, end);
            if (i < 0) return i;
          }
          continue;
        }
      } else if (c <= 0x20) {
        const next = skipSpace(bytes, i, end);
        if (next === i) return i >= end ? TRUNCATED : UNEXPECTED_BYTE;
        i = next;
        continue;
      } else {
        if (i >= end) return TRUNCATED;
        i = skipScalar(bytes, i, end);
        if (i < 0) return i;
      }
      // A value has ended: close what ends with it, until another one begins.
      for (;;) {
        if (level === depth) return i > end ? TRUNCATED : i;
        let next = bytes[i];
        if (next <= 0x20) {
          i = skipSpace(bytes, i, end);
          next = bytes[i];
        }
        i++;
        if (next === COMMA) {
          if (inObject) {
            i = skipKey(bytes, view, i, end);
            if (i < 0) return i;
          }
          break;
        }
        if (next !== (inObject ? CLOSE_BRACE : CLOSE_BRACKET)) {
          return i > end ? TRUNCATED : UNEXPECTED_BYTE;
        }
        level--;
        if (level > depth) inObject = stack[level - 1] === 1;
      }
    }
  }
}

/** `i` is just behind an opening quote; returns the position of the closing one. */
function closingQuote(bytes: Uint8Array, view: DataView, i: number, end: number): number {
  const stop = stopOf(view, i, end);
  return bytes[stop] === QUOTE && stop < end ? stop : skipString(view, stop, end);
}

/** A member's name and its colon; returns the position behind the colon, where the value (or space) begins. */
function skipKey(bytes: Uint8Array, view: DataView, i: number, end: number): number {
  if (bytes[i] !== QUOTE) return skipOddKey(bytes, view, i, end);
  const quote = closingQuote(bytes, view, i + 1, end);
  return quote >= 0 && bytes[quote + 1] === COLON ? quote + 2 : skipOddKey(bytes, view, i, end);
}

/** The same for keys with white space around them, and for what is no key. */
function skipOddKey(bytes: Uint8Array, view: DataView, i: number, end: number): number {
  i = skipSpace(bytes, i, end);
  if (i >= end) return TRUNCATED;
  if (bytes[i] !== QUOTE) return UNEXPECTED_BYTE;
  i = skipString(view, i + 1, end);
  if (i < 0) return i;
  i = skipSpace(bytes, i + 1, end);
  if (i >= end) return TRUNCATED;
  return bytes[i] === COLON ? i + 1 : UNEXPECTED_BYTE;
}
