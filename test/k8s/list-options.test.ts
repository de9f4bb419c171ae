import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeContinueToken } from '../../src/k8s/continue-token.ts';
import { parseGetOptions, parseListOptions } from '../../src/k8s/list-options.ts';

const token = encodeContinueToken(5, '/a/b\u0000');
const defaults = {
  watch: false,
  resourceVersion: undefined,
  match: '',
  limit: 0,
  continueToken: undefined,
  rawLabelSelector: '',
  rawFieldSelector: '',
  timeoutSeconds: undefined,
  allowWatchBookmarks: false,
  sendInitialEvents: undefined,
};
const streaming = { watch: true, sendInitialEvents: true, match: 'NotOlderThan' };

// The decoding, defaulting and validation are compared with upstream's in upstream-vectors.test.ts.
describe('list options', () => {
  test.each<[string, object]>([
    ['', {}],
    ['&', {}],
    ['limit=500', { limit: 500 }],
    ['limit=500&resourceVersion=0', { limit: 500, resourceVersion: 0 }],
    ['resourceVersion=', {}],
    ['resourceVersion=7&resourceVersionMatch=Exact', { resourceVersion: 7, match: 'Exact' }],
    [`continue=${token}&limit=3`, { limit: 3, continueToken: { revision: 5, start: 'a/b\u0000' } }],
    ['continue=', {}],
    ['labelSelector=a+in%20(b)', { rawLabelSelector: 'a in (b)' }],
    ['fieldSelector=metadata.name%3Dx', { rawFieldSelector: 'metadata.name=x' }],
    ['timeoutSeconds=0', {}],
    ['timeout=7m13s', {}],
    ['timeout=10s', {}],
    ['timeout=', {}],
    [
      'timeoutSeconds=30&allowWatchBookmarks=true',
      { timeoutSeconds: 30, allowWatchBookmarks: true },
    ],
    ['watch=0', {}],
    ['watch=FALSE', {}],
    ['watch', streaming],
    ['watch=', streaming],
    ['watch=true&limit=5', streaming],
    ['watch=1&resourceVersion=0', { ...streaming, resourceVersion: 0 }],
    ['watch=no&resourceVersion=7', { watch: true, resourceVersion: 7 }],
    [
      'watch=1&resourceVersion=7&sendInitialEvents=false&resourceVersionMatch=NotOlderThan',
      { watch: true, resourceVersion: 7, sendInitialEvents: false, match: 'NotOlderThan' },
    ],
  ])('%j is understood', (query, expected) => {
    const parsed = parseListOptions(query);
    expect(parsed).toMatchObject({ kind: 'options', options: { ...defaults, ...expected } });
  });

  test('selectors come parsed and raw', () => {
    const parsed = parseListOptions('labelSelector=b%3Dc,a&fieldSelector=x%3D1');
    expect(parsed).toMatchObject({
      options: { labels: { canonical: 'a,b in (c)' }, fields: { canonical: 'x=1' } },
    });
  });

  test.each([
    ['pretty=true', 'query'],
    ['timeout=5', 'timeout'],
    ['timeout=-5s', 'timeout'],
    ['timeout=abc', 'timeout'],
    ['shardSelector=x', 'query'],
    ['unknown=1', 'query'],
    ['limit=1&limit=1', 'query'],
    ['labelSelector=a;b', 'query'],
    ['labelSelector=%zz', 'query'],
    ['labelSelector=%ff', 'query'],
    ['limit=abc', 'limit'],
    ['limit=', 'limit'],
    ['limit=-1', 'limit'],
    ['limit=9007199254740992', 'limit'],
    ['timeoutSeconds=2147484', 'timeoutSeconds'],
    ['resourceVersion=abc', 'resourceVersion'],
    ['resourceVersion=05', 'resourceVersion'],
    ['resourceVersion=9007199254740992', 'resourceVersion'],
    ['resourceVersion=5&resourceVersionMatch=exact', 'resourceVersionMatch'],
    ['resourceVersionMatch=NotOlderThan', 'resourceVersionMatch alone'],
    ['resourceVersion=0&resourceVersionMatch=Exact', 'exact 0'],
    [`continue=${token}&resourceVersion=5`, 'resourceVersion with continue'],
    [
      `continue=${token}&resourceVersion=0&resourceVersionMatch=NotOlderThan`,
      'resourceVersionMatch with continue',
    ],
    ['continue=abc', 'continue'],
    ['sendInitialEvents=false', 'sendInitialEvents of a list'],
    ['watch=1&sendInitialEvents=true', 'sendInitialEvents'],
    ['watch=1&sendInitialEvents=true&resourceVersionMatch=Exact', 'sendInitialEvents'],
    ['watch=1&resourceVersionMatch=NotOlderThan', 'resourceVersionMatch of a watch'],
    [`watch=1&continue=${token}`, 'continue of a watch'],
    [`watch=1&resourceVersion=5&continue=${token}`, 'continue of a watch'],
    ['labelSelector=a in', 'labelSelector'],
    ['fieldSelector=a', 'fieldSelector'],
    ['watch=fal%C5%BFe', 'boolean'],
  ])('%j is left to upstream', (query, reason) => {
    expect(parseListOptions(query)).toEqual({ kind: 'unsupported', reason });
  });

  test('random bytes are never an exception', () => {
    const name = fc.constantFrom(
      'watch',
      'limit',
      'continue',
      'labelSelector',
      'fieldSelector',
      '',
    );
    const pair = fc.tuple(name, fc.string({ unit: 'binary' })).map((parts) => parts.join('='));
    const query = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pair).map((pairs) => pairs.join('&')),
    );
    fc.assert(
      fc.property(query, (text) => {
        expect(['options', 'unsupported']).toContain(parseListOptions(text).kind);
        expect(['options', 'unsupported']).toContain(parseGetOptions(text).kind);
      }),
    );
  });
});

describe('get options', () => {
  test.each([
    ['', undefined],
    ['resourceVersion=', undefined],
    ['resourceVersion=0', 0],
    ['resourceVersion=12', 12],
  ])('%j is understood', (query, resourceVersion) => {
    expect(parseGetOptions(query)).toEqual({ kind: 'options', options: { resourceVersion } });
  });

  test.each([
    ['pretty=1', 'query'],
    ['watch=1', 'query'],
    ['export=true', 'query'],
    ['resourceVersion=1&resourceVersion=1', 'query'],
    ['resourceVersion=abc', 'resourceVersion'],
  ])('%j is left to upstream', (query, reason) => {
    expect(parseGetOptions(query)).toEqual({ kind: 'unsupported', reason });
  });
});
