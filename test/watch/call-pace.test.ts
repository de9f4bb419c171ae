import { describe, expect, test } from 'vitest';
import { CallPace } from '../../src/watch/call-pace.ts';
import { FakeClock } from '../support/clock.ts';

/** Takes a call as soon as it may, for so long; the moments of all of them. */
async function takeAll(pace: CallPace, clock: FakeClock, forMs: number): Promise<number[]> {
  const taken: number[] = [];
  const endsAtMs = clock.now() + forMs;
  while (clock.now() < endsAtMs) {
    const delayMs = pace.delayMs();
    if (delayMs > 0) {
      await clock.advance(delayMs);
      continue;
    }
    pace.take();
    taken.push(clock.now());
  }
  return taken;
}

describe('a pace', () => {
  test('lets a lone caller through at once', async () => {
    const clock = new FakeClock();
    const pace = new CallPace(clock);
    for (let call = 0; call < 100; call++) {
      expect(pace.delayMs()).toBe(0);
      pace.take();
      await clock.advance(25);
    }
  });

  test('allows at most 50 calls in any second, whoever asks', async () => {
    const clock = new FakeClock();
    const taken = await takeAll(new CallPace(clock), clock, 5_000);
    for (const from of taken) {
      const inSecond = taken.filter((at) => at >= from && at < from + 1_000);
      expect(inSecond.length).toBeLessThanOrEqual(50);
    }
    expect(taken.length).toBeGreaterThan(150);
  });

  test('gives back what was not used, up to the burst', async () => {
    const clock = new FakeClock();
    const pace = new CallPace(clock, { perSecond: 1, burst: 3 });
    await clock.advance(60_000);
    expect(await takeAll(pace, clock, 1)).toHaveLength(3);
  });
});
