// What a caller may do, as upstream decides it: the same refusals in the same words, whichever way is asked, and
// from memory only what was allowed.

import { beforeAll, describe, expect, test } from 'vitest';
import { reach, storeRevision } from '../conformance/support/history.ts';
import { collection, object, query } from '../conformance/support/resources.ts';
import type { Stack } from '../conformance/support/stack.ts';
import { askBoth, expectAlike, namesIn, refusalOf } from './support/ask.ts';
import { create, createCaller } from './support/callers.ts';
import type { Caller } from './support/callers.ts';
import type { QuietCluster } from './support/quiet-cluster.ts';

const pods = collection('pods');
const podsOfA = collection('pods', 'a');
const secrets = '/api/v1/namespaces/a/secrets';
/** What nobody but those who may read secrets gets to see. */
const hidden = 'hidden-in-a-secret';
const forbidden = { code: 403, reason: 'Forbidden' };

export function decisionTests(cluster: () => QuietCluster): void {
  describe('Decisions', () => {
    let stack: Stack;
    let nora: Caller;
    /** May get namespace `a`, by a role inside it. */
    let warden: Caller;
    /** Nothing is written after it. */
    let revision: number;

    beforeAll(async () => {
      ({ stack } = cluster());
      nora = await createCaller(stack, {
        namespace: 'a',
        name: 'nora',
        rules: [
          { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'], resourceNames: ['n'] },
        ],
      });
      warden = await createCaller(stack, {
        namespace: 'a',
        name: 'warden',
        rules: [{ apiGroups: [''], resources: ['namespaces'], verbs: ['get'] }],
      });
      await create(stack, secrets, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'held', labels: { [hidden]: hidden } },
        stringData: { [hidden]: hidden },
      });
      revision = await storeRevision(stack);
      for (const path of [pods, '/api/v1/secrets', collection('namespaces')]) {
        await stack.direct({ path });
        await reach(stack, { path: path + query({ resourceVersion: revision }) });
      }
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

    test('#13 alice sees no byte of a secret, in whatever way she asks', async () => {
      const admin = await expectAlike(
        stack,
        { path: list(secrets) },
        { status: 200, from: 'cache' },
      );
      expect(admin.text).toContain(hidden);
      const encoded = Buffer.from(hidden).toString('base64');
      const asked = [
        list(secrets),
        list(secrets, { limit: 1 }),
        list(secrets, { fieldSelector: 'metadata.name=held' }),
        list(secrets, { labelSelector: hidden }),
        list('/api/v1/secrets'),
        watch(secrets),
        watch(secrets, withInitialEvents),
        `${secrets}/held`,
        `${secrets}/held?resourceVersion=0`,
        `${secrets}/none`,
      ];
      const accepts = [
        'application/json',
        'application/vnd.kubernetes.protobuf',
        'application/yaml',
        'application/json;as=Table;v=v1;g=meta.k8s.io',
        'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
        'application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
      ];
      for (const accept of accepts) {
        const answers = asked.map((path) =>
          askBoth(stack, { path, user: 'alice', headers: { accept } }),
        );
        for (const { proxied, logged, found } of await Promise.all(answers)) {
          expect(found, found.join('\n')).toEqual([]);
          expect([proxied.status, logged.source]).toEqual([403, 'passthrough']);
          expect(proxied.body.includes(hidden) || proxied.body.includes(encoded)).toBe(false);
        }
      }
    });

    test('#37 a continue token gives no right: each page is judged by its own path', async () => {
      const configMaps = collection('configmaps');
      const ofA = collection('configmaps', 'a');
      const page = (path: string, token: string) => path + query({ limit: 1, continue: token });
      const tokenOf = async (path: string): Promise<string> => {
        const answer = await stack.proxied({ path: path + query({ limit: 1 }) });
        return (answer.json() as { metadata: { continue: string } }).metadata.continue;
      };
      const everywhere = await tokenOf(configMaps);
      const inA = await tokenOf(ofA);
      for (const token of [everywhere, inA]) {
        for (const user of ['admin', 'alice', 'nobody'] as const) {
          for (const path of [configMaps, ofA, collection('configmaps', 'a-b'), pods, podsOfA]) {
            const { direct, proxied, logged, found } = await askBoth(stack, {
              path: page(path, token),
              user,
            });
            expect(found, found.join('\n')).toEqual([]);
            const mayRead = user === 'admin' || (user === 'alice' && [ofA, podsOfA].includes(path));
            expect(proxied.status === 403, `${user} ${path}: ${direct.status}`).toBe(!mayRead);
            if (!mayRead) expect(logged.source).toBe('passthrough');
          }
        }
      }
    });

    test('#46 a role inside a namespace may grant the namespace itself', async () => {
      const caller = { token: warden.token };
      const of = (name: string): string => `${collection('namespaces')}/${name}`;
      await served(caller, `${of('a')}?resourceVersion=0`);
      await expectAlike(stack, { path: of('a'), ...caller }, { status: 200 });
      await refused(caller, `${of('ab')}?resourceVersion=0`);
      await refused(caller, list(collection('namespaces')));
      await refused(caller, list(collection('namespaces'), { fieldSelector: 'metadata.name=a' }));
      await refused(caller, `${of('a')}/status`);
    });
  });
}
