import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  fitsScope,
  parseRequestTarget,
  type CollectionTarget,
  type ObjectTarget,
} from '../../src/k8s/request-target.ts';

// The split itself is compared with upstream's in upstream-vectors.test.ts.
describe('request target', () => {
  test.each([
    [
      '/api/v1/pods',
      { kind: 'collection', group: '', version: 'v1', plural: 'pods', namespace: '', query: '' },
    ],
    [
      '/api/v1/namespaces?watch=1',
      {
        kind: 'collection',
        group: '',
        version: 'v1',
        plural: 'namespaces',
        namespace: '',
        query: 'watch=1',
      },
    ],
    [
      '/api/v1/namespaces/x',
      {
        kind: 'object',
        group: '',
        version: 'v1',
        plural: 'namespaces',
        namespace: 'x',
        name: 'x',
        query: '',
      },
    ],
    [
      '/api/v1/namespaces/x/pods?a=b?c',
      {
        kind: 'collection',
        group: '',
        version: 'v1',
        plural: 'pods',
        namespace: 'x',
        query: 'a=b?c',
      },
    ],
    [
      '/apis/apps/v1/namespaces/x/deployments/y',
      {
        kind: 'object',
        group: 'apps',
        version: 'v1',
        plural: 'deployments',
        namespace: 'x',
        name: 'y',
        query: '',
      },
    ],
    [
      '/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node',
      {
        kind: 'object',
        group: 'rbac.authorization.k8s.io',
        version: 'v1',
        plural: 'clusterroles',
        namespace: '',
        name: 'system:node',
        query: '',
      },
    ],
  ])('%s is for the cache', (raw, target) => {
    // prettier-ignore
    expect(parseRequestTarget(raw)).toEqual(target);
  });

  test.each([
    ['', 'unusual spelling'],
    ['*', 'unusual spelling'],
    ['/', 'unusual spelling'],
    ['api/v1/pods', 'unusual spelling'],
    ['https://host/api/v1/pods', 'unusual spelling'],
    ['/api/v1/pods/', 'unusual spelling'],
    ['//api/v1/pods', 'unusual spelling'],
    ['/api//v1/pods', 'unusual spelling'],
    ['/api/v1/./pods', 'unusual spelling'],
    ['/api/v1/namespaces/../pods', 'unusual spelling'],
    ['/api/v1/%70ods', 'unusual spelling'],
    ['/api/v1/pods%2fx', 'unusual spelling'],
    ['/api/v1/pods;x=1', 'unusual spelling'],
    ['/api/v1/pods\\x', 'unusual spelling'],
    ['/api/v1/pods#x', 'unusual spelling'],
    ['/api/v1/pods?a#x', 'unusual spelling'],
    ['/api/v1/pods?a b', 'unusual spelling'],
    ['/api/v1/pods?é', 'unusual spelling'],
    ['/api/v1/pods\n', 'unusual spelling'],
    ['/api/v1/pods?\n', 'unusual spelling'],
    ['/healthz', 'not a resource'],
    ['/api', 'not a resource'],
    ['/api/v1', 'not a resource'],
    ['/apis/apps/v1', 'not a resource'],
    ['/API/v1/pods', 'not a resource'],
    ['/api/v1/namespaces/x/namespaces', 'not a resource'],
    ['/api/v1/watch/pods', 'verb in the path'],
    ['/apis/apps/v1/proxy/x', 'verb in the path'],
    ['/api/v1/namespaces/x/status', 'subresource'],
    ['/api/v1/namespaces/x/finalize', 'subresource'],
    ['/api/v1/namespaces/x/pods/y/log', 'subresource'],
    ['/api/v1/nodes/n/proxy/metrics', 'subresource'],
    [`/api/v1/pods?${'a'.repeat(70_000)}`, 'target too long'],
  ])('%.40s is left to upstream', (raw, reason) => {
    expect(parseRequestTarget(raw)).toEqual({ kind: 'other', reason });
  });

  test('no text makes it throw, and nothing odd gets through', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary' }).map((tail) => `/api/v1/namespaces/${tail}`),
      fc.webPath().map((path) => `/apis/g/v1${path}`),
    );
    fc.assert(
      fc.property(text, (raw) => {
        const target = parseRequestTarget(raw);
        if (target.kind !== 'other') expect(raw).toMatch(/^\/apis?\/[^%#\\;\s?]+(?:\?[^#\s]*)?$/);
      }),
    );
  });

  test.each([
    ['/api/v1/pods', { group: '', plural: 'pods', namespaced: true }, true],
    ['/api/v1/namespaces/x/pods', { group: '', plural: 'pods', namespaced: true }, true],
    ['/api/v1/namespaces/x/nodes', { group: '', plural: 'nodes', namespaced: false }, false],
    ['/api/v1/nodes/n', { group: '', plural: 'nodes', namespaced: false }, true],
    ['/api/v1/pods/x', { group: '', plural: 'pods', namespaced: true }, false],
    ['/api/v1/namespaces/x/pods/y', { group: '', plural: 'pods', namespaced: true }, true],
    ['/api/v1/namespaces/x/nodes/n', { group: '', plural: 'nodes', namespaced: false }, false],
    ['/api/v1/namespaces/x', { group: '', plural: 'namespaces', namespaced: false }, true],
    ['/apis/g/v1/namespaces/x', { group: 'g', plural: 'namespaces', namespaced: false }, false],
  ])('%s fits the scope of %j: %s', (raw, resource, fits) => {
    const target = parseRequestTarget(raw) as CollectionTarget | ObjectTarget;
    expect(fitsScope(target, resource)).toBe(fits);
  });
});
