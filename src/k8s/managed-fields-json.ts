/**
 * Where `metadata.managedFields` lies in a stored JSON object, with the comma that goes with it.
 *
 * Objects are Go's own JSON, which has no member twice. Built-ins have the member last in metadata, custom
 * resources among sorted keys; members before it are stepped over with the scanner's code. Only the object's own metadata
 * is looked at, so that of a Pod template stays as it is.
 */
import type { StoredObject } from './encoding.ts';
import { MAX_DEPTH } from './scan-json.ts';
import { JsonSkipper, skipSpace, skipString } from './scan-json-skip.ts';
import { isText } from './scan-json-text.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const NAME = Buffer.from('managedFields');

class JsonManagedFields {
  /** What is left out is [start, end); equal when the object has none. */
  start = 0;
  end = 0;
  readonly #skipper = new JsonSkipper(MAX_DEPTH);
  /** Objects of one list lie in many slabs: the view of each is made once. */
  readonly #views = new WeakMap<Uint8Array, DataView>();

  find({ bytes, metadataStart, metadataEnd }: StoredObject): void {
    this.#skipper.attach(bytes, this.#viewOf(bytes));
    const { view } = this.#skipper;
    this.start = this.end = metadataStart;
    let comma = -1;
    let at = skipSpace(bytes, metadataStart + 1, metadataEnd);
    // What was stored was scanned, so nothing here can be cut short.
    while (bytes[at] === QUOTE) {
      const nameEnd = skipString(view, at + 1, metadataEnd);
      const colon = skipSpace(bytes, nameEnd + 1, metadataEnd);
      const end = this.#skipper.skipValue(colon + 1, metadataEnd, 0);
      if (nameEnd < 0 || end < 0) return;
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

  #viewOf(bytes: Uint8Array): DataView {
    let view = this.#views.get(bytes);
    if (view === undefined) {
      view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      this.#views.set(bytes, view);
    }
    return view;
  }
}

/** One for all: what it found stands until the next find(). */
export const jsonManagedFields = new JsonManagedFields();
