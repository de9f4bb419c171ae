/**
 * Label matcher for protobuf: a label selector compiled against the map entries of ObjectMeta's field 11 where they lie.
 *
 * Used once per event and filter group, and once per object of a filtered LIST. The span is the scanner's, which has
 * checked the entries; fields between them are stepped over. Keys given twice: the last one counts, as in Go. Nothing is
 * allocated. A matcher keeps scratch state: one thread, no re-entry.
 */
import {
  bytesEqual,
  type CompiledRequirement,
  compileRequirement,
  satisfies,
} from './label-matcher.ts';
import type { LabelSelector } from './label-selector.ts';
import { ProtobufCursor } from './protobuf-cursor.ts';

/** Field of the labels in ObjectMeta. */
const LABELS = 11;

export class ProtobufLabelMatcher {
  readonly #compiled: readonly CompiledRequirement[];
  /** Outcome per requirement for the object at hand. */
  readonly #outcomes: Uint8Array;
  readonly #cursor = new ProtobufCursor();

  constructor(selector: LabelSelector) {
    this.#compiled = selector.requirements.map(compileRequirement);
    this.#outcomes = new Uint8Array(selector.requirements.length);
  }

  /**
   * Whether the labels whose entries lie in `bytes[start, end)` satisfy the selector; `start === end` means no labels.
   * Throws RangeError when they are no fields, which no scanner lets through.
   */
  matches(bytes: Uint8Array, start: number, end: number): boolean {
    const compiled = this.#compiled;
    if (compiled.length === 0) return true;
    const outcomes = this.#outcomes;
    for (let i = 0; i < compiled.length; i++) outcomes[i] = compiled[i].absent;
    const cursor = this.#cursor;
    cursor.bytes = bytes;
    for (let at = start; at < end;) {
      at = cursor.next(at, end);
      if (at < 0) throw new RangeError('labels are no protobuf fields');
      if (cursor.field === LABELS) this.#entry(cursor.valueStart, cursor.valueEnd);
    }
    for (let i = 0; i < outcomes.length; i++) if (outcomes[i] === 0) return false;
    return true;
  }

  /** One label { key 1, value 2 }. */
  #entry(start: number, end: number): void {
    const cursor = this.#cursor;
    const { bytes } = cursor;
    let keyStart = 0;
    let keyEnd = 0;
    let valueStart = 0;
    let valueEnd = 0;
    for (let at = start; at < end;) {
      at = cursor.next(at, end);
      if (at < 0) throw new RangeError('a label is no protobuf message');
      if (cursor.field === 1) {
        keyStart = cursor.valueStart;
        keyEnd = cursor.valueEnd;
      } else if (cursor.field === 2) {
        valueStart = cursor.valueStart;
        valueEnd = cursor.valueEnd;
      }
    }
    const compiled = this.#compiled;
    for (let i = 0; i < compiled.length; i++) {
      if (bytesEqual(bytes, keyStart, keyEnd, compiled[i].key)) {
        this.#outcomes[i] = satisfies(compiled[i], bytes, valueStart, valueEnd) ? 1 : 0;
      }
    }
  }
}
