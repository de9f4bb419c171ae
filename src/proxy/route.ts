/**
 * The way of every request: served from memory, or passed through.
 *
 *   canonical GET? -> resource known and cacheable? -> options understood? -> caller judged? -> lane ready? -> served
 *        no                 no                            no                    no               no
 *         +------------------+-----------------------------+---------------------+----------------+--> passed through
 *
 * Anything not certain goes upstream under the caller's own identity, so upstream's answer, refusals included, is the
 * answer. There is no other fallback, and no byte of the cache is reached without an `Authorized`.
 */
import type { Attributes } from '../auth/attributes.ts';
import { attributesOf } from '../auth/attributes.ts';
import type { Caller, Credential } from '../auth/authenticate.ts';
import type { Authorized, Decision } from '../auth/authorize.ts';
import { isJudgeable } from '../auth/authorize.ts';
import type { Peer } from '../auth/certificate.ts';
import type { LaneEntry, LaneSubject } from '../cache/lanes.ts';
import { WithoutManagedFields } from '../cache/without-managed-fields.ts';
import type { GetOptions, ListOptions } from '../k8s/list-options.ts';
import { parseGetOptions, parseListOptions } from '../k8s/list-options.ts';
import type { Representation } from '../k8s/media-type.ts';
import { representationOf } from '../k8s/media-type.ts';
import type { CollectionTarget, ObjectTarget } from '../k8s/request-target.ts';
import type { Resource } from '../k8s/resource.ts';
import { fitsScope, parseRequestTarget } from '../k8s/request-target.ts';
import { supportsFields } from '../k8s/selectable-fields.ts';
import type { Admission } from './admit.ts';
import { costlyGroup } from './costly-group.ts';
import type { Exchange } from './exchange.ts';
import { headerCount } from './headers.ts';
import { loopBudget } from './loop-budget.ts';
import { unreachable } from './pass-through.ts';
import type { PassThrough, Passing } from './pass-through.ts';
import { isWatchTarget } from './request-kind.ts';
import type { RequestLog } from './request-log.ts';
import { serveGet } from './serve-get.ts';
import { serveList } from './serve-list.ts';
import { serveWatch } from './serve-watch.ts';
import { StartQueue } from './start-queue.ts';
import type { Served } from './served.ts';
import { notServed } from './served.ts';
import type { WatchServices, WatchStream } from './watch-stream.ts';
import type { ListServices } from './write-list.ts';

/** A resource that may be served from memory, in one form or another. */
export interface Subject {
  readonly resource: Resource;
  readonly custom: boolean;
  /** Whether the objects of a namespace ('': of all) may be held. */
  holds(namespace: string): boolean;
  /** The lane that holds a namespace ('': all) in a form; undefined when there is none. */
  lane(form: Representation, namespace: string): LaneSubject | undefined;
}

/** What routing asks of discovery. Undefined: unknown, or never served from memory. */
export interface Subjects {
  lookup(group: string, version: string, plural: string): Subject | undefined;
  /** The resource a target names, cached or not; undefined when discovery does not know it. */
  resourceOf(target: CollectionTarget | ObjectTarget): Resource | undefined;
}

/** What routing asks of the lanes. */
export interface LaneSource {
  /** `mayOpen` false: the subject's own lane could not answer, but the one it is cut from could. */
  get(subject: LaneSubject, mayOpen: boolean): Promise<LaneEntry | undefined>;
  /** A lane that would answer is open, and out of touch with upstream. */
  isCutOff(subject: LaneSubject): boolean;
}

export interface Judge {
  authorize(credential: Credential, attributes: Attributes): Promise<Decision>;
}

/** Who sends a request; `Callers` is one. Never rejects. */
export interface CallerSource {
  of(rawHeaders: readonly string[], peer: Peer): Caller | Promise<Caller>;
}

/** Keeps an eye on open watches: permission is asked again while they run. */
export interface WatchRegistry {
  add(
    stream: WatchStream,
    exchange: Exchange,
    authorized: Authorized,
    credential: Credential,
  ): void;
}

export interface RouteParts {
  readonly subjects: Subjects;
  readonly lanes: LaneSource;
  readonly callers: CallerSource;
  readonly judge: Judge;
  readonly passThrough: PassThrough;
  readonly admission: Admission;
  readonly watches: WatchRegistry;
  readonly watchServices: WatchServices;
  readonly listServices: ListServices;
  readonly log: RequestLog;
  readonly barrierTimeoutMs: number;
  /** Longer selectors go upstream: matching them is paid per event. */
  readonly maxSelectorBytes: number;
  /** Shard selectors are served from memory, whatever upstream makes of them. */
  readonly shardedListAndWatch: boolean;
  /** `drop=metadata.managedFields` is obeyed from memory, whatever upstream makes of it. */
  readonly managedFieldsOptOut: boolean;
}

