/**
 * Which lane answers a request for PartialObjectMetadata:
 *
 *   is the lane of whole objects open, read by others, and of a resource whose metadata can be cut out?  --no-->  its own lane
 *     | yes
 *   did a sample of upstream's own metadata equal what would be cut out, since the lane's last list?     --no-->  its own lane
 *     | yes
 *   a view of that lane: no watch upstream, no second copy
 *
 * A view never makes a lane of whole objects open, and does not keep one open: once nobody has read whole objects for the
 * idle time, requests go to a lane of their own, watches on the view run to their end, and then the lane closes.
 */
import type { LaneEntry, Lanes, LaneSubject } from './cache/lanes.ts';
import { type Compared, MetadataCut } from './cache/metadata-cut.ts';
import type { ObjectForm } from './k8s/encoding.ts';
import { type Clock, systemClock } from './watch/clock.ts';
import { checkMetadata } from './watch/metadata-check.ts';
import type { UpstreamReader } from './watch/upstream-reader.ts';

export interface MetadataOptions {
  readonly lanes: Lanes;
  readonly reader: UpstreamReader;
  /** Whole objects that nobody has read for this long are not wanted any more. */
  readonly idleMs: number;
  /** Told of every comparison. */
  readonly onCompared: (laneId: string, compared: Compared) => void;
  readonly clock?: Clock;
}

const CHECK_TIMEOUT_MS = 3_000;
/** An empty list, or a call that failed, says nothing: asked again after this long. */
const RETRY_MS = 30_000;

interface Verdict {
  readonly compared: Compared;
  /** The lane's list it is about. */
  readonly loads: number;
  readonly atMs: number;
}

/** Gives every request its lane; see the head of this file for metadata. */
export class MetadataLanes {
  readonly #options: MetadataOptions;
  readonly #clock: Clock;
  readonly #views = new WeakMap<LaneEntry, MetadataView>();

  constructor(options: MetadataOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** @param mayOpen false: the subject's own lane could not answer, only a view could. */
  async get(subject: LaneSubject, mayOpen: boolean): Promise<LaneEntry | undefined> {
    const view = await this.#viewFor(subject);
    if (view !== undefined) return view;
    return mayOpen ? this.#options.lanes.get(subject) : undefined;
  }

  /** One of the lanes that may answer is open, and out of touch with upstream. */
  isCutOff(subject: LaneSubject): boolean {
    const { lanes } = this.#options;
    return [subject, subject.cutFrom].some(
      (one) => one !== undefined && lanes.find(one)?.lane.state.kind === 'disconnected',
    );
  }

  async #viewFor({ cutFrom, codec, resource }: LaneSubject): Promise<LaneEntry | undefined> {
    const whole = cutFrom && this.#options.lanes.find(cutFrom);
    const form = cutFrom?.codec.metadata;
    if (whole === undefined || form === undefined) return undefined;
    let view = this.#views.get(whole);
    if (view === undefined) {
      const cut = new MetadataCut(whole.lane, form, codec);
      const { reader } = this.#options;
      view = new MetadataView(whole, form, (controller) => {
        const bounds = { clock: this.#clock, controller, openTimeoutMs: CHECK_TIMEOUT_MS };
        return checkMetadata({ resource, reader, codec, cut }, bounds);
      });
      this.#views.set(whole, view);
    }
    if (!view.isWholeRead(this.#options.idleMs)) return undefined;
    if (!(await this.#options.lanes.started(whole))) return undefined;
    return (await this.#isEqual(view)) ? view : undefined;
  }

  async #isEqual(view: MetadataView): Promise<boolean> {
    const { lanes, onCompared } = this.#options;
    const { lane } = view;
    if (view.needsCheck(this.#clock.now())) {
      view.checking ??= view.check(this.#clock).then((compared) => {
        view.checking = undefined;
        onCompared(lane.id, compared);
        // A list that was bridged left watches open on a view that is none: they come back to a lane of their own.
        if (compared.kind === 'different' && view.watches > 0)
          lanes.close(lane.id, 'its metadata differs');
      });
      await view.checking;
    }
    return view.isEqual && lane.state.kind !== 'closed';
  }
}

/** A lane of whole objects, shown as metadata. */
class MetadataView implements LaneEntry {
  readonly objects: ObjectForm;
  readonly openedAt = performance.now();
  usedAt = performance.now();
  pinned = false;
  checking: Promise<void> | undefined;
  readonly #whole: LaneEntry;
  readonly #compare: (controller: AbortController) => Promise<Compared>;
  #verdict: Verdict | undefined;
  #watches = 0;

  constructor(
    whole: LaneEntry,
    objects: ObjectForm,
    compare: (controller: AbortController) => Promise<Compared>,
  ) {
    this.#whole = whole;
    this.objects = objects;
    this.#compare = compare;
  }

  get lane(): LaneEntry['lane'] {
    return this.#whole.lane;
  }

  get source(): LaneEntry['source'] {
    return this.#whole.source;
  }

  /** Open watches of the view; the lane counts them among its own, so that it is not closed under them. */
  get watches(): number {
    return this.#watches;
  }

  set watches(count: number) {
    this.#whole.watches += count - this.#watches;
    this.#watches = count;
  }

  /** Somebody reads whole objects, or did within the idle time. */
  isWholeRead(idleMs: number): boolean {
    const { pinned, watches, usedAt } = this.#whole;
    return pinned || watches > this.#watches || performance.now() - usedAt <= idleMs;
  }

  get isEqual(): boolean {
    return this.#isCurrent() && this.#verdict?.compared.kind === 'equal';
  }

  needsCheck(nowMs: number): boolean {
    if (this.#verdict === undefined || !this.#isCurrent()) return true;
    const { compared, atMs } = this.#verdict;
    return compared.kind === 'nothing' && nowMs - atMs >= RETRY_MS;
  }

  async check(clock: Clock): Promise<Compared> {
    const { loads } = this.lane.counters;
    const compared = await this.#compare(new AbortController());
    this.#verdict = { compared, loads, atMs: clock.now() };
    return compared;
  }

  /** The lane was not listed anew since the comparison. */
  #isCurrent(): boolean {
    return this.#verdict?.loads === this.lane.counters.loads;
  }
}
