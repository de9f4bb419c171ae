// The kubectl commands that are compared. Those of `ownObject` change something: each side has an
// object of its own, NAME.

/** A heading of the table. */
export type Command =
  | 'get'
  | 'get -o'
  | 'get -w'
  | 'describe'
  | 'logs'
  | 'exec'
  | 'port-forward'
  | 'apply'
  | 'diff'
  | 'explain'
  | 'api-resources'
  | 'wait'
  | 'top'
  | 'others';

export interface Case {
  readonly command: Command;
  readonly args: readonly string[];
  readonly input?: string;
  readonly ownObject?: true;
  /** What the direct side must show, so that two failures alike are no success. */
  readonly shows?: RegExp;
}

function cases(command: Command, lines: readonly string[], more: Partial<Case> = {}): Case[] {
  return lines.map((line) => ({ command, args: line.split(' '), ...more }));
}

const get = cases('get', [
  'get pods -A',
  'get nodes',
  'get widgets,gadgets -A',
  'get pods,configmaps,services,deployments -n a',
  'get all -n a',
  'get pod n -n a',
  'get pods -n a --field-selector=spec.nodeName=node-1 --show-labels',
  'get configmaps -A -l color=red --chunk-size=2 --sort-by=.metadata.name',
  'get pods -n a -L color --no-headers',
  'get secrets -n a',
  'get events -n a',
  'get leases,namespaces,serviceaccounts -A',
  'get pod none -n a',
  'get nothings',
  'get pods -n a --field-selector=foo=bar',
  'get --raw /api/v1/namespaces/a/pods?limit=2',
]);

const output = cases('get -o', [
  'get pods -A -o wide',
  'get nodes -o wide',
  'get services,deployments -n a -o wide',
  'get pods -A -o yaml',
  'get pods -A -o json --show-managed-fields',
  'get widgets -A -o yaml',
  'get gadgets -o json',
  'get secret held -n a -o yaml',
  'get pods,configmaps,widgets -n a -o json',
  'get configmap n -n a -o jsonpath={.data}',
  'get pods -A -o custom-columns=:metadata.name,:spec.nodeName',
  'get nodes -o name',
  'get pods -n a -o go-template={{len(.items)}}',
]);

const describe = cases('describe', [
  'describe pod n -n a',
  'describe pods -n a -l color=red',
  'describe node node-1',
  'describe configmap n -n a',
  'describe widget n -n a',
  'describe service web -n a',
  'describe deployment web -n a',
  'describe namespace a',
  'describe secret held -n a',
  'describe crd widgets.demo.watershed.dev',
  'describe pod none -n a',
]);

const streams: readonly Case[] = [
  ...cases('logs', ['logs n -n a', 'logs -f n -n a'], { shows: /^first <&> é\nsecond\nthird\n$/ }),
  ...cases('logs', ['logs n -n a --tail=1 --timestamps'], { shows: /^2026-\S+Z third\n$/ }),
  ...cases('logs', ['logs -l color=blue -n a --prefix', 'logs none -n a', 'logs n-b -n a']),
  ...cases('exec', ['exec n -n a -- echo hello'], { shows: /^hello\n$/ }),
  ...cases('exec', ['exec -i n -n a -c main -- cat'], { input: 'a\nbü\n', shows: /^a\nbü\n$/ }),
  ...cases('exec', ['attach -i n -n a -c main'], { input: 'b\n', shows: /b\n/ }),
  ...cases('exec', [
    'exec n -n a -- fail 3',
    'exec n -n a -- nonsense',
    'exec none -n a -- true',
    'exec n -n a -c other -- true',
  ]),
];

const manifest = (text: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'NAME', namespace: 'a', labels: { story: 'yes' } },
    data: { text },
  });

const first = manifest('é <&> "quoted"\n');
const second = manifest('changed');

const changes: readonly Case[] = [
  ...cases('diff', ['diff -f -'], { input: first, ownObject: true, shows: /^\+\s+text:/m }),
  ...cases('apply', ['apply -f -'], { input: first, ownObject: true, shows: /NAME created/ }),
  ...cases('apply', ['apply -f -'], { input: first, ownObject: true, shows: /NAME unchanged/ }),
  ...cases('diff', ['diff -f -'], { input: first, ownObject: true }),
  ...cases('diff', ['diff -f -', 'diff -f - --server-side --force-conflicts'], {
    input: second,
    ownObject: true,
    shows: /^\+\s+text: changed/m,
  }),
  ...cases('apply', ['apply -f -'], { input: second, ownObject: true, shows: /NAME configured/ }),
  ...cases('apply', ['apply -f - --server-side', 'apply -f - --dry-run=server -o yaml'], {
    input: first,
    ownObject: true,
  }),
  ...cases('apply', ['apply -f - --server-side --force-conflicts'], {
    input: first,
    ownObject: true,
    shows: /serverside-applied/,
  }),
  ...cases('apply', ['apply -f -'], { input: '{"kind":"Nothing","apiVersion":"v1"}' }),
  ...cases(
    'others',
    [
      'label configmap NAME -n a added=yes',
      'annotate configmap NAME -n a note=ü',
      'patch configmap NAME -n a -p {"data":{"c":"3"}}',
      'get configmap NAME -n a -o yaml',
      'delete configmap NAME -n a',
      'delete configmap NAME -n a',
    ],
    { ownObject: true },
  ),
];

const rest: readonly Case[] = [
  ...cases('explain', ['explain pods', 'explain pods.spec.nodeName', 'explain widgets.spec'], {
    shows: /^KIND:/m,
  }),
  ...cases('explain', ['explain deployments --recursive', 'explain nothings', 'explain pods.none']),
  ...cases('api-resources', [
    'api-resources',
    'api-resources -o wide',
    'api-resources --api-group=demo.watershed.dev -o name',
    'api-resources --namespaced=false --sort-by=kind',
    'api-versions',
  ]),
  ...cases('wait', ['wait --for=condition=Ready pod/n pod/n0 -n a --timeout=60s'], {
    shows: /pod\/n0 condition met/,
  }),
  ...cases('wait', [
    'wait --for=condition=Ready node --all --timeout=60s',
    'wait --for=jsonpath={.data.text} configmap/n -n a --timeout=60s',
    'wait --for=condition=Available deployment/web -n a --timeout=1s',
    'wait --for=delete pod/none -n a --timeout=5s',
    'wait --for=condition=Ready pod/none -n a --timeout=1s',
  ]),
  ...cases('top', ['top nodes', 'top pods -A']),
  ...cases('others', [
    'version -o yaml',
    'cluster-info dump --namespaces=a -o name',
    'auth can-i --list -n a',
    'events -n a',
    'rollout status deployment/web -n a --watch=false',
    'rollout history deployment/web -n a',
  ]),
  // The answer is a review, made for each side at its own second.
  ...cases('others', ['auth whoami -o json'], { ownObject: true, shows: /"username": "admin"/ }),
];

/** In the order in which they have to run: some build on those before. */
export const kubectlCases: readonly Case[] = [
  ...get,
  ...output,
  ...describe,
  ...streams,
  ...changes,
  ...rest,
];
