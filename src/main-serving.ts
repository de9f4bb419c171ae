/** The outgoing half: everything between a client's exchange and the lanes, built once and handed to the server. */
import { Authorizer } from './auth/authorize.ts';
import { WatchRechecks } from './auth/recheck.ts';
import type { Config } from './config/config.ts';
import { resourceId } from './k8s/resource.ts';
import type { CertificateAccounts } from './main-accounts.ts';
import type { MetadataLanes } from './main-metadata.ts';
import type { Subjects } from './main-subjects.ts';
import type { Logger } from './observe/log.ts';
import { requestLog } from './observe/log.ts';
import { Metrics } from './observe/metrics.ts';
import { RequestCounters } from './observe/requests.ts';
import type { ProxyStatus, ReadStatus } from './observe/status.ts';
import { Admission, DEFAULT_ADMISSION_LIMITS } from './proxy/admit.ts';
import { BufferPool } from './proxy/buffer-pool.ts';
import { EventWriter } from './proxy/event-writer.ts';
import { FlushScheduler } from './proxy/flush.ts';
import { Compressor } from './proxy/gzip.ts';
import { OpenWatches } from './proxy/open-watches.ts';
import { PassThrough } from './proxy/pass-through.ts';
import { Places } from './proxy/places.ts';
import type { FinishedExchange } from './proxy/request-log.ts';
import { RequestLog } from './proxy/request-log.ts';
import { Route } from './proxy/route.ts';
import { UpgradeRelay } from './proxy/upgrade.ts';
import { WatchClock } from './proxy/watch-clock.ts';
import { WatchCounters } from './proxy/watch-stream.ts';
import type { Upstream } from './upstream/upstream.ts';

/** Buffers kept for reuse: enough for the writes in flight of one flush turn. */
const SPARE_EVENT_BUFFERS = 64;
/** The rest of the loop belongs to intake and new requests. */
const FLUSH_SHARE = 0.7;

export interface ServingSources {
  readonly upstream: Upstream;
  /** Absent where no client certificates are taken. */
  readonly accounts?: CertificateAccounts;
  readonly lanes: MetadataLanes;
  readonly subjects: Subjects;
}

export class Serving {
  readonly route: Route;
  readonly flush: FlushScheduler;
  readonly watches: OpenWatches;
  readonly admission: Admission;
  readonly upgrades: UpgradeRelay;
  readonly requests = new RequestCounters();
  readonly watchCounters = new WatchCounters();
  readonly compressor: Compressor;
  readonly #passThrough: PassThrough;
  readonly #authorizer: Authorizer;
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
    this.#authorizer = new Authorizer(reviewers, config.auth);
    this.#rechecks = new WatchRechecks(this.#authorizer, config.auth);
    this.admission = new Admission({
      ...DEFAULT_ADMISSION_LIMITS,
      maxWatches: config.limits.maxOpenWatches,
    });
    this.#passThrough = new PassThrough(upstream, accounts?.impersonator);
    this.watches = new OpenWatches(this.#rechecks, this.#passThrough);
    this.upgrades = new UpgradeRelay({
      authority: upstream.authority,
      pathPrefix: upstream.basePath,
      connectUpstream: () => upstream.connectRaw(),
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
      () => writer.forget(),
    );
    this.route = new Route({
      subjects,
      lanes,
      judge: this.#authorizer,
      passThrough: this.#passThrough,
      admission: this.admission,
      watches: this.watches,
      watchServices: {
        writer,
        flush: this.flush,
        clock: this.#clock,
        pool: eventPool,
        counters: this.watchCounters,
      },
      listServices: {
        pool: new BufferPool(config.list.chunkBytes, config.list.maxConcurrent),
        places: new Places(config.list.maxConcurrent),
        gzip: this.compressor,
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

  authorizationStatus(): ProxyStatus['authorization'] {
    return { ...this.#authorizer.status, ...this.#rechecks.status };
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
