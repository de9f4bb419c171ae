// PartialObjectMetadata shown out of lanes of whole objects, against kube-apiserver's own, byte for byte, over objects
// with the oddest metadata upstream takes. Where a view answers, no watch of metadata is open upstream: the
// status says which lanes there are. Kinds whose whole objects show other metadata have lanes of their own.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { differences } from './support/compare.ts';
import { buildTimeoutMs, describeWithControlPlane } from './support/go.ts';
import { storeRevision } from './support/history.ts';
import { oddKinds, writeOddPast, writeOddSeed } from './support/odd-metadata.ts';
import type { OddKind, OddName } from './support/odd-metadata.ts';
import { query } from './support/resources.ts';
import { quietFlags, startBareStack } from './support/stack.ts';
import type { Stack } from './support/stack.ts';

vi.setConfig({ maxConcurrency: 16, testTimeout: 60_000 });

const names = Object.keys(oddKinds) as OddName[];
/** Their conversions touch metadata, or their keys are sorted. */
const ownLanes: readonly OddName[] = ['deployments', 'daemonsets', 'widgets'];

const forms = [
  { name: 'json', type: 'application/json' },
  { name: 'protobuf', type: 'application/vnd.kubernetes.protobuf' },
] as const;
type Form = (typeof forms)[number];

/** How often a GET is asked until memory answers: the proof for it is waited for only shortly. */
const attempts = 50;

interface Question {
  readonly name: string;
  readonly path: (kind: OddKind, start: number) => string;
  readonly list?: true;
  /** Only where the kind has such a field. */
  readonly byField?: true;
}

const initial = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' };
const bookmarks = { allowWatchBookmarks: 'true' };

const lists: readonly Question[] = [
  { name: 'all', path: ({ collection }) => collection },
  { name: 'in a namespace', path: ({ home }) => home },
  { name: 'of any age', path: ({ collection }) => `${collection}?resourceVersion=0` },
  { name: 'two of them', path: ({ collection }) => `${collection}?limit=2` },
  { name: 'by label', path: ({ collection }) => `${collection}?labelSelector=color%3Dred` },
  { name: 'none of them', path: ({ collection }) => `${collection}?labelSelector=color%3Dno` },
  { name: 'by name', path: ({ home }) => `${home}?fieldSelector=metadata.name%3Dodd` },
  {
    name: 'by field',
    byField: true,
    path: ({ collection, fieldSelector }) => collection + query({ fieldSelector }),
  },
];

function watch(
  name: string,
  options: object,
  scope: 'collection' | 'home' = 'collection',
): Question {
  return {
    name,
    path: (kind, start) =>
      kind[scope] +
      query({
        watch: 1,
        timeoutSeconds: 1,
        ...options,
        ...('resourceVersion' in options ? {} : { resourceVersion: start }),
      }),
  };
}

const watches: readonly Question[] = [
  watch('everything that happened', {}),
  watch('what happened in a namespace', {}, 'home'),
  watch('what happened, with bookmarks', { ...bookmarks, timeoutSeconds: 4 }),
  watch('transitions', { labelSelector: 'color=red' }),
  watch('transitions the other way', { labelSelector: 'color!=red' }),
  watch('one name', { fieldSelector: 'metadata.name=odd' }, 'home'),
  watch('any state first', { resourceVersion: 0, ...bookmarks }),
  watch('a streaming list', { ...initial, ...bookmarks, resourceVersion: '' }),
  watch('a streaming list of a selection', {
    ...initial,
    ...bookmarks,
    resourceVersion: '',
    labelSelector: 'color=red',
  }),
  {
    name: 'transitions by a field',
    byField: true,
    path: ({ collection, fieldSelector }, start) =>
      collection + query({ watch: 1, timeoutSeconds: 1, resourceVersion: start, fieldSelector }),
  },
];

function acceptOf({ type }: Form, path: string): string {
  const isList = !path.includes('watch=') && !/\/odd[^/]*$/.test(path.split('?')[0]);
  const kind = isList ? 'PartialObjectMetadataList' : 'PartialObjectMetadata';
  return `${type};as=${kind};g=meta.k8s.io;v=v1`;
}

