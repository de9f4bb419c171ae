import { describe, expect, test } from 'vitest';
import {
  formatDuration,
  formatQuantity,
  parseDuration,
  parseQuantity,
} from '../../src/config/units.ts';

describe('durations', () => {
  test.each([
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1m30.5s', 90_500],
    ['2.3s', 2_300],
    ['100ms', 100],
    ['1000us', 1],
    ['1000000ns', 1],
    ['.5s', 500],
    ['0', 0],
    ['0s', 0],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(['', '30', 's', '-5s', '+5s', '5 s', '5d', '1ns', '1.5ms', '5sm', '1e3s', '5S'])(
    '%j is refused',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  test.each([0, 1, 999, 1_000, 60_000, 90_500, 3_600_000, 86_399_999])(
    '%d ms reads back from its own text',
    (ms) => {
      expect(parseDuration(formatDuration(ms))).toBe(ms);
    },
  );
});

describe('quantities', () => {
  test.each([
    ['0', 0],
    ['1024', 1_024],
    ['64Ki', 65_536],
    ['256Mi', 268_435_456],
    ['1.5Gi', 1_610_612_736],
    ['2k', 2_000],
    ['2M', 2_000_000],
    ['1e6', 1_000_000],
    ['1E3', 1_000],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseQuantity(text)).toBe(bytes);
  });

  test.each(['', 'Mi', '1.3', '100m', '1KB', '1Kib', '-1', '1e999', '9999999Ti', '1 Mi'])(
    '%j is refused',
    (text) => {
      expect(parseQuantity(text)).toBeUndefined();
    },
  );

  test.each([0, 1, 1_023, 1_024, 65_536, 1_500_000, 2 ** 31])(
    '%d bytes reads back from its own text',
    (bytes) => {
      expect(parseQuantity(formatQuantity(bytes))).toBe(bytes);
    },
  );
});
