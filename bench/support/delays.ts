/**
 * Delays in microseconds, counted in buckets of about 2 %: recording costs one logarithm and allocates nothing, so that
 * a client can record hundreds of thousands a second.
 */
const BUCKETS_PER_OCTAVE = 32;
const OCTAVES = 36;

export interface DelaySummary {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export class Delays {
  readonly #buckets = new Uint32Array(BUCKETS_PER_OCTAVE * OCTAVES);
  #count = 0;
  #max = 0;

  record(us: number): void {
    const value = us > 0 ? us : 0;
    const bucket = Math.floor(Math.log2(value + 1) * BUCKETS_PER_OCTAVE);
    this.#buckets[Math.min(bucket, this.#buckets.length - 1)]++;
    this.#count++;
    if (value > this.#max) this.#max = value;
  }

  reset(): void {
    this.#buckets.fill(0);
    this.#count = 0;
    this.#max = 0;
  }

  summary(): DelaySummary {
    return {
      count: this.#count,
      p50Ms: this.#quantileMs(0.5),
      p99Ms: this.#quantileMs(0.99),
      p999Ms: this.#quantileMs(0.999),
      maxMs: this.#max / 1000,
    };
  }

  #quantileMs(share: number): number {
    if (this.#count === 0) return 0;
    const wanted = Math.ceil(this.#count * share);
    let seen = 0;
    for (let i = 0; i < this.#buckets.length; i++) {
      seen += this.#buckets[i];
      if (seen >= wanted) return (2 ** ((i + 1) / BUCKETS_PER_OCTAVE) - 1) / 1000;
    }
    return 0;
  }
}
