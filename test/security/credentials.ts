// Who a caller is. Whatever does not prove an identity is judged by upstream, and is never answered from memory.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildTimeoutMs, describeWithControlPlane } from '../conformance/support/go.ts';
import { reach } from '../conformance/support/history.ts';
import { collection, object, query } from '../conformance/support/resources.ts';
import { quietFlags, startStack } from '../conformance/support/stack.ts';
import type { Protocol, Request, Stack } from '../conformance/support/stack.ts';
import { expectAlike, refusalOf } from './support/ask.ts';

const protocols: readonly Protocol[] = ['http/1.1', 'h2'];
const pods = collection('pods');
/** Reads that are answered from memory when the caller may make them. */
const reads = [
  pods,
  `${pods}?resourceVersion=0`,
  pods + query({ watch: 1, resourceVersion: 0, timeoutSeconds: 1 }),
  `${object('pods', 'a', 'n')}?resourceVersion=0`,
];

describeWithControlPlane('Credentials', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({ controlPlane: { apiserverFlags: quietFlags } });
    // There is something to be had.
    await reach(stack, { path: `${pods}?resourceVersion=0` });
  }, buildTimeoutMs);

  afterAll(async () => {
    await stack?.stop();
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
});
