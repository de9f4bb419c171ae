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

/** More arrears than this are dropped rather than made up. */
const MAX_ARREARS_MS = 1_000;
/** Renewals between two looks at the slowest watch: about 4 MB of watch lines. */
const STEP = 5_000;
/** Renewals of one tick, so that sockets get their turn. */
const MAX_PER_TICK = 4 * STEP;

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
    this.#due += ((nowMs - this.#lastMs) * this.#ratePerSecond) / 1000;
    this.#due = Math.min(this.#due, Math.max(1, (this.#ratePerSecond * MAX_ARREARS_MS) / 1000));
    this.#lastMs = nowMs;
    for (let left = Math.min(MAX_PER_TICK, Math.floor(this.#due)); left > 0;) {
      if (this.#hub.largestBacklogBytes() > this.#maxBacklogBytes / 2) return;
      const count = Math.min(STEP, left);
      this.#renewed += this.#renewer.renew(count);
      this.#due -= count;
      left -= count;
    }
  }
}
