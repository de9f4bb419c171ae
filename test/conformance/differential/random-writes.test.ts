// Watches of many scopes and selections, opened in pairs (direct, through Watershed) at the same
// revision while objects change without pause: both are sent the same lines, byte for byte. Lists at
// revisions in the middle of it are equal too, page by page. What a quiet cluster cannot show is
// shown here: transitions, races between a snapshot and the log, resumption at any revision.

import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { RecordedResponse } from '../../support/recorded-response.ts';
import { RecordingClient } from '../../support/recording-client.ts';
import { differences } from '../support/compare.ts';
import { buildTimeoutMs, describeWithControlPlane } from '../support/go.ts';
import { settle, storeRevision } from '../support/history.ts';
import { collection, query } from '../support/resources.ts';
import type { ResourceName } from '../support/resources.ts';
import { RandomAuthor } from '../support/random-author.ts';
import { authorization, quietFlags, startStack } from '../support/stack.ts';
import type { Stack } from '../support/stack.ts';

const writes = 3_000;
/** Writes between two rounds of new watches and lists. */
const roundWrites = 300;
const seed = Number(process.env['DIFFERENTIAL_SEED'] ?? Date.now() % 1_000_000);

const selections: readonly (readonly [ResourceName, string, Record<string, string>])[] = [
  ['pods', '', {}],
  ['pods', 'a', {}],
  ['pods', '', { labelSelector: 'color=red' }],
  ['pods', '', { labelSelector: 'color!=red,size' }],
  ['pods', '', { fieldSelector: 'spec.nodeName=red' }],
  ['pods', '', { fieldSelector: 'spec.nodeName!=red,metadata.namespace=ab' }],
  ['pods', '', { fieldSelector: 'status.phase=Running' }],
  ['pods', 'a-b', { labelSelector: 'size>5' }],
  ['configmaps', '', {}],
  ['configmaps', 'ab', {}],
  ['configmaps', '', { labelSelector: 'color in (red,blue)' }],
  ['configmaps', '', { labelSelector: '!color' }],
  ['configmaps', 'a', { fieldSelector: 'metadata.name=w-3' }],
  ['configmaps', '', { fieldSelector: 'metadata.name!=w-3' }],
  ['widgets', '', {}],
  ['widgets', '', { fieldSelector: 'spec.color=green' }],
  ['widgets', 'a', { fieldSelector: 'spec.color!=green', labelSelector: 'size<5' }],
  ['gadgets', '', {}],
  ['gadgets', '', { fieldSelector: 'spec.color=' }],
  ['gadgets', '', { fieldSelector: 'metadata.name=w-1' }],
];

interface Pair {
  readonly path: string;
  readonly direct: RecordedResponse;
  readonly proxied: RecordedResponse;
}