/** Requests handed to upstream's connections in one turn of the loop: one or two milliseconds. */
const PASSES_PER_TURN = 8;

/** Answered with neither bytes of the cache nor upstream's. */
interface Refused {
  readonly kind: 'refused';
}

const REFUSED: Refused = Object.freeze({ kind: 'refused' });

/** A request the grammar and discovery know; nothing is decided about the caller yet. */
type Eligible =
  | { readonly verb: 'get'; readonly target: ObjectTarget; readonly options: GetOptions }
  | {
      readonly verb: 'list' | 'watch';
      readonly target: CollectionTarget;
      readonly options: ListOptions;
    };

/** What would answer it. */
interface Wanted {
  readonly form: Representation;
  readonly lane: LaneSubject;
  /** False: the lane itself cannot answer, but the one it is cut from could. */
  readonly mayOpen: boolean;
}

export class Route {
  readonly #parts: RouteParts;
  readonly #passes = new StartQueue<number>(PASSES_PER_TURN, loopBudget);

  constructor(parts: RouteParts) {
    this.#parts = parts;
  }

  /** Answers one exchange. Never throws. */
  handle(exchange: Exchange): void {
    const { admission, log } = this.#parts;
    log.begin(exchange);
    const admitted = isWatchTarget(exchange.target)
      ? admission.watch(exchange)
      : admission.request(exchange);
    if (!admitted) return;
    const caller = this.#parts.callers.of(exchange.rawHeaders, exchange.connection.peer);
    if (caller instanceof Promise) void caller.then((known) => this.#answer(exchange, known));
    else this.#answer(exchange, caller);
  }

  #answer(exchange: Exchange, caller: Caller): void {
    const { log } = this.#parts;
    if (caller.kind === 'refused') {
      log.refused(exchange, caller.reason);
      exchange.respondStatus(caller.status);
      return;
    }
    if (caller.kind === 'undecided') {
      log.refused(exchange, 'caller undecided');
      exchange.respondStatus(unreachable(exchange.target));
      return;
    }
    log.by(exchange, caller);
    this.#serve(exchange, caller).then(
      (served) => {
        if (served.kind === 'served') log.servedFromCache(exchange);
        else if (served.kind === 'not-served') {
          this.#pass(exchange, served.reason, { caller, target: served.target });
        }
      },
      (error: unknown) => {
        log.failed(exchange, error);
        if (exchange.status === 0) this.#pass(exchange, 'internal error', { caller });
        else exchange.destroy();
      },
    );
  }

  /**
   * Not at once: the reset that came behind it in the same packet is seen first, and costs upstream nothing then. Nor many in
   * one turn.
   */
  #pass(exchange: Exchange, reason: string, passing: Passing): void {
    const pass = (): boolean => {
      if (exchange.aborted || !this.#parts.admission.forward(exchange)) return false;
      this.#parts.log.passedThrough(exchange, reason);
      this.#parts.passThrough.serve(exchange, passing);
      return true;
    };
    setImmediate(() => this.#passes.add(exchange.connection.id, pass));
  }

  async #serve(exchange: Exchange, caller: Credential): Promise<Served | Refused> {
    const target = parseRequestTarget(exchange.target);
    const known = target.kind !== 'other' && this.#parts.subjects.resourceOf(target);
    if (known) this.#parts.log.about(exchange, known, target.namespace);
    if (exchange.method !== 'GET' || exchange.hasBody) return notServed('not a read');
    if (target.kind === 'other') return notServed(target.reason);
    const subject = this.#parts.subjects.lookup(target.group, target.version, target.plural);
    if (subject === undefined) return notServed('resource not cached');
    if (!fitsScope(target, subject.resource)) return notServed('scope does not fit');
    if (!subject.holds(target.namespace)) return notServed('namespace not cached');
    const eligible = understand(target, this.#parts.shardedListAndWatch);
    if ('kind' in eligible) return eligible;
    if (selectorBytes(eligible) > this.#parts.maxSelectorBytes) return notServed('long selector');
    const form = this.#formOf(exchange, subject, eligible.verb);
    const lane = form === undefined ? undefined : subject.lane(form, target.namespace);
    if (form === undefined || lane === undefined) return notServed('media type');
    const selects = selectable(eligible, subject, lane);
    if (!selects && !(lane.cutFrom && selectable(eligible, subject, lane.cutFrom))) {
      return notServed('field selector');
    }
    if (!isJudgeable(caller)) return notServed('no bearer token');
    return this.#authorized(exchange, eligible, { form, lane, mayOpen: selects }, caller);
  }

  #formOf(
    exchange: Exchange,
    { custom }: Subject,
    verb: Eligible['verb'],
  ): Representation | undefined {
    if (headerCount(exchange.rawHeaders, 'accept') > 1) return undefined;
    const accept = exchange.header('accept');
    const userAgent = exchange.header('user-agent');
    const { managedFieldsOptOut } = this.#parts;
    return representationOf({ accept, userAgent, custom, verb, managedFieldsOptOut });
  }

  async #authorized(
    exchange: Exchange,
    eligible: Eligible,
    { form, lane: subject, mayOpen }: Wanted,
    credential: Credential,
  ): Promise<Served | Refused> {
    const attributes = attributesOf(eligible.verb, eligible.target, eligible.options);
    const decision = await this.#parts.judge.authorize(credential, attributes);
    if (decision.kind === 'undecided' && this.#mustComeAgain(eligible, subject)) {
      exchange.respondStatus(unreachable(exchange.target));
      return REFUSED;
    }
    if (decision.kind !== 'allow') {
      return notServed(`permission ${decision.kind === 'deny' ? decision.reason : decision.kind}`);
    }
    this.#parts.admission.vouch(exchange);
    const entry = await this.#parts.lanes.get(subject, mayOpen);
    if (entry === undefined) return notServed(mayOpen ? 'lane not ready' : 'field selector');
    if (exchange.aborted) return notServed('client gone');
    const shown = form.withoutManagedFields === true ? new WithoutManagedFields(entry) : entry;
    return this.#fromLane(exchange, shown, eligible, decision.authorized, credential);
  }

  /**
   * A watch that resumes while upstream is away would reach it as it comes back, with its past forgotten, and be told 410
   * where the lane may yet lead it over (semantics 9.4 rule 1).
   */
  #mustComeAgain(eligible: Eligible, subject: LaneSubject): boolean {
    const resumes = eligible.verb === 'watch' && (eligible.options.resourceVersion ?? 0) > 0;
    return resumes && this.#parts.lanes.isCutOff(subject);
  }

  async #fromLane(
    exchange: Exchange,
    entry: LaneEntry,
    eligible: Eligible,
    authorized: Authorized,
    credential: Credential,
  ): Promise<Served | Refused> {
    const { admission, barrierTimeoutMs, listServices, watchServices, watches } = this.#parts;
    const { namespace } = eligible.target;
    if (eligible.verb === 'get') {
      const { target, options } = eligible;
      const request = {
        exchange,
        entry,
        namespace,
        name: target.name,
        options,
        plainErrors: hasPlainErrors(exchange, entry),
        barrierTimeoutMs,
      };
      return serveGet(listServices, request, authorized);
    }
    const request = { exchange, entry, namespace, options: eligible.options, barrierTimeoutMs };
    if (eligible.verb === 'list') return serveList(listServices, request, authorized);
    const group = costlyGroup(entry.lane, namespace, eligible.options);
    if (group !== undefined && !admission.filterGroup(exchange, group)) return REFUSED;
    const served = await serveWatch(watchServices, request, authorized);
    if (served.kind === 'not-served') return served;
    if (served.value !== undefined) watches.add(served.value, exchange, authorized, credential);
    return { kind: 'served', value: undefined };
  }
}

