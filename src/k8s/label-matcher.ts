/**
 * Label matcher: a label selector compiled against the raw JSON bytes of `metadata.labels`.
 *
 * Used once per event and filter group, and once per object of a filtered LIST; reads the bytes where
 * they lie. The usual form `{"key":"value",...}` (no spaces, no escapes) is matched without any
 * allocation; every other spelling is decoded with JSON.parse and matched on strings. Duplicate keys:
 * the last one counts, as in Go and in JSON.parse. A matcher keeps scratch state: one thread, no
 * re-entry.
 */
import type { LabelRequirement, LabelSelector } from './label-selector.ts';

const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

type Operator = LabelRequirement['operator'];

/** A requirement with its texts as bytes. For gt and lt `values[0]` has no leading zeros. */
export interface CompiledRequirement {
  readonly key: Uint8Array;
  readonly operator: Operator;
  readonly values: readonly Uint8Array[];
  /** The outcome when the object does not have the key. */
  readonly absent: 0 | 1;
}

export class LabelMatcher {
  readonly #requirements: readonly LabelRequirement[];
  readonly #compiled: readonly CompiledRequirement[];
  /** Outcome per requirement for the object at hand. */
  readonly #outcomes: Uint8Array;

  constructor(selector: LabelSelector) {
    this.#requirements = selector.requirements;
    this.#compiled = selector.requirements.map(compileRequirement);
    this.#outcomes = new Uint8Array(selector.requirements.length);
  }

  /**
   * Whether labels given as raw JSON in `bytes[start, end)` satisfy the selector; `start === end`
   * means no labels. Throws SyntaxError when the text is not JSON, which no scanner lets through.
   */
  matches(bytes: Uint8Array, start: number, end: number): boolean {
    const compiled = this.#compiled;
    if (compiled.length === 0) return true;
    const outcomes = this.#outcomes;
    for (let i = 0; i < compiled.length; i++) outcomes[i] = compiled[i].absent;
    if (start < end && !this.#walk(bytes, start, end)) return this.#decoded(bytes, start, end);
    for (let i = 0; i < outcomes.length; i++) if (outcomes[i] === 0) return false;
    return true;
  }

  /** Fills the outcomes; false when the text is not in the usual form. */
  #walk(bytes: Uint8Array, start: number, end: number): boolean {
    if (bytes[start] !== OPEN || bytes[end - 1] !== CLOSE) return false;
    const last = end - 1;
    let at = start + 1;
    if (at === last) return true;
    for (;;) {
      if (bytes[at] !== QUOTE) return false;
      const keyStart = at + 1;
      const keyEnd = stringEnd(bytes, keyStart, last);
      if (keyEnd === -1) return false;
      if (bytes[keyEnd + 1] !== COLON || bytes[keyEnd + 2] !== QUOTE) return false;
      const valueStart = keyEnd + 3;
      const valueEnd = stringEnd(bytes, valueStart, last);
      if (valueEnd === -1) return false;
      this.#judge(bytes, keyStart, keyEnd, valueEnd);
      at = valueEnd + 1;
      if (at === last) return true;
      if (bytes[at] !== COMMA) return false;
      at++;
    }
  }

  /** One label; its value begins three bytes after the key's end. */
  #judge(bytes: Uint8Array, keyStart: number, keyEnd: number, valueEnd: number): void {
    const compiled = this.#compiled;
    for (let i = 0; i < compiled.length; i++) {
      if (bytesEqual(bytes, keyStart, keyEnd, compiled[i].key)) {
        this.#outcomes[i] = satisfies(compiled[i], bytes, keyEnd + 3, valueEnd) ? 1 : 0;
      }
    }
  }

  /** The slow path: any JSON, on strings. */
  #decoded(bytes: Uint8Array, start: number, end: number): boolean {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
    const labels: unknown = JSON.parse(text);
    const known = typeof labels === 'object' && labels !== null ? labels : {};
    return this.#requirements.every((requirement, i) => {
      if (!Object.hasOwn(known, requirement.key)) return this.#compiled[i].absent === 1;
      // A Go string cannot be anything else; a JSON null decodes to the empty string there.
      const value = (known as Record<string, unknown>)[requirement.key];
      const raw = Buffer.from(typeof value === 'string' ? value : '');
      return satisfies(this.#compiled[i], raw, 0, raw.length);
    });
  }
}

