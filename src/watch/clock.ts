/**
 * Time and chance, behind an interface so that tests can hold both still.
 *
 * Everything in watch/ that waits, measures or jitters goes through a Clock; nothing calls setTimeout or Math.random
 * itself.
 */

export interface Clock {
  /** Milliseconds from an arbitrary start; never goes back. */
  now(): number;
  /** Calls `wake` once after `delayMs`, unless the timer is cancelled first. */
  timer(delayMs: number, wake: () => void): Timer;
  /** Resolves in a later turn of the event loop, after pending I/O had its chance. */
  turn(): Promise<void>;
  /** Evenly distributed in [0, 1). */
  random(): number;
}

export interface Timer {
  cancel(): void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  timer(delayMs, wake) {
    const handle = setTimeout(wake, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
  turn: () => new Promise((resolve) => setImmediate(resolve)),
  random: () => Math.random(),
};

/** Resolves after `delayMs`, or at once when the signal fires; never rejects. */
export function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      resolve();
    };
    const timer = clock.timer(delayMs, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