/** The options of a request, if all of them are understood. */
function understand(
  target: CollectionTarget | ObjectTarget,
  isSharded: boolean,
): Eligible | Extract<Served, { kind: 'not-served' }> {
  if (target.kind === 'object') {
    const parsed = parseGetOptions(target.query);
    if (parsed.kind === 'unsupported') return notServed(parsed.reason);
    return { verb: 'get', target, options: parsed.options };
  }
  const parsed = parseListOptions(target.query, isSharded);
  if (parsed.kind === 'unsupported') return notServed(parsed.reason);
  const { options } = parsed;
  return { verb: options.watch ? 'watch' : 'list', target, options };
}

function selectorBytes(eligible: Eligible): number {
  if (eligible.verb === 'get') return 0;
  const { rawLabelSelector, rawFieldSelector, shards } = eligible.options;
  const shardBytes = shards?.canonical.length ?? 0;
  return rawLabelSelector.length + rawFieldSelector.length + shardBytes;
}

/**
 * Whether a Status is sent to this client in the encoding of the lane: not when it asked for the metadata form, which a
 * Status has none of, nor when it prefers protobuf to the JSON of a custom resource.
 */
function hasPlainErrors(exchange: Exchange, { lane }: LaneEntry): boolean {
  const accept = exchange.header('accept') ?? '';
  if (accept.includes('as=')) return false;
  return lane.codec.encoding.name === 'protobuf' || !accept.includes('protobuf');
}

/** Whether the lane knows every field that the selector names. */
function selectable(eligible: Eligible, subject: Subject, lane: LaneSubject): boolean {
  if (eligible.verb === 'get') return true;
  const { fields } = eligible.options;
  return supportsFields(fields, subject.resource, lane.fields, subject.custom);
}