describeWithControlPlane('Metadata out of whole objects', () => {
  let stack: Stack;
  let start = 0;

  beforeAll(async () => {
    stack = await startBareStack({ controlPlane: { apiserverFlags: quietFlags } });
    for (const name of names) await writeOddSeed(stack.controlPlane, oddKinds[name]);
    await stack.startProxy();
    await readAll();
    start = await storeRevision(stack);
    for (const name of names) await writeOddPast(stack.controlPlane, oddKinds[name]);
    await readAll();
    // The apiserver's own caches have come to the same revision too.
    for (const name of names) await stack.direct({ path: oddKinds[name].collection });
  }, buildTimeoutMs);

  afterAll(async () => {
    await stack?.stop();
  });

  /** Opens the lanes of whole objects, then those of metadata, and brings them to where the store is. */
  async function readAll(): Promise<void> {
    const resourceVersion = await storeRevision(stack);
    for (const kind of Object.values(oddKinds)) {
      const path = kind.collection + query({ resourceVersion });
      for (const form of forms) {
        for (const accept of [`${form.type},*/*`, acceptOf(form, path)]) {
          // Custom resources have no protobuf but that of their metadata.
          const isNone =
            form.name === 'protobuf' && kind === oddKinds.widgets && accept.endsWith('*/*');
          if (!isNone) await fromMemory(path, accept);
        }
      }
    }
  }

  /** Asks the proxy until memory answers. */
  async function fromMemory(path: string, accept: string): Promise<void> {
    let source = '';
    for (let attempt = 0; attempt < attempts && source !== 'cache'; attempt++) {
      const auditId = randomUUID();
      const headers = { accept, 'audit-id': auditId };
      const { status } = await stack.proxied({ path, headers });
      expect(status, `${path} ${accept}`).toBe(200);
      ({ source } = await stack.watershed.logged(auditId));
    }
    expect(source, `${path} ${accept}`).toBe('cache');
  }

  /** Asks both; from memory unless `either`. */
  async function compare(path: string, form: Form, either = false): Promise<string> {
    let found: string[] = [];
    let source = '';
    for (let attempt = 0; attempt < attempts && source !== 'cache'; attempt++) {
      const auditId = randomUUID();
      const headers = { accept: acceptOf(form, path) };
      const [direct, proxied] = await Promise.all([
        stack.direct({ path, headers }),
        stack.proxied({ path, headers: { ...headers, 'audit-id': auditId } }),
      ]);
      const logged = await stack.watershed.logged(auditId);
      const from = logged.source === 'cache' ? 'cache' : 'passthrough';
      source = logged.source;
      found = differences(direct, proxied, { protocol: 'http/1.1', from });
      expect(direct.status, direct.text).toBe(200);
      expect(found, `${path}\n${found.join('\n')}`).toEqual([]);
      if (either) return source;
    }
    expect(source, path).toBe('cache');
    return source;
  }

  /** The collections of all groups and versions that can be listed and watched. */
  async function listablePaths(): Promise<string[]> {
    const get = async (path: string): Promise<unknown> => (await stack.direct({ path })).json();
    const { groups } = (await get('/apis')) as {
      readonly groups: readonly {
        readonly versions: readonly { readonly groupVersion: string }[];
      }[];
    };
    const versions = groups.flatMap((group) => group.versions.map((each) => each.groupVersion));
    const paths: string[] = [];
    for (const root of ['/api/v1', ...versions.map((version) => `/apis/${version}`)]) {
      const { resources } = (await get(root)) as {
        readonly resources: readonly { readonly name: string; readonly verbs: readonly string[] }[];
      };
      for (const { name, verbs } of resources) {
        const isListable = verbs.includes('list') && verbs.includes('watch');
        if (isListable && !name.includes('/')) paths.push(`${root}/${name}`);
      }
    }
    return paths;
  }

  for (const form of forms) {
    for (const name of names) {
      const kind: OddKind = oddKinds[name];
      const asked = ({ byField }: Question): boolean =>
        byField !== true || kind.fieldSelector !== undefined;
      // Protobuf of a custom resource is metadata only, and a lane of its own.
      describe.concurrent(`${name} in ${form.name}`, () => {
        for (const question of [...lists, ...watches].filter(asked)) {
          test(question.name, () => compare(question.path(kind, start), form));
        }
        for (const object of ['odd', 'odd-bare', 'odd-held']) {
          test(`${object} of any age`, () =>
            compare(`${kind.home}/${object}?resourceVersion=0`, form));
          test(`${object}, newest`, () => compare(`${kind.home}/${object}`, form, true));
        }
      });
    }
  }

  test('no metadata is followed upstream where a view shows it', async () => {
    const { lanes } = await stack.watershed.status();
    const metadata = lanes.filter((lane) => lane.form.endsWith(' metadata'));
    const expected = ownLanes.flatMap((name) =>
      forms.map((form) => `${name} ${form.name} metadata`),
    );
    expect(metadata.map((lane) => `${lane.resource} ${lane.form}`).sort()).toEqual(expected.sort());
    const open = lanes.filter((lane) => lane.state === 'live');
    const views = names.filter((name) => !ownLanes.includes(name));
    for (const name of views) {
      const own = open.filter((lane) => lane.resource === name).map((lane) => lane.form);
      expect(own.sort()).toEqual(['json', 'protobuf']);
    }
  });

  test('every kind the apiserver serves shows the metadata it would show itself', async () => {
    const paths = await listablePaths();
    expect(paths.length).toBeGreaterThan(40);
    const fromCache = new Map<string, number>();
    for (const path of paths) {
      for (const form of forms) {
        await stack.proxied({ path, headers: { accept: `${form.type},*/*` } });
        const source = await compare(path, form, true);
        fromCache.set(source, (fromCache.get(source) ?? 0) + 1);
      }
    }
    console.log(`${paths.length} kinds in two encodings: ${JSON.stringify([...fromCache])}`);
    expect(fromCache.get('cache')).toBeGreaterThan(paths.length);
  });

  test('whole Deployments and DaemonSets show annotations that their metadata has not', async () => {
    const [{ home: deployments }, { home: daemonsets }] = [
      oddKinds.deployments,
      oddKinds.daemonsets,
    ];
    const pairs = [
      [`${deployments}/odd`, 'deprecated.deployment.rollback.to":"1"'],
      [`${daemonsets}/odd-bare`, 'deprecated.daemonset.template.generation":"'],
    ];
    for (const [path, annotation] of pairs) {
      const headers = { accept: acceptOf(forms[0], path) };
      const metadata = await stack.proxied({ path, headers });
      const whole = await stack.proxied({ path });
      expect(whole.text).toContain(annotation);
      expect(metadata.text).not.toContain(annotation);
    }
  });

  test('a write reaches open watches of both forms from one lane', async () => {
    const { home, collection } = oddKinds.configmaps;
    const revision = await storeRevision(stack);
    const headers = {
      accept: acceptOf(forms[0], `${home}?watch=1`),
      authorization: 'Bearer admin-token',
    };
    const path = `${collection}?watch=1&resourceVersion=${revision}`;
    const [direct, proxied] = await Promise.all([
      stack.connect('direct'),
      stack.connect('proxied'),
    ]);
    const opened = [
      direct.open({ path, headers }),
      proxied.open({ path, headers }),
      proxied.open({ path, headers: { authorization: headers.authorization } }),
    ];
    await Promise.all(opened.map((response) => response.untilHead()));
    const body = { metadata: { labels: { color: 'green' } } };
    const type = { 'content-type': 'application/merge-patch+json' };
    await stack.controlPlane.request('PATCH', `${home}/odd`, { body, headers: type });
    await Promise.all(opened.map((response) => response.untilLines(1)));
    const [own, shown, whole] = opened.map((response) => response.lines[0]);
    expect(shown).toBe(own);
    expect(shown).toContain('"color":"green"');
    expect(whole).toContain('not this one');
    direct.close();
    proxied.close();
  });
});
