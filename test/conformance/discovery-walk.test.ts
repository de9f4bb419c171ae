// Everything kube-apiserver says it serves, in every version, with all its APIs turned on: what can be listed and
// watched is answered from memory without being configured, byte for byte, and what must never be is passed on.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { differences } from './support/compare.ts';
import { buildTimeoutMs, describeWithControlPlane } from './support/go.ts';
import { storeRevision } from './support/history.ts';
import { quietFlags, startStack } from './support/stack.ts';
import type { Stack } from './support/stack.ts';
import { walkedObjects } from './support/walked-objects.ts';

const protobuf = 'application/vnd.kubernetes.protobuf';
const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** Which of those that can be listed and watched are never answered from memory (auth.md 2.8). */
const never = new Set([
  'events',
  'events.events.k8s.io',
  'secrets',
  'certificatesigningrequests.certificates.k8s.io',
]);

const parallel = 8;

vi.setConfig({ testTimeout: 300_000 });

interface Walked {
  readonly path: string;
  readonly group: string;
  readonly plural: string;
  readonly custom: boolean;
}

interface Groups {
  readonly items: readonly {
    readonly metadata: { readonly name?: string };
    readonly versions: readonly {
      readonly version: string;
      readonly resources: readonly { readonly resource: string; readonly verbs: string[] }[];
    }[];
  }[];
}

describeWithControlPlane('Every resource of the discovery', () => {
  let stack: Stack;
  let walked: readonly Walked[];
  let revision: number;

  beforeAll(async () => {
    const apiserverFlags = [...quietFlags, '--runtime-config=api/all=true'];
    stack = await startStack({ controlPlane: { apiserverFlags } });
    for (const { path, object } of walkedObjects) {
      const answer = await stack.controlPlane.request('POST', path, { body: object });
      expect(answer.status, `${path}: ${answer.body.toString()}`).toBe(201);
    }
    walked = [...(await walk('/api')), ...(await walk('/apis'))];
    revision = await storeRevision(stack);
  }, buildTimeoutMs);

  afterAll(async () => {
    await stack?.stop();
  });

  async function walk(root: '/api' | '/apis'): Promise<Walked[]> {
    const answer = await stack.direct({ path: root, headers: { accept: aggregated } });
    return (answer.json() as Groups).items.flatMap(({ metadata: { name = '' }, versions }) =>
      versions.flatMap(({ version, resources }) =>
        resources
          .filter(({ verbs }) => verbs.includes('list') && verbs.includes('watch'))
          .map(({ resource }) => ({
            path: `${root}/${name === '' ? '' : `${name}/`}${version}/${resource}`,
            group: name,
            plural: resource,
            custom: name === 'demo.watershed.dev',
          })),
      ),
    );
  }

  async function askBoth(path: string, headers: Readonly<Record<string, string>>, auditId: string) {
    return Promise.all([
      stack.direct({ path, headers }),
      stack.proxied({ path, headers: { ...headers, 'audit-id': auditId } }),
    ]);
  }

  /** Differences of the answers, the proxy's source among them when it is not the expected one. */
  async function compare(
    path: string,
    accept: string | undefined,
    from: 'cache' | 'passthrough',
  ): Promise<string[]> {
    const auditId = randomUUID();
    const [direct, proxied] = await askBoth(path, accept === undefined ? {} : { accept }, auditId);
    const { source, reason = '' } = await stack.watershed.logged(auditId);
    const found = differences(direct, proxied, { protocol: 'http/1.1', from });
    if (direct.status !== 200) found.push(`upstream says ${direct.status}`);
    if (source !== from) found.push(`answered by ${source} (${reason})`);
    return found.map((text) => `${path} ${accept ?? ''}: ${text}`);
  }

  async function compareAll(
    accept: string | undefined,
    queryOf: (revision: number) => string,
    /** Whether this form is answered from memory. */
    remembered: (resource: Walked) => boolean,
  ): Promise<void> {
    const found: string[] = [];
    const left = [...walked];
    const work = async (): Promise<void> => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) {
        const name = next.group === '' ? next.plural : `${next.plural}.${next.group}`;
        const from = never.has(name) || !remembered(next) ? 'passthrough' : 'cache';
        found.push(...(await compare(next.path + queryOf(revision), accept, from)));
      }
    };
    await Promise.all(Array.from({ length: parallel }, work));
    expect(found, found.join('\n')).toEqual([]);
  }

  const notOlder = (at: number): string => `?resourceVersion=${at}`;
  const watch = (): string => '?watch=1&resourceVersion=0&timeoutSeconds=1';

  test('there are many, some of them in several versions', () => {
    const names = walked.map(({ group, plural }) => `${plural}.${group}`);
    const several = [...new Set(names)].filter(
      (name) => names.indexOf(name) !== names.lastIndexOf(name),
    );
    console.log(`${names.length} resources, in several versions: ${several.join(', ')}`);
    expect(names.length).toBeGreaterThan(60);
    expect(several).toContain('horizontalpodautoscalers.autoscaling');
  });

  test('is listed alike in JSON, from memory', () => compareAll(undefined, notOlder, () => true));

  test('is watched alike in JSON, from memory', () => compareAll(undefined, watch, () => true));

  test('is listed alike in protobuf', () =>
    compareAll(`${protobuf},application/json`, notOlder, () => true));

  test('is watched alike in protobuf', () =>
    compareAll(`${protobuf},application/json`, watch, () => true));

  for (const type of ['application/json', protobuf]) {
    test(`is listed alike as metadata in ${type}`, () =>
      compareAll(`${type};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1`, notOlder, () => true));
  }

  test('is found under every spelling under which kube-apiserver finds it', async () => {
    const found: string[] = [];
    const paths = ['/api/v1/pods', '/apis/autoscaling/v1/horizontalpodautoscalers'];
    paths.push(
      '/apis/demo.watershed.dev/v1/widgets',
      '/apis/autoscaling/v2/Horizontalpodautoscalers',
    );
    for (const path of paths) {
      const plural = path.slice(path.lastIndexOf('/') + 1);
      const version = path.slice(0, path.lastIndexOf('/'));
      const spelled = [
        `${path}/`,
        `${version}//${plural}`,
        `/${path}`,
        `${version}/%${plural.charCodeAt(0).toString(16)}${plural.slice(1)}`,
        `${version}/namespaces/a/${plural}/`,
        `${version}/namespaces/a/${plural}/one/`,
        `${version}/watch/${plural}?resourceVersion=0&timeoutSeconds=1`,
        `${path}?watch=true&resourceVersion=0&timeoutSeconds=1`,
        `${path}?watch=TRUE&watch=0&resourceVersion=0&timeoutSeconds=1`,
        `${path}?watch&resourceVersion=0&timeoutSeconds=1`,
        `${path}?%77atch=1&resourceVersion=0&timeoutSeconds=1`,
        `${path}?resourceVersion=${revision}&unknown=1`,
        `${path}?resourceVersion=0${revision}`,
        `${path}?ResourceVersion=1&resourceVersion=${revision}`,
      ];
      for (const spelling of spelled) {
        const [direct, proxied] = await askBoth(spelling, {}, randomUUID());
        // Whoever answers: queue headers tell nothing here.
        const differing = differences(direct, proxied, { protocol: 'http/1.1', from: 'cache' });
        found.push(...differing.map((text) => `${spelling}: ${text}`));
      }
    }
    expect(found, found.join('\n')).toEqual([]);
  });
});