describeWithControlPlane('Watches and lists while objects change', () => {
  let stack: Stack;
  const clients: RecordingClient[] = [];

  beforeAll(async () => {
    stack = await startStack({ controlPlane: { apiserverFlags: quietFlags } });
    await settle(stack);
  }, buildTimeoutMs);

  afterAll(async () => {
    for (const client of clients) client.close();
    await stack?.stop();
  });

  async function openPairs(revision: number): Promise<Pair[]> {
    const [direct, proxied] = await Promise.all([
      stack.connect('direct'),
      stack.connect('proxied'),
    ]);
    clients.push(direct, proxied);
    const headers = authorization({});
    const pairs = selections.map(([name, namespace, parameters]) => {
      const options = { watch: 1, resourceVersion: revision, timeoutSeconds: 600, ...parameters };
      const path = collection(name, namespace) + query(options);
      return {
        path,
        direct: direct.open({ path, headers }),
        proxied: proxied.open({ path, headers }),
      };
    });
    await Promise.all(pairs.flatMap(({ direct: d, proxied: p }) => [d.untilHead(), p.untilHead()]));
    return pairs;
  }

  /** The list at a revision, whole and in pages, by both; sentences about what differs. */
  async function compareLists(revision: number): Promise<string[]> {
    const found: string[] = [];
    for (const [name, namespace, parameters] of selections) {
      const exact = { ...parameters, resourceVersion: revision, resourceVersionMatch: 'Exact' };
      const whole = collection(name, namespace) + query(exact);
      found.push(...(await compareOne(whole)).found);
      // One key is read at any revision from there on, and by now it may be at another one.
      if (parameters.fieldSelector?.startsWith('metadata.name=')) continue;
      let options: Record<string, string | number> | undefined = {
        ...parameters,
        resourceVersion: revision,
      };
      while (options !== undefined) {
        const path: string = collection(name, namespace) + query({ ...options, limit: 7 });
        const page = await compareOne(path);
        found.push(...page.found);
        options = page.token === '' ? undefined : { ...parameters, continue: page.token };
      }
    }
    return found;
  }

  async function compareOne(path: string): Promise<{ found: string[]; token: string }> {
    const [direct, proxied] = await Promise.all([stack.direct({ path }), stack.proxied({ path })]);
    const list = direct.json() as { readonly metadata: { readonly continue?: string } };
    const found = differences(direct, proxied, { protocol: 'http/1.1', from: 'cache' });
    return {
      found: found.map((sentence) => `${path}\n${sentence}`),
      token: list.metadata.continue ?? '',
    };
  }

  test(`${writes} changes are told alike to ${selections.length} watches at ten moments`, async () => {
    const pairs: Pair[] = [];
    const found: string[] = [];
    const author = new RandomAuthor(stack.controlPlane, seed);
    for (let round = 0; round < writes / roundWrites; round++) {
      const writing = author.write(roundWrites);
      const revision = await storeRevision(stack);
      pairs.push(...(await openPairs(revision)));
      found.push(...(await compareLists(revision)));
      await writing;
    }
    await settle(stack);
    // Equal lengths first, so that events on their way may arrive; then the bytes are judged.
    await vi
      .waitUntil(() => pairs.every(isEven), { timeout: 20_000, interval: 500 })
      .catch(() => false);
    const lines = pairs.reduce((sum, { direct }) => sum + direct.lines.length, 0);
    console.log(
      `seed ${seed}: ${pairs.length} pairs of watches, ${lines} equal lines in each half`,
    );
    const cut = pairs.filter(({ direct }) => direct.end.kind !== 'open');
    if (cut.length > 0) console.log(`${cut.length} watches were cut by kube-apiserver itself`);
    for (const pair of pairs) {
      if (isEqual(pair)) continue;
      found.push(`${pair.path}\n${firstDifference(pair.direct, pair.proxied)}`);
    }
    expect(found, found.slice(0, 5).join('\n')).toEqual([]);
    expect(lines).toBeGreaterThan(writes);
  }, 240_000);
});

/** kube-apiserver lets go of watchers that do not keep up, as on a busy machine; the proxy's go on. */
function isEqual({ direct, proxied }: Pair): boolean {
  if (direct.end.kind === 'open') return direct.text === proxied.text;
  return direct.end.kind === 'clean' && proxied.text.startsWith(direct.text);
}

function isEven({ direct, proxied }: Pair): boolean {
  return direct.end.kind === 'open'
    ? direct.bytes === proxied.bytes
    : direct.bytes <= proxied.bytes;
}

function firstDifference(direct: RecordedResponse, proxied: RecordedResponse): string {
  const at = direct.lines.findIndex((line, i) => line !== proxied.lines[i]);
  const index = at < 0 ? direct.lines.length : at;
  return (
    `line ${index} of ${direct.lines.length}, through the proxy ${proxied.lines.length}\n` +
    `      is ${proxied.lines[index]?.slice(0, 300)}\nupstream ${direct.lines[index]?.slice(0, 300)}`
  );
}
