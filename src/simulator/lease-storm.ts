/**
 * LeaseStorm: renews leases at a rate, in batches per timer tick.
 *
 * The ordinary heartbeat of the nodes is a gentle storm; benches ask for a hard one. Ticks are late
 * when the process is busy, so each one does what the clock says is due. When a watch is far behind
 * the storm waits for it instead of cutting it off: the achieved rate is what `renewed` tells.
 */
import type { LeaseRenewer } from './lease-renewer.ts';
import type { WatchHub } from './watch-hub.ts';

export interface LeaseStormOptions {
  readonly ratePerSecond: number;
  /** Between two batches; default 10. */
  readonly tickMs?: number;
}

/** Of one tick: a second's worth of arrears is dropped rather than made up in one go. */
const MAX_ARREARS_MS = 1_000;

export class LeaseStorm {
  readonly #renewer: LeaseRenewer;
  readonly #hub: WatchHub;
  readonly #ratePerSecond: number;
  readonly #maxBacklogBytes: number;
  readonly #timer: NodeJS.Timeout;
  #lastMs = performance.now();
  #due = 0;
  #renewed = 0;

  constructor(
    parts: { renewer: LeaseRenewer; hub: WatchHub; maxBacklogBytes: number },
    { ratePerSecond, tickMs = 10 }: LeaseStormOptions,
  ) {
    this.#renewer = parts.renewer;
    this.#hub = parts.hub;
    this.#maxBacklogBytes = parts.maxBacklogBytes;
    this.#ratePerSecond = ratePerSecond;
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  /** Updates made so far. */
  get renewed(): number {
    return this.#renewed;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const nowMs = performance.now();
    const elapsedMs = Math.min(MAX_ARREARS_MS, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    if (this.#hub.largestBacklogBytes() > this.#maxBacklogBytes / 2) return;
    this.#due += (elapsedMs * this.#ratePerSecond) / 1000;
    const count = Math.floor(this.#due);
    if (count === 0) return;
    this.#due -= count;
    this.#renewed += this.#renewer.renew(count);
  }
}
