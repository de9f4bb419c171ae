/**
 * Short watches beside the main one that make upstream say where it is: a watch from the frontier with timeoutSeconds=3
 * gets everything newer at once, and about a second later a bookmark (apiserver-semantics 12.4 D; shorter timeouts get
 * none). Its events go into the lane like those of the main stream; what came twice is dropped there.
 *
 * At most one runs per lane. They run in a chain for as long as somebody waits, and never while the lane is being loaded:
 * a lane ignores events then, so a bookmark behind them would prove too much.
 */

import type { Resource } from '../k8s/resource.ts';
import type { Scanner } from '../k8s/encoding.ts';
import type { Clock } from './clock.ts';
import { Follow } from './follow.ts';
import { IngestCounters } from './ingest-counters.ts';
import type { LaneWriter } from './lane-writer.ts';
import { watchPath } from './paths.ts';
import { openWithin, reasonOf, type UpstreamReader } from './upstream-reader.ts';

/** The smallest timeout that brings a bookmark (apiserver-semantics 4.5). */
const DELTA_SECONDS = 3;
const DELTA_SILENCE_MS = 5_000;
/** A delta watch that ends sooner than this was refused in some way; another one would be, too. */
const DELTA_SHORT_MS = 500;

export interface LoadingLane {
  /** A load is under way. */
  readonly loading: boolean;
  /** Changes with every load. */
  readonly epoch: number;
}

export interface DeltaWatchOptions {
  readonly resource: Resource;
  readonly writer: LaneWriter;
  readonly reader: UpstreamReader;
  readonly clock: Clock;
  readonly lane: LoadingLane;
  readonly openTimeoutMs: number;
  readonly maxFrameBytes: number;
  /** The lane moved. */
  readonly onProgress: () => void;
  /** Somebody still waits. */
  readonly wanted: () => boolean;
  /** The chain ended without being told to: nobody should wait for it. */
  readonly onFailed: (reason: string) => void;
}

export class DeltaWatch {
  readonly counters = new IngestCounters();
  readonly #options: DeltaWatchOptions;
  readonly #scan: Scanner;
  #controller: AbortController | undefined;

  constructor(options: DeltaWatchOptions) {
    this.#options = options;
    this.#scan = options.writer.codec.makeScanner();
  }

  /** Makes sure that a chain is running; it ends by itself when nobody waits. */
  run(): void {
    if (this.#controller !== undefined) return;
    const controller = new AbortController();
    this.#controller = controller;
    void this.#chain(controller).then((reason) => {
      this.#controller = undefined;
      if (reason !== '') this.#options.onFailed(reason);
      // Somebody may have come while the chain was ending.
      else if (this.#options.wanted()) this.run();
    });
  }

  /** Ends the watch under way, if any. */
  stop(): void {
    this.#controller?.abort();
  }

  /** Returns why it failed, or '' when it was not wanted any longer. */
  async #chain(controller: AbortController): Promise<string> {
    const { clock, wanted } = this.#options;
    while (wanted() && !controller.signal.aborted) {
      const startedAtMs = clock.now();
      const problem = await this.#once(controller);
      if (controller.signal.aborted || !wanted()) return '';
      if (problem !== '') {
        this.counters.lastError = problem;
        return problem;
      }
      if (clock.now() - startedAtMs < DELTA_SHORT_MS) return 'a delta watch ended at once';
    }
    return '';
  }

  async #once(controller: AbortController): Promise<string> {
    const { resource, writer, reader, clock, lane, openTimeoutMs } = this.#options;
    if (lane.loading) return 'the lane is being listed';
    const { epoch } = lane;
    const path = watchPath(resource, writer.frontier, DELTA_SECONDS);
    try {
      const response = await openWithin(
        reader,
        path,
        { headers: { accept: writer.codec.acceptWatch }, longRunning: true },
        { clock, controller, openTimeoutMs },
      );
      if (response.status !== 200) {
        response.body.destroy();
        return `delta watch: HTTP ${response.status}`;
      }
      this.counters.connects++;
      const follow = new Follow(writer, this.#scan, this.counters, {
        clock,
        silenceMs: DELTA_SILENCE_MS,
        maxFrameBytes: this.#options.maxFrameBytes,
        signal: controller.signal,
        onProgress: this.#options.onProgress,
        stillWanted: () => !lane.loading && lane.epoch === epoch,
      });
      const end = await follow.run(response.body);
      if (end.kind === 'clean' || end.kind === 'silent') return '';
      return `delta watch: ${end.reason}`;
    } catch (error) {
      return `delta watch: ${reasonOf(error)}`;
    }
  }
}
