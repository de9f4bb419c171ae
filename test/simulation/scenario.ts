/**
 * What a seed decides before a run begins: how big the world is, how slow, how unkind, and how the proxy is set up.
 */
import type { WindowLimits } from '../../src/cache/retention.ts';
import type { FreshnessLimits } from '../../src/watch/freshness-limits.ts';
import type { Weather } from './apiserver.ts';
import type { Random, Spread } from './random.ts';

export interface Scenario {
  readonly keys: readonly string[];
  readonly initialWrites: number;
  readonly servers: number;
  readonly weather: Weather;
  readonly window: WindowLimits;
  readonly freshness: Partial<FreshnessLimits>;
  readonly bridged: boolean;
  readonly steps: number;
  /** Time between two steps. */
  readonly pace: Spread;
  readonly clients: number;
  /** Share of steps that break something. */
  readonly trouble: number;
}

const KEYS = ['a/x', 'a/x-1', 'a-b/x', 'b/x', 'b/y', 'a/z'];

const CALM: Spread = { none: 2, short: 10, middle: 1, long: 0.1, endless: 0 };
const SLOW: Spread = { none: 1, short: 6, middle: 4, long: 1, endless: 0.1 };
const FOUL: Spread = { none: 2, short: 4, middle: 4, long: 3, endless: 0.6 };
const AT_ONCE: Spread = { none: 1, short: 0, middle: 0, long: 0, endless: 0 };

const BURST: Spread = { none: 4, short: 12, middle: 3, long: 1, endless: 0.1 };
const STEADY: Spread = { none: 1, short: 4, middle: 8, long: 3, endless: 0.5 };
const IDLE: Spread = { none: 1, short: 3, middle: 3, long: 6, endless: 3 };

export function scenarioOf(random: Random): Scenario {
  const faults = random.chance(0.4) ? 0 : random.between(0, 0.15);
  const minEvents = random.pick([0, 2, 1_000]);
  const windowMs = random.pick([2_000, 20_000, 300_000, 300_000]);
  return {
    keys: KEYS.slice(0, 1 + random.below(KEYS.length)),
    initialWrites: random.below(8),
    servers: random.pick([1, 1, 2, 3]),
    weather: {
      etcdDelay: random.pick([CALM, CALM, SLOW, FOUL]),
      dispatchDelay: random.pick([AT_ONCE, CALM, CALM, SLOW, FOUL]),
      networkDelay: random.pick([CALM, CALM, SLOW, FOUL]),
      ringChanges: random.pick([1, 3, 10, 100, 100]),
      sticky: random.chance(0.5),
      streamingLists: random.chance(0.75),
      pageItems: random.pick([1, 2, 500]),
      faults,
    },
    window: {
      durationMs: windowMs,
      maxBytes: random.pick([400, 4_000, 1 << 26, 1 << 26]),
      minEvents,
      maxRecords: random.pick([4, 20, 100_000, 100_000]),
    },
    freshness: {
      validateMaxObjects: random.pick([0, 0, 2, 2_000]),
      patienceMs: random.pick([0, 20, 100, 100]),
      graceMs: random.pick([0, 10, 10, 100]),
      pace: random.pick([
        { perSecond: 40, burst: 10 },
        { perSecond: 40, burst: 1 },
        { perSecond: 2, burst: 1 },
      ]),
    },
    bridged: random.chance(0.1),
    steps: 20 + random.below(40),
    pace: random.pick([BURST, BURST, STEADY, IDLE]),
    clients: random.below(4),
    trouble: random.chance(0.25) ? 0 : random.between(0, 0.25),
  };
}
