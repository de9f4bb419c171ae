// WATCHes: every row of semantics 4.3 on every resource, with and without bookmarks, scopes and
// selectors over a past in which objects move in and out of them.
//
// timeoutSeconds=1 makes the answers finite; upstream then sends no bookmark but the one at the end
// of the initial events (semantics 4.5).

import { end, future, get, middle, passedThrough, raw, start, variant } from './case.ts';
import type { Case, Options } from './case.ts';
import { collection, resourceNames } from './resources.ts';
import type { ResourceName } from './resources.ts';

const initial = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' };
const without = { sendInitialEvents: 'false', resourceVersionMatch: 'NotOlderThan' };

const rows: readonly Options[] = [
  {},
  { resourceVersion: 0 },
  { resourceVersion: start },
  { resourceVersion: middle, allowWatchBookmarks: 'true' },
  { allowWatchBookmarks: 'true' },
  { resourceVersion: 0, allowWatchBookmarks: 'true' },
  { ...initial, allowWatchBookmarks: 'true' },
  { ...initial, resourceVersion: 0 },
  { ...initial, resourceVersion: middle, allowWatchBookmarks: 'true' },
  without,
  { ...without, resourceVersion: 0 },
  { ...without, resourceVersion: start },
];

function watch(name: ResourceName, options: Options, namespace = ''): Case {
  return get(collection(name, namespace), { watch: 1, timeoutSeconds: 1, ...options });
}

/** Replays and initial events of selections. */
const selections: readonly (readonly [ResourceName, Options])[] = [
  ['pods', { labelSelector: 'color=red' }],
  ['pods', { labelSelector: 'color!=red' }],
  ['pods', { labelSelector: 'color in (green,blue)' }],
  ['pods', { fieldSelector: 'spec.nodeName=node-1' }],
  ['pods', { fieldSelector: 'spec.nodeName!=node-1' }],
  ['pods', { fieldSelector: 'status.phase=Running' }],
  ['pods', { fieldSelector: 'status.phase=Pending' }],
  ['pods', { fieldSelector: 'metadata.name=n' }],
  ['pods', { fieldSelector: 'metadata.namespace=ab' }],
  ['configmaps', { labelSelector: 'color=red' }],
  ['configmaps', { labelSelector: '!color' }],
  ['configmaps', { labelSelector: 'weight>5' }],
  ['configmaps', { fieldSelector: 'metadata.name!=n' }],
  ['nodes', { fieldSelector: 'spec.unschedulable=true' }],
  ['nodes', { fieldSelector: 'spec.unschedulable=false' }],
  ['namespaces', { labelSelector: 'color=red' }],
  ['services', { fieldSelector: 'spec.type=ClusterIP' }],
  ['services', { labelSelector: 'color=blue' }],
  ['leases', { fieldSelector: 'metadata.namespace=a' }],
  ['widgets', { fieldSelector: 'spec.color=red' }],
  ['widgets', { fieldSelector: 'spec.color!=red' }],
  ['widgets', { fieldSelector: 'spec.color=' }],
  ['widgets', { labelSelector: 'color=red' }],
  ['gadgets', { fieldSelector: 'spec.color=green,spec.size=large' }],
  ['gadgets', { labelSelector: 'color=red' }],
];

const scoped: readonly ResourceName[] = ['pods', 'configmaps', 'leases', 'widgets'];

export const watchCases: readonly Case[] = [
  ...resourceNames.flatMap((name) => rows.map((options) => watch(name, options))),
  ...selections.flatMap(([name, options]) => [
    watch(name, { ...options, resourceVersion: start }),
    watch(name, { ...options, allowWatchBookmarks: 'true' }),
  ]),
  ...scoped.flatMap((name) =>
    ['a', 'a-b', 'ab'].map((namespace) => watch(name, { resourceVersion: start }, namespace)),
  ),
  // The future is waited for in silence.
  watch('pods', { resourceVersion: future }),
  watch('widgets', { resourceVersion: future }),
  watch('pods', { resourceVersion: end, limit: 1 }),
  raw('/api/v1/pods?watch=&timeoutSeconds=1', 'cache'),
  raw('/api/v1/pods?watch=true&timeoutSeconds=1&allowWatchBookmarks=', 'cache'),
  variant('wanda', { user: 'wanda' }, watch('pods', { resourceVersion: start })),
  variant(
    'curl is not pretty here',
    { headers: { 'user-agent': 'curl/8.0' } },
    watch('pods', { resourceVersion: start }),
  ),
  passedThrough(watch('pods', { ...initial, resourceVersion: future })),
];

/** Long enough for the bookmark two seconds before the deadline. */
export const bookmarkCases: readonly Case[] = (['pods', 'nodes', 'widgets', 'gadgets'] as const)
  .map((name) => [
    watch(name, { resourceVersion: start, allowWatchBookmarks: 'true', timeoutSeconds: 4 }),
    watch(name, { resourceVersion: middle, timeoutSeconds: 4 }),
    // Everything was looked through and nothing is to be shown: no bookmark for that alone.
    watch(name, {
      resourceVersion: start,
      allowWatchBookmarks: 'true',
      labelSelector: 'none=matches',
      timeoutSeconds: 4,
    }),
  ])
  .flat();
