/** What fills the lanes: a reflector and its freshness proofs for each, kept for as long as the lane is open. */
import type { Lane } from './cache/lane.ts';
import type { LaneSource } from './cache/lanes.ts';
import type { Config } from './config/config.ts';
import type { Resource } from './k8s/resource.ts';
import { resourceId } from './k8s/resource.ts';
import type { Logger } from './observe/log.ts';
import type { FreshnessCounts, ProbeCount } from './observe/status.ts';
import type { Upstream } from './upstream/upstream.ts';
import { Freshness } from './watch/freshness.ts';
import { DEFAULT_FRESHNESS_LIMITS, type ProofPath } from './watch/freshness-limits.ts';
import { Reflector } from './watch/reflector.ts';
import type { UpstreamReader } from './watch/upstream-reader.ts';
import { UpstreamRevision } from './watch/upstream-revision.ts';

export interface Feed extends LaneSource {
  readonly reflector: Reflector;
  readonly freshness: Freshness;
  freshnessCounts(): FreshnessCounts;
}

/** Discovery, as far as lanes ask it. */
export interface Definitions {
  /** Upstream ended a watch before its time: may what was read be of an older definition than the one known? */
  doubt(resource: Resource): boolean;
}

/** The probes of one resource, shared by its lanes. */
interface SharedRevision {
  readonly resource: Resource;
  readonly revision: UpstreamRevision;
  lanes: number;
}

export class Feeds {
  /** Told of every consistent read: how it was proven, and how long that took. */
  onRead: ((path: ProofPath, tookMs: number) => void) | undefined;
  readonly #upstream: Upstream;
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #definitions: Definitions;
  readonly #feeds = new Map<Lane, Feed>();
  readonly #revisions = new Map<string, SharedRevision>();

  constructor(upstream: Upstream, definitions: Definitions, config: Config, logger: Logger) {
    this.#upstream = upstream;
    this.#definitions = definitions;
    this.#config = config;
    this.#logger = logger;
  }

  of(lane: Lane): Feed | undefined {
    return this.#feeds.get(lane);
  }

  /** Probes sent for each resource that is followed. */
  probeCounts(): ProbeCount[] {
    return [...this.#revisions.values()].map(({ resource, revision }) => {
      const { group, version, plural } = resource;
      return { group, version, resource: plural, count: revision.probes };
    });
  }

  /** Upstream answers again: nobody need wait any longer before trying. */
  nudge(): void {
    for (const { reflector } of this.#feeds.values()) reflector.nudge();
  }

  /** Begins to fill a lane; `close` is called when the lane itself failed and can be filled no longer. */
  start(lane: Lane, close: (reason: string) => void): LaneSource {
    const { resource } = lane;
    const { maxFrameBytes } = this.#config.scanner;
    const logger = this.#logger.child({ resource: lane.id });
    const warnings: string[] = [];
    const reader = warned(this.#upstream, warnings);
    const reflector: Reflector = new Reflector({
      resource,
      writer: lane,
      reader,
      limits: { maxFrameBytes },
      onProgress: () => freshness.advanced(),
      doubt: () => this.#definitions.doubt(resource),
      onFault: (err) => {
        logger.error({ err }, 'Failed to keep a lane, its requests are passed through');
        close('the lane failed');
      },
    });
    const shared = this.#share(resource);
    const freshness: Freshness = new Freshness({
      resource,
      writer: lane,
      reader,
      lane: reflector,
      revision: shared.revision,
      onRead: (path, tookMs) => this.onRead?.(path, tookMs),
      limits: {
        maxFrameBytes,
        patienceMs: this.#config.freshness.waitForEventsMs,
        validateMaxObjects: this.#config.freshness.validateMaxObjects,
      },
    });
    const feed = {
      reflector,
      freshness,
      warnings,
      get streamingLists(): boolean {
        return reflector.streamingLists;
      },
      freshnessCounts: (): FreshnessCounts => countsOf(freshness),
      stop: (): void => {
        this.#feeds.delete(lane);
        freshness.close('the lane was closed');
        this.#unshare(shared);
        void reflector.stop('the lane was closed');
      },
    };
    this.#feeds.set(lane, feed);
    reflector.start();
    return feed;
  }

  #share(resource: Resource): SharedRevision {
    const id = resourceId(resource);
    let shared = this.#revisions.get(id);
    if (shared === undefined) {
      const { callTimeoutMs: timeoutMs } = DEFAULT_FRESHNESS_LIMITS;
      const revision = new UpstreamRevision({ resource, reader: this.#upstream, timeoutMs });
      shared = { resource, revision, lanes: 0 };
      this.#revisions.set(id, shared);
    }
    shared.lanes++;
    return shared;
  }

  #unshare(shared: SharedRevision): void {
    if (--shared.lanes > 0) return;
    this.#revisions.delete(resourceId(shared.resource));
    shared.revision.close();
  }
}

/** Reads upstream, and keeps the `Warning` headers of its latest answer: clients are to see them too. */
function warned(upstream: UpstreamReader, warnings: string[]): UpstreamReader {
  return {
    async open(path, request) {
      const response = await upstream.open(path, request);
      if (response.status !== 200) return response;
      warnings.length = 0;
      for (let i = 0; i + 1 < response.headers.length; i += 2) {
        const name = response.headers[i];
        if (name.toLowerCase() === 'warning') warnings.push('Warning', response.headers[i + 1]);
      }
      return response;
    },
  };
}

function countsOf({ counters, validations, deltaCounters }: Freshness): FreshnessCounts {
  const { paths, waitedMs } = counters;
  return { proofs: { ...paths }, waitedMs, lists: validations, deltas: deltaCounters.connects };
}
