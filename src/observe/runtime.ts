// Numbers of the process itself: event loop delay and utilization, memory.
// A delay histogram costs one timer; it is read and emptied by each status reading.

import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { EventLoopUtilization } from 'node:perf_hooks';
import type { EventLoopStatus, MemoryStatus } from './status.ts';

/** Fine enough to see the 5 ms stalls the design allows. */
const RESOLUTION_MS = 5;
/** Readers closer together than this share one reading, so that they do not empty it for each other. */
const MIN_READING_MS = 1_000;
const NS_PER_MS = 1e6;

export class RuntimeMeter {
  readonly #delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #utilization: EventLoopUtilization = performance.eventLoopUtilization();
  #reading: EventLoopStatus = { utilization: 0, delayP50Ms: 0, delayP99Ms: 0, delayMaxMs: 0 };
  #readAtMs = performance.now();

  constructor() {
    this.#delays.enable();
  }

  eventLoop(): EventLoopStatus {
    if (performance.now() - this.#readAtMs < MIN_READING_MS) return this.#reading;
    const { utilization } = performance.eventLoopUtilization(this.#utilization);
    this.#reading = {
      utilization,
      delayP50Ms: this.#delayMs(this.#delays.percentile(50)),
      delayP99Ms: this.#delayMs(this.#delays.percentile(99)),
      delayMaxMs: this.#delayMs(this.#delays.max),
    };
    this.#utilization = performance.eventLoopUtilization();
    this.#delays.reset();
    this.#readAtMs = performance.now();
    return this.#reading;
  }

  memory(): MemoryStatus {
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rssBytes: rss, heapUsedBytes: heapUsed, externalBytes: external };
  }

  close(): void {
    this.#delays.disable();
  }

  /** The histogram measures the timer's whole period; only what exceeds it is delay. */
  #delayMs(ns: number): number {
    return this.#delays.count === 0 ? 0 : Math.max(0, ns / NS_PER_MS - RESOLUTION_MS);
  }
}
