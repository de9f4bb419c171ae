// The same requests to kube-apiserver and to Watershed, on a cluster where nothing moves: the answers
// are equal byte for byte, revisions and headers included, and where memory should have answered, it
// did (the request log says so). Nothing is normalised.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseRequestTarget } from '../../src/k8s/request-target.ts';
import type { RecordedResponse } from '../support/recorded-response.ts';
import type { Case } from './support/case.ts';
import { differences } from './support/compare.ts';
import { buildTimeoutMs, describeWithControlPlane } from './support/go.ts';
import { settle, storeRevision, writeHistory } from './support/history.ts';
import type { History } from './support/history.ts';
import { listCases, newestObjectPaths } from './support/list-cases.ts';
import { refusalCases } from './support/refusal-cases.ts';
import { collection, query, resourceNames } from './support/resources.ts';
import type { ResourceName } from './support/resources.ts';
import { quietFlags, startBareStack } from './support/stack.ts';
import type { Protocol, Request, Stack } from './support/stack.ts';
import { bookmarkCases, watchCases } from './support/watch-cases.ts';

/** The issue asks for at least so many. */
const requestsWanted = 150;
const attemptsWithAges = 5;
/** On a machine with too much to do a proof may be late, and the read goes upstream: it is asked again. */
const attemptsWithProof = 8;
const protocols: readonly Protocol[] = ['http/1.1', 'h2'];

const protobuf = 'application/vnd.kubernetes.protobuf';

/** An Accept as client-go's metadata informers send it. */
function metadataIn(type: string): (path: string) => string {
  return (path) => {
    const target = parseRequestTarget(path);
    const isList = target.kind === 'collection' && !/[?&]watch=/.test(path);
    const kind = isList ? 'PartialObjectMetadataList' : 'PartialObjectMetadata';
    return `${type};as=${kind};g=meta.k8s.io;v=v1`;
  };
}

const otherForms = [
  {
    name: 'protobuf',
    mark: `"accept":"${protobuf},application/json"`,
    accept: () => `${protobuf},application/json`,
  },
  {
    name: 'metadata in JSON',
    mark: '"accept":"application/json;as=',
    accept: metadataIn('application/json'),
  },
  {
    name: 'metadata in protobuf',
    mark: `"accept":"${protobuf};as=`,
    accept: metadataIn(protobuf),
  },
] as const;

// Most watches only wait for their end; on two cores more than this makes nothing faster.
vi.setConfig({ maxConcurrency: 16, testTimeout: 60_000 });

