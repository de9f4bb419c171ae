/**
 * Cuts the byte stream of a JSON watch into frames: the bytes between newlines, one event each.
 *
 * Fed by watch/ with the chunks of a response body. A frame that lies whole inside a chunk is handed out where it
 * is; only a frame that straddles chunks is copied, into one buffer that grows to the frame bound and is reused.
 * Frame bytes are the receiver's only until it returns. Blank lines are no frames, as Go's decoder has it.
 */

const NEWLINE = 0x0a;

/** First size of the buffer for straddling frames; most events are smaller than this. */
const FIRST_PENDING_BYTES = 16 * 1024;

export type FrameErrorCode = 'FRAME_TOO_LONG';

export class FrameError extends Error {
  readonly code: FrameErrorCode;

  constructor(code: FrameErrorCode, message: string) {
    super(message);
    this.name = 'FrameError';
    this.code = code;
  }
}

/** Gets one frame, without its newline: the bytes [start, end). */
export type OnFrame = (bytes: Uint8Array, start: number, end: number) => void;

export class JsonFrames {
  readonly #maxFrameBytes: number;
  #pending: Buffer = Buffer.alloc(0);
  #pendingBytes = 0;

  /** @param maxFrameBytes a longer frame is refused; etcd's default request limit makes objects <= 1.5 MiB. */
  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /**
   * Hands out every frame that ends in `chunk`.
   *
   * @throws FrameError FRAME_TOO_LONG; the stream cannot be cut any further after it.
   */
  push(chunk: Uint8Array, onFrame: OnFrame): void {
    // Buffer.indexOf searches to the end of its view, so the view must be exactly the chunk.
    const bytes = Buffer.isBuffer(chunk)
      ? chunk
      : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    if (this.#pendingBytes > 0) {
      const newline = bytes.indexOf(NEWLINE);
      this.#keep(bytes, 0, newline < 0 ? bytes.length : newline);
      if (newline < 0) return;
      const length = this.#pendingBytes;
      this.#pendingBytes = 0;
      onFrame(this.#pending, 0, length);
      start = newline + 1;
    }
    for (;;) {
      const newline = bytes.indexOf(NEWLINE, start);
      if (newline < 0) break;
      if (newline - start > this.#maxFrameBytes) throw this.#tooLong();
      if (newline > start) onFrame(bytes, start, newline);
      start = newline + 1;
    }
    this.#keep(bytes, start, bytes.length);
  }

  /** Bytes of a frame that never got its newline; the stream is over and the next one may begin. */
  finish(): number {
    const left = this.#pendingBytes;
    this.#pendingBytes = 0;
    return left;
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const total = this.#pendingBytes + end - start;
    if (total > this.#maxFrameBytes) throw this.#tooLong();
    if (total > this.#pending.length) {
      const size = Math.min(
        this.#maxFrameBytes,
        Math.max(total, this.#pending.length * 2, FIRST_PENDING_BYTES),
      );
      const grown = Buffer.allocUnsafeSlow(size);
      this.#pending.copy(grown, 0, 0, this.#pendingBytes);
      this.#pending = grown;
    }
    bytes.copy(this.#pending, this.#pendingBytes, start, end);
    this.#pendingBytes = total;
  }

  #tooLong(): FrameError {
    this.#pendingBytes = 0;
    return new FrameError(
      'FRAME_TOO_LONG',
      `a watch frame is longer than ${this.#maxFrameBytes} bytes`,
    );
  }
}
