/**
 * Takes a whole LIST body in memory apart: the list's own metadata, and the place of each item.
 *
 * Used by watch/ for the pages of an initial list and for validating lists. As strict as the event scanner. Items
 * are handed out while the document is still being read, so a caller must be ready to throw away what it took when
 * the scan ends false; a second `items` member is refused, because the first was already handed out.
 */

import {
  JsonSkipper,
  PROBLEMS,
  skipSpace,
  skipString,
  TRUNCATED,
  UNEXPECTED_BYTE,
} from './scan-json-skip.ts';
import { MAX_DEPTH } from './scan-json.ts';
import { JsonPaths } from './scan-json-paths.ts';
import { decodeString, hasBackslash } from './scan-json-text.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const ROLE_METADATA = 1;
const ROLE_ITEMS = 2;
const ROLE_REVISION = 3;
const ROLE_CONTINUE = 4;

const PATHS = new JsonPaths(
  [
    { path: ['metadata'], role: ROLE_METADATA },
    { path: ['items'], role: ROLE_ITEMS },
    { path: ['metadata', 'resourceVersion'], role: ROLE_REVISION },
    { path: ['metadata', 'continue'], role: ROLE_CONTINUE },
  ],
  [],
);

/** Gets the place of one item; the value is checked to be legal JSON, not to be an object. */
export type OnItem = (start: number, end: number) => void;

export class JsonListScanner {
  /** Place of metadata.resourceVersion inside its quotes; equal when absent. */
  revisionStart = 0;
  revisionEnd = 0;
  /** metadata.continue; '' when absent. */
  continueToken = '';
  /** Items handed out by the last scan. */
  items = 0;
  /** Why the last scan was refused; '' after a success. */
  problem = '';

  readonly #skipper: JsonSkipper;
  #end = 0;
  #onItem: OnItem = ignore;
  #itemsSeen = false;

  constructor(options: { readonly maxDepth?: number } = {}) {
    this.#skipper = new JsonSkipper(options.maxDepth ?? MAX_DEPTH);
  }

  /** Scans [start, end), which must hold one list and nothing else; calls `onItem` for each item in order. */
  scan(bytes: Uint8Array, start: number, end: number, onItem: OnItem): boolean {
    this.revisionStart = this.revisionEnd = 0;
    this.continueToken = '';
    this.items = 0;
    this.problem = '';
    this.#skipper.attach(bytes);
    this.#end = end;
    this.#onItem = onItem;
    this.#itemsSeen = false;
    const first = skipSpace(bytes, start, end);
    let last = first >= end ? TRUNCATED : UNEXPECTED_BYTE;
    if (first < end && bytes[first] === OPEN_BRACE) last = this.#walk(first + 1, 0, 1);
    this.#onItem = ignore;
    if (last < 0) {
      if (this.problem === '') this.problem = PROBLEMS[-last];
      return false;
    }
    if (skipSpace(bytes, last, end) !== end) this.problem = 'text behind the document';
    else if (!this.#itemsSeen) this.problem = 'the list has no items';
    return this.problem === '';
  }

  /** `i` is behind the brace of the object that is `node`; returns the position behind its closing brace. */
  #walk(i: number, node: number, depth: number): number {
    const bytes = this.#skipper.bytes;
    const end = this.#end;
    i = skipSpace(bytes, i, end);
    if (i < end && bytes[i] === CLOSE_BRACE) return i + 1;
    for (;;) {
      i = skipSpace(bytes, i, end);
      if (i >= end) return TRUNCATED;
      if (bytes[i] !== QUOTE) return UNEXPECTED_BYTE;
      const keyStart = i + 1;
      const keyEnd = skipString(this.#skipper.view, keyStart, end);
      if (keyEnd < 0) return keyEnd;
      i = skipSpace(bytes, keyEnd + 1, end);
      if (i >= end) return TRUNCATED;
      if (bytes[i] !== COLON) return UNEXPECTED_BYTE;
      const child = hasBackslash(bytes, keyStart, keyEnd)
        ? PATHS.childOfEscaped(node, bytes, keyStart, keyEnd)
        : PATHS.child(node, this.#skipper.view, keyStart, keyEnd);
      i = skipSpace(bytes, i + 1, end);
      if (i >= end) return TRUNCATED;
      i = child < 0 ? this.#skipper.skipValue(i, end, depth) : this.#member(i, child, depth);
      if (i < 0) return i;
      i = skipSpace(bytes, i, end);
      if (i >= end) return TRUNCATED;
      const next = bytes[i++];
      if (next === CLOSE_BRACE) return i;
      if (next !== COMMA) return UNEXPECTED_BYTE;
    }
  }

  #member(start: number, node: number, depth: number): number {
    const bytes = this.#skipper.bytes;
    const role = PATHS.roles[node];
    if (role === ROLE_METADATA && bytes[start] === OPEN_BRACE) {
      return this.#walk(start + 1, node, depth + 1);
    }
    if (role === ROLE_ITEMS) {
      if (this.#itemsSeen) {
        this.problem = 'items are listed twice';
        return UNEXPECTED_BYTE;
      }
      this.#itemsSeen = true;
      if (bytes[start] === OPEN_BRACKET) return this.#array(start + 1, depth + 1);
    }
    const i = this.#skipper.skipValue(start, this.#end, depth);
    if (i < 0) return i;
    const text = bytes[start] === QUOTE;
    if (role === ROLE_REVISION) {
      this.revisionStart = text ? start + 1 : 0;
      this.revisionEnd = text ? i - 1 : 0;
    } else if (role === ROLE_CONTINUE) {
      this.continueToken = text ? decodeString(bytes, start + 1, i - 1) : '';
    } else if (role === ROLE_ITEMS && bytes[start] !== 0x6e) {
      this.problem = 'items are not an array';
      return UNEXPECTED_BYTE;
    }
    return i;
  }

  /** `i` is behind the bracket of the items; returns the position behind the closing one. */
  #array(i: number, depth: number): number {
    const bytes = this.#skipper.bytes;
    const end = this.#end;
    i = skipSpace(bytes, i, end);
    if (i < end && bytes[i] === CLOSE_BRACKET) return i + 1;
    for (;;) {
      const itemStart = skipSpace(bytes, i, end);
      i = this.#skipper.skipValue(itemStart, end, depth);
      if (i < 0) return i;
      this.items++;
      this.#onItem(itemStart, i);
      i = skipSpace(bytes, i, end);
      if (i >= end) return TRUNCATED;
      const next = bytes[i++];
      if (next === CLOSE_BRACKET) return i;
      if (next !== COMMA) return UNEXPECTED_BYTE;
    }
  }
}

function ignore(): void {}
