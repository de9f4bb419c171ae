import { expect, test } from 'vitest';
import { apiVersion, collectionPath, qualifiedName, resourceId } from '../../src/k8s/resource.ts';

const pods = { group: '', version: 'v1', plural: 'pods' };
const deployments = { group: 'apps', version: 'v1', plural: 'deployments' };

test('the core group has no name in ids, versions and messages', () => {
  expect([apiVersion(pods), resourceId(pods), qualifiedName(pods)]).toEqual([
    'v1',
    'v1/pods',
    'pods',
  ]);
  expect([apiVersion(deployments), resourceId(deployments), qualifiedName(deployments)]).toEqual([
    'apps/v1',
    'apps/v1/deployments',
    'deployments.apps',
  ]);
});

test.each([
  [collectionPath(pods), '/api/v1/pods'],
  [collectionPath(pods, 'x'), '/api/v1/namespaces/x/pods'],
  [collectionPath(deployments), '/apis/apps/v1/deployments'],
  [collectionPath(deployments, 'x'), '/apis/apps/v1/namespaces/x/deployments'],
])('a collection is found at %s', (path, expected) => {
  expect(path).toBe(expected);
});
