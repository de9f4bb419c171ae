/**
 * Cuts a watch that is passed through at the ends of its frames, so that it can be ended between two of them when upstream
 * breaks off or the proxy drains: a frame that stops in the middle of a body that ends well looks like garbage to some
 * clients. Holds the beginning of one frame, up to a bound; beyond it, and in encodings it does not know, bytes go as
 * they come.
 */

/** More than any object that a store takes becomes in JSON. */
const MAX_HELD_BYTES = 8 * 1024 * 1024;
const NEWLINE = 0x0a;
const LENGTH_BYTES = 4;

export class WholeFrames {
  #framing: 'lines' | 'lengths' | 'none';
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** Of the frame under way, with its length; Infinity while that is not complete. */
  #missing = Number.POSITIVE_INFINITY;
  #length = 0;
  #lengthBytes = 0;

  constructor(contentType: string) {
    if (contentType.startsWith('application/json')) this.#framing = 'lines';
    else if (contentType.startsWith('application/vnd.kubernetes.protobuf'))
      this.#framing = 'lengths';
    else this.#framing = 'none';
  }

  /** Adds a chunk; the bytes up to the end of the last whole frame, or undefined while there is none. */
  push(chunk: Buffer): Buffer | undefined {
    const end = this.#endOf(chunk);
    if (end > 0) {
      const whole = this.#taken(end === chunk.length ? chunk : chunk.subarray(0, end));
      if (end < chunk.length) this.#hold(chunk.subarray(end));
      return whole;
    }
    this.#hold(chunk);
    if (this.#heldBytes <= MAX_HELD_BYTES) return undefined;
    this.#framing = 'none';
    return this.rest();
  }

  /** What is held, which is no whole frame; it is held no longer. */
  rest(): Buffer | undefined {
    return this.#heldBytes === 0 ? undefined : this.#taken(Buffer.alloc(0));
  }

  #endOf(chunk: Buffer): number {
    if (this.#framing === 'none') return chunk.length;
    return this.#framing === 'lines' ? chunk.lastIndexOf(NEWLINE) + 1 : this.#lengthsIn(chunk);
  }

  /** Frames are a length of 4 bytes, the highest first, and as many bytes. */
  #lengthsIn(chunk: Buffer): number {
    let end = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.#missing === Number.POSITIVE_INFINITY) {
        this.#length = this.#length * 256 + chunk[at++];
        if (++this.#lengthBytes < LENGTH_BYTES) continue;
        this.#missing = this.#length;
      }
      const here = Math.min(this.#missing, chunk.length - at);
      at += here;
      this.#missing -= here;
      if (this.#missing > 0) continue;
      end = at;
      this.#missing = Number.POSITIVE_INFINITY;
      this.#length = this.#lengthBytes = 0;
    }
    return end;
  }

  #hold(bytes: Buffer): void {
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
  }

  #taken(end: Buffer): Buffer {
    if (this.#heldBytes === 0) return end;
    const whole = Buffer.concat([...this.#held, end]);
    this.#held = [];
    this.#heldBytes = 0;
    return whole;
  }
}
