/**
 * Discovery: the resources of the cluster right now, and what changed.
 *
 * Refreshes on an interval, as soon as a watch shows another definition or APIService, and, at most
 * once a second, when somebody asks for what is not known. lookup() never waits. While upstream is
 * down, or a group version is stale, the last view stays. A resource counts as removed when its
 * definition is gone or does not serve its version; what has none must be missing from the documents
 * for `absentMs`, since a starting apiserver may forget for a moment. It stops being cacheable at once
 * when another server takes its group over.
 *
 * The apiserver's handlers learn of a new definition through watches of their own, and requests under
 * way go on under the old one. So a resource that changed is not cacheable for `settleMs`, and whoever
 * follows it must ask `doubt` when upstream ends a watch before its time, for that is how the apiserver
 * tells that the old definition is over.
 */

import { resourceId } from '../k8s/resource.ts';
import type { Resource } from '../k8s/resource.ts';
import { API_SERVICES_PATH, isOriginNews, readApiOrigins } from './api-origins.ts';
import type { ApiOrigins } from './api-origins.ts';
import { judge } from './cacheable.ts';
import type { CachePolicy, DiscoveredResource } from './cacheable.ts';
import { CollectionWatch } from './collection-watch.ts';
import {
  CustomResourceSource,
  DEFINITIONS_PATH,
  DEFINITIONS_WATCH_ACCEPT,
} from './custom-resources.ts';
import type { CustomResources } from './custom-resources.ts';
import { DocumentSource, groupVersionName } from './discovery-documents.ts';
import { PagedReader } from './paged-list.ts';
import type { DocumentReader } from './read-json.ts';
import { UpstreamError } from './upstream-error.ts';

export interface DiscoveryOptions {
  readonly refreshMs: number;
  /** Least pause between refreshes caused by unknown resources. */
  readonly missRefreshMs: number;
  /** Least pause between refreshes caused by what the watches show. */
  readonly newsRefreshMs: number;
  /** What the documents do not name, and what may not be read any longer, is believed gone after this long. */
  readonly absentMs: number;
  /** Pause after a failed refresh, and after a watch that broke. */
  readonly retryMs: number;
  /** A resource that changed is not cacheable for this long: upstream's servers may still disagree. */
  readonly settleMs: number;
  /** Until this long after a change, a watch that ends early may have been one of the old definition. */
  readonly youngMs: number;
  /** Bound on one document or page. */
  readonly maxDocumentBytes: number;
  /** Resources beyond this are not taken up. */
  readonly maxResources: number;
  readonly policy: CachePolicy;
}

export const DEFAULT_DISCOVERY_OPTIONS: DiscoveryOptions = Object.freeze({
  refreshMs: 30_000,
  missRefreshMs: 1_000,
  newsRefreshMs: 250,
  absentMs: 30_000,
  retryMs: 2_000,
  settleMs: 1_000,
  // The apiserver keeps the old definition for requests under way, up to twice its 60 s --request-timeout.
  youngMs: 150_000,
  maxDocumentBytes: 64 * 1024 * 1024,
  maxResources: 10_000,
  policy: Object.freeze({ secrets: false }),
});

export interface DiscoveryChange {
  /** removed: do not serve it any more. changed: what was read before is void. */
  readonly kind: 'removed' | 'changed';
  readonly resource: Resource;
}

interface Entry {
  readonly found: DiscoveredResource;
  /** What is said of it until it has settled. */
  readonly unsettled: DiscoveredResource;
  /** When it was found to be as it is; performance.now() time. */
  readonly sinceMs: number;
  /** It was another one before. */
  readonly changed: boolean;
  /** Since when refreshes do not name it; 0 when the last one did. */
  absentSinceMs: number;
}

/** Longest event of the watches: the metadata of a definition, or an APIService. */
const MAX_EVENT_BYTES = 4 * 1024 * 1024;