/** For the matchers of other encodings too. */
export function compileRequirement(requirement: LabelRequirement): CompiledRequirement {
  const { key, operator, values } = requirement;
  const ordered = operator === 'gt' || operator === 'lt';
  return {
    key: Buffer.from(key),
    operator,
    values: values.map((value) => Buffer.from(ordered ? value.replace(/^0+/, '') : value)),
    absent: operator === 'notin' || operator === 'absent' ? 1 : 0,
  };
}

/** Whether a present value meets the requirement. */
export function satisfies(
  requirement: CompiledRequirement,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  switch (requirement.operator) {
    case 'in':
      return isOneOf(requirement.values, bytes, start, end);
    case 'notin':
      return !isOneOf(requirement.values, bytes, start, end);
    case 'exists':
      return true;
    case 'absent':
      return false;
    case 'gt':
      return isInt64(bytes, start, end) && compare(bytes, start, end, requirement.values[0]) > 0;
    case 'lt':
      return isInt64(bytes, start, end) && compare(bytes, start, end, requirement.values[0]) < 0;
  }
}

/** Index of the closing quote, or -1 at a backslash or at the end of the text. */
function stringEnd(bytes: Uint8Array, from: number, last: number): number {
  for (let at = from; at < last; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) return -1;
  }
  return -1;
}

export function bytesEqual(
  bytes: Uint8Array,
  start: number,
  end: number,
  other: Uint8Array,
): boolean {
  const length = other.length;
  if (end - start !== length) return false;
  // Backwards: the ends of keys and values differ more often than their beginnings.
  for (let i = length - 1; i >= 0; i--) if (bytes[start + i] !== other[i]) return false;
  return true;
}

function isOneOf(
  values: readonly Uint8Array[],
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  for (let i = 0; i < values.length; i++) if (bytesEqual(bytes, start, end, values[i])) return true;
  return false;
}

/** Digits of 2^63-1; a negative number may be one larger. */
const MAX_INT64 = Buffer.from('9223372036854775807');
const MIN_INT64 = Buffer.from('9223372036854775808');

/** Go's ParseInt(text, 10, 64): an optional sign, digits, in range. */
function isInt64(bytes: Uint8Array, start: number, end: number): boolean {
  const signed = bytes[start] === MINUS || bytes[start] === PLUS;
  const first = start < end && signed ? start + 1 : start;
  if (first >= end) return false;
  for (let at = first; at < end; at++) {
    if (bytes[at] < DIGIT_0 || bytes[at] > DIGIT_9) return false;
  }
  const limit = signed && bytes[start] === MINUS ? MIN_INT64 : MAX_INT64;
  return compareDigits(bytes, first, end, limit) <= 0;
}

/** An int64 text against digits without leading zeros (zero is no digits at all). */
function compare(bytes: Uint8Array, start: number, end: number, digits: Uint8Array): number {
  if (bytes[start] !== MINUS) {
    return compareDigits(bytes, bytes[start] === PLUS ? start + 1 : start, end, digits);
  }
  const isZero = compareDigits(bytes, start + 1, end, NO_DIGITS) === 0;
  return isZero && digits.length === 0 ? 0 : -1;
}

const NO_DIGITS = new Uint8Array(0);

function compareDigits(bytes: Uint8Array, start: number, end: number, digits: Uint8Array): number {
  let first = start;
  while (first < end && bytes[first] === DIGIT_0) first++;
  if (end - first !== digits.length) return end - first - digits.length;
  for (let i = 0; i < digits.length; i++) {
    const difference = bytes[first + i] - digits[i];
    if (difference !== 0) return difference;
  }
  return 0;
}
