// Requests that are refused, and forms that only upstream can answer: the proxy's answer must be
// upstream's own, byte for byte.

import { get, middle, passedThrough, raw, variant } from './case.ts';
import type { Case, Options } from './case.ts';
import { collection, object } from './resources.ts';

const pods = collection('pods');
const widgets = collection('widgets');

function refused(path: string, options: Options): Case {
  return passedThrough(get(path, options));
}

const selectors: readonly string[] = [
  'a in',
  'a=b,',
  ',',
  'a>x',
  'a=b c',
  '-a=b',
  'a in (b',
  'a/b/c=d',
  `${'k'.repeat(64)}=v`,
  `a=${'v'.repeat(64)}`,
];

const fields: readonly (readonly [string, string])[] = [
  [pods, 'foo=bar'],
  [pods, 'metadata.name'],
  [pods, 'metadata.name=a=b'],
  [pods, 'metadata.name=a\\x'],
  [collection('nodes'), 'metadata.namespace=a'],
  [collection('namespaces'), 'metadata.namespace=a'],
  [collection('configmaps'), 'data.text=x'],
  [collection('leases'), 'spec.holderIdentity=x'],
  [widgets, 'spec.extra=x'],
  [collection('gadgets'), 'metadata.namespace=a'],
  ['/apis/apps/v1/replicasets', 'status.replicas=0'],
];

function token(content: unknown): string {
  return Buffer.from(JSON.stringify(content)).toString('base64url');
}

const v = 'meta.k8s.io/v1';
const tokens: readonly string[] = [
  '!!!',
  'bm90IGpzb24',
  token({ v, rv: 0, start: 'a/n\0' }),
  token({ v, rv: 5, start: '' }),
  token({ v: 'v2', rv: 5, start: 'a/n\0' }),
  token({ v, rv: 5, start: '../a\0' }),
];

const optionErrors: readonly Options[] = [
  { limit: 'abc' },
  { limit: '1.5' },
  { limit: -1 },
  { timeoutSeconds: 'abc' },
  { resourceVersion: 'abc' },
  { resourceVersion: -1 },
  { resourceVersion: '01' },
  { resourceVersion: '1.0' },
  { resourceVersion: '18446744073709551616' },
  { resourceVersionMatch: 'Exact' },
  { resourceVersionMatch: 'NotOlderThan' },
  { resourceVersionMatch: 'foo', resourceVersion: middle },
  { resourceVersionMatch: 'Exact', resourceVersion: 0 },
  { sendInitialEvents: 'true' },
  { sendInitialEvents: 'true', resourceVersionMatch: 'foo' },
  { continue: token({ v, rv: 5, start: 'a/n\0' }), resourceVersion: middle },
  { continue: token({ v, rv: 5, start: 'a/n\0' }), resourceVersionMatch: 'Exact' },
  { timeout: 'soon' },
];

const watchErrors: readonly Options[] = [
  { resourceVersion: 'abc' },
  { sendInitialEvents: 'true' },
  { sendInitialEvents: 'true', resourceVersion: middle },
  { sendInitialEvents: 'false', resourceVersionMatch: 'Exact', resourceVersion: middle },
  { resourceVersionMatch: 'NotOlderThan', resourceVersion: middle },
  { resourceVersionMatch: 'Exact' },
  { labelSelector: 'a in' },
  { fieldSelector: 'foo=bar' },
  {
    sendInitialEvents: 'true',
    resourceVersionMatch: 'NotOlderThan',
    continue: token({ v, rv: 5, start: 'a/n\0' }),
  },
];

const unknown: readonly string[] = [
  '/api/v1/foos',
  '/api/v1/namespaces/a/foos',
  '/api/v2/pods',
  '/apis/nope/v1/foos',
  '/apis/apps/v2/deployments',
  '/apis/apps/v1/nopes',
  '/apis/demo.watershed.dev/v1/nopes',
  '/apis/demo.watershed.dev/v2/widgets',
  '/api/v1/namespaces/a/nodes',
  '/api/v1/pods/n',
  '/apis/demo.watershed.dev/v1/namespaces/a/gadgets',
  '/apis/demo.watershed.dev/v1/widgets/n',
  '/nope',
];

const spellings: readonly string[] = [
  '/api/v1/pods/',
  '//api/v1/pods',
  '/api//v1/pods',
  '/api/v1/./pods',
  '/api/v1/nodes/../pods',
  '/api/v1/namespaces/a/pods/n/',
  '/api/v1/namespaces/a%2Fpods',
  '/api/v1/namespaces/%61/pods',
  '/api/v1/pods?limit=1&limit=2',
  '/api/v1/pods?foo=bar',
  '/api/v1/pods?labelSelector=%zz',
  '/api/v1/pods?a;b',
  '/api/v1/namespaces/a/pods/n?watch=1',
  '/api/v1/namespaces/a/pods/n?resourceVersion=abc',
  '/api/v1/namespaces/a/pods/n?export=true',
  '/api/v1/watch/pods?timeoutSeconds=1',
  '/api/v1/watch/namespaces/a/pods?timeoutSeconds=1&resourceVersion=0',
  '/apis/demo.watershed.dev/v1/watch/widgets?timeoutSeconds=1',
];

