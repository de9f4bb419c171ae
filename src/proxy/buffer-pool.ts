/**
 * Reused buffers for bytes on their way out. A fresh 256 KiB chunk costs 40-90 us against 6 us for a reused one, and large
 * fresh buffers make the collector stop the world (cache-measurements 5), so everything that is written comes from here.
 *
 * Buffers come in powers of two up to `bufferBytes`: an event for one watcher takes two kilobytes, not a whole chunk, so
 * that thousands of small writes in flight are served from the spare ones. Their bytes are limited together.
 */
export class BufferPool {
  readonly bufferBytes: number;
  readonly #maxSpareBytes: number;
  #spareBytes = 0;
  /** By logarithm of the size; the last class holds buffers of `bufferBytes`. */
  readonly #spare: Buffer[][];
  /** Buffers handed out now. */
  inUse = 0;

  /** Keeps spare buffers of at most `maxSpare` times `bufferBytes` in all. */
  constructor(bufferBytes: number, maxSpare: number) {
    this.bufferBytes = bufferBytes;
    this.#maxSpareBytes = maxSpare * bufferBytes;
    this.#spare = Array.from({ length: classOf(bufferBytes) + 1 }, () => []);
  }

  /** A buffer of at least `minBytes`; longer than `bufferBytes` only when `minBytes` is. */
  take(minBytes = this.bufferBytes): Buffer {
    this.inUse++;
    if (minBytes > this.bufferBytes) return Buffer.allocUnsafeSlow(minBytes);
    const size = classOf(minBytes);
    const spare = this.#spare[size].pop();
    if (spare === undefined) return Buffer.allocUnsafeSlow(this.#bytesOf(size));
    this.#spareBytes -= spare.length;
    return spare;
  }

  give(buffer: Buffer): void {
    this.inUse--;
    const { length } = buffer;
    if (length > this.bufferBytes || this.#spareBytes + length > this.#maxSpareBytes) return;
    this.#spareBytes += length;
    this.#spare[classOf(length)].push(buffer);
  }

  #bytesOf(size: number): number {
    return Math.min(this.bufferBytes, SMALLEST << size);
  }
}

/** One event of an ordinary object. */
const SMALLEST = 2048;

/** 0 for up to 2 KiB, 1 for up to 4 KiB, and so on. */
function classOf(bytes: number): number {
  return bytes <= SMALLEST ? 0 : 32 - Math.clz32((bytes - 1) / SMALLEST);
}
