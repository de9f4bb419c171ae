// Every way in which the proxy answers from memory, asked by somebody without rights. The forms and verbs are those of
// the product's own tables: one that is added there and not here does not compile, or is found missing.

import { beforeAll, describe, expect, test } from 'vitest';
import type { ReadVerb } from '../../src/auth/attributes.ts';
import { representationOf } from '../../src/k8s/media-type.ts';
import type { Representation } from '../../src/k8s/media-type.ts';
import { differences } from '../conformance/support/compare.ts';
import { authorization } from '../conformance/support/stack.ts';
import type { Stack } from '../conformance/support/stack.ts';
import type { RecordingClient } from '../support/recording-client.ts';
import { isLongForm } from './support/form.ts';
import type { QuietCluster } from './support/quiet-cluster.ts';

const parallel = 16;
const shortForms = 2;
const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

const types: Record<Representation['encoding'], string> = {
  json: 'application/json',
  protobuf: 'application/vnd.kubernetes.protobuf',
};
/** Only upstream answers these; somebody without rights must not notice. */
const others = [
  'application/json;as=Table;v=v1;g=meta.k8s.io',
  'application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io',
  'application/cbor',
  'application/yaml',
  'application/json;pretty=1',
];

const kinds: Record<ReadVerb, string> = {
  get: 'PartialObjectMetadata',
  list: 'PartialObjectMetadataList',
  watch: 'PartialObjectMetadata',
};

/** Every Accept that is answered from memory for a verb, and others. */
function acceptsOf(verb: ReadVerb): string[] {
  const served = Object.values(types).flatMap((type) =>
    ['', `;as=${kinds[verb]};v=v1;g=meta.k8s.io`].flatMap((form) =>
      ['', ';drop=metadata.managedFields'].map((drop) => `${type}${form}${drop}`),
    ),
  );
  return [...served, ...others];
}

const names = 'metadata.name%3Dn';
const initial = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=1';
const token = Buffer.from('{"v":"meta.k8s.io/v1","rv":1000,"start":"a/n\\u0000"}').toString(
  'base64url',
);
/** What is asked, by verb; the first of each is enough for most resources. */
const asked: Record<ReadVerb, readonly string[]> = {
  list: [
    '?resourceVersion=0',
    '',
    '?limit=1',
    `?limit=1&continue=${token}`,
    '?resourceVersion=1000&resourceVersionMatch=Exact',
    '?resourceVersion=1000&resourceVersionMatch=NotOlderThan',
    '?labelSelector=color%3Dred',
    `?fieldSelector=${names}`,
    '?shardSelector=shardRange(object.metadata.uid,0x0,0x8)',
  ],
  watch: [
    '?watch=1&resourceVersion=0&timeoutSeconds=1',
    '?watch=1&timeoutSeconds=1',
    '?watch=1&resourceVersion=1000&timeoutSeconds=1',
    `?watch=1&${initial}&timeoutSeconds=1`,
    '?watch=1&resourceVersion=0&labelSelector=color%3Dred&timeoutSeconds=1',
    `?watch=1&resourceVersion=0&fieldSelector=${names}&timeoutSeconds=1`,
  ],
  get: ['/n?resourceVersion=0', '/n', '/n?watch=1', '/none'],
};
const verbs = Object.keys(asked) as readonly ReadVerb[];
/** Asked in every way: core and custom, both scopes, and what must never leak. */
const thorough = new Set(['pods', 'secrets', 'leases', 'nodes', 'widgets', 'gadgets']);

