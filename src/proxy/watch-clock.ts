/**
 * One timer for all watches: a wheel of short slots, so that thousands of bookmarks and deadlines cost one timer.
 */
export interface ClockedWatch {
  /** Called once, at or up to 200 ms after the time asked for. */
  tick(nowMs: number): void;
}

const SLOT_MS = 200;

export class WatchClock {
  readonly #slots = new Map<number, Set<ClockedWatch>>();
  #timer: NodeJS.Timeout | undefined;
  #slot = Math.floor(performance.now() / SLOT_MS);

  /** Calls `watch.tick` at `atMs` (performance.now time). Returns the slot, for `forget`. */
  at(atMs: number, watch: ClockedWatch): number {
    const slot = Math.max(Math.ceil(atMs / SLOT_MS), this.#slot + 1);
    const set = this.#slots.get(slot);
    if (set === undefined) this.#slots.set(slot, new Set([watch]));
    else set.add(watch);
    this.#timer ??= setInterval(this.#tick, SLOT_MS);
    return slot;
  }

  forget(slot: number, watch: ClockedWatch): void {
    this.#slots.get(slot)?.delete(watch);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#slots.clear();
  }

  readonly #tick = (): void => {
    const now = performance.now();
    const until = Math.floor(now / SLOT_MS);
    while (this.#slot < until) {
      this.#slot++;
      const due = this.#slots.get(this.#slot);
      if (due === undefined) continue;
      this.#slots.delete(this.#slot);
      for (const watch of due) watch.tick(now);
    }
    if (this.#slots.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  };
}
