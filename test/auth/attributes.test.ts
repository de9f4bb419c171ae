import { describe, expect, test } from 'vitest';
import { attributesOf, widened } from '../../src/auth/attributes.ts';
import type { Attributes } from '../../src/auth/attributes.ts';
import { parseGetOptions, parseListOptions } from '../../src/k8s/list-options.ts';
import { parseRequestTarget } from '../../src/k8s/request-target.ts';

/** The attributes of a raw target, or why it is none. */
function of(rawTarget: string): Attributes | string {
  const target = parseRequestTarget(rawTarget);
  if (target.kind === 'other') {
    return target.reason;
  }
  if (target.kind === 'object') {
    const parsed = parseGetOptions(target.query);
    return parsed.kind === 'options' ? attributesOf('get', target, parsed.options) : parsed.reason;
  }
  const parsed = parseListOptions(target.query);
  if (parsed.kind !== 'options') {
    return parsed.reason;
  }
  return attributesOf(parsed.options.watch ? 'watch' : 'list', target, parsed.options);
}

const pods = {
  group: '',
  version: 'v1',
  resource: 'pods',
  subresource: '',
  namespace: '',
  name: '',
  rawFieldSelector: '',
  rawLabelSelector: '',
};

describe('attributes equal what the apiserver derives', () => {
  test.each<[string, Partial<Attributes>]>([
    ['/api/v1/pods', { verb: 'list' }],
    ['/api/v1/pods?watch=1', { verb: 'watch' }],
    ['/api/v1/pods?watch=', { verb: 'watch' }],
    ['/api/v1/pods?watch=0', { verb: 'list' }],
    ['/api/v1/namespaces/a/pods?watch=true', { verb: 'watch', namespace: 'a' }],
    [
      '/api/v1/namespaces/a/pods?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true',
      { verb: 'watch', namespace: 'a' },
    ],
    ['/api/v1/namespaces/a/pods/x', { verb: 'get', namespace: 'a', name: 'x' }],
    ['/api/v1/namespaces/a', { verb: 'get', resource: 'namespaces', namespace: 'a', name: 'a' }],
    ['/api/v1/namespaces', { verb: 'list', resource: 'namespaces' }],
    ['/api/v1/nodes/n', { verb: 'get', resource: 'nodes', name: 'n' }],
    [
      '/apis/apps/v1/namespaces/a/deployments',
      { verb: 'list', group: 'apps', resource: 'deployments', namespace: 'a' },
    ],
    [
      '/api/v1/namespaces/a/pods?fieldSelector=metadata.name%3Dx',
      {
        verb: 'list',
        namespace: 'a',
        name: 'x',
        rawFieldSelector: 'metadata.name=x',
      },
    ],
    [
      '/api/v1/pods?fieldSelector=metadata.name!%3Dx,spec.nodeName%3D%3Dn&labelSelector=a+in+(b,c)',
      {
        verb: 'list',
        rawFieldSelector: 'metadata.name!=x,spec.nodeName==n',
        rawLabelSelector: 'a in (b,c)',
      },
    ],
    [
      '/api/v1/pods?fieldSelector=metadata.name%3D..',
      { verb: 'list', name: '', rawFieldSelector: 'metadata.name=..' },
    ],
    [
      '/api/v1/pods?fieldSelector=metadata.name%3Da%2Fb',
      { verb: 'list', name: '', rawFieldSelector: 'metadata.name=a/b' },
    ],
  ])('%s', (target, expected) => {
    expect(of(target)).toEqual({ ...pods, ...expected });
  });

  test.each(['/api/v1/namespaces/a/pods/x/log', '/api/v1/watch/pods', '/healthz', '/api/v1/../x'])(
    '%s has none',
    (target) => {
      expect(typeof of(target)).toBe('string');
    },
  );
});

test('a verb that contradicts the request is an error of ours', () => {
  const target = parseRequestTarget('/api/v1/pods');
  const parsed = parseListOptions('');
  if (target.kind !== 'collection' || parsed.kind !== 'options') {
    throw new Error('unexpected');
  }
  expect(() => attributesOf('watch', target, parsed.options)).toThrow('verb');
  expect(() => attributesOf('get', target, parsed.options)).toThrow('verb');
});

test('the wider question has neither name nor selectors', () => {
  const exact: Attributes = {
    ...pods,
    verb: 'watch',
    namespace: 'a',
    name: 'x',
    rawFieldSelector: 'metadata.name=x',
    rawLabelSelector: 'a=b',
  };
  expect(widened(exact)).toEqual({ ...pods, verb: 'watch', namespace: 'a' });
  const wide = widened(exact);
  expect(widened(wide)).toBe(wide);
});