interface Walked {
  readonly root: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

interface Groups {
  readonly items: readonly {
    readonly metadata: { readonly name?: string };
    readonly versions: readonly {
      readonly version: string;
      readonly resources: readonly {
        readonly resource: string;
        readonly scope: string;
        readonly verbs: readonly string[];
      }[];
    }[];
  }[];
}

interface Asked {
  readonly path: string;
  readonly accept: string;
}

export function routeTests(cluster: () => QuietCluster): void {
  describe('Routes', () => {
    let stack: Stack;
    let walked: readonly Walked[];

    beforeAll(async () => {
      ({ stack } = cluster());
      walked = [...(await walk('/api')), ...(await walk('/apis'))];
    });

    async function walk(root: '/api' | '/apis'): Promise<Walked[]> {
      const answer = await stack.direct({ path: root, headers: { accept: aggregated } });
      return (answer.json() as Groups).items.flatMap(({ metadata: { name = '' }, versions }) =>
        versions.flatMap(({ version, resources }) =>
          resources
            .filter((each) => each.verbs.includes('list') && each.verbs.includes('watch'))
            .map(({ resource, scope }) => ({
              root: `${root}/${name === '' ? '' : `${name}/`}${version}`,
              plural: resource,
              namespaced: scope === 'Namespaced',
            })),
        ),
      );
    }

    function pathsOf({ root, plural, namespaced }: Walked): string[] {
      const all = `${root}/${plural}`;
      return namespaced ? [`${root}/namespaces/a/${plural}`, all] : [all];
    }

    function questionsOf(resource: Walked): Asked[] {
      const isThorough = thorough.has(resource.plural);
      const [first, ...more] = pathsOf(resource);
      return verbs.flatMap((verb) => {
        const paths = verb === 'get' ? [first] : isThorough ? [first, ...more] : [first];
        const queries = isThorough ? asked[verb] : asked[verb].slice(0, 1);
        const all = acceptsOf(verb);
        // The short form asks most resources for JSON only.
        const accepts = isThorough || isLongForm ? all : all.slice(0, shortForms);
        return paths.flatMap((path) =>
          queries.flatMap((query) => accepts.map((accept) => ({ path: path + query, accept }))),
        );
      });
    }

    async function forEach<T>(all: readonly T[], act: (one: T) => Promise<void>): Promise<void> {
      const left = [...all];
      const work = async (): Promise<void> => {
        for (let next = left.pop(); next !== undefined; next = left.pop()) await act(next);
      };
      await Promise.all(Array.from({ length: parallel }, work));
    }

    test('#31 the forms asked for are all that memory answers in', () => {
      for (const verb of verbs) {
        const found = acceptsOf(verb).map((accept) =>
          representationOf({
            accept,
            userAgent: undefined,
            custom: false,
            verb,
            managedFieldsOptOut: true,
          }),
        );
        const forms = new Set(
          found
            .filter((form) => form !== undefined)
            .map((form) => {
              const { encoding, metadata, withoutManagedFields = false } = form;
              return `${encoding} ${metadata} ${withoutManagedFields}`;
            }),
        );
        expect(forms.size).toBe(Object.keys(types).length * 2 * 2);
      }
    });

    test('#31 nothing of any resource is answered to somebody without rights, in any form', async () => {
      const clients = await Promise.all([stack.connect('direct'), stack.connect('proxied')]);
      const [, proxy] = clients;
      // Everything is in memory, for those who may.
      await forEach(walked, async (resource) => {
        const path = `${pathsOf(resource).at(-1)}?resourceVersion=0`;
        expect((await proxy.get(path, authorization({}))).status, path).toBe(200);
      });
      const questions = walked.flatMap(questionsOf);
      const found: string[] = [];
      await forEach(questions, async (question) => {
        found.push(...(await compare(clients, question)));
      });
      console.log(`${questions.length} questions about ${walked.length} resources refused alike`);
      expect(found, found.slice(0, 20).join('\n')).toEqual([]);
      expect(walked.length).toBeGreaterThan(50);
      const { requests } = await stack.watershed.status();
      const leaked = requests.rows.filter(({ code, source }) => code === 403 && source === 'cache');
      expect(leaked).toEqual([]);
      for (const client of clients) client.close();
    });

    /** What is not a refusal, or not upstream's. */
    async function compare(
      clients: readonly RecordingClient[],
      { path, accept }: Asked,
    ): Promise<string[]> {
      const headers = { ...authorization({ user: 'nobody' }), accept };
      const [direct, proxied] = await Promise.all(
        clients.map((client) => client.get(path, headers)),
      );
      const compared = differences(direct, proxied, { protocol: 'h2', from: 'passthrough' });
      if (proxied.status !== 403) compared.unshift(`status ${proxied.status}`);
      return compared.map((text) => `${path} as ${accept}: ${text}`);
    }
  });
}
