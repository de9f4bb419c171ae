/** What fills the lanes: a reflector and its freshness proofs for each, kept for as long as the lane is open. */
import type { Lane } from './cache/lane.ts';
import type { LaneSource } from './cache/lanes.ts';
import type { Config } from './config/config.ts';
import type { Resource } from './k8s/resource.ts';
import type { Logger } from './observe/log.ts';
import type { FreshnessCounts } from './observe/status.ts';
import type { Upstream } from './upstream/upstream.ts';
import { Freshness } from './watch/freshness.ts';
import { Reflector } from './watch/reflector.ts';
import type { UpstreamReader } from './watch/upstream-reader.ts';

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

export class Feeds {
  readonly #upstream: Upstream;
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #definitions: Definitions;
  readonly #feeds = new Map<Lane, Feed>();

  constructor(upstream: Upstream, definitions: Definitions, config: Config, logger: Logger) {
    this.#upstream = upstream;
    this.#definitions = definitions;
    this.#config = config;
    this.#logger = logger;
  }

  of(lane: Lane): Feed | undefined {
    return this.#feeds.get(lane);
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
    const freshness: Freshness = new Freshness({
      resource,
      writer: lane,
      reader,
      lane: reflector,
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
        void reflector.stop('the lane was closed');
      },
    };
    this.#feeds.set(lane, feed);
    reflector.start();
    return feed;
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

function countsOf({ counters }: Freshness): FreshnessCounts {
  const { atOnce, byEvents, byList, byDelta, unproven, waitedMs } = counters;
  return { proven: atOnce + byEvents + byList + byDelta, unproven, waitedMs };
}
