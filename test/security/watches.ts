// Watches that go on after the right behind them is gone: kube-apiserver asks once, the proxy asks again. The bounds
// are those that SECURITY.md states, with room for a busy machine; what counts is that nothing comes after the end.

import { createSign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { reach } from '../conformance/support/history.ts';
import { collection, object } from '../conformance/support/resources.ts';
import { authorization } from '../conformance/support/stack.ts';
import type { Protocol, Stack } from '../conformance/support/stack.ts';
import type { RecordedResponse } from '../support/recorded-response.ts';
import { create, createCaller, mayDo, requestToken } from './support/callers.ts';
import type { Caller } from './support/callers.ts';

export const allowTtlMs = 1_000;
export const recheckIntervalMs = 1_000;
/** Between the two denials that end a watch (src/auth/recheck.ts). */
const confirmMs = 5_000;
const statedMs = allowTtlMs + recheckIntervalMs * 1.2 + confirmMs;
/** For a machine whose cores are all taken; far more than anything should ever need. */
const slackMs = 40_000;
const patience = { timeout: 60_000, interval: 50 };

const configMaps = collection('configmaps', 'a');
const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list', 'watch'] }];

export function watchTests(cluster: () => Stack): void {
  describe('Rights behind open watches', () => {
    let stack: Stack;

    beforeAll(async () => {
      stack = cluster();
      await reach(stack, { path: `${collection('configmaps')}?resourceVersion=0` });
    });

    /** A watch from memory, with the first of its events. */
    async function openWatch(token: string, protocol: Protocol = 'h2'): Promise<RecordedResponse> {
      const client = await stack.connect('proxied', protocol);
      const path = `${configMaps}?watch=1&resourceVersion=0&timeoutSeconds=600`;
      const watch = client.open({ path, headers: authorization({ token }) });
      await watch.untilLines(1);
      expect(watch.status).toBe(200);
      return watch;
    }

    async function listing(side: 'direct' | 'proxied', token: string): Promise<number> {
      return (await stack[side]({ path: `${configMaps}?resourceVersion=0`, token })).status;
    }

    /** Writes until the watches are over; the revision of the last write before each end was noticed. */
    async function writeUntilOver(
      name: string,
      watches: readonly RecordedResponse[],
    ): Promise<void> {
      const path = object('configmaps', 'a', name);
      for (let value = 0; watches.some(({ end }) => end.kind === 'open'); value++) {
        const body = { data: { value: String(value) } };
        const headers = { 'content-type': 'application/merge-patch+json' };
        await stack.controlPlane.request('PATCH', path, { body, headers });
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }

    async function writeOnce(name: string): Promise<number> {
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } };
      const { metadata } = await create(stack, configMaps, body);
      return Number(metadata.resourceVersion);
    }

    /** Ended cleanly, with no ERROR event, and told of nothing that was written afterwards. */
    async function expectOver(name: string, watches: readonly RecordedResponse[]): Promise<void> {
      const texts = watches.map(({ text }) => text);
      const later = await writeOnce(`${name}-later`);
      // A watch of somebody else has been told of it.
      const other = await openWatch('admin-token');
      await other.until(({ text }) => text.includes(`"resourceVersion":"${later}"`));
      other.abort();
      for (const [at, watch] of watches.entries()) {
        expect(watch.end).toEqual({ kind: 'clean' });
        expect(watch.text).toBe(texts[at]);
        const types = watch.lines.map((line) => (JSON.parse(line) as { type: string }).type);
        expect(types).not.toContain('ERROR');
        const revisions = [...watch.text.matchAll(/"resourceVersion":"(\d+)"/g)].map((match) =>
          Number(match[1]),
        );
        expect(Math.max(...revisions)).toBeLessThan(later);
      }
    }

    async function bothProtocols(token: string): Promise<readonly RecordedResponse[]> {
      return Promise.all([openWatch(token), openWatch(token, 'http/1.1')]);
    }

    describe.concurrent('that are gone', () => {
      test('#34 a watch ends when its right is taken away', async () => {
        const caller = await createCaller(stack, { namespace: 'a', name: 'revoked', rules });
        const watches = await bothProtocols(caller.token);
        expect(await listing('proxied', caller.token)).toBe(200);
        await writeOnce('revoked');
        expect((await stack.controlPlane.request('DELETE', caller.binding)).status).toBe(200);
        await untilRefused(caller);
        const beganMs = Date.now();
        const ttlOver = vi.waitUntil(
          async () => (await listing('proxied', caller.token)) === 403,
          patience,
        );
        await writeUntilOver('revoked', watches);
        const tookMs = Date.now() - beganMs;
        console.log(`ended after ${tookMs} ms, stated ${statedMs} ms`);
        expect(tookMs).toBeLessThan(statedMs + slackMs);
        await ttlOver;
        await expectOver('revoked', watches);
        expect(await listing('proxied', caller.token)).toBe(403);
      });

      /** kube-apiserver's own authorizer has learned of it. */
      async function untilRefused({ token }: Caller): Promise<void> {
        const right = { namespace: 'a', verb: 'watch', resource: 'configmaps' };
        await vi.waitUntil(async () => !(await mayDo(stack, token, right)), patience);
      }

      test('#35 a watch ends with its token, without being asked about', async () => {
        const caller = await createCaller(stack, { namespace: 'a', name: 'expiring', rules });
        const lifeMs = 8_000;
        const expiresAtMs = Date.now() + lifeMs;
        const token = signedToken(stack, caller, Math.floor(expiresAtMs / 1000));
        const watches = await bothProtocols(token);
        await writeOnce('expiring');
        await writeUntilOver('expiring', watches);
        const endedMs = Date.now();
        expect(endedMs).toBeGreaterThanOrEqual(Math.floor(expiresAtMs / 1000) * 1000);
        expect(endedMs - expiresAtMs).toBeLessThan(10_000 + slackMs);
        await expectOver('expiring', watches);
      });

      test('#5 the token of a deleted pod is worth nothing, and its watches end', async () => {
        const caller = await createCaller(stack, { namespace: 'a', name: 'bound', rules });
        const pods = collection('pods', 'a');
        const pod = await create(stack, pods, {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'bound' },
          spec: { containers: [{ name: 'main', image: 'none' }], serviceAccountName: 'bound' },
        });
        const { uid } = pod.metadata;
        const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'bound', uid };
        const token = await requestToken(stack, caller.account, { boundObjectRef });
        expect(await listing('direct', token)).toBe(200);
        expect(await listing('proxied', token)).toBe(200);
        const watches = await bothProtocols(token);
        await writeOnce('bound');
        const gone = await stack.controlPlane.request('DELETE', `${pods}/bound`);
        expect(gone.status).toBe(200);
        // kube-apiserver itself remembers a token that was good for ten seconds.
        await vi.waitUntil(async () => (await listing('direct', token)) === 401, patience);
        const isUnknown = async () => (await listing('proxied', token)) === 401;
        await vi.waitUntil(isUnknown, patience);
        await writeUntilOver('bound', watches);
        await expectOver('bound', watches);
        expect(await listing('proxied', token)).toBe(401);
      });
    });
  });
}

/** A service account's token with an end of our choice: the API gives none shorter than ten minutes. */
function signedToken(
  { controlPlane }: Stack,
  { account, userName, uid }: Caller,
  exp: number,
): string {
  const issuer = 'https://kubernetes.default.svc';
  const name = account.split('/').at(-1);
  const claims = {
    iss: issuer,
    aud: [issuer],
    sub: userName,
    iat: exp - 60,
    nbf: exp - 60,
    exp,
    'kubernetes.io': { namespace: 'a', serviceaccount: { name, uid } },
  };
  const encoded = [{ alg: 'RS256', typ: 'JWT' }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  );
  const signer = createSign('RSA-SHA256').update(encoded.join('.'));
  const key = readFileSync(controlPlane.certificates.serviceAccountKeyFile);
  return [...encoded, signer.sign(key).toString('base64url')].join('.');
}
