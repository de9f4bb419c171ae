// Counts finished requests. Written once per request by main.ts (never per event), read at scrape
// time and by the status page. Bounded: labels come from closed sets, resources beyond the limit
// are counted as `other`, so that no client can make series by asking for nonsense.

import type { RequestCount, RequestStatus, Source } from './status.ts';

/** Resource types with series of their own; a large cluster with many CRDs has about 300. */
const MAX_RESOURCES = 500;
const MAX_REASONS = 64;

const VERBS: ReadonlySet<string> = new Set([
  'get',
  'list',
  'watch',
  'create',
  'update',
  'patch',
  'delete',
  'deletecollection',
  'connect',
]);

export interface FinishedRequest {
  /** Kubernetes verb in lower case; others become `other`. */
  readonly verb: string;
  /** Names that discovery knows; all empty for anything else. */
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly code: number;
  readonly source: Source;
  /** Time to the last byte; undefined for watches and upgrades, which have no useful one. */
  readonly durationMs: number | undefined;
  /** Why it was passed through or refused, from a closed set of words; empty otherwise. */
  readonly reason: string;
}

function isStatusCode(code: number): boolean {
  return Number.isInteger(code) && code >= 100 && code <= 599;
}

interface MutableRow extends RequestCount {
  count: number;
}

export class RequestCounters {
  readonly #rows = new Map<string, MutableRow>();
  readonly #resources = new Set<string>();
  readonly #reasons = new Map<string, number>();

  record(request: FinishedRequest): void {
    const labels = this.labels(request);
    const key = Object.values(labels).join(' ');
    const row = this.#rows.get(key);
    if (row === undefined) this.#rows.set(key, { ...labels, count: 1 });
    else row.count += 1;
    if (request.source === 'passthrough' && request.reason !== '')
      this.#countReason(request.reason);
  }

  /** The labels under which a request is counted. */
  labels({
    verb,
    group,
    version,
    resource,
    code,
    source,
  }: FinishedRequest): Omit<RequestCount, 'count'> {
    const known = this.#isKnown(`${group}/${version}/${resource}`);
    return {
      verb: VERBS.has(verb) ? verb : 'other',
      group: known ? group : '',
      version: known ? version : '',
      resource: known ? resource : 'other',
      code: isStatusCode(code) ? code : 0,
      source,
    };
  }

  #isKnown(resource: string): boolean {
    if (this.#resources.has(resource)) return true;
    if (this.#resources.size >= MAX_RESOURCES) return false;
    this.#resources.add(resource);
    return true;
  }

  #countReason(reason: string): void {
    const known = this.#reasons.has(reason) || this.#reasons.size < MAX_REASONS;
    const name = known ? reason : 'other';
    this.#reasons.set(name, (this.#reasons.get(name) ?? 0) + 1);
  }

  status(): RequestStatus {
    const reasons = [...this.#reasons].map(([reason, count]) => ({ reason, count }));
    return {
      rows: [...this.#rows.values()],
      passThroughReasons: reasons.sort((left, right) => right.count - left.count),
    };
  }
}
