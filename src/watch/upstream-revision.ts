/**
 * The revision of one resource upstream, now: probes, shared by the lanes of that resource (one in each form) and by all
 * their readers.
 *
 * One per resource and never shared between resources: with `--etcd-servers-overrides` they live in different stores,
 * whose revisions have nothing to do with each other. A probe asks the very resource, so its answer is of the right store
 * wherever that is; nothing is assumed and nothing has to be configured.
 */

import type { Resource } from '../k8s/resource.ts';
import { CallPace, DEFAULT_PACE, type PaceLimits } from './call-pace.ts';
import { type Clock, systemClock } from './clock.ts';
import { Coalesced } from './coalesced.ts';
import { probe, type ProbeOutcome } from './probe.ts';
import type { UpstreamReader } from './upstream-reader.ts';

export interface UpstreamRevisionOptions {
  readonly resource: Resource;
  readonly reader: UpstreamReader;
  readonly clock?: Clock;
  readonly pace?: PaceLimits;
  /** Longest wait for one answer. */
  readonly timeoutMs: number;
}

/** Most probes in flight: more than one, so that a slow answer does not hold up who came after it was asked for. */
const MAX_IN_FLIGHT = 3;

export class UpstreamRevision {
  /** Of probes, and of the lists that are probes as well. */
  readonly pace: CallPace;
  /** The newest answer; only a hint, because it is of the past. */
  latest = 0;
  readonly #probes: Coalesced<ProbeOutcome>;
  readonly #calls = new Set<AbortController>();
  #closed = false;

  constructor(options: UpstreamRevisionOptions) {
    const { resource, reader, clock = systemClock, timeoutMs, pace = DEFAULT_PACE } = options;
    this.pace = new CallPace(clock, pace);
    this.#probes = new Coalesced(
      async () => {
        // Who was next in line when everybody left.
        if (this.#closed) return { kind: 'failed', reason: 'nobody needs the revision any more' };
        const controller = new AbortController();
        this.#calls.add(controller);
        const bounds = { clock, controller, openTimeoutMs: timeoutMs };
        const outcome = await probe(reader, resource, bounds);
        this.#calls.delete(controller);
        if (outcome.kind === 'revision') this.latest = outcome.revision;
        return outcome;
      },
      { clock, pace: this.pace, maxInFlight: MAX_IN_FLIGHT },
    );
  }

  /** Probes sent so far. */
  get probes(): number {
    return this.#probes.calls;
  }

  /** At least the revision of every write to the resource that was acknowledged before this call. */
  now(): Promise<ProbeOutcome> {
    return this.#probes.join();
  }

  /** Ends the calls in flight and makes no more: nobody needs their answers. */
  close(): void {
    this.#closed = true;
    for (const controller of this.#calls) controller.abort();
  }
}
