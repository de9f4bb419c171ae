/**
 * Hands seeds out to threads until they are all run or one breaks a promise.
 */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Result } from './simulate.ts';
import type { Piece, PieceDone } from './worker.ts';

export interface HuntOptions {
  readonly from: number;
  readonly seeds: number;
  readonly threads: number;
  /** Name of the mutant to hunt; '' for the code as it is. */
  readonly mutant?: string;
  readonly trace?: boolean;
  readonly onProgress?: (seeds: number) => void;
}

export interface HuntResult {
  readonly seeds: number;
  readonly tally: Result['tally'];
  /** What was found first, if anything. */
  readonly broken: Result | undefined;
}

/** Small enough that threads end together and a hunt that has found something ends soon. */
const PIECE_SEEDS = 100;

export async function hunt(options: HuntOptions): Promise<HuntResult> {
  const { from, threads, mutant = '', trace = false } = options;
  const to = from + options.seeds;
  let next = from;
  let seeds = 0;
  const tallies: Result['tally'][] = [];
  const broken: Result[] = [];
  const piece = (): Piece | undefined => {
    if (next >= to || broken.length > 0) return undefined;
    const start = next;
    next = Math.min(to, next + PIECE_SEEDS);
    return { from: start, to: next };
  };
  const take = (done: PieceDone): void => {
    seeds += done.seeds;
    tallies.push(done.tally);
    broken.push(...done.broken);
    options.onProgress?.(seeds);
  };
  await Promise.all(
    Array.from({ length: threads }, () => runThread({ mutant, trace }, piece, take)),
  );
  const tally = sumOf(tallies);
  broken.sort((a, b) => a.seed - b.seed);
  return { seeds, tally, broken: broken[0] };
}

async function runThread(
  workerData: { readonly mutant: string; readonly trace: boolean },
  piece: () => Piece | undefined,
  take: (done: PieceDone) => void,
): Promise<void> {
  const worker = new Worker(join(import.meta.dirname, 'worker.ts'), { workerData });
  try {
    await new Promise<void>((resolve, reject) => {
      const feed = (): void => {
        const next = piece();
        if (next === undefined) resolve();
        else worker.postMessage(next, []);
      };
      worker.on('error', reject);
      worker.on('exit', () => reject(new Error('a simulation thread ended by itself')));
      worker.on('message', (done: PieceDone) => {
        take(done);
        feed();
      });
      feed();
    });
  } finally {
    await worker.terminate();
  }
}

function sumOf(tallies: readonly Result['tally'][]): Result['tally'] {
  const sum: Record<string, number> = {};
  for (const tally of tallies) {
    for (const [name, count] of Object.entries(tally)) sum[name] = (sum[name] ?? 0) + count;
  }
  return sum as unknown as Result['tally'];
}
