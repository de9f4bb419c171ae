/** How often something happened within the current stretch of time: what is counted begins anew when the stretch is over. */
export class FloodMeter {
  readonly #windowMs: number;
  #startMs: number;
  #count = 0;

  constructor(windowMs: number, nowMs: number) {
    this.#windowMs = windowMs;
    this.#startMs = nowMs;
  }

  /** One more; returns how many there were. */
  add(nowMs: number): number {
    if (nowMs - this.#startMs > this.#windowMs) {
      this.#startMs = nowMs;
      this.#count = 0;
    }
    return ++this.#count;
  }
}
