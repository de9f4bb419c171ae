/**
 * Cuts the byte stream of a protobuf watch into frames: four bytes of length, most significant first, then one event.
 *
 * Fed by watch/ with the chunks of a response body. A frame that lies whole inside a chunk is handed out where it is; only
 * a frame that straddles chunks is copied, into one buffer that grows to the frame bound and is reused. Frame bytes are
 * the receiver's only until it returns. Empty frames are no frames, as blank lines of a JSON watch are none.
 */

import { FrameError, type OnFrame } from './frames-json.ts';

const LENGTH_BYTES = 4;

/** First size of the buffer for straddling frames; most events are smaller than this. */
const FIRST_PENDING_BYTES = 16 * 1024;

export class ProtobufFrames {
  readonly #maxFrameBytes: number;
  /** Length and event of the frame that straddles chunks. */
  #pending: Buffer = Buffer.alloc(0);
  #pendingBytes = 0;

  /** @param maxFrameBytes a longer event is refused; client-go refuses those over 16 MiB. */
  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /**
   * Hands out every frame that ends in `chunk`.
   *
   * @throws FrameError FRAME_TOO_LONG; the stream cannot be cut any further after it.
   */
  push(chunk: Uint8Array, onFrame: OnFrame): void {
    let at = this.#pendingBytes > 0 ? this.#complete(chunk, onFrame) : 0;
    if (at < 0) return;
    while (chunk.length - at >= LENGTH_BYTES) {
      const start = at + LENGTH_BYTES;
      const end = start + this.#length(chunk, at);
      if (end > chunk.length) break;
      if (end > start) onFrame(chunk, start, end);
      at = end;
    }
    this.#keep(chunk, at, chunk.length);
  }

  /** Bytes of a frame that never came to its end; the stream is over and the next one may begin. */
  finish(): number {
    const left = this.#pendingBytes;
    this.#pendingBytes = 0;
    return left;
  }

  /** Goes on with the frame that straddles; returns where the next one begins, -1 when this one is still open. */
  #complete(chunk: Uint8Array, onFrame: OnFrame): number {
    const missing = LENGTH_BYTES - this.#pendingBytes;
    let at = 0;
    if (missing > 0) {
      at = Math.min(missing, chunk.length);
      this.#keep(chunk, 0, at);
      if (at < missing) return -1;
    }
    const total = LENGTH_BYTES + this.#length(this.#pending, 0);
    const end = Math.min(chunk.length, at + total - this.#pendingBytes);
    this.#keep(chunk, at, end);
    if (this.#pendingBytes < total) return -1;
    this.#pendingBytes = 0;
    if (total > LENGTH_BYTES) onFrame(this.#pending, LENGTH_BYTES, total);
    return end;
  }

  #length(bytes: Uint8Array, at: number): number {
    const length =
      bytes[at] * 0x1000000 + ((bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]);
    if (length <= this.#maxFrameBytes) return length;
    this.#pendingBytes = 0;
    throw new FrameError(
      'FRAME_TOO_LONG',
      `a watch frame is longer than ${this.#maxFrameBytes} bytes`,
    );
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    if (start === end) return;
    const total = this.#pendingBytes + end - start;
    if (total > this.#pending.length) {
      const size = Math.min(
        LENGTH_BYTES + this.#maxFrameBytes,
        Math.max(total, this.#pending.length * 2, FIRST_PENDING_BYTES),
      );
      const grown = Buffer.allocUnsafeSlow(size);
      this.#pending.copy(grown, 0, 0, this.#pendingBytes);
      this.#pending = grown;
    }
    copyBytes.call(bytes, this.#pending, this.#pendingBytes, start, end);
    this.#pendingBytes = total;
  }
}

/** Buffer's copy works on any byte view and, unlike `set(subarray())`, allocates nothing. */
const copyBytes = Buffer.prototype.copy as (
  this: Uint8Array,
  target: Uint8Array,
  at: number,
  start: number,
  end: number,
) => number;
