/**
 * What became of each request: what it was about, who answered it and why, told once when it is over. Counting and
 * writing lines is somebody else's (observe/, through `finish`); this keeps the facts together until then.
 */
import type { Credential } from '../auth/authenticate.ts';
import type { Resource } from '../k8s/resource.ts';
import type { Exchange } from './exchange.ts';
import { isLongRunningTarget, isWatchTarget } from './request-kind.ts';

export interface FinishedExchange {
  readonly exchange: Exchange;
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespace: string;
  /** Who asks, where a certificate says so; empty otherwise. */
  readonly user: string;
  readonly source: 'cache' | 'passthrough' | 'local';
  readonly reason: string;
  /** Undefined for watches and other long answers. */
  readonly durationMs: number | undefined;
  readonly latencyMs: number;
}

interface Facts {
  readonly beganMs: number;
  resource: Resource | undefined;
  namespace: string;
  user: string;
  source: FinishedExchange['source'];
  reason: string;
}

const VERBS: Readonly<Record<string, string>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
  HEAD: 'get',
  GET: 'get',
};

export class RequestLog {
  readonly #finish: (finished: FinishedExchange) => void;
  readonly #onFailure: (error: unknown) => void;
  /** Of exchanges that are open. */
  readonly #facts = new Map<Exchange, Facts>();
  /** Faults of our own while answering; the request was passed through or broken off. */
  failures = 0;

  constructor(finish: (finished: FinishedExchange) => void, onFailure: (error: unknown) => void) {
    this.#finish = finish;
    this.#onFailure = onFailure;
  }

  begin(exchange: Exchange): void {
    const facts: Facts = {
      beganMs: performance.now(),
      resource: undefined,
      namespace: '',
      user: '',
      source: 'local',
      reason: '',
    };
    this.#facts.set(exchange, facts);
    exchange.onClose(() => this.#over(exchange, facts));
  }

  /** A token's user is known to upstream alone. */
  by(exchange: Exchange, caller: Credential): void {
    const facts = this.#facts.get(exchange);
    if (facts !== undefined && caller.kind === 'named') facts.user = caller.userInfo.user;
  }

  about(exchange: Exchange, resource: Resource, namespace: string): void {
    const facts = this.#facts.get(exchange);
    if (facts === undefined) return;
    facts.resource = resource;
    facts.namespace = namespace;
  }

  servedFromCache(exchange: Exchange): void {
    const facts = this.#facts.get(exchange);
    if (facts !== undefined) facts.source = 'cache';
  }

  passedThrough(exchange: Exchange, reason: string): void {
    const facts = this.#facts.get(exchange);
    if (facts === undefined) return;
    facts.source = 'passthrough';
    facts.reason = reason;
  }

  /** Answered here, because of who asks. */
  refused(exchange: Exchange, reason: string): void {
    const facts = this.#facts.get(exchange);
    if (facts !== undefined) facts.reason = reason;
  }

  failed(exchange: Exchange, error: unknown): void {
    this.failures++;
    this.#onFailure(error);
    this.passedThrough(exchange, 'internal error');
  }

  #over(exchange: Exchange, facts: Facts): void {
    this.#facts.delete(exchange);
    const latencyMs = performance.now() - facts.beganMs;
    const { target } = exchange;
    this.#finish({
      exchange,
      verb: verbOf(exchange),
      group: facts.resource?.group ?? '',
      version: facts.resource?.version ?? '',
      resource: facts.resource?.plural ?? '',
      namespace: facts.namespace,
      user: facts.user,
      source: facts.source,
      reason: facts.reason,
      durationMs: isLongRunningTarget(target) ? undefined : latencyMs,
      latencyMs,
    });
  }
}

/** The Kubernetes verb, as far as the shape of the request tells it. */
function verbOf(exchange: Exchange): string {
  const { method, target } = exchange;
  if (method === 'GET' && isWatchTarget(target)) return 'watch';
  if (method === 'GET' && isCollection(target)) return 'list';
  if (method === 'DELETE' && isCollection(target)) return 'deletecollection';
  return VERBS[method] ?? 'other';
}

function isCollection(target: string): boolean {
  const path = target
    .split('?', 1)[0]
    .split('/')
    .filter((part) => part !== '');
  const rest = path[0] === 'api' ? path.slice(2) : path[0] === 'apis' ? path.slice(3) : [];
  if (rest[0] === 'namespaces' && rest.length > 2) return rest.length === 3;
  return rest.length === 1;
}
