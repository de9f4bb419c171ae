/**
 * Discovery documents: what resources upstream says it serves.
 *
 * Reads the aggregated form (two requests, with ETags) and falls back to the classic one (one request
 * per group and version) for servers that do not know it. Subresources are left out. A group version
 * that upstream itself calls stale, or that cannot be read, is named in `stale`: nothing is known
 * about it, which is not the same as "it is gone".
 */

import { childOf, objectsOf, readJson, textOf } from './read-json.ts';
import type { DocumentReader, Json } from './read-json.ts';
import { UpstreamError } from './upstream-error.ts';

/** One resource as a discovery document names it. */
export interface NamedResource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  /** The objects carry another group or version than the path does. */
  readonly foreignKind: boolean;
}

export interface DiscoveryDocuments {
  readonly resources: readonly NamedResource[];
  /** `v1`, `apps/v1`: group versions about which nothing is known right now. */
  readonly stale: ReadonlySet<string>;
}

const AGGREGATED = [
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList',
  'application/json',
].join(',');

/** Classic per-group documents asked for at once. */
const PARALLEL_READS = 8;

interface Cached {
  readonly etag: string;
  readonly documents: DiscoveryDocuments;
}

export class DocumentSource {
  readonly #reader: DocumentReader;
  readonly #maxBytes: number;
  readonly #cached = new Map<string, Cached>();

  constructor(reader: DocumentReader, maxBytes: number) {
    this.#reader = reader;
    this.#maxBytes = maxBytes;
  }

  /** Throws UpstreamError when upstream gives no usable document. */
  async read(signal: AbortSignal): Promise<DiscoveryDocuments> {
    const [core, named] = await Promise.all([
      this.#readRoot('/api', signal),
      this.#readRoot('/apis', signal),
    ]);
    return {
      resources: [...core.resources, ...named.resources],
      stale: new Set([...core.stale, ...named.stale]),
    };
  }

  async #readRoot(path: string, signal: AbortSignal): Promise<DiscoveryDocuments> {
    const cached = this.#cached.get(path);
    const answer = await readJson(this.#reader, {
      path,
      accept: AGGREGATED,
      maxBytes: this.#maxBytes,
      signal,
      etag: cached?.etag,
    });
    if (answer.kind === 'unchanged' && cached !== undefined) {
      return cached.documents;
    }
    if (answer.kind !== 'document') {
      const status = answer.kind === 'refused' ? answer.status : 304;
      throw new UpstreamError('protocol', `GET ${path} was answered with ${status}`);
    }
    if (textOf(answer.document, 'kind') !== 'APIGroupDiscoveryList') {
      return this.#readClassic(path, answer.document, signal);
    }
    const documents = aggregated(answer.document);
    if (answer.etag !== '') {
      this.#cached.set(path, { etag: answer.etag, documents });
    }
    return documents;
  }

  async #readClassic(path: string, root: Json, signal: AbortSignal): Promise<DiscoveryDocuments> {
    const groupVersions = classicGroupVersions(path, root);
    const resources: NamedResource[] = [];
    const stale = new Set<string>();
    for (let at = 0; at < groupVersions.length; at += PARALLEL_READS) {
      const some = groupVersions.slice(at, at + PARALLEL_READS);
      const read = some.map((name) => this.#readGroupVersion(`${path}/${name}`, name, signal));
      for (const [index, found] of (await Promise.all(read)).entries()) {
        if (found === undefined) {
          stale.add(some[index]);
        } else {
          resources.push(...found);
        }
      }
    }
    return { resources, stale };
  }

  /** undefined: this group version cannot be read now (its aggregated server may be down). */
  async #readGroupVersion(
    path: string,
    groupVersion: string,
    signal: AbortSignal,
  ): Promise<readonly NamedResource[] | undefined> {
    const request = { path, accept: 'application/json', maxBytes: this.#maxBytes, signal };
    try {
      const answer = await readJson(this.#reader, request);
      return answer.kind === 'document' ? classic(groupVersion, answer.document) : undefined;
    } catch (error) {
      if (signal.aborted || !(error instanceof UpstreamError) || error.code !== 'protocol') {
        throw error;
      }
      return undefined;
    }
  }
}

function aggregated(document: Json): DiscoveryDocuments {
  const resources: NamedResource[] = [];
  const stale = new Set<string>();
  for (const item of objectsOf(document, 'items')) {
    const group = textOf(childOf(item, 'metadata'), 'name');
    for (const entry of objectsOf(item, 'versions')) {
      const version = textOf(entry, 'version');
      if (textOf(entry, 'freshness') === 'Stale') {
        stale.add(groupVersionName(group, version));
        continue;
      }
      for (const found of objectsOf(entry, 'resources')) {
        const kind = childOf(found, 'responseKind');
        resources.push({
          group,
          version,
          plural: textOf(found, 'resource'),
          kind: textOf(kind, 'kind'),
          namespaced: textOf(found, 'scope') === 'Namespaced',
          verbs: textsOf(found['verbs']),
          foreignKind: isForeign(kind, group, version),
        });
      }
    }
  }
  return { resources, stale };
}

function classicGroupVersions(path: string, root: Json): readonly string[] {
  if (path === '/api') {
    return textsOf(root['versions']);
  }
  return objectsOf(root, 'groups').flatMap((group) =>
    objectsOf(group, 'versions').map((version) => textOf(version, 'groupVersion')),
  );
}

function classic(groupVersion: string, document: Json): readonly NamedResource[] {
  const slash = groupVersion.indexOf('/');
  const group = slash === -1 ? '' : groupVersion.slice(0, slash);
  const version = groupVersion.slice(slash + 1);
  return objectsOf(document, 'resources')
    .filter((found) => !textOf(found, 'name').includes('/'))
    .map((found) => ({
      group,
      version,
      plural: textOf(found, 'name'),
      kind: textOf(found, 'kind'),
      namespaced: found['namespaced'] === true,
      verbs: textsOf(found['verbs']),
      foreignKind: isForeign(found, group, version),
    }));
}

/** Documents leave group and version out where they equal the path's; '' says nothing. */
function isForeign(kind: Json | undefined, group: string, version: string): boolean {
  const kindVersion = textOf(kind, 'version');
  return kindVersion !== '' && (kindVersion !== version || textOf(kind, 'group') !== group);
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** `v1` or `apps/v1`. */
export function groupVersionName(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`;
}
