// LISTs and GETs that are served from memory: every row of semantics 3.1 that applies, selectors of
// semantics 5, scopes, users, and forms of Accept that still mean plain JSON.

import { end, future, get, middle, passedThrough, raw, start, variant } from './case.ts';
import type { Case, Options } from './case.ts';
import { collection, object, resourceNames } from './resources.ts';
import type { ResourceName } from './resources.ts';

/** Semantics 3.1, rows 1-7; pages (rows 8 and 9) are walked by a test of their own. */
const rows: readonly Options[] = [
  {},
  { resourceVersion: '' },
  { resourceVersion: 0 },
  { resourceVersion: end },
  { resourceVersion: middle },
  { limit: 2 },
  { limit: 2, resourceVersion: 0 },
  { limit: 2, resourceVersion: end },
  { limit: 2, resourceVersion: middle },
  { resourceVersion: 0, resourceVersionMatch: 'NotOlderThan', limit: 1 },
  { resourceVersion: middle, resourceVersionMatch: 'NotOlderThan', limit: 1 },
  { resourceVersion: middle, resourceVersionMatch: 'Exact' },
  { resourceVersion: start, resourceVersionMatch: 'Exact', limit: 3 },
];

const labelSelectors = [
  '',
  'color=red',
  'color==red',
  'color = red',
  'color!=red',
  'color in (red,blue)',
  'color in (,red)',
  'color notin (red)',
  'color',
  '!color',
  'weight>5',
  'weight<5',
  'weight=',
  'color,color!=red,weight notin (7)',
  'example.com/part-of=x',
];

const fieldSelectors: readonly (readonly [ResourceName, string])[] = [
  ['pods', 'spec.nodeName=node-1'],
  ['pods', 'spec.nodeName==node-1'],
  ['pods', 'spec.nodeName!=node-1'],
  ['pods', 'spec.nodeName='],
  ['pods', 'spec.host=node-1'],
  ['pods', 'spec.restartPolicy=Always'],
  ['pods', 'spec.schedulerName=other'],
  ['pods', 'spec.serviceAccountName='],
  ['pods', 'spec.hostNetwork=false'],
  ['pods', 'status.phase=Running'],
  ['pods', 'status.phase!=Running'],
  ['pods', 'status.podIP=10.1.1.1'],
  ['pods', 'status.podIP='],
  ['pods', 'status.nominatedNodeName='],
  ['pods', 'metadata.name=n'],
  ['pods', 'metadata.name!=n'],
  ['pods', 'metadata.namespace=a'],
  ['pods', 'metadata.namespace!=a'],
  ['pods', 'metadata.namespace=a,metadata.name=n'],
  ['pods', 'metadata.name=n,metadata.name=n-b'],
  ['pods', 'spec.nodeName=node-1,status.phase=Running'],
  ['configmaps', 'metadata.name=n.b'],
  ['configmaps', 'metadata.namespace=a-b'],
  ['nodes', 'spec.unschedulable=true'],
  ['nodes', 'spec.unschedulable=false'],
  ['nodes', 'metadata.name=node-1'],
  ['namespaces', 'status.phase=Active'],
  ['namespaces', 'metadata.name=a-b'],
  ['services', 'spec.clusterIP=None'],
  ['services', 'spec.type!=ClusterIP'],
  ['leases', 'metadata.name=holder'],
  ['widgets', 'spec.color=red'],
  ['widgets', 'spec.color='],
  ['widgets', 'spec.size!=large'],
  ['widgets', 'spec.color=red,spec.size=small,metadata.namespace=a'],
  ['gadgets', 'spec.color=green'],
  ['gadgets', 'metadata.name=n.b'],
];

const exactOrNot: readonly Options[] = [
  {},
  { resourceVersionMatch: 'Exact' },
  { resourceVersionMatch: 'NotOlderThan' },
];