describeWithControlPlane('Byte equality on a quiet cluster', () => {
  let stack: Stack;
  let history: History;
  const equal = new Map<string, 'cache' | 'passthrough'>();

  beforeAll(async () => {
    stack = await startBareStack({ controlPlane: { apiserverFlags: quietFlags } });
    await stack.startProxy();
    history = await writeHistory(stack);
  }, buildTimeoutMs);

  afterAll(async () => {
    if (stack === undefined) return;
    const fromMemory = [...equal.values()].filter((from) => from === 'cache').length;
    console.log(`${equal.size} requests equal, ${fromMemory} from memory`);
    await stack.stop();
  });

  /** Asks both, compares, and returns both answers and what differs. */
  async function compare(request: Request, from: Case['from'] | 'either'): Promise<Compared> {
    let compared = await compareOnce(request, from);
    for (let attempt = 1; isLateProof(compared) && attempt < attemptsWithProof; attempt++) {
      compared = await compareOnce(request, from);
    }
    return compared;
  }

  async function compareOnce(request: Request, from: Case['from'] | 'either'): Promise<Compared> {
    const auditId = randomUUID();
    const headers = { ...request.headers, 'audit-id': auditId };
    const [direct, proxied] = await Promise.all([
      stack.direct(request),
      stack.proxied({ ...request, headers }),
    ]);
    const logged = await stack.watershed.logged(auditId);
    const source = logged.source === 'cache' ? 'cache' : 'passthrough';
    const found = differences(direct, proxied, {
      protocol: request.protocol ?? 'http/1.1',
      from: source,
    });
    if (from !== 'either' && logged.source !== from) {
      found.unshift(`answered by ${logged.source} (${logged.reason ?? 'no reason'}), not ${from}`);
    }
    // The same request over another protocol is not another request.
    if (found.length === 0) equal.set(JSON.stringify({ ...request, protocol: '' }), source);
    return { direct, proxied, found };
  }

  async function check(each: Case, protocol: Protocol): Promise<void> {
    const request = { ...each.request(history), protocol };
    let { found } = await compare(request, each.from);
    for (let attempt = 1; each.ages && found.length > 0 && attempt < attemptsWithAges; attempt++) {
      ({ found } = await compare(request, each.from));
    }
    expect(found, `${request.path}\n${found.join('\n')}`).toEqual([]);
  }

  for (const protocol of protocols) {
    describe.concurrent(`LIST and GET over ${protocol}`, () => {
      for (const each of listCases) test(each.name, () => check(each, protocol));
      for (const path of newestObjectPaths) {
        test(`${path}, newest`, async () => {
          const { found } = await compare({ path, protocol }, 'either');
          expect(found, found.join('\n')).toEqual([]);
        });
      }
    });
    describe.concurrent(`WATCH over ${protocol}`, () => {
      for (const each of [...watchCases, ...bookmarkCases]) {
        test(each.name, () => check(each, protocol));
      }
    });
    describe.concurrent(`refusals and other forms over ${protocol}`, () => {
      for (const each of refusalCases) test(each.name, () => check(each, protocol));
    });
  }

  for (const form of otherForms) {
    describe.concurrent(`the same in ${form.name}`, () => {
      for (const each of [...listCases, ...watchCases]) {
        test(each.name, async () => {
          const request = each.request(history);
          const headers = { ...request.headers, accept: form.accept(request.path) };
          // Who answers depends on the form; how often it was memory is asserted below.
          const { found } = await compare({ ...request, headers, protocol: 'h2' }, 'either');
          expect(found, `${request.path}\n${found.join('\n')}`).toEqual([]);
        });
      }
    });
  }

  test('other forms are answered from memory too', () => {
    for (const form of otherForms) {
      const asked = [...equal].filter(([request]) => request.includes(form.mark));
      const remembered = asked.filter(([, from]) => from === 'cache').length;
      console.log(`${form.name}: ${asked.length} requests equal, ${remembered} from memory`);
      expect(remembered).toBeGreaterThan(asked.length / 2);
    }
  });

  describe.concurrent('pages, each server continuing with the tokens of the other', () => {
    const walks: readonly (readonly [ResourceName, string, Record<string, string | number>])[] = [
      ...resourceNames.map((name) => [name, '', { limit: 1 }] as const),
      ['configmaps', '', { limit: 5 }],
      ['configmaps', 'a', { limit: 3 }],
      ['configmaps', 'a-b', { limit: 1, labelSelector: 'color=red' }],
      ['widgets', '', { limit: 3, labelSelector: 'color!=red' }],
      ['widgets', 'ab', { limit: 2 }],
      ['pods', '', { limit: 1, fieldSelector: 'spec.nodeName=node-1' }],
    ];
    for (const [name, namespace, parameters] of walks) {
      test(collection(name, namespace) + query(parameters), async () => {
        let token: string | undefined;
        const tokens: string[] = [];
        for (let page = 0; ; page++) {
          const path = collection(name, namespace) + query({ ...parameters, continue: token });
          const { direct, proxied, found } = await compare({ path }, 'cache');
          expect(found, `${path}\n${found.join('\n')}`).toEqual([]);
          // Equal bodies hold equal tokens; taking them in turns keeps that from being assumed.
          token = continueOf(page % 2 === 0 ? direct : proxied);
          if (token === undefined) break;
          tokens.push(token);
        }
        expect(tokens.length).toBeGreaterThan(0);
        expect(new Set(tokens).size).toBe(tokens.length);
      });
    }

    test('tokens of an older revision, from either server', async () => {
      const parameters = { limit: 2, resourceVersion: history.middle };
      const first = collection('configmaps') + query(parameters);
      for (const server of ['direct', 'proxied'] as const) {
        let token = continueOf(await stack[server]({ path: first }));
        expect(token).toBeDefined();
        while (token !== undefined) {
          const path = collection('configmaps') + query({ limit: 2, continue: token });
          const answer = await compare({ path }, 'cache');
          expect(answer.found, answer.found.join('\n')).toEqual([]);
          token = continueOf(answer[server]);
        }
      }
    });
  });

  test('nothing was written while the answers were compared', async () => {
    expect(await storeRevision(stack)).toBe(history.end);
    expect(await settle(stack)).toBe(history.end);
  });

  test('revisions that were compacted away are refused with upstream’s own words', async () => {
    const { etcdUrl } = stack.controlPlane;
    const early = JSON.stringify({ v: 'meta.k8s.io/v1', rv: 20, start: 'a/n\0' });
    // Custom resources, whose cache began after that revision: others still have it in memory.
    const paths = [
      collection('widgets') + query({ resourceVersion: 20, resourceVersionMatch: 'Exact' }),
      collection('widgets') + query({ resourceVersion: 20, limit: 1 }),
      collection('gadgets') + query({ continue: Buffer.from(early).toString('base64url') }),
    ];
    const body = JSON.stringify({ revision: history.start - 1 });
    const compaction = await fetch(`${etcdUrl}/v3/kv/compaction`, { method: 'POST', body });
    expect(compaction.status).toBe(200);
    for (const path of paths) {
      const { found, direct } = await compare({ path }, 'passthrough');
      expect(direct.status).toBe(410);
      expect(found, `${path}\n${found.join('\n')}`).toEqual([]);
    }
  });

  test(`at least ${requestsWanted} different requests were equal`, () => {
    expect(equal.size).toBeGreaterThanOrEqual(requestsWanted);
  });
});

interface Compared {
  readonly proxied: RecordedResponse;
  readonly direct: RecordedResponse;
  readonly found: readonly string[];
}

function isLateProof({ found }: Compared): boolean {
  return found.length === 1 && found[0].startsWith('answered by passthrough');
}

function continueOf(answer: RecordedResponse): string | undefined {
  const list = answer.json() as { readonly metadata: { readonly continue?: string } };
  const token = list.metadata.continue;
  return token === undefined || token === '' ? undefined : token;
}
