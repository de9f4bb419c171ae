/**
 * Loaded into the proxy before its own code (`node --import`): answers the benches' questions about the process from the
 * inside. Not a part of the proxy.
 */
import { Session } from 'node:inspector/promises';
import { writeFile } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { answerQuestions } from './rpc.ts';

/** A finer timer would itself cost a microsecond an event (fanout-measurements, pitfalls). */
const RESOLUTION_MS = 10;
const NS_PER_MS = 1e6;

export interface LoopDelays {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delays.enable();
let session: Session | undefined;

const delayMs = (ns: number): number => Math.max(0, ns / NS_PER_MS - RESOLUTION_MS);

answerQuestions({
  /** Delays since the last call. */
  loopDelays(): LoopDelays {
    const result = {
      p50Ms: delayMs(delays.percentile(50)),
      p99Ms: delayMs(delays.percentile(99)),
      p999Ms: delayMs(delays.percentile(99.9)),
      maxMs: delayMs(delays.max),
    };
    delays.reset();
    return result;
  },
  memory(): NodeJS.MemoryUsage {
    // Pages that are free go back as well, as they do by themselves a minute or two later.
    (globalThis as { gc?: (how: object) => void }).gc?.({
      type: 'major',
      execution: 'sync',
      flavor: 'last-resort',
    });
    return process.memoryUsage();
  },
  async startProfile(): Promise<void> {
    session = new Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: 500 });
    await session.post('Profiler.start');
  },
  async stopProfile(path: string): Promise<void> {
    const result = await session?.post('Profiler.stop');
    await writeFile(path, JSON.stringify(result?.profile));
    session?.disconnect();
  },
});
process.channel?.unref();
