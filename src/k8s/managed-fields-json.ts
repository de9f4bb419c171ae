/**
 * Where `metadata.managedFields` lies in a stored JSON object, with the comma that goes with it.
 *
 * What is stored was scanned, so it is JSON, and stepping over a value is matching its brackets: much faster than judging it
 * again. Objects are Go's own JSON, which has no member twice: built-ins have this one last in metadata, custom resources
 * among sorted keys. Only the object's own metadata is looked at, so that of a Pod template stays as it is.
 */
import type { StoredObject } from './encoding.ts';
import { skipSpace } from './scan-json-skip.ts';
import { isText } from './scan-json-text.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
/** Both opening brackets with bit 5 set, and both closing ones. */
const OPENING = 0x7b;
const CLOSING = 0x7d;
const NAME = Buffer.from('managedFields');

class JsonManagedFields {
  /** What is left out is [start, end); equal when the object has none. */
  start = 0;
  end = 0;

  find({ bytes, metadataStart, metadataEnd }: StoredObject): void {
    this.start = this.end = metadataStart;
    let comma = -1;
    let at = skipSpace(bytes, metadataStart + 1, metadataEnd);
    while (bytes[at] === QUOTE) {
      const nameEnd = behindString(bytes, at + 1, metadataEnd) - 1;
      const colon = skipSpace(bytes, nameEnd + 1, metadataEnd);
      const value = skipSpace(bytes, colon + 1, metadataEnd);
      const end = behindValue(bytes, value, metadataEnd);
      const next = skipSpace(bytes, end, metadataEnd);
      const isLast = bytes[next] !== COMMA;
      if (isText(bytes, at + 1, nameEnd, NAME)) {
        this.start = comma === -1 ? at : comma;
        this.end = comma !== -1 || isLast ? end : next + 1;
        return;
      }
      if (isLast) return;
      comma = next;
      at = skipSpace(bytes, next + 1, metadataEnd);
    }
  }
}

/** Behind the closing quote of the string whose inside begins at `at`. */
function behindString(bytes: Uint8Array, at: number, end: number): number {
  while (at < end) {
    const c = bytes[at++];
    if (c === QUOTE) return at;
    if (c === BACKSLASH) at++;
  }
  return end;
}

/** Behind the value that begins at `at`. */
function behindValue(bytes: Uint8Array, at: number, end: number): number {
  let depth = 0;
  while (at < end) {
    const c = bytes[at];
    const bracket = c | 0x20;
    if (c === QUOTE) {
      at = behindString(bytes, at + 1, end);
      if (depth === 0) return at;
    } else if (bracket === OPENING) {
      depth++;
      at++;
    } else if (bracket === CLOSING) {
      // A number or a word is ended by what is around it.
      if (depth === 0) return at;
      at++;
      if (--depth === 0) return at;
    } else {
      if (depth === 0 && (c === COMMA || c <= 0x20)) return at;
      at++;
    }
  }
  return end;
}

/** One for all: what it found stands until the next find(). */
export const jsonManagedFields = new JsonManagedFields();
