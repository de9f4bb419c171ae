// Writes, and reads whose answer a write depends on: upstream's own answers, and never an older state than the last
// one that was acknowledged.

import { beforeAll, describe, expect, test } from 'vitest';
import { reach } from '../conformance/support/history.ts';
import { collection, object } from '../conformance/support/resources.ts';
import { authorization } from '../conformance/support/stack.ts';
import type { Protocol, Request, Stack } from '../conformance/support/stack.ts';
import type { RecordedResponse } from '../support/recorded-response.ts';
import { create } from './support/callers.ts';

const mebibyte = 1024 ** 2;
const renewals = 40;
const takeovers = 25;
const sides = ['direct', 'proxied'] as const;
type Side = (typeof sides)[number];

const configMaps = collection('configmaps', 'ab');
const leases = collection('leases', 'a');

interface Lease {
  readonly metadata: { readonly resourceVersion: string };
  readonly spec: { readonly holderIdentity: string; readonly leaseTransitions: number };
}

/** One side has a configuration map of its own, NAME. */
function story(name: string): readonly Request[] {
  const metadata = { name, labels: { story: name } };
  const whole = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { a: '1' } };
  const path = object('configmaps', 'ab', name);
  const json = { 'content-type': 'application/json' };
  const sent = (method: string, at: string, body: unknown, type?: string): Request => ({
    method,
    path: at,
    headers: type === undefined ? json : { 'content-type': `application/${type}` },
    body: JSON.stringify(body),
  });
  const stale = { ...whole, metadata: { ...metadata, resourceVersion: '1' } };
  const apply = `${path}?fieldManager=story&force=true`;
  const addition = [{ op: 'add', path: '/data/b', value: '2' }];
  const requests = [
    sent('POST', configMaps, whole),
    sent('POST', configMaps, whole),
    sent('PUT', path, { ...whole, data: { a: '2' } }),
    sent('PUT', path, stale),
    sent('PATCH', path, addition, 'json-patch+json'),
    sent('PATCH', path, { data: { c: '3' } }, 'merge-patch+json'),
    sent('PATCH', path, { data: { d: '4' } }, 'strategic-merge-patch+json'),
    sent('PATCH', apply, { ...whole, data: { e: '5' } }, 'apply-patch+yaml'),
    sent('PATCH', path, { data: {} }, 'x-patch'),
    sent('PATCH', path, 'nonsense', 'json-patch+json'),
  ];
  return [
    ...requests.map((request) => ({ ...request, user: 'alice' as const })),
    ...requests,
    { path },
    { method: 'DELETE', path: `${configMaps}?labelSelector=story%3D${name}`, user: 'alice' },
    { method: 'DELETE', path: `${configMaps}?labelSelector=story%3D${name}` },
    { method: 'DELETE', path },
    { path },
  ];
}

