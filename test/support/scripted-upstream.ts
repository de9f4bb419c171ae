/**
 * A small apiserver for one resource on a real HTTP socket: LIST in pages, WATCH with initial events and bookmarks, a
 * revision counter and a window. What it does wrong is up to the test: the next requests of a kind can be answered with
 * anything, open watches can be cut, ended, muted or made to say anything.
 */

import {
  createServer,
  get,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Resource } from '../../src/k8s/resource.ts';
import { apiVersion } from '../../src/k8s/resource.ts';
import type { ReadResponse, UpstreamReader } from '../../src/watch/upstream-reader.ts';

export type RequestKind = 'list' | 'probe' | 'watch' | 'watch-list' | 'delta';

export type Answer =
  /** A Status with this code. */
  | { readonly kind: 'status'; readonly code: number; readonly headers?: Record<string, string> }
  /** Any bytes with status 200; then the end. */
  | { readonly kind: 'text'; readonly text: string }
  /** The connection breaks before any answer. */
  | { readonly kind: 'reset' }
  /** No answer ever. */
  | { readonly kind: 'hang' }
  /** Status 200, and then nothing ever. */
  | { readonly kind: 'silence' };

interface Stored {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Record<string, string>;
  readonly revision: number;
}

interface Happened {
  readonly type: string;
  readonly object: Stored;
}

interface Watcher {
  readonly kind: RequestKind;
  readonly response: ServerResponse;
  /** Sent up to here. */
  sent: number;
}

export const PODS: Resource = {
  group: '',
  version: 'v1',
  plural: 'pods',
  kind: 'Pod',
  namespaced: true,
};

export class ScriptedUpstream {
  readonly resource: Resource;
  /** Every request, in the order they came. */
  readonly requests: { readonly kind: RequestKind; readonly url: URL }[] = [];
  /** Answers for the next requests of a kind, first one first. */
  readonly answers: Record<RequestKind, Answer[]> = {
    list: [],
    probe: [],
    watch: [],
    'watch-list': [],
    delta: [],
  };
  revision = 100;
  /** Watches from before this revision are expired. */
  floor = 0;
  /** Release without streaming lists: answers them 422. */
  streamingLists = true;
  /** Bytes per piece of a stream; 0 for as they come. */
  pieceBytes = 0;
  /** Kinds of watches that get nothing for now. */
  readonly muted = new Set<RequestKind>();
  /** A delta watch gets its bookmark after this long; the real one after about a second. */
  deltaBookmarkMs = 2;
  /** Called while a list is being answered, between its revision and its end. */
  duringList: (() => void) | undefined;
  readonly #objects = new Map<string, Stored>();
  #history: Happened[] = [];
  readonly #watchers = new Set<Watcher>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  /** Pages of one list see the state of its first page. */
  readonly #pages = new Map<number, Stored[]>();