const others: readonly string[] = [
  '/api',
  '/apis',
  '/api/v1',
  '/apis/apps',
  '/apis/apps/v1',
  '/version',
  '/healthz',
  '/api/v1/secrets',
  '/api/v1/events',
  '/apis/events.k8s.io/v1/events',
  '/api/v1/namespaces/a/pods/n/status',
  '/api/v1/namespaces/a/status',
  '/api/v1/componentstatuses?labelSelector=nothing%3Dmatches',
  '/apis/apps/v1/namespaces/a/deployments/x/scale',
];

const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const partial = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';
const partialList = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
const protobuf = 'application/vnd.kubernetes.protobuf';

function formCases(): readonly Case[] {
  const as = (accept: string, path: string): Case => passedThrough(remembered(accept, path));
  const remembered = (accept: string, path: string): Case =>
    variant(`Accept ${accept}`, { headers: { accept } }, get(path));
  const watched = `${pods}?watch=1&timeoutSeconds=1&resourceVersion=0`;
  const pod = object('pods', 'a', 'n');
  return [
    ...[pods, widgets, pod].map((path): Case => ({ ...as(table, path), ages: true })),
    remembered(partialList, pods),
    remembered(partialList, widgets),
    remembered(partial, `${pod}?resourceVersion=0`),
    as(partial, pods),
    remembered(partial, watched),
    remembered(protobuf, pods),
    remembered(protobuf, `${pod}?resourceVersion=0`),
    remembered(protobuf, watched),
    as(protobuf, widgets),
    as('application/yaml', pods),
    as('application/yaml', pod),
    as('application/yaml', watched),
    as('application/json;pretty=1', pods),
    // Built-in routes refuse it before negotiation, custom ones take it.
    as('application/*', pods),
    as('text/plain', pods),
    as('text/plain', widgets),
    as('application/json;as=Nothing;v=v1;g=meta.k8s.io', pods),
    passedThrough(variant('curl', { headers: { 'user-agent': 'curl/8.0' } }, get(pods))),
    passedThrough(variant('browser', { headers: { 'user-agent': 'Mozilla/5.0 x' } }, get(pod))),
    passedThrough(get(pods, { pretty: 'true' })),
  ];
}

function userCases(): readonly Case[] {
  const by = (request: { user?: 'alice' | 'wanda' | 'nobody' | null; token?: string }) =>
    [
      pods,
      collection('pods', 'a'),
      collection('pods', 'ab'),
      object('pods', 'ab', 'short'),
      widgets,
    ]
      .concat(`${pods}?watch=1&timeoutSeconds=1`)
      .map((path) => {
        const who = request.token === undefined ? (request.user ?? 'nobody at all') : 'garbage';
        return passedThrough(variant(who, request, get(path)));
      });
  // What they may do is asked elsewhere: it comes from memory.
  const refusedTo = (who: 'alice' | 'wanda', allowed: readonly string[]): readonly Case[] =>
    by({ user: who }).filter(({ name }) => !allowed.some((path) => name === `${who}: ${path}`));
  return [
    ...refusedTo('alice', [collection('pods', 'a')]),
    ...refusedTo('wanda', [`${pods}?watch=1&timeoutSeconds=1`]),
    ...by({ user: 'nobody' }),
    ...by({ user: null }),
    ...by({ token: 'garbage' }),
  ];
}

export const refusalCases: readonly Case[] = [
  ...selectors.flatMap((labelSelector) => [refused(pods, { labelSelector })]),
  ...fields.map(([path, fieldSelector]) => refused(path, { fieldSelector })),
  ...optionErrors.map((options) => refused(pods, options)),
  ...optionErrors.slice(0, 6).map((options) => refused(widgets, options)),
  ...tokens.map((text) => refused(pods, { continue: text })),
  ...watchErrors.map((options) => refused(pods, { watch: 1, timeoutSeconds: 1, ...options })),
  ...watchErrors.slice(0, 3).map((options) => refused(widgets, { watch: 1, ...options })),
  ...[...unknown, ...spellings, ...others].map((path) => raw(path)),
  // Last-Modified is the second of the answer (kube-aggregator openapiv3/aggregator.go, handleDiscovery).
  { ...raw('/openapi/v3'), ages: true },
  ...formCases(),
  ...userCases(),
];
