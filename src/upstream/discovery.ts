/**
 * Discovery: the resources of the cluster right now, and what changed.
 *
 * Refreshes on an interval and, at most once a second, when somebody asks for what is not known (a
 * new custom resource appears without restart). lookup() never waits. While upstream is down, or a
 * group version is stale, the last view stays. A resource counts as removed when its definition is
 * gone, or when two refreshes in a row do not name it (a starting apiserver may forget for a moment);
 * it stops being cacheable at once when another server takes its group over.
 */

import { resourceId } from '../k8s/resource.ts';
import type { Resource } from '../k8s/resource.ts';
import { readApiOrigins } from './api-origins.ts';
import { judge } from './cacheable.ts';
import type { CachePolicy, DiscoveredResource } from './cacheable.ts';
import { CustomResourceSource } from './custom-resources.ts';
import type { CustomResources } from './custom-resources.ts';
import { DocumentSource, groupVersionName } from './discovery-documents.ts';
import { PagedReader } from './paged-list.ts';
import type { DocumentReader } from './read-json.ts';

export interface DiscoveryOptions {
  readonly refreshMs: number;
  /** Least pause between refreshes caused by unknown resources. */
  readonly missRefreshMs: number;
  /** Pause after a failed refresh. */
  readonly retryMs: number;
  /** Bound on one document or page. */
  readonly maxDocumentBytes: number;
  /** Resources beyond this are not taken up. */
  readonly maxResources: number;
  readonly policy: CachePolicy;
}

export const DEFAULT_DISCOVERY_OPTIONS: DiscoveryOptions = Object.freeze({
  refreshMs: 30_000,
  missRefreshMs: 1_000,
  retryMs: 2_000,
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
  /** Refreshes in a row that did not name it. */
  missed: number;
}

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
  #timer: NodeJS.Timeout | undefined;
  #started = false;
  #hastened = false;
  #running: Promise<void> | undefined;
  #lastStartMs = -Infinity;

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
  }

  close(): void {
    this.#started = false;
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
    if (entry === undefined && !this.#unfit.has(id)) {
      this.#refreshAfterMiss();
    }
    return entry?.found;
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
      this.#schedule(this.lastError === '' ? this.#options.refreshMs : this.#options.retryMs);
    });
    return this.#running;
  }

  #refreshAfterMiss(): void {
    if (!this.#started || this.#hastened || this.#running !== undefined) {
      return;
    }
    this.#hastened = true;
    const sinceMs = performance.now() - this.#lastStartMs;
    if (sinceMs >= this.#options.missRefreshMs) {
      this.refresh().catch(() => {});
    } else {
      this.#schedule(this.#options.missRefreshMs - sinceMs);
    }
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#started) {
      this.#timer = setTimeout(() => void this.refresh().catch(() => {}), delayMs).unref();
    }
  }

  async #refresh(): Promise<void> {
    this.#lastStartMs = performance.now();
    this.#hastened = false;
    this.refreshes += 1;
    try {
      await this.#readAll();
      this.refreshedAtMs = Date.now();
      this.lastError = '';
    } catch (error) {
      this.failures += 1;
      this.lastError = (error as Error).message;
      throw error;
    }
  }

  async #readAll(): Promise<void> {
    const { signal } = this.#abort;
    const documents = await this.#documents.read(signal);
    // Origins are read after the documents: a group that was taken over in between is seen as such.
    const origins = await readApiOrigins(this.#paged, signal);
    const definitions = await this.#customResources.read(signal);
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
    this.#unfit = unfit;
    this.#stale = documents.stale;
    this.#apply(named, definitions);
  }

  #apply(named: Map<string, DiscoveredResource>, definitions: CustomResources): void {
    const next = new Map<string, Entry>();
    const changes: DiscoveryChange[] = [];
    for (const [id, found] of named) {
      next.set(id, { found, missed: 0 });
      const before = this.#entries.get(id)?.found;
      if (before !== undefined && before.definition !== found.definition) {
        changes.push({ kind: 'changed', resource: found.resource });
      }
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

  /** Counts one more refresh without it, unless its whole group version is stale. */
  #isGone(entry: Entry, definitions: CustomResources): boolean {
    const { resource, custom } = entry.found;
    if (this.#stale.has(groupVersionName(resource.group, resource.version))) {
      return false;
    }
    const name = `${resource.plural}.${resource.group}`;
    if (custom && definitions.kind === 'known' && !definitions.byName.has(name)) {
      return true;
    }
    entry.missed += 1;
    return entry.missed >= 2;
  }
}
