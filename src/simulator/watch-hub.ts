/**
 * WatchHub: all open watches of the simulator: when they are flushed, get bookmarks, are broken.
 *
 * Watches only append; the hub writes each of them once, when the code that runs now is done: events do not wait for the
 * requests that came meanwhile, as they would not in an apiserver with more than one thread. Bookmarks come
 * from one ticker, as in the apiserver's cacher. Faults (cut, stall, garbage) act here.
 */
import type { Watch } from './watch.ts';

export class WatchHub {
  readonly #watches = new Set<Watch>();
  readonly #waiting = new Set<Watch>();
  readonly #ticker: NodeJS.Timeout;
  #flushScheduled = false;
  /** Set while nothing may be written. */
  #stallTimer: NodeJS.Timeout | undefined;

  constructor(bookmarkTickMs: number) {
    this.#ticker = setInterval(() => this.#tick(), bookmarkTickMs);
    this.#ticker.unref();
  }

  /** Open watches per resource: `v1/pods` -> 2. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { resource } of this.#watches) counts[resource] = (counts[resource] ?? 0) + 1;
    return counts;
  }

  /** Bytes that the slowest watch has not taken yet. */
  largestBacklogBytes(): number {
    let largest = 0;
    for (const watch of this.#watches) largest = Math.max(largest, watch.backlogBytes);
    return largest;
  }

  add(watch: Watch): void {
    this.#watches.add(watch);
  }

  remove(watch: Watch): void {
    this.#watches.delete(watch);
    this.#waiting.delete(watch);
  }

  /** The watch has something to write. */
  wake(watch: Watch): void {
    this.#waiting.add(watch);
    this.#schedule();
  }

  /** Destroys the connection of every watch, as when the apiserver dies. Returns how many. */
  cut(): number {
    const watches = [...this.#watches];
    for (const watch of watches) watch.destroy();
    return watches.length;
  }

  /** Nothing is written to any watch for a while; what happens meanwhile is sent afterwards. */
  stall(durationMs: number): void {
    clearTimeout(this.#stallTimer);
    this.#stallTimer = setTimeout(() => {
      this.#stallTimer = undefined;
      this.#schedule();
    }, durationMs);
  }

  /** A line that is no event, in the middle of every stream. */
  garbage(): number {
    for (const watch of this.#watches) watch.append(Buffer.from('{"type":"ADDED","object":{]\n'));
    return this.#watches.size;
  }

  close(): void {
    clearInterval(this.#ticker);
    clearTimeout(this.#stallTimer);
    this.cut();
  }

  #schedule(): void {
    if (this.#flushScheduled || this.#stallTimer !== undefined) return;
    this.#flushScheduled = true;
    process.nextTick(() => {
      this.#flushScheduled = false;
      // A stall may have begun since; its end schedules again.
      if (this.#stallTimer !== undefined) return;
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const watch of waiting) watch.flush();
    });
  }

  #tick(): void {
    const nowMs = Date.now();
    for (const watch of this.#watches) watch.tick(nowMs);
  }
}
