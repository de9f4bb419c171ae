/**
 * RunSimulator: a simulator for the command line: starts, says where it is, stops when told to.
 */
import type { SimulatorOptions } from './options.ts';
import { startSimulator } from './simulator.ts';

export interface RunSurroundings {
  /** Aborted: time to stop. */
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/** Resolves when the simulator has stopped; rejects when it cannot start (a port in use). */
export async function runSimulator(
  options: Partial<SimulatorOptions>,
  { signal, log }: RunSurroundings,
): Promise<void> {
  const simulator = await startSimulator(options);
  const count = (plural: string): number => simulator.store.get('v1', plural).size;
  log(`simulated cluster with ${count('nodes')} nodes and ${count('pods')} pods`);
  log(`serving the Kubernetes API at ${simulator.url}`);
  log(`faults on request: POST ${simulator.url}/_faults?cut (stall=MS, expire, slow=MS, ...)`);
  if (!signal.aborted) {
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
  await simulator.close();
}
