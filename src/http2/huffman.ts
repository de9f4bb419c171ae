/**
 * The Huffman code of HPACK (RFC 7541 5.2 and appendix B), decoded four bits at a time by a table of states.
 *
 * The code is canonical: sorted by length and then by symbol, each is one more than the one before. So the lengths say
 * all of it, and the table is made from them.
 */

// prettier-ignore
const CODE_BITS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];
/** Marks the end of a text; it is never written, only the beginning of it as padding. */
const END = 256;
const NOTHING = -1;
/** No code begins so, or it is the end mark. */
const WRONG = -2;

interface Node {
  readonly id: number;
  readonly next: (Node | number)[];
  /** The end mark begins so, in fewer than eight bits: allowed as padding. */
  readonly isPadding: boolean;
}

/** By state and four bits: the next state, and the symbol on the way, at most one because none is shorter than five. */
const STATES = CODE_BITS.length - 1;
const nextState = new Uint16Array(STATES * 16);
const emitted = new Int16Array(STATES * 16).fill(WRONG);
const mayEnd = new Uint8Array(STATES);

build();

/**
 * Decodes `bytes` from `start` to `end` into `target`, which must have room for 8 / 5 as many.
 * Returns the number of bytes written, or -1 when they are no text in this code.
 */
export function decodeHuffman(
  bytes: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
): number {
  let state = 0;
  let length = 0;
  for (let i = start; i < end; i++) {
    for (let shift = 4; shift >= 0; shift -= 4) {
      const entry = state * 16 + ((bytes[i] >> shift) & 15);
      const symbol = emitted[entry];
      if (symbol >= 0) target[length++] = symbol;
      else if (symbol === WRONG) return -1;
      state = nextState[entry];
    }
  }
  return mayEnd[state] === 1 ? length : -1;
}

function build(): void {
  let nodes = 0;
  const node = (isPadding: boolean): Node => ({ id: nodes++, next: [], isPadding });
  const root = node(true);
  const all = [root];
  for (const { symbol, bits, code } of codes()) {
    let at = root;
    for (let i = bits - 1; i > 0; i--) {
      const bit = (code >> i) & 1;
      let next = at.next[bit];
      if (typeof next !== 'object') {
        next = node(at.isPadding && bit === 1 && bits - i < 8);
        at.next[bit] = next;
        all.push(next);
      }
      at = next;
    }
    at.next[code & 1] = symbol;
  }
  for (const from of all) {
    mayEnd[from.id] = from.isPadding ? 1 : 0;
    for (let nibble = 0; nibble < 16; nibble++) fill(root, from, nibble);
  }
}

function fill(root: Node, from: Node, nibble: number): void {
  let at = from;
  let symbol = NOTHING;
  for (let i = 3; i >= 0; i--) {
    const next = at.next[(nibble >> i) & 1];
    if (next === undefined || next === END) return;
    if (typeof next === 'number') symbol = next;
    at = typeof next === 'number' ? root : next;
  }
  nextState[from.id * 16 + nibble] = at.id;
  emitted[from.id * 16 + nibble] = symbol;
}

function codes(): { symbol: number; bits: number; code: number }[] {
  const sorted = CODE_BITS.map((bits, symbol) => ({ symbol, bits, code: 0 })).toSorted(
    (a, b) => a.bits - b.bits || a.symbol - b.symbol,
  );
  for (let i = 1; i < sorted.length; i++) {
    const before = sorted[i - 1];
    sorted[i].code = (before.code + 1) << (sorted[i].bits - before.bits);
  }
  return sorted;
}
