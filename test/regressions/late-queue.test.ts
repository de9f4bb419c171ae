/**
 * A call was queued because the pace did not allow it yet, and by the next look at the clock it did: the call began before
 * it was noted as queued, so the note was never taken away, and every later reader was given its old answer.
 */
import { expect, test } from 'vitest';
import { CallPace } from '../../src/watch/call-pace.ts';
import { type Clock, systemClock } from '../../src/watch/clock.ts';
import { Coalesced } from '../../src/watch/coalesced.ts';

/** Time goes on with every look at it. */
class RunningClock implements Clock {
  readonly turn = systemClock.turn;
  readonly random = systemClock.random;
  nowMs = 0;
  stepMs = 0;

  now(): number {
    return (this.nowMs += this.stepMs);
  }

  timer(delayMs: number, wake: () => void): { cancel(): void } {
    this.nowMs += delayMs;
    queueMicrotask(wake);
    return { cancel: () => {} };
  }
}

test.each([0.01, 0.1, 0.5, 1, 2, 3, 5, 7, 10, 12, 24])(
  'who comes later is never given an answer from before, whenever the pace allows a call (%s ms a look)',
  async (stepMs) => {
    const clock = new RunningClock();
    const pace = new CallPace(clock, { perSecond: 40, burst: 1 });
    let calls = 0;
    const shared = new Coalesced(() => Promise.resolve(++calls), { clock, pace, maxInFlight: 3 });
    clock.stepMs = stepMs;
    for (let reader = 1; reader <= 200; reader++) {
      const before = calls;
      expect(await shared.join()).toBeGreaterThan(before);
      clock.nowMs += reader % 7;
    }
  },
);
