// Many readers of one resource at once: what they cost upstream, by kube-apiserver's own counters.

import { readFileSync } from 'node:fs';
import type { ApiClient } from '../control-plane/api-client.ts';
import { tokens } from '../control-plane/users.ts';
import { figuresOf, figuresText } from '../support/figures.ts';
import { collection, object } from '../support/resources.ts';
import type { ResourceName } from '../support/resources.ts';
import type { Stack } from '../support/stack.ts';
import { whileWriting } from './latency.ts';
import { ReadClient } from './read-client.ts';
import { growth, samples, upstreamRequests } from './upstream-load.ts';

export interface CrowdOptions {
  readonly direct: ApiClient;
  readonly readers: number;
  readonly seconds: number;
}

/** Lines for people: a busy and an idle resource, lists and single objects. */
export async function crowdOf(stack: Stack, options: CrowdOptions): Promise<string[]> {
  const cases: readonly (readonly [string, ResourceName, string])[] = [
    ['LISTs of a busy resource', 'leases', collection('leases', 'a')],
    ['GETs of a busy resource', 'leases', object('leases', 'a', 'busy')],
    ['LISTs of an idle resource', 'services', collection('services')],
    ['GETs of an idle resource', 'nodes', object('nodes', '', 'node-1')],
  ];
  const lines: string[] = [];
  for (const [what, resource, path] of cases) {
    const { result } = await whileWriting(options.direct, 1, () =>
      crowd(stack, options, resource, path),
    );
    lines.push(`${what}: ${result}`);
  }
  return lines;
}

async function crowd(
  stack: Stack,
  { direct, readers, seconds }: CrowdOptions,
  resource: ResourceName,
  path: string,
): Promise<string> {
  const authority = readFileSync(stack.controlPlane.caFile);
  const { url } = stack.watershed;
  const clients = Array.from({ length: 8 }, () => {
    return new ReadClient({ url, authority, token: tokens.admin, protocol: 'h2' });
  });
  await clients[0].read(path, 'application/json');
  const upstreamBefore = await upstreamRequests(direct, resource);
  const oursBefore = await ourCounters(stack);
  const tookMs: number[] = [];
  const beganMs = performance.now();
  await Promise.all(
    Array.from({ length: readers }, async (_, own) => {
      while (performance.now() - beganMs < seconds * 1000) {
        const { status, tookMs: each } = await clients[own % 8].read(path, 'application/json');
        if (status !== 200) throw new Error(`${path}: ${status}`);
        tookMs.push(each);
      }
    }),
  );
  const elapsed = (performance.now() - beganMs) / 1000;
  const upstream = growth(upstreamBefore, await upstreamRequests(direct, resource));
  const ours = growth(oursBefore, await ourCounters(stack));
  for (const client of clients) client.close();
  const rate = ([name, count]: readonly [string, number]): string =>
    `${name} ${(count / elapsed).toFixed(1)}/s`;
  return (
    `${(tookMs.length / elapsed).toFixed(0)} reads/s, ${figuresText(figuresOf(tookMs))}\n` +
    `    upstream saw: ${upstream.map(rate).join(', ')}\n` +
    `    ours: ${ours.map(rate).join(', ')}`
  );
}

async function ourCounters(stack: Stack): Promise<Map<string, number>> {
  const text = await stack.watershed.metrics();
  return new Map([
    ...samples(text, 'watershed_read_proof_seconds_count'),
    ...samples(text, 'watershed_proof_probes_total'),
    ...samples(text, 'watershed_proof_lists_total'),
    ...samples(text, 'watershed_upstream_requests_total'),
  ]);
}
