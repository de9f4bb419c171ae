/**
 * Reused buffers for bytes on their way out. A fresh 256 KiB chunk costs 40-90 us against 6 us for a reused one, and large
 * fresh buffers make the collector stop the world (cache-measurements 5), so everything that is written comes from here.
 */
export class BufferPool {
  readonly bufferBytes: number;
  readonly #maxSpare: number;
  readonly #spare: Buffer[] = [];
  /** Buffers handed out now. */
  inUse = 0;

  constructor(bufferBytes: number, maxSpare: number) {
    this.bufferBytes = bufferBytes;
    this.#maxSpare = maxSpare;
  }

  /** A buffer of `bufferBytes`, or of exactly `minBytes` when that is more. */
  take(minBytes = 0): Buffer {
    this.inUse++;
    if (minBytes > this.bufferBytes) return Buffer.allocUnsafeSlow(minBytes);
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.bufferBytes);
  }

  give(buffer: Buffer): void {
    this.inUse--;
    if (buffer.length === this.bufferBytes && this.#spare.length < this.#maxSpare) {
      this.#spare.push(buffer);
    }
  }
}
