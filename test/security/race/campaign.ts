// A run: rights are granted and revoked at random while readers read and writers keep every watch busy.
// Half of the revocations last longer than the bound, so that lateness has room to show; in the end all
// rights are revoked and the readers go on until the bound is over.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../../src/simulator/random.ts';
import type { RecordedResponse } from '../../support/recorded-response.ts';
import { quietFlags, startStack } from '../../conformance/support/stack.ts';
import type { Stack } from '../../conformance/support/stack.ts';
import { boundsOf } from './bounds.ts';
import type { Bounds, Configured } from './bounds.ts';
import { GrantIntervals } from './grant-intervals.ts';
import { formsOf, Reader } from './readers.ts';
import type { ReaderCounts } from './readers.ts';
import { grant, isAllowed, makeRights, raceNamespaces, revoke, untilDenied } from './rights.ts';
import type { Right } from './rights.ts';
import { queueHeader, StreamClient } from './stream-client.ts';

export interface RaceOptions extends Configured {
  readonly seed: number;
  readonly durationMs: number;
  readonly readers: number;
  readonly log?: (line: string) => void;
}

export interface RaceResult {
  readonly intervals: GrantIntervals;
  readonly bounds: Bounds;
  readonly counts: ReaderCounts;
  readonly grants: number;
  readonly revocations: number;
  /** Times until upstream's authorizer knew of a revocation. */
  readonly upstreamLagsMs: readonly number[];
  /** Times from a grant to the first answer that used it. */
  readonly firstUsesMs: readonly number[];
}

const denyTtlMs = 500;
const changeEveryMs = 200;
const writeEveryMs = 100;
const objectsPerNamespace = 4;
const sampleEveryMs = 500;
const progressEveryMs = 30_000;
const warmMs = 60_000;

export async function race(options: RaceOptions): Promise<RaceResult> {
  const { allowTtlMs, recheckIntervalMs } = options;
  const auth = {
    allowTtl: `${allowTtlMs}ms`,
    denyTtl: `${denyTtlMs}ms`,
    recheckInterval: `${recheckIntervalMs}ms`,
  };
  const stack = await startStack({
    controlPlane: { apiserverFlags: quietFlags },
    proxy: { settings: { auth } },
  });
  try {
    const rights = await makeRights(stack.controlPlane);
    return await new Race(stack, rights, options).run();
  } finally {
    await stack.stop();
  }
}

