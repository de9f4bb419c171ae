// What a caller may do, as upstream decides it: the same refusals in the same words, whichever way is asked, and
// from memory only what was allowed.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildTimeoutMs, describeWithControlPlane } from '../conformance/support/go.ts';
import { reach, storeRevision } from '../conformance/support/history.ts';
import { collection, object, query } from '../conformance/support/resources.ts';
import { quietFlags, startStack } from '../conformance/support/stack.ts';
import type { Stack } from '../conformance/support/stack.ts';
import { expectAlike, namesIn, refusalOf } from './support/ask.ts';
import { createCaller } from './support/callers.ts';
import type { Caller } from './support/callers.ts';

const pods = collection('pods');
const podsOfA = collection('pods', 'a');
const forbidden = { code: 403, reason: 'Forbidden' };

describeWithControlPlane('Decisions', () => {
  let stack: Stack;
  let nora: Caller;
  /** Nothing is written after it. */
  let revision: number;

  beforeAll(async () => {
    stack = await startStack({ controlPlane: { apiserverFlags: quietFlags } });
    nora = await createCaller(stack, {
      namespace: 'a',
      name: 'nora',
      rules: [
        { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'], resourceNames: ['n'] },
      ],
    });
    revision = await storeRevision(stack);
    await stack.direct({ path: pods });
    await reach(stack, { path: pods + query({ resourceVersion: revision }) });
  }, buildTimeoutMs);

  afterAll(async () => {
    await stack?.stop();
  });

  const list = (path: string, more: Record<string, string | number> = {}): string =>
    path + query({ resourceVersion: revision, ...more });
  const watch = (path: string, more: Record<string, string | number> = {}): string =>
    path + query({ watch: 1, resourceVersion: 0, timeoutSeconds: 1, ...more });
  const withInitialEvents = {
    resourceVersion: '',
    sendInitialEvents: 'true',
    resourceVersionMatch: 'NotOlderThan',
    allowWatchBookmarks: 'true',
  };

  async function served(caller: { user?: 'alice' | 'wanda'; token?: string }, path: string) {
    return expectAlike(stack, { path, ...caller }, { status: 200, from: 'cache' });
  }

  async function refused(caller: { user?: 'alice' | 'wanda'; token?: string }, path: string) {
    const expected = { status: 403, from: 'passthrough' } as const;
    const answer = await expectAlike(stack, { path, ...caller }, expected);
    expect(refusalOf(answer)).toEqual(forbidden);
  }

  test('#10 alice lists and gets the pods of her namespace, and no others', async () => {
    const alice = { user: 'alice' } as const;
    const all = await served(alice, list(podsOfA));
    expect(namesIn(all)).toEqual(['n', 'n-b', 'n.b', 'n0']);
    await served(alice, `${object('pods', 'a', 'n')}?resourceVersion=0`);
    await refused(alice, list(collection('pods', 'ab')));
    await refused(alice, list(pods));
    await refused(alice, object('pods', 'ab', 'n'));
    await expectAlike(stack, { path: podsOfA, ...alice }, { status: 200 });
    await expectAlike(stack, { path: pods, ...alice }, { status: 403 });
  });

  test('#11 who may list may not watch, who may watch may not list', async () => {
    await refused({ user: 'alice' }, watch(podsOfA));
    await refused({ user: 'alice' }, watch(podsOfA, withInitialEvents));
    await refused({ user: 'wanda' }, list(pods));
    await refused({ user: 'wanda' }, list(podsOfA));
    await served({ user: 'wanda' }, watch(pods));
    const answer = await served({ user: 'wanda' }, watch(pods, withInitialEvents));
    expect(answer.text).toContain('"k8s.io/initial-events-end":"true"');
  });

  test('#12 nora may list one name: her selector must name it', async () => {
    const caller = { token: nora.token };
    const named = (name: string) => ({ fieldSelector: `metadata.name=${name}` });
    const one = await served(caller, list(podsOfA, named('n')));
    expect(namesIn(one)).toEqual(['n']);
    await served(caller, watch(podsOfA, named('n')));
    await refused(caller, list(podsOfA, named('n0')));
    await refused(caller, list(podsOfA, { fieldSelector: 'metadata.name!=n' }));
    await refused(caller, list(podsOfA, { labelSelector: 'color=red' }));
    await refused(caller, list(podsOfA));
    await refused(caller, watch(podsOfA));
    await refused(caller, list(pods, named('n')));
    await refused(caller, object('pods', 'a', 'n'));
  });
});
