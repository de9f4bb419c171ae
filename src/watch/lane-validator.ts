/**
 * Proofs of one lane by comparison with a list of metadata (validate.ts): fetched once for all who wait, compared again
 * and again while the events that make the difference arrive.
 *
 * What was proven is remembered: for as long as nothing comes, the lane is the state at the list's revision, and a later
 * reader whose probe is not beyond it needs no list of his own.
 */

import type { Clock } from './clock.ts';
import { Coalesced } from './coalesced.ts';
import type { CallPace } from './call-pace.ts';
import type { LoadingLane } from './delta-watch.ts';
import { unproven, type View, type ViewOutcome } from './freshness-limits.ts';
import type { LaneWriter } from './lane-writer.ts';
import type { CallBounds } from './upstream-reader.ts';
import { Comparer, fetchMetadataList, type ValidateOptions } from './validate.ts';

export interface LaneValidatorOptions extends ValidateOptions {
  readonly writer: LaneWriter;
  readonly lane: LoadingLane;
  readonly clock: Clock;
  readonly pace: CallPace;
  readonly callTimeoutMs: number;
  readonly call: <T>(call: (bounds: CallBounds) => Promise<T>) => Promise<T>;
  /**
   * Told the revision of each list, and the lane's frontier when it was asked for; says why the two do not fit, or ''.
   */
  readonly onRevision: (revision: number, frontier: number) => string;
  /** Waits for a movement of the lane towards a revision. */
  readonly nextEvent: (revision: number, timeoutMs: number) => Promise<void>;
  /** Why nobody needs a proof any more; '' while somebody may. */
  readonly closed: () => string;
}

/** A list of nothing, and what each object adds upstream and here; the scale of proxy/upstream-cost.ts. */
const BASE_MS = 3;
const MS_PER_OBJECT = 0.005;
/** Upstream rests half as long as a list took it. */
const REST_SHARE = 0.5;

export class LaneValidator {
  readonly #options: LaneValidatorOptions;
  readonly #lists: Coalesced<ViewOutcome>;
  readonly #comparer: Comparer;
  #proven: (View & { readonly epoch: number }) | undefined;

  constructor(options: LaneValidatorOptions) {
    const { clock, pace, writer } = options;
    this.#options = options;
    this.#comparer = new Comparer(writer, () => clock.turn());
    this.#lists = new Coalesced(() => this.#validate(), {
      clock,
      pace,
      maxInFlight: 1,
      restMs: (tookMs) => tookMs * REST_SHARE,
    });
  }

  /** Lists asked for so far. */
  get calls(): number {
    return this.#lists.calls;
  }

  /**
   * About what a proof takes. Not measured: it is only compared with guesses of what upstream would take for the read
   * itself, and a busy machine makes both longer.
   */
  get costMs(): number {
    return BASE_MS + this.#options.writer.objects * MS_PER_OBJECT;
  }

  /** A view of the state now: the list is asked for after this call. */
  view(): Promise<ViewOutcome> {
    return this.#lists.join();
  }

  /** The view that was proven last, while nothing has come since. */
  get remembered(): View | undefined {
    const { writer, lane } = this.#options;
    const proven = this.#proven;
    if (proven === undefined || proven.epoch !== lane.epoch || lane.loading) return undefined;
    return proven.position === writer.head ? proven : undefined;
  }

  async #validate(): Promise<ViewOutcome> {
    const { writer, lane, clock, call, callTimeoutMs } = this.#options;
    const { epoch } = lane;
    const { frontier } = writer;
    // Who was next in line when the lane was closed.
    const late = this.#options.closed();
    if (late !== '') return unproven(late);
    const beganMs = clock.now();
    const list = await call((bounds) => fetchMetadataList(this.#options, bounds));
    if (list.kind === 'failed') return unproven(list.reason);
    if (lane.epoch !== epoch) return unproven('the lane was relisted');
    const problem = this.#options.onRevision(list.revision, frontier);
    if (problem !== '') return unproven(problem);
    for (;;) {
      if (lane.epoch !== epoch || lane.loading) return unproven('the lane was relisted');
      if (writer.frontier >= list.revision) {
        return { kind: 'view', view: { position: writer.head, revision: writer.frontier } };
      }
      const comparison = await this.#comparer.compare(list);
      if (comparison.kind === 'failed') return unproven(comparison.reason);
      if (lane.epoch !== epoch) return unproven('the lane was relisted');
      if (comparison.kind === 'equal') {
        const view = { position: comparison.position, revision: list.revision };
        this.#proven = { ...view, epoch };
        writer.proven = view;
        return { kind: 'view', view };
      }
      const leftMs = beganMs + callTimeoutMs - clock.now();
      const closed = this.#options.closed();
      if (closed !== '') return unproven(closed);
      if (leftMs <= 0) return unproven('the lane differs from upstream');
      if (comparison.kind === 'different') await this.#options.nextEvent(list.revision, leftMs);
    }
  }
}