class Race {
  readonly #stack: Stack;
  readonly #rights: readonly Right[];
  readonly #options: RaceOptions;
  readonly #random: Random;
  readonly #intervals = new GrantIntervals();
  readonly #counts: ReaderCounts = {
    answers: 0,
    refusals: 0,
    others: 0,
    watches: 0,
    watchesPassedThrough: 0,
    bytes: 0,
  };
  readonly #lagsMs: number[] = [];
  readonly #probes = new Set<Promise<void>>();
  readonly #firstUses: FirstUses;
  readonly #abort = new AbortController();
  #stallMs = 0;
  #grants = 0;
  #revocations = 0;
  #isOver = false;
  #failure: unknown;

  constructor(stack: Stack, rights: readonly Right[], options: RaceOptions) {
    this.#stack = stack;
    // Only what somebody uses.
    this.#rights = rights.slice(0, options.readers);
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#firstUses = new FirstUses(this.#intervals);
  }

  async run(): Promise<RaceResult> {
    const { watershed, authority } = this.#stack;
    const client = new StreamClient(watershed.port, authority);
    await this.#writeObjects();
    await this.#warm();
    const loopDelay = monitorEventLoopDelay({ resolution: 20 });
    loopDelay.enable();
    const background = [this.#write(), this.#sample()];
    const readers = this.#startReaders(client);
    try {
      await this.#change();
      await this.#end();
    } finally {
      this.#isOver = true;
      this.#abort.abort();
      await Promise.all([...readers, ...background, ...this.#probes]);
      client.close();
      loopDelay.disable();
    }
    if (this.#failure !== undefined) throw this.#failure;
    this.#stallMs = Math.max(this.#stallMs, loopDelay.max / 1e6);
    return {
      intervals: this.#intervals,
      bounds: this.#bounds(),
      counts: this.#counts,
      grants: this.#grants,
      revocations: this.#revocations,
      upstreamLagsMs: this.#lagsMs,
      firstUsesMs: this.#firstUses.timesMs,
    };
  }

  #bounds(): Bounds {
    return boundsOf(this.#options, Math.max(0, ...this.#lagsMs), this.#stallMs);
  }

  #startReaders(client: StreamClient): Promise<void>[] {
    const parts = {
      client,
      intervals: this.#firstUses,
      counts: this.#counts,
      signal: this.#abort.signal,
    };
    return Array.from({ length: this.#options.readers }, (_, number) =>
      new Reader(number, this.#rights[number % this.#rights.length], parts).run(),
    );
  }

  /** One change every 200 ms, of a right whose time has come. */
  async #change(): Promise<void> {
    const endMs = performance.now() + this.#options.durationMs;
    const dueMs = new Map(this.#rights.map(({ key }) => [key, 0]));
    let toldMs = performance.now();
    while (performance.now() < endMs && this.#failure === undefined) {
      const nowMs = performance.now();
      const due = this.#rights.filter(({ key }) => (dueMs.get(key) ?? 0) <= nowMs);
      if (due.length > 0) {
        const right = this.#random.pick(due);
        const holds = this.#intervals.isHeld(right.key);
        if (holds) await this.#revoke(right);
        else await this.#grant(right);
        dueMs.set(right.key, nowMs + this.#lasts(holds));
      }
      if (nowMs - toldMs > progressEveryMs) {
        toldMs = nowMs;
        this.#options.log?.(this.#progress());
      }
      await sleep(Math.max(0, nowMs + changeEveryMs - performance.now()));
    }
  }

  #lasts(revoked: boolean): number {
    const random = this.#random;
    if (!revoked) return 500 + random.next() * 10_000;
    const isLong = random.next() < 0.5;
    return isLong ? this.#bounds().watchMs + random.next() * 5_000 : 100 + random.next() * 3_000;
  }

  async #grant(right: Right): Promise<void> {
    const sentMs = performance.now();
    this.#intervals.granted(right.key, sentMs);
    this.#firstUses.granted(right.key, sentMs);
    await grant(this.#stack.controlPlane, right);
    this.#grants += 1;
  }

  async #revoke(right: Right): Promise<void> {
    await revoke(this.#stack.controlPlane, right);
    this.#intervals.revoked(right.key, performance.now());
    this.#firstUses.revoked(right.key);
    this.#revocations += 1;
    const probe = this.#probe(right).finally(() => this.#probes.delete(probe));
    this.#probes.add(probe);
  }

  /** Asks upstream itself until it refuses; a grant in between ends that. */
  async #probe(right: Right): Promise<void> {
    const isOver = (): boolean => this.#isOver || this.#intervals.isHeld(right.key);
    try {
      const lagMs = await untilDenied(this.#stack.controlPlane, right, isOver);
      if (lagMs !== undefined) this.#lagsMs.push(lagMs);
    } catch (error) {
      this.#failure ??= error;
    }
  }

  /** Everything is revoked; whoever still sees something after the bound sees too much. */
  async #end(): Promise<void> {
    for (const right of this.#rights) {
      if (this.#intervals.isHeld(right.key)) await this.#revoke(right);
    }
    this.#options.log?.('all rights are revoked; waiting for the bound to be over');
    await sleep(this.#bounds().watchMs + changeEveryMs * 5);
  }

  async #writeObjects(): Promise<void> {
    for (const namespace of raceNamespaces) {
      for (let i = 0; i < objectsPerNamespace; i += 1) {
        const path = `/api/v1/namespaces/${namespace}/configmaps`;
        const body = { metadata: { name: `race-${i}` }, data: { turn: '0' } };
        await this.#stack.controlPlane.request('POST', path, { body });
      }
    }
  }

  /** Until every form is answered from memory: a watch that upstream answers says nothing about the proxy. */
  async #warm(): Promise<void> {
    const path = '/api/v1/namespaces/a/configmaps';
    const deadlineMs = performance.now() + warmMs;
    for (const accept of formsOf('list')) {
      while (!isLocal(await this.#stack.proxied({ path, headers: { accept } }))) {
        if (performance.now() > deadlineMs) throw new Error(`${accept} stays passed through`);
        await sleep(writeEveryMs);
      }
    }
  }

  async #write(): Promise<void> {
    const headers = { 'content-type': 'application/merge-patch+json' };
    for (let turn = 1; !this.#isOver; turn += 1) {
      for (const namespace of raceNamespaces) {
        const name = `race-${turn % objectsPerNamespace}`;
        const path = `/api/v1/namespaces/${namespace}/configmaps/${name}`;
        const body = { data: { turn: `${turn}` } };
        await this.#stack.controlPlane.request('PATCH', path, { body, headers });
      }
      await sleep(writeEveryMs);
    }
  }

  /** How long anything may take on this machine: a question to upstream, and one to the proxy. */
  async #sample(): Promise<void> {
    while (!this.#isOver) {
      const beganMs = performance.now();
      await Promise.all([
        isAllowed(this.#stack.controlPlane, this.#rights[0]),
        this.#stack.proxied({ path: '/version' }),
      ]);
      this.#stallMs = Math.max(this.#stallMs, performance.now() - beganMs);
      await sleep(sampleEveryMs);
    }
  }

  #progress(): string {
    const { answers, refusals, watches } = this.#counts;
    return `${this.#grants} grants, ${this.#revocations} revocations, ${answers} answers, ${refusals} refusals, ${watches} watches`;
  }
}

function isLocal(answer: RecordedResponse): boolean {
  return answer.status === 200 && answer.header(queueHeader) === undefined;
}

/** Stands between readers and intervals, and notes the first use behind each grant. */
class FirstUses {
  readonly timesMs: number[] = [];
  readonly #intervals: GrantIntervals;
  readonly #since = new Map<string, number>();

  constructor(intervals: GrantIntervals) {
    this.#intervals = intervals;
  }

  granted(key: string, atMs: number): void {
    this.#since.set(key, atMs);
  }

  revoked(key: string): void {
    this.#since.delete(key);
  }

  saw(kind: string, key: string, atMs: number, what: string): number {
    const sinceMs = this.#since.get(key);
    if (sinceMs !== undefined && atMs >= sinceMs) {
      this.timesMs.push(atMs - sinceMs);
      this.#since.delete(key);
    }
    return this.#intervals.saw(kind, key, atMs, what);
  }
}
