/**
 * Shard selector: `shardRange(object.metadata.uid, '0x…', '0x…') || …` (KEP-5866, gate ShardedListAndWatch of 1.36), which
 * selects objects by the FNV-1a hash of their UID or namespace. Start is inclusive, end exclusive; all ranges are on one field.
 *
 * Upstream reads it as CEL. The spellings that clients write are understood here (any spacing, either quote); everything
 * else, valid or not, is left to upstream.
 */

/** 64 bits as two halves: no number holds them all. */
interface Hash {
  readonly high: number;
  readonly low: number;
}

interface Range {
  readonly start: Hash;
  /** undefined: up to the end, 2^64. */
  readonly end: Hash | undefined;
}

const SPACE = String.raw`[ \t\r\n\f]*`;
const BOUND = String.raw`(?:'(0x[0-9a-f]{16}|0x10000000000000000)'|"(0x[0-9a-f]{16}|0x10000000000000000)")`;
const FIELD = ['object', String.raw`\.`, 'metadata', String.raw`\.`, '(uid|namespace)'];
const PARTS = ['shardRange', String.raw`\(`, ...FIELD, ',', BOUND, ',', BOUND, String.raw`\)`];
const SHARD_RANGE = new RegExp(`${SPACE}${PARTS.join(SPACE)}${SPACE}`, 'y');
const PAST_THE_END = '0x10000000000000000';
const OR = '||';

/** Parses the decoded parameter, or undefined when it is not certain that upstream takes it so. Never throws. */
export function parseShardSelector(text: string): ShardSelector | undefined {
  const ranges: Range[] = [];
  const words: string[] = [];
  let field: string | undefined;
  for (let at = 0; ; at += OR.length) {
    SHARD_RANGE.lastIndex = at;
    const match = SHARD_RANGE.exec(text);
    if (match === null) return undefined;
    const start = match[2] ?? match[3];
    const end = match[4] ?? match[5];
    field ??= match[1];
    // Equal lengths compare as text; the one longer bound is the greatest.
    const isOrdered = start.length < end.length || (start.length === end.length && start < end);
    if (match[1] !== field || !isOrdered) return undefined;
    ranges.push({ start: hashOf(start), end: end === PAST_THE_END ? undefined : hashOf(end) });
    words.push(`shardRange(object.metadata.${field}, '${start}', '${end}')`);
    at = SHARD_RANGE.lastIndex;
    if (at === text.length) break;
    if (!text.startsWith(OR, at)) return undefined;
  }
  return new ShardSelector(field === 'uid' ? 'uid' : 'namespace', ranges, words.join(' || '));
}

function hashOf(bound: string): Hash {
  return {
    high: Number.parseInt(bound.slice(2, 10), 16),
    low: Number.parseInt(bound.slice(10), 16),
  };
}

export class ShardSelector {
  readonly field: 'uid' | 'namespace';
  /** As the apiserver prints it back in `metadata.shardInfo`. */
  readonly canonical: string;
  readonly #ranges: readonly Range[];

  constructor(field: 'uid' | 'namespace', ranges: readonly Range[], canonical: string) {
    this.field = field;
    this.#ranges = ranges;
    this.canonical = canonical;
  }

  /** Whether the hash of a value, given as its UTF-8 bytes, lies in one of the ranges. */
  contains(bytes: Uint8Array, start: number, end: number): boolean {
    let high = OFFSET_HIGH;
    let low = OFFSET_LOW;
    for (let i = start; i < end; i++) {
      low = (low ^ bytes[i]) >>> 0;
      // Times 2^40 + 0x1b3: the first is a shift of the low half into the high one.
      const product = low * PRIME_LOW;
      high = (Math.imul(high, PRIME_LOW) + Math.floor(product / TWO_32) + (low << 8)) >>> 0;
      low = product >>> 0;
    }
    for (const range of this.#ranges) {
      if (isBelow(high, low, range.start)) continue;
      if (range.end === undefined || isBelow(high, low, range.end)) return true;
    }
    return false;
  }
}

/** FNV-1a's offset basis 0xcbf29ce484222325 and prime 0x100000001b3. */
const OFFSET_HIGH = 0xcbf29ce4;
const OFFSET_LOW = 0x84222325;
const PRIME_LOW = 0x1b3;
const TWO_32 = 4_294_967_296;

function isBelow(high: number, low: number, bound: Hash): boolean {
  return high < bound.high || (high === bound.high && low < bound.low);
}
