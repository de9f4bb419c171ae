/** The outgoing half: everything between a client's exchange and the lanes, built once and handed to the server. */
import { Authorizer } from './auth/authorize.ts';
import { Callers } from './auth/callers.ts';
import { TokenReviews } from './auth/token-reviews.ts';
import { WatchRechecks } from './auth/recheck.ts';
import type { Config } from './config/config.ts';
import { WriteTurn } from './http2/write-turn.ts';
import { resourceId } from './k8s/resource.ts';
import type { Accounts } from './main-accounts.ts';
import type { MetadataLanes } from './main-metadata.ts';
import type { Subjects } from './main-subjects.ts';
import type { Logger } from './observe/log.ts';
import { requestLog } from './observe/log.ts';
import { Metrics } from './observe/metrics.ts';
import { RequestCounters } from './observe/requests.ts';
import type { ProxyStatus, ReadStatus } from './observe/status.ts';
import type { AdmissionLimits } from './proxy/admit.ts';
import { Admission } from './proxy/admit.ts';
import { BufferPool } from './proxy/buffer-pool.ts';
import { EventWriter } from './proxy/event-writer.ts';
import { FlushScheduler } from './proxy/flush.ts';
import { Compressor } from './proxy/gzip.ts';
import type { ServerStats } from './proxy/limits.ts';
import { ListTurns } from './proxy/list-turns.ts';
import { OpenWatches } from './proxy/open-watches.ts';
import { loopBudget } from './proxy/loop-budget.ts';
import { PassThrough } from './proxy/pass-through.ts';
import type { FinishedExchange } from './proxy/request-log.ts';
import { RequestLog } from './proxy/request-log.ts';
import { Route } from './proxy/route.ts';
import { StartQueue } from './proxy/start-queue.ts';
import { UpgradeRelay } from './proxy/upgrade.ts';
import { WatchClock } from './proxy/watch-clock.ts';
import { WatchCounters } from './proxy/watch-stream.ts';
import { WriteShares } from './proxy/write-shares.ts';
import type { Upstream } from './upstream/upstream.ts';

/** Buffers kept for reuse: enough for the writes in flight of one flush turn. */
const SPARE_EVENT_BUFFERS = 64;
/** Begun in one turn of the loop: a millisecond. */
const ANSWERS_PER_TURN = 8;
/** The rest of the loop belongs to intake and new requests. */
const FLUSH_SHARE = 0.7;

export interface ServingSources {
  readonly upstream: Upstream;
  /** Absent where nobody is known by name. */
  readonly accounts?: Accounts;
  readonly lanes: MetadataLanes;
  readonly subjects: Subjects;
}

type ServingLimitsReached = Omit<ProxyStatus['limits'], keyof ServerStats['limits']>;

export class Serving {
  readonly route: Route;
  readonly flush: FlushScheduler;
  /** What HTTP/2 connections write in. */
  readonly writes = new WriteTurn();
  readonly watches: OpenWatches;
  readonly admission: Admission;
  readonly turns: ListTurns;
  readonly upgrades: UpgradeRelay;
  readonly requests = new RequestCounters();
  readonly watchCounters = new WatchCounters();
  readonly compressor: Compressor;
  readonly #passThrough: PassThrough;
  readonly #authorizer: Authorizer;
  readonly #tokens: TokenReviews | undefined;
  readonly #rechecks: WatchRechecks;
  readonly #clock = new WatchClock();
  readonly #verbosity: number;
  readonly #logger: Logger;
  #metrics: Metrics | undefined;

