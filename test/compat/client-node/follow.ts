// Follows objects with the informers of one release of @kubernetes/client-node (`--module`: its folder)
// through one address, and compares in the end what they hold with a list behind another.
//
// Speaks in lines: READY on stdout, CHECK on stdin, then one line of JSON on stdout.

import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type * as ClientNode from '@kubernetes/client-node';
import type {
  Informer,
  KubeConfig,
  KubernetesListObject,
  KubernetesObject,
  ObjectCache,
} from '@kubernetes/client-node';

const { values: options } = parseArgs({
  options: {
    kubeconfig: { type: 'string' },
    'direct-kubeconfig': { type: 'string' },
    module: { type: 'string' },
    timeout: { type: 'string', default: '120' },
  },
});
const comparePauseMs = 200;
/** What the documentation's example waits before it starts an informer again after an error. */
const restartPauseMs = 5_000;
const maxNotes = 5;

interface Selection {
  readonly labelSelector?: string;
  readonly namespace?: string;
}

interface Subject extends Selection {
  readonly name: string;
  readonly path: string;
  list(config: KubeConfig): () => Promise<KubernetesListObject<KubernetesObject>>;
}

const client = await load(options.module ?? '');
const subjects: readonly Subject[] = [
  configMaps('configmaps', {}),
  configMaps('configmaps color=red', { labelSelector: 'color=red' }),
  {
    name: 'pods of one namespace',
    path: '/api/v1/namespaces/informers-0/pods',
    list: (config) => {
      const api = config.makeApiClient(client.CoreV1Api);
      return () => api.listNamespacedPod({ namespace: 'informers-0' });
    },
  },
  {
    name: 'widgets',
    path: '/apis/demo.watershed.dev/v1/widgets',
    list: (config) => {
      const api = config.makeApiClient(client.CustomObjectsApi);
      const widgets = { group: 'demo.watershed.dev', version: 'v1', plural: 'widgets' };
      return async () =>
        (await api.listClusterCustomObject(widgets)) as KubernetesListObject<KubernetesObject>;
    },
  },
];

async function load(folder: string): Promise<typeof ClientNode> {
  const entry = pathToFileURL(join(folder, 'dist/index.js')).href;
  return (await import(entry)) as typeof ClientNode;
}

function configMaps(name: string, { labelSelector }: Selection): Subject {
  return {
    name,
    path: '/api/v1/configmaps',
    labelSelector,
    list: (config) => {
      const api = config.makeApiClient(client.CoreV1Api);
      return () => api.listConfigMapForAllNamespaces({ labelSelector });
    },
  };
}

class Follower {
  readonly subject: Subject;
  readonly informer: Informer<KubernetesObject> & ObjectCache<KubernetesObject>;
  readonly notes: string[] = [];
  lists = 0;
  events = 0;
  errors = 0;
  /** Answers 429: come again, which costs nothing but time. */
  refusals = 0;

  constructor(config: KubeConfig, subject: Subject) {
    this.subject = subject;
    const list = subject.list(config);
    const counted = (): ReturnType<typeof list> => {
      this.lists += 1;
      return list();
    };
    this.informer = client.makeInformer(config, subject.path, counted, subject.labelSelector);
    for (const event of ['add', 'update', 'delete'] as const) {
      this.informer.on(event, () => (this.events += 1));
    }
    this.informer.on('error', (error) => {
      const isRefusal = (error as { statusCode?: number } | undefined)?.statusCode === 429;
      if (isRefusal) this.refusals += 1;
      else this.errors += 1;
      if (!isRefusal && this.notes.length < maxNotes)
        this.notes.push(`${subject.name}: ${String(error)}`);
      setTimeout(() => void this.informer.start(), restartPauseMs);
    });
  }

  /** The first difference to a list, or nothing. */
  async difference(direct: KubeConfig): Promise<string> {
    const { items } = await this.subject.list(direct)();
    const truth = statesOf(items);
    const held = statesOf(this.informer.list());
    for (const [key, state] of truth) {
      if (!held.has(key)) return `${key} is missing`;
      if (held.get(key) !== state) return `${key} differs: ${held.get(key)}, should be ${state}`;
      held.delete(key);
    }
    for (const key of held.keys()) return `${key} should not be there`;
    return '';
  }
}

function statesOf(items: readonly KubernetesObject[]): Map<string, string> {
  return new Map(
    items.map((item) => [
      `${item.metadata?.namespace ?? ''}/${item.metadata?.name}`,
      JSON.stringify(plain({ ...item, kind: undefined, apiVersion: undefined })),
    ]),
  );
}

/** Lists bring models with dates, events bring JSON; both in one form, keys in order. */
function plain(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString().replace('.000Z', 'Z');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(
    fields
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, field]) => [name, plain(field)]),
  );
}

function configOf(file: string | undefined): KubeConfig {
  const config = new client.KubeConfig();
  config.loadFromFile(file ?? '');
  return config;
}

const direct = configOf(options['direct-kubeconfig']);
const followers = subjects.map((subject) => new Follower(configOf(options.kubeconfig), subject));
await Promise.all(followers.map(({ informer }) => informer.start()));
console.log('READY');
const input = createInterface({ input: process.stdin });
// The end of the input is the end of the test that started this.
input.once('close', () => process.exit(1));
for (let line = ''; line !== 'CHECK';) [line] = (await once(input, 'line')) as [string];

const deadlineMs = Date.now() + Number(options.timeout) * 1_000;
const mismatches: string[] = [];
for (const follower of followers) {
  for (;;) {
    const difference = await follower.difference(direct).catch(String);
    if (difference === '') break;
    if (Date.now() > deadlineMs) {
      mismatches.push(`${follower.subject.name}: ${difference}`);
      break;
    }
    await sleep(comparePauseMs);
  }
}
const sum = (count: (follower: Follower) => number): number =>
  followers.reduce((total, follower) => total + count(follower), 0);
console.log(
  JSON.stringify({
    events: sum(({ events }) => events),
    relists: sum(({ lists }) => Math.max(0, lists - 1)),
    errors: sum(({ errors }) => errors),
    refusals: sum(({ refusals }) => refusals),
    equal: mismatches.length === 0,
    mismatches,
    notes: followers.flatMap(({ notes }) => notes),
  }),
);
process.exit(0);
