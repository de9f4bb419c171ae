// A write to kube-apiserver, then at once a read through Watershed: the read contains the write, every
// time. Eight clients at once: some on one resource that never rests, others each alone on a resource
// of their own, where nothing but a proof can tell that memory is current (the store's revision moves
// on with everybody's writes).

import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiClient } from './control-plane/api-client.ts';
import { tokens } from './control-plane/users.ts';
import { figuresOf, figuresText } from './support/figures.ts';
import { buildTimeoutMs, describeWithControlPlane } from './support/go.ts';
import { collection, object, query } from './support/resources.ts';
import type { ResourceName } from './support/resources.ts';
import { startStack } from './support/stack.ts';
import type { Stack } from './support/stack.ts';

const writes = 2_000;
const streamedReads = 200;

/** One per client; leases are the busy resource. */
const subjects: readonly (readonly [ResourceName, string])[] = [
  ['leases', 'a'],
  ['leases', 'ab'],
  ['leases', 'a-b'],
  ['configmaps', 'a'],
  ['services', 'a-b'],
  ['nodes', ''],
  ['widgets', 'ab'],
  ['gadgets', ''],
];

const kinds: Readonly<Partial<Record<ResourceName, readonly [string, string]>>> = {
  leases: ['coordination.k8s.io/v1', 'Lease'],
  configmaps: ['v1', 'ConfigMap'],
  services: ['v1', 'Service'],
  nodes: ['v1', 'Node'],
  widgets: ['demo.watershed.dev/v1', 'Widget'],
  gadgets: ['demo.watershed.dev/v1', 'Gadget'],
};

interface Item {
  readonly metadata: {
    readonly namespace?: string;
    readonly name: string;
    readonly resourceVersion: string;
  };
}

interface List {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly Item[];
}

/** What a read must show. */
interface Written {
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
  readonly deleted: boolean;
}

describeWithControlPlane('Exact reads', () => {
  let stack: Stack;
  let direct: ApiClient;
  let proxied: ApiClient;

  beforeAll(async () => {
    stack = await startStack();
    const { caFile, url } = stack.controlPlane;
    direct = new ApiClient({ url, caFile, token: tokens.admin });
    proxied = new ApiClient({ url: stack.watershed.url, caFile, token: tokens.admin });
    for (const [name] of subjects) await proxied.request('GET', collection(name));
  }, buildTimeoutMs);

  afterAll(async () => {
    direct?.close();
    proxied?.close();
    await stack?.stop();
  });

  /** Changes its own object; every fifth time it goes away, and comes back the next time. */
  async function write(
    subject: readonly [ResourceName, string],
    turn: number,
    series = '',
  ): Promise<Written> {
    const [name, namespace] = subject;
    const own = `exact-${series}${turn % 2}`;
    const path = object(name, namespace, own);
    const [apiVersion, kind] = kinds[name] ?? ['', ''];
    const spec = name === 'services' ? { clusterIP: 'None', ports: [{ port: 80 }] } : undefined;
    const metadata = { name: own, labels: { turn: String(turn), mine: 'yes' } };
    const body = { apiVersion, kind, metadata, ...(spec === undefined ? {} : { spec }) };
    const step = Math.floor(turn / 2) % 5;
    const answer =
      step === 0
        ? await direct.request('POST', collection(name, namespace), { body })
        : step === 4
          ? await direct.request('DELETE', path)
          : await direct.request('PATCH', path, {
              body: { metadata: { labels: metadata.labels } },
              headers: { 'content-type': 'application/merge-patch+json' },
            });
    if (answer.status >= 300) throw new Error(`${path}: ${answer.body.toString()}`);
    if (step === 4) return { namespace, name: own, revision: 0, deleted: true };
    const written = JSON.parse(answer.body.toString()) as Item;
    const revision = Number(written.metadata.resourceVersion);
    return { namespace, name: own, revision, deleted: false };
  }

  test(`${writes} reads right after a write are none of them stale`, async () => {
    const stale: string[] = [];
    const proxiedMs: number[] = [];
    const directMs: number[] = [];
    const before = await readsBySource(stack);
    let left = writes;
    const rest = new AbortController();

    async function client(subject: readonly [ResourceName, string]): Promise<void> {
      for (let turn = 0; left > 0; turn++) {
        left--;
        const written = await write(subject, turn);
        const path = readPath(subject, written.name, turn);
        const began = performance.now();
        const answer = await proxied.request('GET', path);
        const between = performance.now();
        const found = staleness(path, answer.status, answer.body, written);
        if (found !== undefined) stale.push(found);
        if (path.includes('/exact-')) continue;
        proxiedMs.push(between - began);
        await direct.request('GET', path);
        directMs.push(performance.now() - between);
      }
    }

    /** Keeps one resource from ever resting. */
    async function disturb(): Promise<void> {
      const path = object('leases', 'a', 'busy');
      const [apiVersion, kind] = kinds.leases ?? ['', ''];
      const body = { apiVersion, kind, metadata: { name: 'busy' } };
      await direct.request('POST', collection('leases', 'a'), { body });
      for (let turn = 0; !rest.signal.aborted; turn++) {
        await direct.request('PATCH', path, {
          body: { spec: { leaseTransitions: turn } },
          headers: { 'content-type': 'application/merge-patch+json' },
        });
      }
    }

    const disturbance = disturb();
    await Promise.all(subjects.map(client));
    rest.abort();
    await disturbance;

    const after = await readsBySource(stack);
    const overProxy = figuresOf(proxiedMs);
    const overDirect = figuresOf(directMs);
    const extra = (of: 'meanMs' | 'p99Ms'): string => (overProxy[of] - overDirect[of]).toFixed(1);
    console.log(
      `${writes} writes, ${stale.length} stale reads; ` +
        `${after.cache - before.cache} reads from memory, ` +
        `${after.passthrough - before.passthrough} passed through\n` +
        `LIST through the proxy: ${figuresText(overProxy)}\n` +
        `LIST direct:            ${figuresText(overDirect)}\n` +
        `extra: mean ${extra('meanMs')} ms, p99 ${extra('p99Ms')} ms`,
    );
    expect(stale).toEqual([]);
  }, 180_000);

  test(`${streamedReads} streamed lists right after a write are none of them stale`, async () => {
    const stale: string[] = [];
    await Promise.all(
      subjects.map(async (subject) => {
        for (let turn = 0; turn < streamedReads / subjects.length; turn++) {
          const written = await write(subject, turn, 'streamed-');
          const path =
            collection(...subject) +
            query({ watch: 1, allowWatchBookmarks: 'true', timeoutSeconds: 20 });
          const events = await initialEvents(proxied, path);
          const item = events.find((candidate) => isThe(candidate, written));
          const isStale = written.deleted
            ? item !== undefined
            : Number(item?.metadata.resourceVersion ?? -1) < written.revision;
          if (isStale) stale.push(`${path}: ${JSON.stringify({ written, item })}`);
        }
      }),
    );
    expect(stale).toEqual([]);
  }, 180_000);
});

