/**
 * The composition root: builds every part in the order data flows, starts them in that order, stops them in reverse.
 * The only file that knows both `watch/` and `proxy/`.
 */
import { homedir } from 'node:os';
import type { Lane } from './cache/lane.ts';
import { Lanes } from './cache/lanes.ts';
import type { LaneSource, LaneSubject } from './cache/lanes.ts';
import type { Config } from './config/config.ts';
import { splitHostAndPort } from './config/host-and-port.ts';
import { programVersion } from './config/version.ts';
import { Accounts, mustBePrivate } from './main-accounts.ts';
import { Feeds } from './main-feeds.ts';
import { MetadataLanes } from './main-metadata.ts';
import { Serving } from './main-serving.ts';
import { readStatus } from './main-status.ts';
import { Subjects } from './main-subjects.ts';
import type { AdminListener } from './observe/admin.ts';
import { startAdmin } from './observe/admin.ts';
import { proxyChecks } from './observe/health.ts';
import type { Logger } from './observe/log.ts';
import { RuntimeMeter } from './observe/runtime.ts';
import type { Phase, ProxyStatus, UpstreamStatus } from './observe/status.ts';
import { ClientAuthority } from './proxy/client-authority.ts';
import { ProxyServer } from './proxy/server.ts';
import { selfSignedFiles, ServingCertificate } from './proxy/tls.ts';
import { Discovery } from './upstream/discovery.ts';
import { loadClusterConfig } from './upstream/kubeconfig.ts';
import { Upstream } from './upstream/upstream.ts';

export interface Running {
  /** `https://127.0.0.1:8443` */
  readonly address: string;
  /** `http://127.0.0.1:9095` */
  readonly adminAddress: string;
  /** Leaves well: not ready, no new connections, watches ended over the grace period. */
  stop(): Promise<void>;
}

const SWEEP_MS = 1000;
/** Empty slabs kept for reuse: 128 MiB at most. */
const SPARE_SLABS = 32;
const MAX_LANES = 2000;
const MAX_RECORDS_PER_LANE = 8_000_000;

/** Starts everything; rejects when the cluster's configuration, a certificate or an address is unusable. */
export async function serve(config: Config, logger: Logger): Promise<Running> {
  const startedAt = Date.now();
  const cluster = loadClusterConfig({
    kubeconfig: config.upstream.kubeconfig,
    context: config.upstream.context,
    environment: process.env,
    homeDirectory: homedir(),
  });
  const { maxForwardedCalls, maxForwardedStreams, requestTimeoutMs } = config.upstream;
  const upstreamOptions = {
    forwardedCalls: maxForwardedCalls,
    forwardedStreams: maxForwardedStreams,
    impersonatedCalls: maxForwardedCalls,
    impersonatedStreams: maxForwardedStreams,
    callHeadersTimeoutMs: requestTimeoutMs,
    userAgent: `watershed/${programVersion()}`,
  };
  const certificate = await servingCertificate(config, logger);
  const clientAuthority = await clientAuthorityOf(config, logger);
  const accounts = await Accounts.start(config, logger, upstreamOptions);
  const upstream = Upstream.connect(cluster, upstreamOptions);
  const discovery = new Discovery(upstream, {
    policy: {
      secrets: config.resources.secrets || config.resources.secretNamespaces.length > 0,
    },
  });
  const feeds = new Feeds(upstream, discovery, config, logger);
  const lanes: Lanes = createLanes(
    config,
    (subject) => subjects.isCurrent(subject),
    (lane) => feeds.start(lane, (reason) => lanes.close(lane.id, reason)),
  );
  const subjects = new Subjects(discovery, config.resources, config.lanes.metadataFromObjects);
  discovery.onRecovery = (): void => feeds.nudge();
  discovery.onChange(({ kind, resource }) => lanes.closeResource(resource, `resource ${kind}`));

  const shown = new MetadataLanes({
    lanes,
    reader: upstream,
    idleMs: config.lanes.idleTimeoutMs,
    onCompared: (resource, { kind, reason }) =>
      logger.info({ resource, outcome: kind, reason }, 'Compared metadata with upstream'),
  });
  const serving = new Serving(config, logger, { upstream, accounts, lanes: shown, subjects });
  lanes.onOpen = (lane): void => serving.flush.attach(lane);
  feeds.onRead = (path, tookMs): void => serving.observeProof(path, tookMs);
  const server = new ProxyServer({
    certificate,
    clientAuthority,
    limits: {
      maxConnections: config.limits.maxConnections,
      maxConnectionsPerAddress: config.limits.maxConnectionsPerAddress,
      maxHeaderBytes: config.limits.maxHeaderBytes,
      maxConcurrentStreams: config.http2.maxConcurrentStreams,
    },
    writes: serving.writes,
    handle: (exchange) => serving.route.handle(exchange),
    upgrade: (request, socket, head) => serving.upgrades.serve(request, socket, head),
    onFailure: (err) => logger.error({ err }, 'Failed to answer a request'),
  });

  let phase: Phase = 'starting';
  const runtime = new RuntimeMeter();
  const status = (): ProxyStatus =>
    readStatus({
      version: programVersion(),
      startedAt,
      phase: () => phase,
      lanes,
      feedOf: (lane) => feeds.of(lane),
      probes: () => feeds.probeCounts(),
      requests: serving.requests,
      watches: serving.watchCounters,
      server: server.stats,
      runtime,
      upstream: () => upstreamStatus(upstream, discovery),
      discoveredResources: () => discovery.resources().size,
      authorization: () => serving.authorizationStatus(),
      limits: () => ({ ...server.stats.limits, ...serving.limitsReached() }),
      strangers: () => serving.admission.strangers,
      compression: serving.compressor,
    });
  const admin = await listenAdmin(config, logger, serving, status);
  await discovery.start();
  const pins = new Pins(config.resources.pinned, discovery, subjects, lanes);
  for (const id of pins.open()) logger.warn({ resource: id }, 'Pinned resource is not cached');
  const { port } = await server.listen(config.serving.bindAddress, config.serving.securePort);
  const sweeper = setInterval(() => {
    lanes.sweep();
    pins.open();
  }, SWEEP_MS);
  phase = 'serving';

  return {
    address: `https://${bracketed(config.serving.bindAddress)}:${port}`,
    adminAddress: admin.address,
    async stop(): Promise<void> {
      phase = 'draining';
      await sleep(config.shutdown.delayMs);
      serving.admission.draining = true;
      await server.drain(config.shutdown.graceMs, serving.watches);
      clearInterval(sweeper);
      lanes.closeAll('shutdown');
      discovery.close();
      serving.stop();
      runtime.close();
      certificate.close();
      clientAuthority?.close();
      await admin.close();
      await accounts?.close();
      await upstream.close();
    },
  };
}