export function writeTests(cluster: () => Stack): void {
  describe('Writes', () => {
    let stack: Stack;

    beforeAll(async () => {
      stack = cluster();
      await reach(stack, { path: `${collection('leases')}?resourceVersion=0` });
    });

    async function told(side: Side, protocol: Protocol): Promise<string[]> {
      const name = `story-${side}`;
      const lines: string[] = [];
      for (const request of story(name)) {
        const { method = 'GET', path, user = 'admin' } = request;
        const answer = await stack[side]({ ...request, protocol });
        const line = `${user} ${method} ${path}: ${answer.status} ${neutral(answer.text)}`;
        lines.push(line.replaceAll(name, 'NAME'));
      }
      return lines;
    }

    for (const protocol of ['http/1.1', 'h2'] as const) {
      test(`#48 objects are made, replaced, patched in four ways and deleted over ${protocol}`, async () => {
        const [direct, proxied] = await Promise.all(sides.map((side) => told(side, protocol)));
        expect(proxied).toEqual(direct);
        const codes = direct.map((line) => Number(/: (\d{3}) /.exec(line)?.[1]));
        expect(codes.slice(0, 10).every((code) => [403, 415].includes(code))).toBe(true);
        expect(codes.slice(10, 18)).toEqual([201, 409, 200, 409, 200, 200, 200, 200]);
        expect(codes.at(-1)).toBe(404);
      });

      test(`#48 a body is as large over ${protocol} as upstream lets it be`, async () => {
        const post = (side: Side, bytes: number): Promise<RecordedResponse> => {
          const metadata = { name: `large-${side}-${protocol === 'h2' ? 2 : 1}` };
          const data = { text: 'x'.repeat(bytes) };
          const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
          const headers = { 'content-type': 'application/json' };
          return stack[side]({ method: 'POST', path: configMaps, headers, body, protocol });
        };
        for (const bytes of [0.9 * mebibyte, 2.9 * mebibyte]) {
          const [direct, proxied] = await Promise.all(sides.map((side) => post(side, bytes)));
          expect(proxied.status).toBe(direct.status);
          const named = (text: string): string => neutral(text).replaceAll(/large-\w+-\d/g, 'NAME');
          expect(named(proxied.text)).toBe(named(direct.text));
        }
        expect((await post('proxied', 3.5 * mebibyte)).status).toBe(413);
      });
    }

    async function leaseOf(side: Side, name: string): Promise<Lease> {
      const client = await stack.connect(side);
      try {
        const answer = await client.get(`${leases}/${name}`, authorization({}));
        expect(answer.status, answer.text).toBe(200);
        return answer.json() as Lease;
      } finally {
        client.close();
      }
    }

    /** Takes the lease over as leader election does: what was read is written back, unless somebody was faster. */
    async function takeOver(side: Side, name: string, who: string): Promise<boolean> {
      const lease = await leaseOf(side, name);
      const { leaseTransitions } = lease.spec;
      const spec = { ...lease.spec, holderIdentity: who, leaseTransitions: leaseTransitions + 1 };
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ ...lease, spec });
      const answer = await stack[side]({
        method: 'PUT',
        path: `${leases}/${name}`,
        headers,
        body,
      });
      expect([200, 409]).toContain(answer.status);
      return answer.status === 200;
    }

    async function makeLease(name: string): Promise<void> {
      await create(stack, leases, {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name },
        spec: { holderIdentity: 'nobody', leaseTransitions: 0 },
      });
    }

    test('#47 a lease is read as it was last written, and so a failover takes one round', async () => {
      await makeLease('leader');
      for (let round = 0; round < renewals; round++) {
        // The old leader renews at kube-apiserver itself; the next one looks through the proxy.
        expect(await takeOver('direct', 'leader', `old-${round}`)).toBe(true);
        const seen = await leaseOf('proxied', 'leader');
        expect(seen.spec.holderIdentity).toBe(`old-${round}`);
        expect(seen).toEqual(await leaseOf('direct', 'leader'));
        // A stale read would end in a conflict.
        expect(await takeOver('proxied', 'leader', `new-${round}`)).toBe(true);
      }
    });

    test('#47 candidates that race for a lease lose no turn to each other', async () => {
      await makeLease('contended');
      let won = 0;
      const candidate = async (who: string): Promise<void> => {
        for (let turn = 0; turn < takeovers; turn++) {
          if (await takeOver('proxied', 'contended', who)) won += 1;
        }
      };
      await Promise.all(['one', 'two', 'three'].map(candidate));
      const { spec } = await leaseOf('direct', 'contended');
      expect(spec.leaseTransitions).toBe(won);
      expect(won).toBeGreaterThanOrEqual(takeovers);
    });
  });
}

/** Without what is of one object or one moment. */
function neutral(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, 'TIME')
    .replaceAll(/"uid":"[^"]+"/g, '"uid":"UID"')
    .replaceAll(/"resourceVersion":"\d+"/g, '"resourceVersion":"RV"');
}
