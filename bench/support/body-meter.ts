/** Reads one whole body: how long it is, when it began and ended, and a hash of a LIST's items. */
import { createHash } from 'node:crypto';
import type { BodyEnd, BodyReader } from './body-reader.ts';

export interface BodyMeasure {
  readonly code: number;
  readonly complete: boolean;
  readonly bytes: number;
  readonly firstByteMs: number;
  readonly totalMs: number;
  /** SHA-256 from `"items":[` on, as what stands before holds a revision that other writes may move; '' when not asked. */
  readonly itemsHash: string;
}

const ITEMS = Buffer.from('"items":[');
/** The list's own metadata is far shorter. */
const MAX_HEAD_BYTES = 16 * 1024;

export class BodyMeter implements BodyReader {
  readonly #began = performance.now();
  readonly #done: (measure: BodyMeasure) => void;
  readonly #hash: ReturnType<typeof createHash> | undefined;
  #head: Buffer | undefined = Buffer.alloc(0);
  #code = 0;
  #bytes = 0;
  #firstByteMs = 0;

  constructor(hash: boolean, done: (measure: BodyMeasure) => void) {
    this.#done = done;
    this.#hash = hash ? createHash('sha256') : undefined;
  }

  status(code: number): void {
    this.#code = code;
  }

  data(bytes: Buffer, start: number, end: number): void {
    if (this.#bytes === 0 && end > start) this.#firstByteMs = performance.now() - this.#began;
    this.#bytes += end - start;
    if (this.#hash === undefined) return;
    const piece = bytes.subarray(start, end);
    if (this.#head === undefined) this.#hash.update(piece);
    else this.#lookForItems(Buffer.concat([this.#head, piece]));
  }

  ended(how: BodyEnd): void {
    this.#done({
      code: this.#code,
      complete: how === 'complete',
      bytes: this.#bytes,
      firstByteMs: this.#firstByteMs,
      totalMs: performance.now() - this.#began,
      itemsHash: this.#hash?.digest('hex') ?? '',
    });
  }

  #lookForItems(head: Buffer): void {
    const items = head.indexOf(ITEMS);
    if (items < 0 && head.length < MAX_HEAD_BYTES) {
      this.#head = head;
      return;
    }
    this.#head = undefined;
    this.#hash?.update(head.subarray(Math.max(0, items)));
  }
}
