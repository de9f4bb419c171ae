/**
 * A scripted apiserver's discovery, APIServices and custom resources, as plain data a test changes
 * between refreshes. Answers in the aggregated or the classic form.
 */

import { createHash } from 'node:crypto';
import { answer } from './server.ts';
import type { IncomingMessage, ServerResponse } from './server.ts';

export interface ScriptedResource {
  readonly plural: string;
  readonly kind: string;
  readonly namespaced?: boolean;
  readonly verbs?: readonly string[];
}

export interface ScriptedVersion {
  readonly resources: readonly ScriptedResource[];
  readonly stale?: boolean;
}

const READABLE = ['create', 'get', 'list', 'watch'];

export class ClusterDocuments {
  /** By `v1` or `apps/v1`. */
  readonly versions = new Map<string, ScriptedVersion>();
  /** Group versions whose APIService has spec.service. */
  readonly remote = new Set<string>();
  /** By `plural.group`: generation and selectable fields of the version v1. */
  readonly definitions = new Map<
    string,
    { generation: number; fields: readonly string[]; served?: boolean }
  >();
  form: 'aggregated' | 'classic' = 'aggregated';
  /** Status for a path prefix instead of the real answer. */
  readonly failing = new Map<string, number>();
  readonly requests: string[] = [];
  /** Whether APIServices and definitions may be watched; their watches stay open. */
  watchable = false;
  readonly #watches = new Map<string, ServerResponse>();

  /** How many are watched now. */
  get watched(): number {
    return this.#watches.size;
  }

  /** Sends an event to whoever watches the definitions or APIServices; the object is as listed now, unless given. */
  show(type: string, name: string, gone?: object): void {
    const definition = this.definitions.has(name) || gone !== undefined;
    const items = definition ? this.#definitions() : this.#apiServices();
    const object = gone ?? items.find(({ metadata }) => metadata.name === name);
    const watch = this.#watches.get(definition ? 'customresourcedefinitions' : 'apiservices');
    watch?.write(`${JSON.stringify({ type, object })}\n`);
  }

  /** Ends all watches cleanly. */
  endWatches(): void {
    for (const watch of this.#watches.values()) watch.end();
    this.#watches.clear();
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    const [path, query] = (request.url ?? '').split('?');
    if (query?.includes('watch=1')) {
      if (!this.watchable) {
        answer(response, 403, { kind: 'Status', code: 403 });
        return;
      }
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      this.#watches.set(path.split('/').at(-1) ?? '', response);
      return;
    }
    this.requests.push(path);
    for (const [prefix, status] of this.failing) {
      if (path.startsWith(prefix)) {
        answer(response, status, { kind: 'Status', code: status });
        return;
      }
    }
    const document = this.#document(path, request.url ?? '', String(request.headers.accept));
    const etag = `"${createHash('sha256').update(JSON.stringify(document)).digest('hex')}"`;
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304, { etag });
      response.end();
      return;
    }
    response.setHeader('etag', etag);
    answer(response, document === undefined ? 404 : 200, document ?? { kind: 'Status' });
  }

  #document(path: string, url: string, accept: string): unknown {
    if (path === '/api' || path === '/apis') {
      const aggregated = this.form === 'aggregated' && accept.includes('APIGroupDiscoveryList');
      return aggregated ? this.#aggregated(path) : this.#groups(path);
    }
    if (path.endsWith('/apiservices')) {
      return page(this.#apiServices(), url);
    }
    if (path.includes('/customresourcedefinitions')) {
      return this.#customResources(path, url, accept.includes('PartialObjectMetadataList'));
    }
    return this.#classic(path.replace(/^\/apis?\//, ''));
  }

  #of(root: string): [string, ScriptedVersion][] {
    return [...this.versions].filter(([name]) => (root === '/api') === !name.includes('/'));
  }

  #aggregated(root: string): unknown {
    const items = this.#of(root).map(([name, version]) => ({
      metadata: { name: split(name).group },
      versions: [
        {
          version: split(name).version,
          freshness: version.stale ? 'Stale' : 'Current',
          resources: version.stale
            ? []
            : version.resources.map((r) => ({
                resource: r.plural,
                responseKind: { ...split(name), kind: r.kind },
                scope: (r.namespaced ?? true) ? 'Namespaced' : 'Cluster',
                verbs: r.verbs ?? READABLE,
                subresources: [{ subresource: 'status', verbs: ['get', 'list', 'watch'] }],
              })),
        },
      ],
    }));
    return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', items };
  }

  #groups(root: string): unknown {
    if (root === '/api') {
      return { kind: 'APIVersions', versions: this.#of(root).map(([name]) => name) };
    }
    const groups = this.#of(root).map(([name]) => ({ versions: [{ groupVersion: name }] }));
    return { kind: 'APIGroupList', groups };
  }

  #classic(name: string): unknown {
    const version = this.versions.get(name);
    return (
      version && {
        kind: 'APIResourceList',
        groupVersion: name,
        resources: version.resources.flatMap((r) => [
          {
            name: r.plural,
            kind: r.kind,
            namespaced: r.namespaced ?? true,
            verbs: r.verbs ?? READABLE,
          },
          {
            name: `${r.plural}/status`,
            kind: r.kind,
            namespaced: true,
            verbs: ['get', 'list', 'watch'],
          },
        ]),
      }
    );
  }

  #apiServices(): { readonly metadata: { readonly name: string } }[] {
    return [...this.versions.keys()].map((name) => ({
      metadata: { name },
      spec: { ...split(name), service: this.remote.has(name) ? { name: 's' } : null },
    }));
  }

  #definitions(): { readonly metadata: { readonly name: string } }[] {
    return [...this.definitions].map(([name, definition]) => ({
      metadata: { name, uid: `uid-${name}`, generation: definition.generation },
      spec: {
        versions: [
          {
            name: 'v1',
            served: definition.served ?? true,
            selectableFields: definition.fields.map((f) => ({ jsonPath: f })),
          },
          { name: 'v1alpha1', served: false },
        ],
      },
    }));
  }

  #customResources(path: string, url: string, metadataOnly: boolean): unknown {
    const items = this.#definitions();
    const name = path.split('/customresourcedefinitions/')[1];
    if (name !== undefined) {
      return items.find((item) => item.metadata.name === name);
    }
    return page(metadataOnly ? items.map(({ metadata }) => ({ metadata })) : items, url);
  }
}

function split(name: string): { group: string; version: string } {
  const [group, version] = name.includes('/') ? name.split('/') : ['', name];
  return { group, version };
}

function page(items: readonly unknown[], url: string): unknown {
  const query = new URL(url, 'http://x').searchParams;
  const start = Number(query.get('continue') ?? 0);
  const end = start + Number(query.get('limit') ?? items.length);
  const metadata = end < items.length ? { continue: String(end) } : {};
  return { kind: 'List', metadata, items: items.slice(start, end) };
}
