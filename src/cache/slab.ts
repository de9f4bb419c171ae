/**
 * Slabs hold every object byte a lane keeps. A slab is a fixed SharedArrayBuffer, append-only while it is open and
 * recycled when nothing points into it.
 *
 *   slab   [ entry | entry | entry | ....... free ......... | pad ]
 *            ^place = slab number << 19 | offset / 8
 *
 * SharedArrayBuffer and not Buffer: its bytes are outside V8's external-memory accounting, which would otherwise force
 * mark-compacts of 165-230 ms (cache-measurements 0.6, 4), and other threads can read it without a copy.
 * The pool is written by one thread. An entry larger than a slab gets a slab of its own, never pooled.
 */

/** Bytes of a pooled slab: 4 MiB cleans in <= 2 ms; 16 MiB took 5.4 ms (cache-measurements 4). */
export const SLAB_BYTES = 4 * 1024 * 1024;

/** Free bytes kept behind the last entry, so that a wide (SIMD) reader may run over the end. */
export const SLAB_PAD_BYTES = 64;

export interface SlabPoolOptions {
  /** Slabs kept for reuse; a fresh one costs 0.6 ms of page faults, a reused one nothing. */
  readonly maxSpareSlabs: number;
}

/** One buffer and the three views that entries are read through. */
export class Slab {
  readonly bytes: Buffer;
  readonly words: Uint32Array;
  readonly doubles: Float64Array;
  /** Bytes written so far; everything before is immutable. */
  used = 0;
  /** Bytes of entries that are the newest state of a live object. */
  liveBytes = 0;
  /** One bit per 32 bytes: a live entry begins here. No two entries share one, as their headers have 40. */
  readonly #liveBits: Uint8Array;
  /** References from records of the window (as their object or as the object they replaced). */
  windowReferences = 0;

  constructor(capacityBytes: number) {
    const memory = new SharedArrayBuffer(capacityBytes);
    this.bytes = Buffer.from(memory);
    this.words = new Uint32Array(memory);
    this.doubles = new Float64Array(memory);
    this.#liveBits = new Uint8Array(Math.ceil(capacityBytes / (32 * 8)));
  }

  isLive(offset: number): boolean {
    return (this.#liveBits[offset >>> 8] & (1 << ((offset >>> 5) & 7))) !== 0;
  }

  markLive(offset: number): void {
    this.#liveBits[offset >>> 8] |= 1 << ((offset >>> 5) & 7);
  }

  markDead(offset: number): void {
    this.#liveBits[offset >>> 8] &= ~(1 << ((offset >>> 5) & 7));
  }

  reset(): void {
    // Slabs are given back when the last entry is dead, except by a lane that is closed.
    if (this.liveBytes > 0) this.#liveBits.fill(0);
    this.used = 0;
    this.liveBytes = 0;
    this.windowReferences = 0;
  }

  get capacityBytes(): number {
    return this.bytes.length;
  }

  /** An entry must begin in the first 4 MiB, which is as far as a place reaches. */
  fits(entryBytes: number): boolean {
    return this.used < SLAB_BYTES && this.used + entryBytes + SLAB_PAD_BYTES <= this.bytes.length;
  }
}

/** Hands out empty slabs and takes them back. Shared by all lanes of a thread. */
export class SlabPool {
  readonly #options: SlabPoolOptions;
  readonly #spare: Slab[] = [];
  /** Bytes of all slabs that exist, handed out or spare. */
  allocatedBytes = 0;

  constructor(options: SlabPoolOptions = { maxSpareSlabs: 16 }) {
    this.#options = options;
  }

  /** An empty slab with room for one entry of `entryBytes`. */
  take(entryBytes: number): Slab {
    const needed = entryBytes + SLAB_PAD_BYTES;
    if (needed > SLAB_BYTES) return this.#create(Math.ceil(needed / 4096) * 4096);
    return this.#spare.pop() ?? this.#create(SLAB_BYTES);
  }

  give(slab: Slab): void {
    if (slab.capacityBytes !== SLAB_BYTES || this.#spare.length >= this.#options.maxSpareSlabs) {
      this.allocatedBytes -= slab.capacityBytes;
      return;
    }
    slab.reset();
    this.#spare.push(slab);
  }

  #create(capacityBytes: number): Slab {
    this.allocatedBytes += capacityBytes;
    return new Slab(capacityBytes);
  }
}