function latestAfter(key: string): string {
  const token = { v: 'meta.k8s.io/v1', rv: -1, start: `/${key}\0` };
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

const namespaces = ['a', 'a-b', 'ab', 'no-such-namespace'];
const namespaced: readonly ResourceName[] = ['pods', 'configmaps', 'leases', 'widgets'];

function selectorCases(): readonly Case[] {
  const selected = (name: ResourceName, options: Options): Case => get(collection(name), options);
  return [
    ...labelSelectors.flatMap((labelSelector) => [
      selected('configmaps', { labelSelector }),
      selected('widgets', { labelSelector }),
    ]),
    ...fieldSelectors.map(([name, fieldSelector]) => selected(name, { fieldSelector })),
    selected('configmaps', { labelSelector: 'color=red', limit: 2 }),
    selected('pods', { fieldSelector: 'spec.nodeName=node-1', limit: 1 }),
    selected('pods', { fieldSelector: 'spec.nodeName=node-1', resourceVersion: 0, limit: 1 }),
    selected('pods', { labelSelector: 'color=red', fieldSelector: 'spec.nodeName!=node-1' }),
    selected('widgets', { fieldSelector: 'spec.color=red', resourceVersion: middle, limit: 9 }),
    // One key is read, no range: with a limit, too, any revision from there on will do (no row 4).
    get(collection('pods', 'a'), {
      fieldSelector: 'metadata.name=n',
      resourceVersion: middle,
      limit: 2,
    }),
    selected('nodes', { fieldSelector: 'metadata.name=node-1', resourceVersion: middle, limit: 2 }),
    selected('gadgets', { fieldSelector: 'metadata.name=n', resourceVersion: start, limit: 1 }),
    selected('pods', { fieldSelector: 'metadata.name=n', resourceVersion: middle, limit: 2 }),
    selected('nodes', { fieldSelector: 'metadata.name=a/b', resourceVersion: middle, limit: 2 }),
    selected('nodes', { fieldSelector: 'metadata.name=..', resourceVersion: middle, limit: 2 }),
    // The first page is narrowed to the namespace: its token says nothing of it.
    selected('pods', { fieldSelector: 'metadata.namespace=a', limit: 2 }),
    selected('configmaps', {
      fieldSelector: 'metadata.namespace=a',
      limit: 2,
      resourceVersion: middle,
    }),
    selected('configmaps', {
      fieldSelector: 'metadata.namespace=a,metadata.name=n',
      limit: 1,
      resourceVersion: middle,
    }),
    // How many are left is not said to anybody who selects, even if it selects all.
    get(collection('configmaps', 'a-b'), { fieldSelector: 'metadata.namespace=a-b', limit: 2 }),
    // Of two pods on the node the first page holds both; in a range, others lie behind them.
    ...exactOrNot.map((rule) =>
      selected('pods', {
        fieldSelector: 'spec.nodeName=node-1',
        limit: 2,
        resourceVersion: end,
        ...rule,
      }),
    ),
    passedThrough(get(collection('pods', 'a'), { fieldSelector: 'spec.nodeName=', limit: 1 })),
    // "From here on, in the newest state": what a client is told to ask for when its token has expired.
    selected('configmaps', { limit: 2, continue: latestAfter('a/n') }),
    selected('widgets', { limit: 2, continue: latestAfter('a/n') }),
    get(collection('configmaps', 'a'), { continue: latestAfter('n') }),
    passedThrough(
      selected('configmaps', { limit: 2, continue: latestAfter('a/n'), resourceVersion: 0 }),
    ),
    passedThrough(selected('pods', { fieldSelector: 'status.podIPs=10.1.1.1' })),
    passedThrough(selected('pods', { fieldSelector: 'status.podIPs=' })),
  ];
}

function scopeCases(): readonly Case[] {
  return namespaces.flatMap((namespace) =>
    namespaced.flatMap((name) => [
      get(collection(name, namespace)),
      get(collection(name, namespace), { limit: 1, resourceVersion: middle }),
    ]),
  );
}

function objectCases(): readonly Case[] {
  const present: readonly string[] = [
    object('pods', 'a', 'n'),
    object('pods', 'a', 'n.b'),
    object('configmaps', 'ab', 'odd'),
    object('nodes', '', 'node-1'),
    object('namespaces', '', 'a-b'),
    object('leases', 'a', 'holder'),
    object('services', 'a', 'headless'),
    object('widgets', 'a', 'n'),
    object('gadgets', '', 'n.b'),
  ];
  const absent: readonly string[] = [
    object('pods', 'a', 'n0'),
    object('pods', 'no-such-namespace', 'n'),
    object('nodes', '', 'no-such-node'),
    object('namespaces', '', 'no-such-namespace'),
    object('leases', 'a', 'none'),
    object('widgets', 'a-b', 'n0'),
    object('gadgets', '', 'n0'),
  ];
  const revisions: readonly Options[] = [
    { resourceVersion: 0 },
    { resourceVersion: middle },
    { resourceVersion: end },
  ];
  return [...present, ...absent].flatMap((path) => revisions.map((options) => get(path, options)));
}

/** Newest by quorum: from memory only when the stream itself proves it, so either may answer. */
export const newestObjectPaths: readonly string[] = [
  object('pods', 'a', 'n'),
  object('pods', 'a', 'n0'),
  object('configmaps', 'ab', 'odd'),
  object('nodes', '', 'node-2'),
  object('namespaces', '', 'a-b'),
  object('services', 'a', 'none'),
  object('widgets', 'ab', 'new'),
  object('gadgets', '', 'n0'),
];

function formCases(): readonly Case[] {
  const pods = get(collection('pods', 'a'));
  const accept = (value: string): Case => {
    return variant(`Accept ${value}`, { headers: { accept: value } }, pods);
  };
  return [
    accept('*/*'),
    accept('application/json, */*'),
    accept('application/json;q=0.5'),
    accept('application/json;charset=utf-8'),
    accept('text/html,application/json;q=0.9'),
    accept('application/vnd.kubernetes.protobuf;q=0.1,application/json'),
    variant(
      'a custom resource has no protobuf',
      { headers: { accept: 'application/vnd.kubernetes.protobuf,application/json' } },
      get(collection('widgets')),
    ),
    variant('no gzip below the threshold', { headers: { 'accept-encoding': 'gzip' } }, pods),
    variant('alice', { user: 'alice' }, pods),
    variant('alice', { user: 'alice' }, get(collection('configmaps', 'a'), { limit: 3 })),
    variant('alice', { user: 'alice' }, get(object('pods', 'a', 'n'), { resourceVersion: 0 })),
    variant('alice', { user: 'alice' }, get(object('pods', 'a', 'n0'), { resourceVersion: 0 })),
  ];
}

export const listCases: readonly Case[] = [
  ...resourceNames.flatMap((name) => rows.map((options) => get(collection(name), options))),
  ...selectorCases(),
  ...scopeCases(),
  ...objectCases(),
  ...formCases(),
  get(collection('pods'), { timeout: '10s' }),
  // A version that is deprecated says so in every answer, refusals included.
  get('/api/v1/endpoints'),
  get('/api/v1/namespaces/a/endpoints/none', { resourceVersion: 0 }),
  raw('/api/v1/pods?', 'cache'),
  raw('/api/v1/pods?labelSelector=color%3Dred', 'cache'),
  raw('/api/v1/pods?labelSelector=color+in+(red)', 'cache'),
  raw('/api/v1/pods?watch=0', 'cache'),
  raw('/api/v1/pods?watch=FALSE&limit=0', 'cache'),
  // Waits as long as upstream does, then lets upstream say it.
  passedThrough(get(collection('pods'), { resourceVersion: future })),
  passedThrough(get(collection('widgets'), { resourceVersion: future, limit: 1 })),
  passedThrough(get(object('pods', 'a', 'n'), { resourceVersion: future })),
];
