// Figures of a run, for people to read: tests print them and assert nothing about time.

export interface Figures {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export function figuresOf(samplesMs: readonly number[]): Figures {
  const sorted = samplesMs.toSorted((left, right) => left - right);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const sum = sorted.reduce((total, sample) => total + sample, 0);
  return {
    count: sorted.length,
    meanMs: sorted.length === 0 ? 0 : sum / sorted.length,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: at(1),
  };
}

/** `mean 4.2 ms, p50 3.9 ms, p99 11.0 ms, max 20.1 ms (2000)` */
export function figuresText(figures: Figures): string {
  const { count, meanMs, p50Ms, p99Ms, maxMs } = figures;
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  return `mean ${ms(meanMs)}, p50 ${ms(p50Ms)}, p99 ${ms(p99Ms)}, max ${ms(maxMs)} (${count})`;
}
