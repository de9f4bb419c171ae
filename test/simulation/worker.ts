/**
 * A thread that runs seeds: told which ones by its parent, it says after each piece how far it is. The code under test is
 * loaded after the patches, so nothing of it may be imported at the top.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { Result } from './simulate.ts';
import { MUTANTS, patchSources } from './patches.ts';

export interface Piece {
  readonly from: number;
  readonly to: number;
}

export interface PieceDone {
  readonly seeds: number;
  readonly tally: Result['tally'];
  readonly broken: readonly Result[];
}

const { mutant, trace } = workerData as { readonly mutant: string; readonly trace: boolean };
const port = parentPort!;

patchSources(MUTANTS.find(({ name }) => name === mutant));
// Each abort makes an error; looking at the stack for it would cost a third of the time.
Error.stackTraceLimit = trace ? 20 : 0;
const { simulate, addTally, noTally } = await import('./simulate.ts');

port.on('message', ({ from, to }: Piece) => void runPiece(from, to));

async function runPiece(from: number, to: number): Promise<void> {
  const broken: Result[] = [];
  let tally = noTally();
  let seed = from;
  for (; seed < to && broken.length === 0; seed++) {
    const result = await simulate(seed, trace);
    tally = addTally(tally, result.tally);
    if (result.violation !== '' || trace) broken.push(result);
  }
  port.postMessage({ seeds: seed - from, tally, broken } satisfies PieceDone);
}
