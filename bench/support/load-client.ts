/** The parent's handle on the load client (watch-client.ts). */
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BodyMeasure } from './body-meter.ts';
import { CLIENT_CORE, endProcess, makeFirst, startNode } from './processes.ts';
import { Questions } from './rpc.ts';
import type { FetchBodies, OpenWatches, Seen } from './watch-client.ts';

const script = fileURLToPath(new URL('watch-client.ts', import.meta.url));

export class LoadClient {
  readonly #child: ChildProcess;
  readonly #questions: Questions;

  constructor() {
    this.#child = startNode({ script, core: CLIENT_CORE });
    this.#questions = new Questions(this.#child);
  }

  /** Nobody else on its core keeps it from what came. */
  runFirst(): boolean {
    return this.#child.pid !== undefined && makeFirst(this.#child.pid);
  }

  open(plan: OpenWatches): Promise<void> {
    return this.#questions.ask('open', plan);
  }

  /** Begins a measurement: delays are counted anew, of every `sampleEvery`th event of a watcher. */
  mark(sampleEvery = 1): Promise<Seen> {
    return this.#questions.ask('mark', { sampleEvery });
  }

  /** Waits until the watchers that read have `events` in all, or the time is over. */
  waitFor(events: number, timeoutMs: number): Promise<Seen> {
    return this.#questions.ask('waitFor', { events, timeoutMs });
  }

  seen(): Promise<Seen> {
    return this.#questions.ask('seen');
  }

  perWatcher(): Promise<number[]> {
    return this.#questions.ask('perWatcher');
  }

  closeWatches(): Promise<void> {
    return this.#questions.ask('close');
  }

  fetchBodies(plan: FetchBodies): Promise<BodyMeasure[]> {
    return this.#questions.ask('fetchBodies', plan);
  }

  end(): Promise<void> {
    return endProcess(this.#child);
  }
}
