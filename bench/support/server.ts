/** What a bench loads: Watershed or kube-apiserver, seen from outside. */
import type { LoopDelays } from './server-probe.ts';

export interface BenchServer {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  readonly token: string;
  /** Undefined where it cannot be asked from inside. */
  loopDelays(): Promise<LoopDelays | undefined>;
  /** Resident bytes, after a collection of garbage where that can be asked for. */
  memoryBytes(): Promise<number>;
  /** Runs on the server's core from now on, or on the clients'. */
  front(): void;
  behind(): void;
  end(): Promise<void>;
}