  constructor(config: Config, logger: Logger, sources: ServingSources) {
    const { upstream, accounts, lanes, subjects } = sources;
    this.#logger = logger;
    this.#verbosity = config.log.verbosity;
    const reviewers = { forwarder: upstream, reviewer: accounts?.reviewer };
    this.#authorizer = new Authorizer(reviewers, {
      ...config.auth,
      onFastPathOff: () =>
        logger.error(
          'Upstream refused what the fast path for nodes allowed; it is off from now on',
        ),
    });
    this.#tokens = tokenReviewsOf(config, accounts);
    const callers = new Callers(this.#authorizer, this.#tokens);
    this.#rechecks = new WatchRechecks(this.#authorizer, config.auth);
    this.admission = new Admission(admissionLimits(config));
    this.turns = new ListTurns({ ...config.limits, maxConcurrent: config.list.maxConcurrent });
    const answers = new StartQueue<string>(ANSWERS_PER_TURN, loopBudget);
    this.#passThrough = new PassThrough(upstream, accounts?.impersonator, answers);
    this.#passThrough.onAnswer = (exchange, status) => this.admission.answered(exchange, status);
    this.watches = new OpenWatches(this.#rechecks, this.#passThrough);
    this.upgrades = new UpgradeRelay({
      authority: upstream.authority,
      pathPrefix: upstream.basePath,
      connectUpstream: () => upstream.connectRaw(),
      callers,
      impersonator: accounts?.impersonator,
    });
    this.compressor = new Compressor(config.compression);
    const eventPool = new BufferPool(config.flush.maxBytesPerWrite, SPARE_EVENT_BUFFERS);
    const writer = new EventWriter(eventPool);
    this.flush = new FlushScheduler(
      {
        maxIntervalMs: config.flush.maxIntervalMs,
        watchersPerTurn: config.flush.connectionsPerTurn,
        maxShare: FLUSH_SHARE,
      },
      () => {
        this.writes.run();
        writer.forget();
      },
    );
    this.route = new Route({
      subjects,
      lanes,
      callers,
      judge: this.#authorizer,
      passThrough: this.#passThrough,
      admission: this.admission,
      watches: this.watches,
      watchServices: {
        writer,
        flush: this.flush,
        clock: this.#clock,
        pool: eventPool,
        shares: new WriteShares(),
        answers,
        counters: this.watchCounters,
      },
      listServices: {
        pool: new BufferPool(config.list.chunkBytes, config.list.maxConcurrent),
        turns: this.turns,
        gzip: this.compressor,
        answers,
      },
      log: this.#requestLog(),
      barrierTimeoutMs: config.freshness.barrierTimeoutMs,
      maxSelectorBytes: config.limits.maxSelectorBytes,
      shardedListAndWatch: config.features.shardedListAndWatch,
      managedFieldsOptOut: config.features.managedFieldsOptOut,
    });
  }

  /** The registry behind /metrics; request durations are observed from the first call on. */
  metricsOf(status: ReadStatus): Metrics {
    this.#metrics ??= new Metrics(status, this.requests);
    return this.#metrics;
  }

  /** Puts the proof of a consistent read into the histogram. */
  observeProof(proof: string, tookMs: number): void {
    this.#metrics?.observeProof(proof, tookMs);
  }

  limitsReached(): ServingLimitsReached {
    const { refused } = this.admission;
    return { ...refused, ...this.turns.reached, upgrades: this.upgrades.overLimit };
  }

  authorizationStatus(): ProxyStatus['authorization'] {
    const tokenReviews = this.#tokens?.counters ?? NO_TOKEN_REVIEWS;
    return { ...this.#authorizer.status, ...this.#rechecks.status, tokenReviews };
  }

  stop(): void {
    this.#rechecks.stop();
    this.#clock.stop();
  }

  #requestLog(): RequestLog {
    const write = requestLog(this.#logger, this.#verbosity);
    const finish = (finished: FinishedExchange): void => {
      const { exchange, reason } = finished;
      const line = { ...finished, code: exchange.status };
      this.requests.record(line);
      this.#metrics?.observeRequest(line);
      write?.({
        method: exchange.method,
        target: exchange.target,
        verb: finished.verb,
        resource:
          finished.resource === '' ? '' : resourceId({ ...finished, plural: finished.resource }),
        namespace: finished.namespace,
        user: finished.user,
        code: exchange.status,
        source: finished.source,
        reason,
        latencyMs: finished.latencyMs,
        userAgent: exchange.header('user-agent') ?? '',
        auditId: exchange.id,
      });
    };
    return new RequestLog(finish, (err) =>
      this.#logger.error({ err }, 'Failed to serve from memory'),
    );
  }
}

/** Of the connections for short calls no more is used by one identity, nor by all strangers. */
const MOST_FORWARDED = 0.5;

function admissionLimits({ limits, upstream }: Config): AdmissionLimits {
  const most = Math.max(1, Math.floor(upstream.maxForwardedCalls * MOST_FORWARDED));
  return {
    maxWatches: limits.maxOpenWatches,
    maxWatchesPerIdentity: limits.maxWatchesPerIdentity,
    maxInFlight: limits.maxRequests,
    maxInFlightPerConnection: limits.maxRequestsPerConnection,
    maxInFlightPerIdentity: limits.maxRequestsPerIdentity,
    maxStrangers: limits.maxUnauthenticated,
    maxStrangersPerAddress: limits.maxUnauthenticatedPerAddress,
    maxStrangersForwarded: most,
    maxForwardedPerIdentity: most,
    maxRefusalsPerToken: limits.maxRefusalsPerToken,
    maxFilterGroupsPerIdentity: limits.maxFilterGroupsPerIdentity,
  };
}

const NO_TOKEN_REVIEWS = Object.freeze({ known: 0, unknown: 0, undecided: 0 });

function tokenReviewsOf({ auth }: Config, accounts?: Accounts): TokenReviews | undefined {
  const { tokenAudiences: audiences, maxDecisions: maxTokens } = auth;
  if (accounts === undefined || audiences.length === 0) return undefined;
  return new TokenReviews(accounts.reviewer, { ...auth, audiences, maxTokens });
}
