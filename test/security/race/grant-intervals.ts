// When a right was held, and how late something was seen that needs it. Pure: times are milliseconds on
// one clock, given by the caller. A right is held from the moment its grant was sent (it may hold before
// that is acknowledged) until its revocation was acknowledged; what is seen after that is late by the
// time since. Calls must come in the order of their times.

export interface Sighting {
  readonly key: string;
  /** What was seen, for whoever reads the report. */
  readonly what: string;
  readonly atMs: number;
  /** Since the right ended; Infinity when it was never held before. */
  readonly lateMs: number;
}

interface Interval {
  readonly fromMs: number;
  untilMs: number;
}

/** The latest sightings are kept, up to here and a half more. */
const mostKept = 2_000;

export class GrantIntervals {
  readonly #last = new Map<string, Interval>();
  readonly #late = new Map<string, Sighting[]>();
  readonly #seen = new Map<string, number>();

  /** The grant of a right was sent. */
  granted(key: string, atMs: number): void {
    if (this.#last.get(key)?.untilMs === Infinity) throw new Error(`${key} is granted already`);
    this.#last.set(key, { fromMs: atMs, untilMs: Infinity });
  }

  /** Its revocation was acknowledged. */
  revoked(key: string, atMs: number): void {
    const interval = this.#last.get(key);
    if (interval?.untilMs !== Infinity) throw new Error(`${key} is not granted`);
    interval.untilMs = atMs;
  }

  isHeld(key: string): boolean {
    return this.#last.get(key)?.untilMs === Infinity;
  }

  /** Something was seen that needs the right; returns how late it was. */
  saw(kind: string, key: string, atMs: number, what: string): number {
    this.#seen.set(kind, (this.#seen.get(kind) ?? 0) + 1);
    const lateMs = this.#lateness(key, atMs);
    if (lateMs > 0) this.#keep(kind, { key, what, atMs, lateMs });
    return lateMs;
  }

  /** How many of a kind were seen, late or not. */
  count(kind: string): number {
    return this.#seen.get(kind) ?? 0;
  }

  /** The latest of a kind. */
  worst(kind: string): Sighting | undefined {
    return this.#late
      .get(kind)
      ?.reduce((worst, each) => (each.lateMs > worst.lateMs ? each : worst));
  }

  /** Those of a kind that were later than the bound, the latest first. */
  beyond(kind: string, boundMs: number): Sighting[] {
    const late = this.#late.get(kind) ?? [];
    return late.filter(({ lateMs }) => lateMs > boundMs).sort(latestFirst);
  }

  #lateness(key: string, atMs: number): number {
    const interval = this.#last.get(key);
    if (interval === undefined) return Infinity;
    return Math.max(0, atMs - interval.untilMs);
  }

  #keep(kind: string, sighting: Sighting): void {
    let late = this.#late.get(kind);
    if (late === undefined) this.#late.set(kind, (late = []));
    late.push(sighting);
    if (late.length > mostKept * 1.5) late.sort(latestFirst).splice(mostKept);
  }
}

function latestFirst(left: Sighting, right: Sighting): number {
  // Two that are late for ever are equally so.
  return left.lateMs === right.lateMs ? 0 : right.lateMs - left.lateMs;
}
