// How many requests reached kube-apiserver, by its own account: apiserver_request_total of one resource,
// and what Watershed says it sent.

import type { ApiClient } from '../control-plane/api-client.ts';
import type { ResourceName } from '../support/resources.ts';
import { resources } from '../support/resources.ts';

/** Verb to requests of a resource, as far as the apiserver counts them (watches when they end). */
export async function upstreamRequests(
  direct: ApiClient,
  resource: ResourceName,
): Promise<Map<string, number>> {
  const text = (await direct.request('GET', '/metrics')).body.toString();
  const wanted = `resource="${resources[resource].plural}"`;
  const sums = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (!line.startsWith('apiserver_request_total{') || !line.includes(wanted)) continue;
    const verb = /verb="([^"]*)"/.exec(line)?.[1] ?? '';
    const value = Number(line.slice(line.lastIndexOf(' ') + 1));
    sums.set(verb, (sums.get(verb) ?? 0) + value);
  }
  return sums;
}

/** Samples of one metric of ours: labels as text, and the value. */
export function samples(exposition: string, name: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of exposition.split('\n')) {
    if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue;
    const space = line.lastIndexOf(' ');
    found.set(line.slice(name.length, space), Number(line.slice(space + 1)));
  }
  return found;
}

/** What grew between two readings, biggest first. */
export function growth(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): (readonly [string, number])[] {
  return [...after]
    .map(([key, value]) => [key, value - (before.get(key) ?? 0)] as const)
    .filter(([, grown]) => grown > 0)
    .toSorted(([, left], [, right]) => right - left);
}