/** Whole and partial lists, and single objects, in turns. */
function readPath(subject: readonly [ResourceName, string], own: string, turn: number): string {
  const [name, namespace] = subject;
  const forms = [
    collection(name),
    collection(name, namespace),
    object(name, namespace, own),
    collection(name) + query({ labelSelector: 'mine=yes' }),
    collection(name, namespace) + query({ fieldSelector: `metadata.name=${own}` }),
    collection(name) + query({ labelSelector: 'mine', limit: 500 }),
    object(name, namespace, own),
  ];
  return forms[turn % forms.length];
}

/** Why a read is older than the write before it; undefined when it is not. */
function staleness(
  path: string,
  status: number,
  body: Buffer,
  written: Written,
): string | undefined {
  const told = (what: string): string => `${path}: ${what}, wrote ${JSON.stringify(written)}`;
  if (path.includes('/exact-')) {
    if (status === 404) return written.deleted ? undefined : told('404');
    if (status !== 200) return told(`status ${status}`);
    const item = JSON.parse(body.toString()) as Item;
    if (written.deleted) return told('still there');
    return isOlder(item, written) ? told(item.metadata.resourceVersion) : undefined;
  }
  if (status !== 200) return told(`status ${status} ${body.toString()}`);
  const list = JSON.parse(body.toString()) as List;
  if (Number(list.metadata.resourceVersion) < written.revision) return told('list is older');
  const item = list.items.find((candidate) => isThe(candidate, written));
  if (written.deleted) return item === undefined ? undefined : told('still listed');
  if (item === undefined) return told('not listed');
  return isOlder(item, written) ? told(item.metadata.resourceVersion) : undefined;
}

function isThe({ metadata }: Item, { namespace, name }: Written): boolean {
  return metadata.name === name && (metadata.namespace ?? '') === namespace;
}

function isOlder(item: Item, written: Written): boolean {
  return Number(item.metadata.resourceVersion) < written.revision;
}

/** The objects of a streamed list, up to the bookmark at its end. */
async function initialEvents(client: ApiClient, path: string): Promise<Item[]> {
  const message = await client.open('GET', path);
  let text = '';
  for await (const chunk of message) {
    text += String(chunk);
    if (text.includes('"k8s.io/initial-events-end":"true"') && text.endsWith('\n')) break;
  }
  const lines = text.split('\n').filter((line) => line.startsWith('{"type":"ADDED"'));
  return lines.map((line) => (JSON.parse(line) as { readonly object: Item }).object);
}

async function readsBySource(stack: Stack): Promise<{ cache: number; passthrough: number }> {
  const { requests } = await stack.watershed.status();
  const sum = (source: string): number =>
    requests.rows
      .filter((row) => row.source === source && (row.verb === 'list' || row.verb === 'get'))
      .reduce((total, row) => total + row.count, 0);
  return { cache: sum('cache'), passthrough: sum('passthrough') };
}
