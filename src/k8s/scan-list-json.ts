/**
 * Takes a LIST body in memory apart: a cursor over its items, and the list's own metadata.
 *
 * Used by watch/ for the pages of an initial list and for validating lists. As strict as the event scanner. Items are
 * found one at a time, so a caller can let the event loop turn between them; until the cursor has come to the end
 * without a problem the document is not known to be whole, and the metadata may still be to come. A second `items` or
 * `metadata` member is refused.
 */

import {
  JsonSkipper,
  PROBLEMS,
  skipSpace,
  skipString,
  TRUNCATED,
  UNEXPECTED_BYTE,
} from './scan-json-skip.ts';
import { decodeString, isText } from './scan-json-text.ts';
import { MAX_DEPTH } from './scan-json.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const NULL_START = 0x6e;

const ITEMS = Buffer.from('items');
const METADATA = Buffer.from('metadata');
const REVISION = Buffer.from('resourceVersion');
const CONTINUE = Buffer.from('continue');

/** Where the cursor stands. */
const BEFORE_MEMBER = 0;
const IN_ITEMS = 1;
const AT_END = 2;

export class JsonListScanner {
  /** Place of the item next() has found; checked to be legal JSON, not to be an object. */
  itemStart = 0;
  itemEnd = 0;
  /** Items found so far. */
  items = 0;
  /** Place of metadata.resourceVersion inside its quotes; equal when absent or still to come. */
  revisionStart = 0;
  revisionEnd = 0;
  /** metadata.continue; '' when absent or still to come. */
  continueToken = '';
  /** Why the list was refused; '' as long as it was not. */
  problem = '';

  readonly #skipper: JsonSkipper;
  #bytes: Uint8Array = new Uint8Array(0);
  #i = 0;
  #end = 0;
  #where = AT_END;
  #itemsSeen = false;
  #metadataSeen = false;

  constructor(options: { readonly maxDepth?: number } = {}) {
    this.#skipper = new JsonSkipper(options.maxDepth ?? MAX_DEPTH);
  }

  /** Puts the cursor before the first item of [start, end), which must hold one list and nothing else. */
  open(bytes: Uint8Array, start: number, end: number): void {
    this.itemStart = this.itemEnd = 0;
    this.items = 0;
    this.revisionStart = this.revisionEnd = 0;
    this.continueToken = '';
    this.problem = '';
    this.#itemsSeen = false;
    this.#metadataSeen = false;
    this.#bytes = bytes;
    this.#end = end;
    this.#where = BEFORE_MEMBER;
    this.#skipper.attach(bytes);
    const first = skipSpace(bytes, start, end);
    this.#i = first + 1;
    if (first >= end) this.#stop(TRUNCATED);
    else if (bytes[first] !== OPEN_BRACE) this.#stop(this.#fail('not an object'));
  }

  /** Goes to the next item. False at the end of the list, or at a problem. */
  next(): boolean {
    while (this.#where !== AT_END) {
      const inItems = this.#where === IN_ITEMS;
      const position = inItems ? this.#item() : this.#member();
      if (position < 0) return this.#stop(position);
      this.#i = position;
      if (inItems && this.#where === IN_ITEMS) {
        this.items++;
        return true;
      }
    }
    return false;
  }

  /** An element of the items; or their end, and then the cursor is behind that member. */
  #item(): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let i = skipSpace(bytes, this.#i, end);
    if (i >= end) return TRUNCATED;
    if (bytes[i] === CLOSE_BRACKET) {
      this.#where = BEFORE_MEMBER;
      return this.#afterMember(i + 1);
    }
    if (this.items > 0) {
      if (bytes[i] !== COMMA) return UNEXPECTED_BYTE;
      i = skipSpace(bytes, i + 1, end);
    }
    const after = this.#skipper.skipValue(i, end, 2);
    this.itemStart = i;
    this.itemEnd = after;
    return after;
  }

  /** One member of the list object; stops inside `items`. */
  #member(): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let i = skipSpace(bytes, this.#i, end);
    if (i >= end) return TRUNCATED;
    if (bytes[i] !== QUOTE) return UNEXPECTED_BYTE;
    const keyStart = i + 1;
    const keyEnd = skipString(this.#skipper.view, keyStart, end);
    if (keyEnd < 0) return keyEnd;
    i = skipSpace(bytes, keyEnd + 1, end);
    if (i >= end) return TRUNCATED;
    if (bytes[i] !== COLON) return UNEXPECTED_BYTE;
    i = skipSpace(bytes, i + 1, end);
    if (i >= end) return TRUNCATED;
    if (isText(bytes, keyStart, keyEnd, ITEMS)) return this.#openItems(i);
    const after = this.#skipper.skipValue(i, end, 1);
    if (after < 0) return after;
    if (isText(bytes, keyStart, keyEnd, METADATA) && bytes[i] === OPEN_BRACE) {
      if (this.#metadataSeen) return this.#fail('metadata is given twice');
      this.#metadataSeen = true;
      this.#metadata(i + 1);
    }
    return this.#afterMember(after);
  }

  #openItems(i: number): number {
    if (this.#itemsSeen) return this.#fail('items are given twice');
    this.#itemsSeen = true;
    if (this.#bytes[i] === OPEN_BRACKET) {
      this.#where = IN_ITEMS;
      return i + 1;
    }
    if (this.#bytes[i] !== NULL_START) return this.#fail('items are not an array');
    const after = this.#skipper.skipValue(i, this.#end, 1);
    return after < 0 ? after : this.#afterMember(after);
  }

  /** What stands behind a member: a comma and the next one, or the end of the list. */
  #afterMember(position: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let i = skipSpace(bytes, position, end);
    if (i >= end) return TRUNCATED;
    if (bytes[i] === CLOSE_BRACE) {
      this.#where = AT_END;
      if (skipSpace(bytes, i + 1, end) !== end) return this.#fail('text behind the document');
      return this.#itemsSeen ? end : this.#fail('the list has no items');
    }
    if (bytes[i] !== COMMA) return UNEXPECTED_BYTE;
    i = skipSpace(bytes, i + 1, end);
    return i < end ? i : TRUNCATED;
  }

  #fail(problem: string): number {
    this.problem = problem;
    return UNEXPECTED_BYTE;
  }

  #stop(problem: number): false {
    this.#where = AT_END;
    if (this.problem === '') this.problem = PROBLEMS[-problem];
    return false;
  }

  /** `i` is behind the brace of an object that was found to be legal. */
  #metadata(i: number): void {
    const bytes = this.#bytes;
    const end = this.#end;
    for (;;) {
      i = skipSpace(bytes, i, end);
      if (bytes[i] === COMMA) i = skipSpace(bytes, i + 1, end);
      if (bytes[i] === CLOSE_BRACE) return;
      const keyStart = i + 1;
      const keyEnd = skipString(this.#skipper.view, keyStart, end);
      const start = skipSpace(bytes, skipSpace(bytes, keyEnd + 1, end) + 1, end);
      i = this.#skipper.skipValue(start, end, 2);
      const text = bytes[start] === QUOTE;
      if (isText(bytes, keyStart, keyEnd, REVISION)) {
        this.revisionStart = text ? start + 1 : 0;
        this.revisionEnd = text ? i - 1 : 0;
      } else if (isText(bytes, keyStart, keyEnd, CONTINUE)) {
        this.continueToken = text ? decodeString(bytes, start + 1, i - 1) : '';
      }
    }
  }
}