export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #documents: DocumentSource;
  readonly #paged: PagedReader;
  readonly #customResources: CustomResourceSource;
  readonly #listeners = new Set<(change: DiscoveryChange) => void>();
  readonly #abort = new AbortController();
  #entries = new Map<string, Entry>();
  /** Named by upstream, but not listable and watchable: asking for them is no reason to refresh. */
  #unfit: ReadonlySet<string> = new Set();
  #stale: ReadonlySet<string> = new Set();
  readonly #watches: readonly CollectionWatch[];
  #origins: ApiOrigins | undefined;
  /** When APIServices and definitions could be read last; performance.now() time. */
  #readableAtMs = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs = Infinity;
  #started = false;
  /** Somebody waits for a refresh that begins after now: the least pause before it. */
  #wantedMs: number | undefined;
  #running: Promise<void> | undefined;
  #lastStartMs = -Infinity;

  /** Called when a refresh is complete after one that failed: upstream answers again. */
  onRecovery: (() => void) | undefined;

  /** Plain values, read by health checks and at scrape time. */
  refreshes = 0;
  failures = 0;
  /** Date.now() of the last complete refresh; 0 before the first. */
  refreshedAtMs = 0;
  /** Why the last refresh failed; '' when it did not. */
  lastError = '';

  constructor(reader: DocumentReader, options: Partial<DiscoveryOptions> = {}) {
    this.#options = { ...DEFAULT_DISCOVERY_OPTIONS, ...options };
    this.#documents = new DocumentSource(reader, this.#options.maxDocumentBytes);
    this.#paged = new PagedReader(reader, this.#options.maxDocumentBytes);
    this.#customResources = new CustomResourceSource(this.#paged);
    this.#watches = this.#makeWatches(reader);
  }

  /** Whether one refresh was complete. */
  get ready(): boolean {
    return this.refreshedAtMs > 0;
  }

  /** Group versions whose servers do not answer at the moment. */
  get stale(): ReadonlySet<string> {
    return this.#stale;
  }

  /** Begins refreshing on the interval; resolves after the first attempt, which may fail. */
  async start(): Promise<void> {
    this.#started = true;
    await this.refresh().catch(() => {});
    for (const watch of this.#watches) watch.start();
  }

  close(): void {
    this.#started = false;
    for (const watch of this.#watches) watch.close();
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  /** Everything listable and watchable, by resource id. A fresh map. */
  resources(): Map<string, DiscoveredResource> {
    return new Map([...this.#entries].map(([id, entry]) => [id, entry.found]));
  }

  /** What is known of a resource now; asking for an unknown one hastens the next refresh. */
  lookup(group: string, version: string, plural: string): DiscoveredResource | undefined {
    const id = resourceId({ group, version, plural });
    const entry = this.#entries.get(id);
    if (entry === undefined) {
      const idle = this.#running === undefined;
      if (idle && !this.#unfit.has(id)) this.#hasten(this.#options.missRefreshMs);
      return undefined;
    }
    return this.#isSettled(entry) ? entry.found : entry.unsettled;
  }

  /**
   * Upstream ended a watch of this resource before its time, as it does when the definition changes. True when what was
   * read may be of an older definition than the one known here: it must be read again.
   */
  doubt(resource: Resource): boolean {
    const entry = this.#entries.get(resourceId(resource));
    if (entry === undefined || !entry.found.custom) return false;
    this.#hasten(this.#options.newsRefreshMs);
    return performance.now() - entry.sinceMs < this.#options.youngMs;
  }

  /** Calls back for every removed or changed resource. Returns the unsubscribe function. */
  onChange(listener: (change: DiscoveryChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** One refresh; calls meanwhile share it. Rejects when upstream gave no complete view. */
  refresh(): Promise<void> {
    this.#running ??= this.#refresh().finally(() => {
      this.#running = undefined;
      this.#timerAtMs = Infinity;
      this.#schedule(this.lastError === '' ? this.#options.refreshMs : this.#options.retryMs);
      if (this.#wantedMs !== undefined) this.#hasten(this.#wantedMs);
    });
    return this.#running;
  }

  /** A refresh that begins after now, at least `pauseMs` after the one before it began. */
  #hasten(pauseMs: number): void {
    if (!this.#started) return;
    if (this.#running !== undefined) {
      this.#wantedMs = Math.min(pauseMs, this.#wantedMs ?? Infinity);
      return;
    }
    const leftMs = this.#lastStartMs + pauseMs - performance.now();
    if (leftMs > 0) this.#schedule(leftMs);
    else this.refresh().catch(() => {});
  }

  /** The next refresh is due in `delayMs`, unless one is due sooner. */
  #schedule(delayMs: number): void {
    const atMs = performance.now() + delayMs;
    if (!this.#started || atMs >= this.#timerAtMs) return;
    clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(() => void this.refresh().catch(() => {}), delayMs).unref();
  }

  async #refresh(): Promise<void> {
    clearTimeout(this.#timer);
    this.#lastStartMs = performance.now();
    this.#wantedMs = undefined;
    this.refreshes += 1;
    try {
      await this.#readAll();
      const recovered = this.lastError !== '';
      this.refreshedAtMs = Date.now();
      this.lastError = '';
      if (recovered) this.onRecovery?.();
    } catch (error) {
      this.failures += 1;
      this.lastError = (error as Error).message;
      throw error;
    }
  }

  #makeWatches(reader: DocumentReader): readonly CollectionWatch[] {
    const { newsRefreshMs, refreshMs, retryMs } = this.#options;
    const refresh = (): void => this.#hasten(newsRefreshMs);
    const common = {
      maxFrameBytes: MAX_EVENT_BYTES,
      retryMs,
      refusedRetryMs: refreshMs,
      onOpen: refresh,
      onBroken: refresh,
    };
    return [
      new CollectionWatch(reader, {
        ...common,
        path: DEFINITIONS_PATH,
        accept: DEFINITIONS_WATCH_ACCEPT,
        onObject: (item, deleted) => {
          if (this.#customResources.isNews(item, deleted)) refresh();
        },
      }),
      new CollectionWatch(reader, {
        ...common,
        path: API_SERVICES_PATH,
        accept: 'application/json',
        onObject: (item, deleted) => {
          const known = this.#origins;
          if (known === undefined || isOriginNews(known, item, deleted)) refresh();
        },
      }),
    ];
  }

  async #readAll(): Promise<void> {
    const { signal } = this.#abort;
    const documents = await this.#documents.read(signal);
    // Origins are read after the documents: a group that was taken over in between is seen as such.
    const origins = await readApiOrigins(this.#paged, signal);
    const definitions = await this.#customResources.read(signal);
    this.#checkRights(origins, definitions);
    const named = new Map<string, DiscoveredResource>();
    const unfit = new Set<string>();
    for (const resource of documents.resources.slice(0, this.#options.maxResources)) {
      const found = judge(resource, origins, definitions, this.#options.policy);
      if (found === undefined) {
        unfit.add(resourceId(resource));
      } else {
        named.set(resourceId(resource), found);
      }
    }
    this.#origins = origins;
    this.#unfit = unfit;
    this.#stale = documents.stale;
    this.#apply(named, definitions);
  }

  /** A starting apiserver refuses what it will allow in a moment: what could be read once is not given up at once. */
  #checkRights(origins: ApiOrigins, definitions: CustomResources): void {
    const now = performance.now();
    const known = origins.kind === 'known' && definitions.kind === 'known';
    if (known || this.refreshedAtMs === 0) {
      this.#readableAtMs = known ? now : -Infinity;
    } else if (now - this.#readableAtMs < this.#options.absentMs) {
      throw new UpstreamError(
        'protocol',
        'APIServices or definitions may not be read at the moment',
      );
    }
  }

  #apply(named: Map<string, DiscoveredResource>, definitions: CustomResources): void {
    const next = new Map<string, Entry>();
    const changes: DiscoveryChange[] = [];
    for (const [id, found] of named) {
      const before = this.#entries.get(id);
      if (before?.found.definition === found.definition) {
        before.absentSinceMs = 0;
        next.set(id, before);
        continue;
      }
      next.set(id, entryOf(found, before !== undefined));
      if (before !== undefined) changes.push({ kind: 'changed', resource: found.resource });
    }
    for (const [id, entry] of this.#entries) {
      if (named.has(id)) {
        continue;
      }
      if (this.#isGone(entry, definitions)) {
        changes.push({ kind: 'removed', resource: entry.found.resource });
      } else {
        next.set(id, entry);
      }
    }
    this.#entries = next;
    for (const change of changes) {
      for (const listener of this.#listeners) {
        listener(change);
      }
    }
  }

  #isSettled({ changed, sinceMs }: Entry): boolean {
    return !changed || performance.now() - sinceMs >= this.#options.settleMs;
  }

  /** Not while its whole group version is stale. */
  #isGone(entry: Entry, definitions: CustomResources): boolean {
    const { resource, custom } = entry.found;
    if (this.#stale.has(groupVersionName(resource.group, resource.version))) {
      return false;
    }
    const name = `${resource.plural}.${resource.group}`;
    if (custom && definitions.kind === 'known') {
      const definition = definitions.byName.get(name);
      return definition?.selectable.has(resource.version) !== true;
    }
    const now = performance.now();
    if (entry.absentSinceMs === 0) entry.absentSinceMs = now;
    else if (now - entry.absentSinceMs >= this.#options.absentMs) return true;
    return false;
  }
}

function entryOf(found: DiscoveredResource, changed: boolean): Entry {
  const reason = 'its definition has just changed';
  const unsettled = found.cacheable ? { ...found, cacheable: false, reason } : found;
  return { found, unsettled, sinceMs: performance.now(), changed, absentSinceMs: 0 };
}
