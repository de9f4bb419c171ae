/**
 * Takes a LIST body in protobuf apart: a cursor over its items, and the list's own metadata; the twin of scan-list-json.ts.
 *
 * Used by watch/ for the pages of an initial list, for probes and for validating lists. Items are bare messages; they are
 * found one at a time, so a caller can let the event loop turn between them. Until the cursor has come to the end without
 * a problem the list is not known to be whole. Metadata given twice is refused.
 */
import { PROTOBUF_PROBLEMS, ProtobufCursor, WIRE_LENGTH } from './protobuf-cursor.ts';
import { ENVELOPE_MAGIC } from './protobuf-envelope.ts';
import { sameBytes } from './scan-json-text.ts';

/** The text is in `problem` already. */
const REFUSED = -100;

export class ProtobufListScanner {
  /** Place of the item next() has found; not looked into. */
  itemStart = 0;
  itemEnd = 0;
  /** Items found so far. */
  items = 0;
  /** Place of metadata.resourceVersion; equal when absent or still to come. */
  revisionStart = 0;
  revisionEnd = 0;
  /** metadata.continue; '' when absent or still to come. */
  continueToken = '';
  /** Why the list was refused; '' as long as it was not. */
  problem = '';

  readonly #cursor = new ProtobufCursor();
  #at = 0;
  #end = 0;
  #metadataSeen = false;

  /** Puts the cursor before the first item of [start, end), which must hold one list and nothing else. */
  open(bytes: Uint8Array, start: number, end: number): void {
    this.itemStart = this.itemEnd = 0;
    this.items = 0;
    this.revisionStart = this.revisionEnd = 0;
    this.continueToken = '';
    this.problem = '';
    this.#metadataSeen = false;
    this.#cursor.bytes = bytes;
    this.#at = this.#end = 0;
    const problem = this.#envelope(start, end);
    if (problem < 0) this.#stop(problem);
  }

  /** Goes to the next item. False at the end of the list, or at a problem. */
  next(): boolean {
    const cursor = this.#cursor;
    while (this.#at < this.#end) {
      const after = cursor.next(this.#at, this.#end);
      if (after < 0) return this.#stop(after);
      this.#at = after;
      if (cursor.field > 2) continue;
      if (cursor.wire !== WIRE_LENGTH) return this.#stop(this.#fault('the object is no list'));
      if (cursor.field === 1) {
        const problem = this.#metadata(cursor.valueStart, cursor.valueEnd);
        if (problem < 0) return this.#stop(problem);
        continue;
      }
      this.itemStart = cursor.valueStart;
      this.itemEnd = cursor.valueEnd;
      this.items++;
      return true;
    }
    return false;
  }

  /** `k8s\0` Unknown { typeMeta 1, raw 2, ... }, and the list in raw. */
  #envelope(start: number, end: number): number {
    const cursor = this.#cursor;
    const first = start + ENVELOPE_MAGIC.length;
    if (first > end || !sameBytes(cursor.bytes, start, first, ENVELOPE_MAGIC)) {
      return this.#fault('the list has no envelope');
    }
    let lists = 0;
    for (let at = first; at < end;) {
      at = cursor.next(at, end);
      if (at < 0) return at;
      if (cursor.field !== 2) continue;
      if (cursor.wire !== WIRE_LENGTH || ++lists > 1) break;
      this.#at = cursor.valueStart;
      this.#end = cursor.valueEnd;
    }
    return lists === 1 ? end : this.#fault('the envelope does not hold one list');
  }

  /** ListMeta { resourceVersion 2, continue 3 } */
  #metadata(start: number, end: number): number {
    const cursor = this.#cursor;
    if (this.#metadataSeen) return this.#fault('metadata is given twice');
    this.#metadataSeen = true;
    for (let at = start; at < end;) {
      at = cursor.next(at, end);
      if (at < 0) return at;
      const { bytes, field, wire, valueStart, valueEnd } = cursor;
      if (field !== 2 && field !== 3) continue;
      if (wire !== WIRE_LENGTH) return this.#fault('metadata has a field of another type');
      if (field === 2) {
        this.revisionStart = valueStart;
        this.revisionEnd = valueEnd;
      } else {
        const length = valueEnd - valueStart;
        this.continueToken = Buffer.from(
          bytes.buffer,
          bytes.byteOffset + valueStart,
          length,
        ).toString();
      }
    }
    return end;
  }

  #fault(problem: string): number {
    this.problem = problem;
    return REFUSED;
  }

  #stop(problem: number): false {
    this.#at = this.#end = 0;
    if (this.problem === '') this.problem = PROTOBUF_PROBLEMS[-problem];
    return false;
  }
}
