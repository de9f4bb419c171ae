// A cluster with a past for the generated requests, which then stands still: revisions compacted away,
// revisions from before kube-apiserver's own memory, from before the proxy's, and from both. In the end
// both servers are at the same revision, so that answers can be compared byte for byte.

import { reach, storeRevision, writeHistory } from '../support/history.ts';
import { quietFlags, startBareStack } from '../support/stack.ts';
import type { Stack } from '../support/stack.ts';
import {
  collectionOf,
  fatObjects,
  gizmoDefinition,
  objectOf,
  writtenHere,
} from './past-objects.ts';
import { collectionPath, subjects } from './subjects.ts';
import type { Subject } from './subjects.ts';

/** Revisions of the store, and what lies in it. */
export interface Past {
  /** Compacted away. */
  readonly expired: number;
  /** In the store; kube-apiserver was started later. */
  readonly before: number;
  /** In kube-apiserver's memory; the proxy was started later. */
  readonly between: number;
  /** In the memory of both, like all that follow. */
  readonly start: number;
  readonly middle: number;
  /** Now; nothing writes any more. */
  readonly end: number;
  /** Keys of the objects by subject name: `namespace/name` or `name`, in the order of lists. */
  readonly keys: ReadonlyMap<string, readonly string[]>;
}

export interface PastStack {
  readonly stack: Stack;
  readonly past: Past;
}

export async function startWithPast(): Promise<PastStack> {
  const stack = await startBareStack({ controlPlane: { apiserverFlags: quietFlags } });
  try {
    return { stack, past: await writePast(stack) };
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

async function writePast(stack: Stack): Promise<Past> {
  const { controlPlane } = stack;
  await post(stack, gizmoDefinition.collection, gizmoDefinition.object);
  const expired = await storeRevision(stack);
  await post(stack, '/api/v1/namespaces', namespaceNamed('fat'));
  for (const [path, object] of fatObjects) await post(stack, path, object);
  for (const plural of writtenHere) await writeFirst(stack, plural);
  const compacted = await storeRevision(stack);
  for (const plural of writtenHere) await relabel(stack, plural, 'one', { color: 'blue' });
  const before = await storeRevision(stack);
  await compact(stack, compacted);
  await controlPlane.restartApiserver();
  for (const plural of writtenHere) await relabel(stack, plural, 'one', { color: 'green' });
  const between = await storeRevision(stack);
  for (const plural of writtenHere) await relabel(stack, plural, 'one', { weight: '12' });
  await stack.startProxy({ settings: { resources: { secrets: true } } });
  // In parallel: a lane waits for the first bookmark of its kind.
  await Promise.all(lanes.map((request) => stack.proxied(request)));
  const start = await storeRevision(stack);
  for (const plural of writtenHere) await writeSecond(stack, plural);
  const { middle } = await writeHistory(stack);
  for (const plural of writtenHere) await writeThird(stack, plural);
  const end = await settleAll(stack);
  return { expired, before, between, start, middle, end, keys: await keysOf(stack) };
}

const protobuf = 'application/vnd.kubernetes.protobuf';
const metadata = 'as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

/** One LIST per form of each resource: the lanes that the generated requests use. */
const lanes = subjects.flatMap((subject) => {
  const types = subject.custom ? ['application/json'] : ['application/json', protobuf];
  const forms = [...types, `application/json;${metadata}`, `${protobuf};${metadata}`];
  return forms.map((accept) => ({ path: collectionPath(subject), headers: { accept } }));
});

/** Brings both servers to the store's revision, in every form; returns that revision. */
async function settleAll(stack: Stack): Promise<number> {
  const revision = await storeRevision(stack);
  // A consistent read moves the apiserver's cache, "not older than" the proxy's.
  await Promise.all(subjects.map((subject) => stack.direct({ path: collectionPath(subject) })));
  await Promise.all(
    lanes.map(({ path, headers }) =>
      reach(stack, { path: `${path}?resourceVersion=${revision}`, headers }),
    ),
  );
  if ((await storeRevision(stack)) !== revision) throw new Error('the cluster is not quiet');
  return revision;
}

async function writeFirst(stack: Stack, plural: string): Promise<void> {
  const create = async (namespace: string, name: string, color: string): Promise<void> => {
    await post(stack, collectionOf(plural, namespace), objectOf(plural, name, { color }));
  };
  await create('a', 'one', 'red');
  await create('a', 'n.b', 'green');
  await create('a-b', 'one', 'blue');
  await create('ab', 'gone', 'red');
}

async function writeSecond(stack: Stack, plural: string): Promise<void> {
  await relabel(stack, plural, 'one', { color: 'red' });
  await send(stack, 'DELETE', `${collectionOf(plural, 'ab')}/gone`);
  const special = plural === 'secrets' ? { type: 'example.com/own' } : {};
  const second = objectOf(plural, 'second', { color: 'red', weight: '7' }, special);
  await post(stack, collectionOf(plural, 'ab'), second);
}

async function writeThird(stack: Stack, plural: string): Promise<void> {
  await relabel(stack, plural, 'n.b', { color: null, 'example.com/part-of': 'x' });
  await post(stack, collectionOf(plural, 'ab'), objectOf(plural, 'gone', { color: 'green' }));
  await post(stack, collectionOf(plural, 'a'), objectOf(plural, 'short', { color: 'red' }));
  await send(stack, 'DELETE', `${collectionOf(plural, 'a')}/short`);
}

async function relabel(
  stack: Stack,
  plural: string,
  name: string,
  labels: Readonly<Record<string, string | null>>,
): Promise<void> {
  const path = `${collectionOf(plural, 'a')}/${name}`;
  await send(stack, 'PATCH', path, { metadata: { labels } });
}

function namespaceNamed(name: string): unknown {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

/** A new definition is served a moment later: until then its objects have no place. */
async function post(stack: Stack, path: string, body: unknown): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const answer = await stack.controlPlane.request('POST', path, { body });
    if (answer.status < 300) return;
    if (answer.status !== 404 || attempt === 200) throw new Error(`POST ${path}: ${answer.body}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function send(stack: Stack, method: string, path: string, body?: unknown): Promise<void> {
  const headers = body === undefined ? {} : { 'content-type': 'application/merge-patch+json' };
  const answer = await stack.controlPlane.request(method, path, { body, headers });
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.body}`);
}

async function compact({ controlPlane }: Stack, revision: number): Promise<void> {
  const body = JSON.stringify({ revision });
  const answer = await fetch(`${controlPlane.etcdUrl}/v3/kv/compaction`, { method: 'POST', body });
  if (answer.status !== 200) throw new Error(`compaction: ${await answer.text()}`);
}

interface Listed {
  readonly items: readonly { readonly metadata: { name: string; namespace?: string } }[];
}

async function keysOf(stack: Stack): Promise<Map<string, string[]>> {
  const read = async (subject: Subject): Promise<[string, string[]]> => {
    const list = (await stack.direct({ path: collectionPath(subject) })).json() as Listed;
    const keys = list.items.map(({ metadata: { namespace, name } }) =>
      namespace === undefined ? name : `${namespace}/${name}`,
    );
    return [subject.name, keys];
  };
  return new Map(await Promise.all(subjects.map(read)));
}
