// One request, sent to kube-apiserver and through the proxy at the same time. "As upstream" means status, headers,
// the way the body ends, and every byte of it (conformance/support/compare.ts).

import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { differences } from '../../conformance/support/compare.ts';
import type { Request, Stack } from '../../conformance/support/stack.ts';
import type { LoggedRequest } from '../../conformance/support/watershed.ts';
import type { RecordedResponse } from '../../support/recorded-response.ts';

export interface Asked {
  readonly direct: RecordedResponse;
  readonly proxied: RecordedResponse;
  readonly logged: LoggedRequest;
  /** How the two differ; empty when they do not. */
  readonly found: readonly string[];
}

export async function askBoth(stack: Stack, request: Request): Promise<Asked> {
  const auditId = randomUUID();
  const headers = { ...request.headers, 'audit-id': auditId };
  const [direct, proxied] = await Promise.all([
    stack.direct({ ...request, headers }),
    stack.proxied({ ...request, headers }),
  ]);
  const logged = await stack.watershed.logged(auditId);
  const protocol = request.protocol ?? 'http/1.1';
  const from = logged.source === 'cache' ? 'cache' : 'passthrough';
  return { direct, proxied, logged, found: differences(direct, proxied, { protocol, from }) };
}

export interface Expected {
  readonly status: number;
  /** Who must have answered; not asked when absent. */
  readonly from?: LoggedRequest['source'];
}

/** Both answer alike, and as expected. Returns the proxy's answer. */
export async function expectAlike(
  stack: Stack,
  request: Request,
  expected: Expected,
): Promise<RecordedResponse> {
  const { direct, proxied, logged, found } = await askBoth(stack, request);
  const what = `${request.method ?? 'GET'} ${request.path} by ${request.user ?? request.token}`;
  expect(direct.status, `upstream, ${what}: ${direct.text}`).toBe(expected.status);
  expect(found, `${what}\n${found.join('\n')}`).toEqual([]);
  if (expected.from !== undefined) {
    expect(logged.source, `${what}: ${logged.reason}`).toBe(expected.from);
  }
  return proxied;
}

/** The name of each object of a list, in its order. */
export function namesIn(list: RecordedResponse): string[] {
  const { items } = list.json() as { readonly items: readonly { metadata: { name: string } }[] };
  return items.map(({ metadata }) => metadata.name);
}

/** What a refusal says: its code and its reason. */
export function refusalOf(answer: RecordedResponse): { code: number; reason: string } {
  const { code, reason } = answer.json() as { code: number; reason: string };
  return { code, reason };
}