  private constructor(resource: Resource) {
    this.resource = resource;
    this.#server = createServer((request, response) => this.#answer(request, response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async listen(resource: Resource = PODS): Promise<ScriptedUpstream> {
    const upstream = new ScriptedUpstream(resource);
    await new Promise<void>((ready) => upstream.#server.listen(0, '127.0.0.1', ready));
    return upstream;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((closed) => this.#server.close(closed));
  }

  /** What watch/ reads it with. */
  get reader(): UpstreamReader {
    const { port } = this.#server.address() as AddressInfo;
    return {
      open: (path, { signal, headers = {} }) =>
        new Promise<ReadResponse>((resolve, reject) => {
          const options = { host: '127.0.0.1', port, path, signal, headers, agent: false };
          get(options, (response) => {
            const { statusCode = 0, rawHeaders } = response;
            resolve({ status: statusCode, headers: rawHeaders, body: response });
          }).on('error', reject);
        }),
    };
  }

  count(kind: RequestKind): number {
    return this.requests.filter((request) => request.kind === kind).length;
  }

  open(kind: RequestKind): number {
    return [...this.#watchers].filter((watcher) => watcher.kind === kind).length;
  }

  // ---- the store --------------------------------------------------------------------------------

  put(name: string, labels: Record<string, string> = {}, namespace = 'default'): number {
    const key = `${namespace}/${name}`;
    const object = { namespace, name, labels, revision: ++this.revision };
    const type = this.#objects.has(key) ? 'MODIFIED' : 'ADDED';
    this.#objects.set(key, object);
    this.#happen({ type, object });
    return object.revision;
  }

  delete(name: string, namespace = 'default'): number {
    const key = `${namespace}/${name}`;
    const stored = this.#objects.get(key);
    if (stored === undefined) throw new Error(`no ${key}`);
    this.#objects.delete(key);
    const object = { ...stored, revision: ++this.revision };
    this.#happen({ type: 'DELETED', object });
    return object.revision;
  }

  /** Writes to other resources. */
  elsewhere(writes = 1): number {
    this.revision += writes;
    return this.revision;
  }

  /** As a restart does: the window is empty, older watches are expired. */
  forget(): void {
    this.floor = this.revision;
    this.#history = [];
  }

  /** As a restored backup does: everything is gone, the revision goes back. */
  restore(revision: number): void {
    this.#objects.clear();
    this.#history = [];
    this.#pages.clear();
    this.revision = revision;
    this.floor = 0;
  }

  /** Revisions of all changes behind `revision`, as far as the window reaches. */
  changesSince(revision: number): number[] {
    return this.#history.map(({ object }) => object.revision).filter((own) => own > revision);
  }

  contents(): string[] {
    return [...this.#objects].map(([key, { revision }]) => `${key}@${revision}`).sort();
  }

  // ---- open watches -----------------------------------------------------------------------------

  /** Sends everything muted watches have missed. */
  unmute(): void {
    this.muted.clear();
    this.#deliver();
  }

  bookmark(revision = this.revision): void {
    for (const watcher of this.#watchers) {
      if (!this.muted.has(watcher.kind)) this.#bookmarkTo(watcher, revision);
    }
  }

  /** Says anything on the open watches of a kind. */
  say(kind: RequestKind, text: string): void {
    for (const watcher of this.#watchers) if (watcher.kind === kind) watcher.response.write(text);
  }

  sendError(kind: RequestKind, code: number, reason = '', retryAfterSeconds = 0): void {
    this.say(kind, errorLine(code, reason, retryAfterSeconds));
  }

  /** Ends the open watches of a kind as their timeouts would. */
  end(kind: RequestKind): void {
    for (const watcher of this.#watchers) {
      if (watcher.kind !== kind) continue;
      this.#watchers.delete(watcher);
      watcher.response.end();
    }
  }

  /** Breaks the connections of the open watches of a kind. */
  cut(kind: RequestKind): void {
    for (const watcher of this.#watchers) {
      if (watcher.kind === kind) watcher.response.socket?.destroy();
    }
  }

  // ---- answers ----------------------------------------------------------------------------------

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://upstream');
    const kind = kindOf(url);
    this.requests.push({ kind, url });
    const scripted = this.answers[kind].shift();
    if (scripted?.kind === 'reset') request.socket.destroy();
    else if (scripted?.kind === 'status') sendStatus(response, scripted.code, scripted.headers);
    else if (scripted?.kind === 'text') response.end(scripted.text);
    else if (scripted?.kind === 'hang') response.on('error', () => {});
    else if (scripted?.kind === 'silence') response.writeHead(200).flushHeaders();
    else if (kind === 'list' || kind === 'probe') this.#list(url, request, response);
    else this.#watch(kind, url, response);
  }

  #list(url: URL, request: IncomingMessage, response: ServerResponse): void {
    const token = url.searchParams.get('continue');
    const limit = Number(url.searchParams.get('limit') ?? 0);
    const [revision, after] = token === null ? [this.revision, 0] : token.split(':').map(Number);
    if (token === null) this.#pages.set(revision, this.#sorted());
    const all = this.#pages.get(revision);
    if (all === undefined || revision < this.floor) {
      sendStatus(response, 410);
      return;
    }
    const metadataOnly = request.headers.accept?.includes('as=PartialObjectMetadataList') ?? false;
    const wanted = kindOf(url) === 'probe' ? [] : all;
    const page = limit > 0 ? wanted.slice(after, after + limit) : wanted;
    const left = wanted.length - after - page.length;
    const metadata = {
      resourceVersion: String(revision),
      ...(left > 0 ? { continue: `${revision}:${after + page.length}` } : {}),
    };
    const items = page.map((object) =>
      metadataOnly
        ? { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', ...this.#body(object) }
        : this.#body(object),
    );
    this.duringList?.();
    const kind = `${this.resource.kind}List`;
    response.end(
      `${JSON.stringify({ kind, apiVersion: apiVersion(this.resource), metadata, items })}\n`,
    );
  }

  #watch(kind: RequestKind, url: URL, response: ServerResponse): void {
    if (kind === 'watch-list' && !this.streamingLists) {
      sendStatus(response, 422);
      return;
    }
    const watcher = { kind, response, sent: Number(url.searchParams.get('resourceVersion')) };
    response.on('close', () => this.#watchers.delete(watcher));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    this.#watchers.add(watcher);
    if (kind === 'watch-list') {
      watcher.sent = this.revision;
      for (const object of this.#sorted()) this.#sendTo(watcher, { type: 'ADDED', object });
      this.#bookmarkTo(watcher, this.revision, { 'k8s.io/initial-events-end': 'true' });
      return;
    }
    if (watcher.sent < this.floor) {
      this.#watchers.delete(watcher);
      response.end(errorLine(410, 'Expired', 0));
      return;
    }
    this.#deliver();
    if (kind === 'delta') {
      const from = watcher.sent;
      setTimeout(() => {
        if (this.revision > from && !this.muted.has(kind)) this.#bookmarkTo(watcher, this.revision);
      }, this.deltaBookmarkMs).unref();
    }
  }

  #happen(event: Happened): void {
    this.#history.push(event);
    this.#deliver();
  }

  #deliver(): void {
    for (const watcher of this.#watchers) {
      if (this.muted.has(watcher.kind)) continue;
      for (const event of this.#history) {
        if (event.object.revision <= watcher.sent) continue;
        watcher.sent = event.object.revision;
        this.#sendTo(watcher, event);
      }
    }
  }

  #sendTo(watcher: Watcher, { type, object }: Happened): void {
    const { kind } = this.resource;
    const body = { kind, apiVersion: apiVersion(this.resource), ...this.#body(object) };
    this.#write(watcher, `${JSON.stringify({ type, object: body })}\n`);
  }

  #bookmarkTo(watcher: Watcher, revision: number, annotations?: Record<string, string>): void {
    const metadata = { resourceVersion: String(revision), ...(annotations ? { annotations } : {}) };
    const object = { kind: this.resource.kind, apiVersion: apiVersion(this.resource), metadata };
    this.#write(watcher, `${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
  }

  #write(watcher: Watcher, line: string): void {
    const step = this.pieceBytes > 0 ? this.pieceBytes : line.length;
    for (let at = 0; at < line.length; at += step)
      watcher.response.write(line.slice(at, at + step));
  }

  #body({ namespace, name, labels, revision }: Stored): object {
    const uid = `uid-${namespace}-${name}`;
    return { metadata: { name, namespace, uid, resourceVersion: String(revision), labels } };
  }

  #sorted(): Stored[] {
    return [...this.#objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }
}

function kindOf(url: URL): RequestKind {
  if (url.searchParams.get('watch') === null) {
    return url.searchParams.get('fieldSelector') === null ? 'list' : 'probe';
  }
  if (url.searchParams.get('sendInitialEvents') === 'true') return 'watch-list';
  return url.searchParams.get('timeoutSeconds') === '3' ? 'delta' : 'watch';
}

function sendStatus(
  response: ServerResponse,
  code: number,
  headers: Record<string, string> = {},
): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ kind: 'Status', status: 'Failure', message: `no: ${code}`, code }));
}

function errorLine(code: number, reason: string, retryAfterSeconds: number): string {
  const details = retryAfterSeconds > 0 ? { details: { retryAfterSeconds } } : {};
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' };
  const object = { ...status, message: `error ${code}`, reason, ...details, code };
  return `${JSON.stringify({ type: 'ERROR', object })}\n`;
}
