// shardSelector (KEP-5866) from memory, beside a kube-apiserver that has the gate on: the same objects, the same
// shardInfo, the same events. In front of an apiserver without it the answers from memory are the same ones.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { differences } from './support/compare.ts';
import { buildTimeoutMs, describeWithControlPlane } from './support/go.ts';
import { settle, writeHistory } from './support/history.ts';
import type { History } from './support/history.ts';
import { collection, query, resourceNames } from './support/resources.ts';
import { quietFlags, startBareStack } from './support/stack.ts';
import type { Request, Stack } from './support/stack.ts';

const protobuf = 'application/vnd.kubernetes.protobuf';
const metadata = 'g=meta.k8s.io;v=v1;as=PartialObjectMetadata';
const forms = [
  { name: 'JSON', list: 'application/json', watch: 'application/json' },
  { name: 'protobuf', list: `${protobuf},application/json`, watch: `${protobuf},application/json` },
  ...['application/json', protobuf].map((type) => ({
    name: `metadata in ${type}`,
    list: `${type};${metadata}List`,
    watch: `${type};${metadata}`,
  })),
];

function range(field: string, start: string, end: string): string {
  return `shardRange(object.metadata.${field}, '0x${start.padEnd(16, '0')}', '0x${end.padEnd(16, '0')}')`;
}

const selectors = [
  range('uid', '0', '8'),
  range('uid', '8', '1'.padEnd(17, '0')),
  `${range('uid', '0', '2')} || ${range('uid', '4', 'b')}`,
  range('namespace', '0', '8'),
  range('namespace', '8', '1'.padEnd(17, '0')),
  range('uid', '0', '1'.padEnd(17, '0')).replaceAll("'", '"'),
];

describe('shards', () => {
  describeWithControlPlane('equal those of kube-apiserver', () => {
    let stack: Stack;
    let history: History;

    beforeAll(async () => {
      const apiserverFlags = quietFlags.map((flag) =>
        flag.startsWith('--feature-gates=') ? `${flag},ShardedListAndWatch=true` : flag,
      );
      stack = await startBareStack({ controlPlane: { apiserverFlags } });
      await stack.startProxy({ settings: { features: { shardedListAndWatch: true } } });
      // Opened before the history is written, every lane remembers all of it.
      for (const { list } of forms) {
        for (const name of resourceNames) {
          await stack.proxied({ path: collection(name), headers: { accept: list } });
        }
      }
      history = await writeHistory(stack);
    }, buildTimeoutMs);

    afterAll(async () => {
      await stack?.stop();
    });

    /** Waits until every lane of a form stands at the end of the history: then memory must answer. */
    async function caughtUp(accept: string): Promise<void> {
      for (const name of resourceNames) {
        const path = collection(name) + query({ resourceVersion: history.end });
        for (let source = ''; source !== 'cache';) {
          const headers = { accept, 'audit-id': randomUUID() };
          await stack.proxied({ path, headers });
          ({ source } = await stack.watershed.logged(headers['audit-id']));
        }
      }
    }

    async function compare(request: Request): Promise<string | undefined> {
      const auditId = randomUUID();
      const headers = { ...request.headers, 'audit-id': auditId };
      const [direct, proxied] = await Promise.all([
        stack.direct(request),
        stack.proxied({ ...request, headers }),
      ]);
      const { source } = await stack.watershed.logged(auditId);
      const from = source === 'cache' ? 'cache' : 'passthrough';
      const protocol = request.protocol ?? 'http/1.1';
      const found = differences(direct, proxied, { protocol, from });
      expect(found, `${request.path}\n${found.join('\n')}`).toEqual([]);
      return direct.status === 200 ? source : undefined;
    }

    test.each(forms)('lists and pages in $name', async ({ name, list }) => {
      await caughtUp(list);
      const sources: (string | undefined)[] = [];
      for (const resource of resourceNames) {
        const lists = selectors.flatMap((shardSelector) =>
          [{}, { limit: 1 }, { limit: 3, labelSelector: 'color=red' }].map(async (more) => {
            const parameters = { shardSelector, resourceVersion: history.end, ...more };
            const path = collection(resource) + query(parameters);
            return compare({ path, headers: { accept: list }, protocol: 'h2' });
          }),
        );
        sources.push(...(await Promise.all(lists)));
      }
      const remembered = sources.filter((source) => source === 'cache').length;
      console.log(`${name}: ${sources.length} lists equal, ${remembered} from memory`);
      expect(remembered).toBe(sources.length);
    });

    test.each(forms)('watches in $name', async ({ name, list, watch }) => {
      await caughtUp(list);
      const watches = resourceNames.flatMap((resource) =>
        selectors.flatMap((shardSelector) =>
          [history.start, history.middle].map(async (resourceVersion) => {
            const parameters = { watch: 1, timeoutSeconds: 2, shardSelector, resourceVersion };
            const path = collection(resource) + query(parameters);
            return compare({ path, headers: { accept: watch }, protocol: 'h2' });
          }),
        ),
      );
      const sources = await Promise.all(watches);
      const remembered = sources.filter((source) => source === 'cache').length;
      console.log(`${name}: ${sources.length} watches equal, ${remembered} from memory`);
      expect(remembered).toBeGreaterThan(sources.length / 2);
    });

    test('what is wrong is refused in upstream’s words', async () => {
      for (const shardSelector of ['x', ' ', range('name', '0', '8'), range('uid', '8', '0')]) {
        for (const watch of [{}, { watch: 1, timeoutSeconds: 1 }]) {
          const path = collection('configmaps') + query({ shardSelector, ...watch });
          expect(await compare({ path })).toBeUndefined();
        }
      }
    });
  });

  describeWithControlPlane('in front of a kube-apiserver without them', () => {
    let stack: Stack;

    beforeAll(async () => {
      stack = await startBareStack({ controlPlane: { apiserverFlags: quietFlags } });
      await stack.startProxy({ settings: { features: { shardedListAndWatch: true } } });
      await writeHistory(stack);
    }, buildTimeoutMs);

    afterAll(async () => {
      await stack?.stop();
    });

    test('make up the whole and say what they are', async () => {
      const resourceVersion = await settle(stack);
      for (const name of ['configmaps', 'pods', 'leases'] as const) {
        const whole = await uids(collection(name) + query({ resourceVersion }));
        const parts = await Promise.all(
          selectors.slice(0, 2).map((shardSelector) => {
            const path = collection(name) + query({ resourceVersion, shardSelector });
            return uids(path, shardSelector);
          }),
        );
        expect(parts.flat().toSorted()).toEqual(whole.toSorted());
      }
    });

    async function uids(path: string, shardSelector?: string): Promise<string[]> {
      const { metadata: meta, items } = (await stack.proxied({ path })).json() as {
        readonly metadata: { readonly shardInfo?: { readonly selector: string } };
        readonly items: readonly { readonly metadata: { readonly uid: string } }[];
      };
      expect(meta.shardInfo?.selector).toBe(shardSelector);
      return items.map((item) => item.metadata.uid);
    }
  });
});
