import { expect, test } from 'vitest';
import { RuntimeMeter } from '../../src/observe/runtime.ts';

test('the runtime meter reads plain finite numbers', () => {
  const meter = new RuntimeMeter();
  const values = [...Object.values(meter.eventLoop()), ...Object.values(meter.memory())];
  meter.close();
  for (const value of values) expect(Number.isFinite(value)).toBe(true);
  expect(meter.memory().rssBytes).toBeGreaterThan(0);
});
