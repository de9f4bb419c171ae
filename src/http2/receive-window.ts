/** What a peer may still send, on a stream or on the whole connection (RFC 9113 6.9): given back as it is read. */
export class ReceiveWindow {
  readonly #bytes: number;
  #left: number;
  /** Read, and not yet given back. */
  #returned = 0;

  constructor(bytes: number) {
    this.#bytes = bytes;
    this.#left = bytes;
  }

  /** `bytes` came; false when that is more than there was. */
  take(bytes: number): boolean {
    this.#left -= bytes;
    return this.#left >= 0;
  }

  /** `bytes` were read; by how much to widen the window now, 0 while that is not worth a frame. */
  giveBack(bytes: number): number {
    this.#returned += bytes;
    if (this.#returned < this.#bytes / 2) return 0;
    const more = this.#returned;
    this.#left += more;
    this.#returned = 0;
    return more;
  }
}
