// Who a caller is. Whatever does not prove an identity is judged by upstream, and is never answered from memory.

import { beforeAll, describe, expect, test } from 'vitest';
import { reach } from '../conformance/support/history.ts';
import { collection, object, query } from '../conformance/support/resources.ts';
import { authorization } from '../conformance/support/stack.ts';
import type { Protocol, Request, Stack } from '../conformance/support/stack.ts';
import type { AuditLog } from './support/audit-log.ts';
import { expectAlike, refusalOf } from './support/ask.ts';
import type { QuietCluster } from './support/quiet-cluster.ts';
import { createCaller, requestToken } from './support/callers.ts';

const protocols: readonly Protocol[] = ['http/1.1', 'h2'];
const pods = collection('pods');
/** Reads that are answered from memory when the caller may make them. */
const reads = [
  pods,
  `${pods}?resourceVersion=0`,
  pods + query({ watch: 1, resourceVersion: 0, timeoutSeconds: 1 }),
  `${object('pods', 'a', 'n')}?resourceVersion=0`,
];

export function credentialTests(cluster: () => QuietCluster): void {
  describe('Credentials', () => {
    let stack: Stack;
    let audit: AuditLog;

    beforeAll(async () => {
      ({ stack, audit } = cluster());
      // There is something to be had.
      await reach(stack, { path: `${pods}?resourceVersion=0` });
    });

    async function listsFromMemory(): Promise<number> {
      const { lanes } = await stack.watershed.status();
      return lanes.reduce((sum, { lists }) => sum + lists, 0);
    }

    /** All reads over both protocols, refused as upstream refuses them. */
    async function refused(request: Omit<Request, 'path'>, status: number): Promise<void> {
      const before = await listsFromMemory();
      const asked = protocols.flatMap((protocol) => reads.map((path) => ({ protocol, path })));
      await Promise.all(
        asked.map(async (each) => {
          const expected = { status, from: 'passthrough' } as const;
          const answer = await expectAlike(stack, { ...request, ...each }, expected);
          const reason = status === 401 ? 'Unauthorized' : 'Forbidden';
          expect(refusalOf(answer)).toEqual({ code: status, reason });
        }),
      );
      expect(await listsFromMemory()).toBe(before);
    }

    test('#1 a caller without credentials is anonymous upstream, and memory is not touched', async () => {
      await refused({ user: null }, 403);
      const answer = await stack.proxied({ path: pods, user: null });
      expect(answer.text).toContain('User \\"system:anonymous\\" cannot list resource \\"pods\\"');
    });

    for (const token of ['garbage', 'admin-token-', 'x.y.z', 'eyJhbGciOiJub25lIn0.e30.']) {
      test(`#2 an unknown token, ${token}, is 401 and never anonymous`, async () => {
        await refused({ token }, 401);
      });
    }

    for (const value of ['Bearer', 'Bearer ', 'Bearer  admin-token', 'bearer  x', '']) {
      test(`#3 "${value}" holds no token, as upstream reads it`, async () => {
        await refused({ user: null, headers: { authorization: value } }, 403);
      });
    }

    test('#6 a token for another audience is 401', async () => {
      const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }];
      const caller = await createCaller(stack, { namespace: 'a', name: 'vault', rules });
      const path = `${collection('pods', 'a')}?resourceVersion=0`;
      await expectAlike(stack, { path, token: caller.token }, { status: 200, from: 'cache' });
      await refused(
        { token: await requestToken(stack, caller.account, { audiences: ['vault'] }) },
        401,
      );
    });

    test('#21 who impersonates is judged as the one it stands for, and both are in the audit', async () => {
      const impersonating = async (path: string, as: string, status: number) => {
        const headers = { 'impersonate-user': as };
        await expectAlike(stack, { path, user: 'impersonator', headers }, { status });
        await expectAlike(
          stack,
          { path, user: 'impersonator', headers, protocol: 'h2' },
          { status },
        );
      };
      const podsOfA = collection('pods', 'a');
      await impersonating(`${podsOfA}?resourceVersion=0`, 'alice', 200);
      await impersonating(podsOfA, 'alice', 200);
      await impersonating(collection('pods', 'ab'), 'alice', 403);
      await impersonating(pods, 'alice', 403);
      await impersonating(podsOfA, 'nobody', 403);
      // Upstream is asked with the caller's own token and headers: it sees who stands for whom.
      const both = { user: 'watershed-impersonator', impersonated: 'alice' };
      await audit.until({
        ...both,
        verb: 'create',
        resource: 'selfsubjectaccessreviews',
        code: 201,
      });
      await audit.until({ ...both, verb: 'list', resource: 'pods', code: 403 });
      // Without the right to impersonate nothing comes of it.
      const headers = { 'impersonate-user': 'admin' };
      await expectAlike(stack, { path: podsOfA, user: 'alice', headers }, { status: 403 });
      const groups = { 'impersonate-user': 'x', 'impersonate-group': ['system:masters', 'a, b'] };
      await expectAlike(
        stack,
        { path: pods, user: 'impersonator', headers: groups },
        { status: 200 },
      );
      const joined = { 'impersonate-user': 'x', 'impersonate-group': 'system:masters, b' };
      await expectAlike(
        stack,
        { path: pods, user: 'impersonator', headers: joined },
        { status: 403 },
      );
    });

    for (const protocol of protocols) {
      test(`#44 callers behind one ${protocol} connection are judged one by one`, async () => {
        const podsOfA = `${collection('pods', 'a')}?resourceVersion=0`;
        const all = `${pods}?resourceVersion=0`;
        const watch = `${pods}?watch=1&resourceVersion=0&timeoutSeconds=1`;
        const asked = [
          { user: 'admin', path: all, status: 200 },
          { user: 'alice', path: all, status: 403 },
          { user: 'alice', path: podsOfA, status: 200 },
          { user: null, path: podsOfA, status: 403 },
          { user: 'wanda', path: podsOfA, status: 403 },
          { user: 'wanda', path: watch, status: 200 },
          { user: 'alice', path: watch, status: 403 },
          { user: 'nobody', path: podsOfA, status: 403 },
        ] as const;
        const client = await stack.connect('proxied', protocol);
        try {
          const rounds = Array.from({ length: protocol === 'h2' ? 6 : 1 }, (_, round) =>
            asked.map((_each, at) => asked[(at + round) % asked.length]),
          ).flat();
          const ask = async ({ user, path, status }: (typeof asked)[number]): Promise<void> => {
            const answer = await client.get(path, authorization({ user }));
            expect([user, path, answer.status]).toEqual([user, path, status]);
            if (status !== 403) return;
            expect(answer.text).toContain(`User \\"${user ?? 'system:anonymous'}\\"`);
          };
          // HTTP/1.1 has one request at a time on a connection.
          if (protocol === 'h2') await Promise.all(rounds.map(ask));
          else for (const each of rounds) await ask(each);
        } finally {
          client.close();
        }
      });
    }
  });
}
