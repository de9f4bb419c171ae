import { expect, test } from 'vitest';
import { isLongRunningTarget, isWatchTarget } from '../../src/proxy/request-kind.ts';

test.each([
  ['/api/v1/pods?watch=1', true],
  ['/api/v1/pods?watch=true', true],
  ['/api/v1/pods?limit=1&watch', true],
  ['/api/v1/pods?watch=', true],
  ['/api/v1/pods?watch=yes', true],
  ['/api/v1/pods?watch=0', false],
  ['/api/v1/pods?watch=False', false],
  ['/api/v1/pods?watch=false&watch=true', false],
  ['/api/v1/pods?allowWatchBookmarks=true', false],
  ['/api/v1/pods?%77atch=1', true],
  ['/api/v1/pods?w%61tch', true],
  ['/api/v1/pods?watch=%30', false],
  ['/api/v1/pods?watch=fals%65&watch=1', false],
  ['/api/v1/pods?watch=%ff', true],
  ['/api/v1/pods?watch=%zz', false],
  ['/api/v1/pods?watch=0;&watch=1', true],
  ['/api/v1/pods', false],
  ['/api/v1/watch/pods', true],
  ['/apis/apps/v1/watch/namespaces/a/deployments/x', true],
  ['/api/v1/namespaces/watch/pods', false],
])('%s is a watch: %s', (target, expected) => {
  expect(isWatchTarget(target)).toBe(expected);
});

test.each([
  ['/api/v1/pods?watch=1', true],
  ['/api/v1/namespaces/a/pods/x/log?follow=true', true],
  ['/api/v1/namespaces/a/services/https:x:443/proxy/a%2Fb', true],
  ['/api/v1/namespaces/a/pods/x/exec?command=sh', true],
  ['/api/v1/namespaces/a/pods/x', false],
  ['/api/v1/pods?fieldSelector=/log', false],
])('%s may run long: %s', (target, expected) => {
  expect(isLongRunningTarget(target)).toBe(expected);
});
