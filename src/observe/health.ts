// Named checks behind /livez, /readyz and /healthz, with the texts of kube-apiserver
// (apiserver: pkg/server/healthz/healthz.go), so that scripts written for it work here.
// Reasons are withheld from the answer and returned apart, for the log.

import type { ReadStatus } from './status.ts';

export type HealthEndpoint = 'livez' | 'readyz' | 'healthz';

export interface HealthCheck {
  readonly name: string;
  /** /healthz, the older name, runs every check. */
  readonly endpoints: readonly ('livez' | 'readyz')[];
  /** Why it fails, or undefined when all is well. */
  readonly problem: () => string | undefined;
}

export interface HealthAnswer {
  readonly code: 200 | 404 | 500;
  readonly body: string;
  /** For the log: `name: reason` of each failed check. */
  readonly failures: readonly string[];
}

/** The proxy's own checks. Losing the apiserver is not a failure: what is held is still served. */
export function proxyChecks(status: ReadStatus): readonly HealthCheck[] {
  return [
    { name: 'ping', endpoints: ['livez', 'readyz'], problem: () => undefined },
    {
      name: 'upstream',
      endpoints: ['readyz'],
      problem: () => {
        const { reached, lastError } = status().upstream;
        return reached ? undefined : `not reached yet: ${lastError}`;
      },
    },
    {
      name: 'discovery',
      endpoints: ['readyz'],
      problem: () => (status().discoveredResources > 0 ? undefined : 'not read yet'),
    },
    {
      name: 'lanes-synced',
      endpoints: ['readyz'],
      problem: () => {
        const waiting = status().lanes.filter((lane) => lane.pinned && lane.state === 'starting');
        if (waiting.length === 0) return undefined;
        return `still listing: ${waiting.map((lane) => lane.resource).join(', ')}`;
      },
    },
    {
      name: 'shutdown',
      endpoints: ['readyz'],
      problem: () => (status().phase === 'draining' ? 'process is shutting down' : undefined),
    },
  ];
}

/** Runs the checks of an endpoint; `query` takes `verbose` and any number of `exclude=name`. */
export function answerHealth(
  endpoint: HealthEndpoint,
  checks: readonly HealthCheck[],
  query: URLSearchParams,
): HealthAnswer {
  const excluded = new Set(query.getAll('exclude'));
  const unmatched = new Set(excluded);
  const failures: string[] = [];
  let lines = '';
  for (const check of checksOf(endpoint, checks)) {
    if (excluded.has(check.name)) {
      unmatched.delete(check.name);
      lines += `[+]${check.name} excluded: ok\n`;
      continue;
    }
    const problem = check.problem();
    if (problem === undefined) lines += `[+]${check.name} ok\n`;
    else {
      lines += `[-]${check.name} failed: reason withheld\n`;
      failures.push(`${check.name}: ${problem}`);
    }
  }
  if (unmatched.size > 0) {
    const names = [...unmatched].sort().map((name) => JSON.stringify(name));
    lines += `warn: some health checks cannot be excluded: no matches for ${names.join(',')}\n`;
  }
  if (failures.length > 0) {
    return { code: 500, body: `${lines}${endpoint} check failed\n`, failures };
  }
  const body = query.has('verbose') ? `${lines}${endpoint} check passed\n` : 'ok';
  return { code: 200, body, failures };
}

/** One check alone: /readyz/upstream. */
export function answerHealthCheck(
  endpoint: HealthEndpoint,
  checks: readonly HealthCheck[],
  name: string,
): HealthAnswer {
  const check = checksOf(endpoint, checks).find((candidate) => candidate.name === name);
  if (check === undefined) return { code: 404, body: '404 page not found\n', failures: [] };
  const problem = check.problem();
  if (problem === undefined) return { code: 200, body: 'ok', failures: [] };
  return {
    code: 500,
    body: `internal server error: ${problem}\n`,
    failures: [`${name}: ${problem}`],
  };
}

function checksOf(
  endpoint: HealthEndpoint,
  checks: readonly HealthCheck[],
): readonly HealthCheck[] {
  if (endpoint === 'healthz') return checks;
  return checks.filter((check) => check.endpoints.includes(endpoint));
}
