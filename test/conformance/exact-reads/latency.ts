// What a proven read costs beside a direct one: both are sent in turns by one client over connections
// that are kept, so that whatever else the machine does hits both.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../control-plane/api-client.ts';
import { figuresOf } from '../support/figures.ts';
import type { Figures } from '../support/figures.ts';
import { collection, object, query } from '../support/resources.ts';
import { disturb, newObject } from './author.ts';
import { acceptOf, startIn } from './forms.ts';
import type { FormName } from './forms.ts';
import type { ReadClient } from './read-client.ts';

export interface Asked {
  readonly what: string;
  readonly path: string;
  readonly form: FormName;
  readonly verb: 'get' | 'list' | 'watch';
}

export interface Compared {
  readonly what: string;
  readonly direct: Figures;
  readonly proxied: Figures;
  /** Of the differences, pair by pair. */
  readonly added: Figures;
}

export interface Pair {
  readonly direct: ReadClient;
  readonly proxied: ReadClient;
}

export interface Pace {
  readonly pairs: number;
  /** Rest between two pairs, between half and one and a half times this. */
  readonly restMs: number;
}

export async function compare(pair: Pair, asked: Asked, pace: Pace): Promise<Compared> {
  const took = { direct: [] as number[], proxied: [] as number[] };
  const added: number[] = [];
  for (let turn = 0; turn < pace.pairs; turn++) {
    const order =
      turn % 2 === 0 ? (['direct', 'proxied'] as const) : (['proxied', 'direct'] as const);
    for (const side of order) {
      await sleep(pace.restMs * (0.5 + Math.random()));
      took[side].push(await once(pair[side], asked));
    }
    added.push(took.proxied[turn] - took.direct[turn]);
  }
  return {
    what: asked.what,
    direct: figuresOf(took.direct),
    proxied: figuresOf(took.proxied),
    added: figuresOf(added),
  };
}

async function once(client: ReadClient, { path, form, verb }: Asked): Promise<number> {
  const accept = acceptOf(form, verb);
  const enough = verb === 'watch' ? (bytes: Buffer) => hasMark(form, bytes) : undefined;
  const { status, tookMs } = await client.read(path, accept, enough);
  if (status !== 200) throw new Error(`${path}: ${status}`);
  return tookMs;
}

/** Only the end is looked at: the mark is the last event. */
function hasMark(form: FormName, bytes: Buffer): boolean {
  const tail = bytes.subarray(Math.max(0, bytes.length - 2_000));
  if (!tail.includes('k8s.io/initial-events-end')) return false;
  return form.startsWith('protobuf') ? startIn(form, bytes).marked : tail.at(-1) === 0x0a;
}

export function busyReads(): Asked[] {
  const leases = collection('leases');
  const stream = query({
    watch: 1,
    allowWatchBookmarks: 'true',
    sendInitialEvents: 'true',
    resourceVersionMatch: 'NotOlderThan',
    resourceVersion: '',
    timeoutSeconds: 30,
  });
  return [
    { what: 'LIST', path: leases, form: 'json', verb: 'list' },
    { what: 'LIST protobuf', path: leases, form: 'protobuf', verb: 'list' },
    { what: 'LIST metadata', path: leases, form: 'json metadata', verb: 'list' },
    { what: 'LIST namespace', path: collection('leases', 'ab'), form: 'json', verb: 'list' },
    { what: 'GET', path: object('leases', 'a', 'busy'), form: 'json', verb: 'get' },
    { what: 'GET protobuf', path: object('leases', 'a', 'busy'), form: 'protobuf', verb: 'get' },
    { what: 'WATCH RV=""', path: leases + stream, form: 'json', verb: 'watch' },
  ];
}

export function idleReads(): Asked[] {
  const all = collection('configmaps');
  return [
    { what: 'LIST', path: all, form: 'json', verb: 'list' },
    { what: 'LIST protobuf', path: all, form: 'protobuf', verb: 'list' },
    { what: 'LIST metadata', path: all, form: 'json metadata', verb: 'list' },
    { what: 'LIST protobuf metadata', path: all, form: 'protobuf metadata', verb: 'list' },
    {
      what: 'LIST small namespace',
      path: collection('configmaps', 'ab'),
      form: 'json',
      verb: 'list',
    },
    {
      what: 'LIST few labels',
      path: all + query({ labelSelector: 'few=yes' }),
      form: 'json',
      verb: 'list',
    },
    { what: 'LIST page of 500', path: all + query({ limit: 500 }), form: 'json', verb: 'list' },
    { what: 'GET', path: object('configmaps', 'a', 'idle-7'), form: 'json', verb: 'get' },
  ];
}

/** Many objects of one resource, which then rest. */
export async function fill(direct: ApiClient, count: number, writers = 24): Promise<void> {
  let next = 0;
  const data = { text: 'x'.repeat(200) };
  await Promise.all(
    Array.from({ length: writers }, async () => {
      for (let own = next++; own < count; own = next++) {
        const labels: Record<string, string> = own % 5_000 === 0 ? { few: 'yes' } : {};
        const body = { ...newObject('configmaps', `idle-${own}`, labels), data };
        const { status } = await direct.request('POST', collection('configmaps', 'a'), { body });
        if (status !== 201) throw new Error(`configmap ${own}: ${status}`);
      }
    }),
  );
}

/** Runs `work` while leases are written without a rest by so many writers; tells writes per second. */
export async function whileWriting<T>(
  direct: ApiClient,
  writers: number,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly writesPerSecond: number }> {
  const rest = new AbortController();
  const beganMs = performance.now();
  const all = Promise.all(Array.from({ length: writers }, () => disturb(direct, rest.signal)));
  const [settled] = await Promise.allSettled([work()]);
  rest.abort();
  const writes = (await all).reduce((sum, own) => sum + own, 0);
  if (settled.status === 'rejected') throw settled.reason;
  const { value: result } = settled;
  return { result, writesPerSecond: (writes * 1000) / (performance.now() - beganMs) };
}