function createLanes(
  config: Config,
  isCurrent: (subject: LaneSubject) => boolean,
  start: (lane: Lane) => LaneSource,
): Lanes {
  const { window, lanes, limits } = config;
  return new Lanes(
    {
      window: {
        durationMs: window.durationMs,
        maxBytes: window.maxBytesPerLane,
        minEvents: window.minEvents,
        maxRecords: MAX_RECORDS_PER_LANE,
      },
      totalWindowBytes: window.totalMaxBytes,
      maxLanes: MAX_LANES,
      maxFilterGroupsPerLane: limits.maxFilterGroupsPerLane,
      maxSpareSlabs: SPARE_SLABS,
      startTimeoutMs: lanes.startTimeoutMs,
      idleMs: lanes.idleTimeoutMs,
      bridgeExpiry: lanes.bridgeUpstreamExpiry,
      isCurrent,
    },
    start,
  );
}

async function servingCertificate(config: Config, logger: Logger): Promise<ServingCertificate> {
  const { tlsCertFile, tlsPrivateKeyFile, certDirectory, certNames } = config.serving;
  const files =
    tlsCertFile === ''
      ? await selfSignedFiles(certDirectory, certNames)
      : { certFile: tlsCertFile, keyFile: tlsPrivateKeyFile };
  await mustBePrivate('serving.tlsPrivateKeyFile', files.keyFile);
  const onProblem = (err: Error): void => logger.error({ err }, 'Failed to reload the certificate');
  const certificate = await ServingCertificate.load(files, { onProblem });
  const missing = certificate.namesMissing(certNames);
  if (missing.length === 0) return certificate;
  certificate.close();
  throw new Error(
    `serving.certNames: ${files.certFile} is not valid for ${missing.join(', ')}; issue it for these names or remove them`,
  );
}

async function clientAuthorityOf(
  config: Config,
  logger: Logger,
): Promise<ClientAuthority | undefined> {
  if (config.serving.clientCaFile === '') return undefined;
  return ClientAuthority.load(config.serving.clientCaFile, {
    onProblem: (err) => logger.error({ err }, 'Failed to reload the client authorities'),
  });
}

function listenAdmin(
  config: Config,
  logger: Logger,
  serving: Serving,
  status: () => ProxyStatus,
): Promise<AdminListener> {
  const address = splitHostAndPort(config.admin.bind);
  if (address === undefined) throw new Error('admin.bind is not an address and port');
  return startAdmin({
    ...address,
    status,
    metrics: serving.metricsOf(status),
    checks: proxyChecks(status),
    flags: config.effective,
    logger,
  });
}

/** The lanes that are always open: also after their definition changed, and of resources that appear later. */
class Pins {
  readonly #ids: readonly string[];
  readonly #discovery: Discovery;
  readonly #subjects: Subjects;
  readonly #lanes: Lanes;

  constructor(ids: readonly string[], discovery: Discovery, subjects: Subjects, lanes: Lanes) {
    this.#ids = ids;
    this.#discovery = discovery;
    this.#subjects = subjects;
    this.#lanes = lanes;
  }

  /** Opens what is not open; returns the ids of what cannot be. */
  open(): readonly string[] {
    if (this.#ids.length === 0) return [];
    const known = this.#discovery.resources();
    return this.#ids.filter((id) => {
      const subject = known.has(id) ? this.#subjects.byId(id) : undefined;
      const lane = subject?.lane({ encoding: 'json', metadata: false }, '');
      return lane === undefined || this.#lanes.open(lane, true) === undefined;
    });
  }
}

function upstreamStatus(upstream: Upstream, discovery: Discovery): UpstreamStatus {
  return {
    url: upstream.url,
    connected: discovery.lastError === '',
    reached: discovery.ready,
    lastError: discovery.lastError,
    requests: [...upstream.requests.values()],
  };
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
