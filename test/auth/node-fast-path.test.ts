/** What nodes read of themselves, allowed without asking for as long as upstream agrees. */

import { beforeEach, describe, expect, test } from 'vitest';
import type { Attributes } from '../../src/auth/attributes.ts';
import { Authorizer } from '../../src/auth/authorize.ts';
import { NamedCredential } from '../../src/auth/named.ts';
import type { Reviewer } from '../../src/auth/review.ts';
import { Readable } from 'node:stream';
import { asking, caller } from './support.ts';

const NODE = 'coordination.k8s.io';
let asked: Record<string, unknown>[];
let allows: boolean;
let refusals: number;

/** Answers SubjectAccessReviews as upstream does. */
const reviewer: Reviewer = {
  open(_path, request) {
    const body = JSON.parse(String(request.body)) as { spec: Record<string, unknown> };
    asked.push(body.spec);
    const answer = { ...body, kind: 'SubjectAccessReview', status: { allowed: allows } };
    return Promise.resolve({
      status: 201,
      body: Readable.from([Buffer.from(JSON.stringify(answer))]),
    });
  },
};

function authorizer(nodeFastPath = true): Authorizer {
  const forwarder = { forward: () => Promise.reject(new Error('nobody has a token')) };
  const onFastPathOff = (): void => {
    refusals += 1;
  };
  return new Authorizer({ forwarder, reviewer }, { nodeFastPath, onFastPathOff });
}

function node(name: string, groups = ['system:nodes', 'system:authenticated']): NamedCredential {
  return new NamedCredential({ user: `system:node:${name}`, uid: '', groups, extra: {} }, Infinity);
}

const pods = (of: string): Attributes =>
  asking({ namespace: '', rawFieldSelector: `spec.nodeName=${of}` });

beforeEach(() => {
  asked = [];
  allows = true;
  refusals = 0;
});

describe('The fast path for nodes', () => {
  test('asks once whether upstream agrees, then every thousandth time', async () => {
    const judge = authorizer();
    for (let n = 0; n < 2_500; n++) {
      const decision = await judge.authorize(node(`n${n}`), pods(`n${n}`));
      expect(decision.kind).toBe('allow');
    }
    expect(asked).toHaveLength(3);
    expect(judge.nodes.counters).toEqual({ allowed: 2_497, sampled: 3, refused: 0 });
  });

  test('is over for good with the first refusal', async () => {
    const judge = authorizer();
    await judge.authorize(node('a'), pods('a'));
    allows = false;
    for (let n = 0; n < 1_100; n++) await judge.authorize(node('a'), pods('a'));
    expect(refusals).toBe(1);
    expect(judge.nodes.state).toBe('off');
    expect((await judge.authorize(node('a'), pods('a'))).kind).toBe('deny');
    allows = true;
    const before = asked.length;
    await judge.authorize(node('b'), pods('b'));
    expect(asked.length).toBeGreaterThan(before);
  });

  test('covers open watches as well', async () => {
    const judge = authorizer();
    await judge.authorize(node('a'), pods('a'));
    const before = asked.length;
    expect((await judge.askAgain(node('a'), pods('a'))).kind).toBe('allow');
    expect(asked).toHaveLength(before);
  });

  test.each<[string, Partial<Attributes>]>([
    ['pods of another node', pods('b')],
    ['pods of a node by another operator', { rawFieldSelector: 'spec.nodeName!=a' }],
    ['more than its pods', { rawFieldSelector: 'spec.nodeName=a,metadata.name=x' }],
    ['one pod', { verb: 'get', name: 'x' }],
    ['all pods', {}],
    ['another node', { resource: 'nodes', namespace: '', name: 'b' }],
    ['all nodes', { resource: 'nodes', namespace: '' }],
    ['the Lease of something else', { verb: 'get', group: NODE, resource: 'leases', name: 'a' }],
    ['all Leases', { group: NODE, resource: 'leases', namespace: 'kube-node-lease' }],
    ['Secrets', { resource: 'secrets', name: 'a' }],
    ['ConfigMaps', { resource: 'configmaps', name: 'a' }],
  ])('does not cover %s', async (_, attributes) => {
    const judge = authorizer();
    await judge.authorize(node('a'), pods('a'));
    asked = [];
    await judge.authorize(node('a'), asking(attributes));
    expect(asked.length).toBeGreaterThan(0);
  });

  test('covers nobody who is not known as a node by a certificate', async () => {
    const judge = authorizer();
    await judge.authorize(node('a'), pods('a'));
    asked = [];
    await judge.authorize(node('a', ['system:authenticated']), pods('a'));
    expect(asked).toHaveLength(1);
    const claims = caller(
      't',
      'Impersonate-User',
      'system:node:a',
      'Impersonate-Group',
      'system:nodes',
    );
    expect((await judge.authorize(claims, pods('a'))).kind).toBe('undecided');
  });

  test('is off unless asked for', async () => {
    const judge = authorizer(false);
    await judge.authorize(node('a'), pods('a'));
    await judge.authorize(node('b'), pods('b'));
    expect(asked).toHaveLength(2);
  });
});
