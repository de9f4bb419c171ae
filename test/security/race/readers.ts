// Readers: each wants one right and uses it over and over, in one form over one protocol: requests, or a
// watch that is opened again whenever it ends. They know nothing of grants; what they see is told to the
// intervals.

import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../../src/simulator/random.ts';
import type { Protocol } from '../../conformance/support/stack.ts';
import type { GrantIntervals } from './grant-intervals.ts';
import type { Right } from './rights.ts';
import type { Asking, StreamClient } from './stream-client.ts';

const protobuf = 'application/vnd.kubernetes.protobuf';

/** As released clients ask; the list form of a metadata kind is another one. */
export function formsOf(verb: Right['verb']): readonly string[] {
  const kind = verb === 'list' ? 'PartialObjectMetadataList' : 'PartialObjectMetadata';
  const metadata = `as=${kind};g=meta.k8s.io;v=v1`;
  return [
    'application/json',
    `${protobuf},application/json`,
    `application/json;${metadata},application/json`,
    `${protobuf};${metadata},application/json;${metadata},application/json`,
  ];
}

/** Short enough that one that was passed through comes back soon; the others end earlier, or are reopened. */
const watchSeconds = 30;
const pauseMs = 100;
/** A watch that is asked for while its refusal is remembered is passed through: longer than `denyTtlMs`. */
const watchPauseMs = 700;

export interface ReaderCounts {
  answers: number;
  refusals: number;
  others: number;
  watches: number;
  /** By upstream, which asks for permission once only. */
  watchesPassedThrough: number;
  bytes: number;
}

export interface ReaderParts {
  readonly client: StreamClient;
  readonly intervals: Pick<GrantIntervals, 'saw'>;
  readonly counts: ReaderCounts;
  readonly signal: AbortSignal;
}

export class Reader {
  readonly #right: Right;
  readonly #parts: ReaderParts;
  readonly #random: Random;
  readonly #accept: string;
  readonly #protocol: Protocol;
  readonly #name: string;

  constructor(number: number, right: Right, parts: ReaderParts) {
    this.#right = right;
    this.#parts = parts;
    this.#random = new Random(number + 1);
    const forms = formsOf(right.verb);
    this.#accept = forms[number % forms.length];
    this.#protocol = Math.floor(number / forms.length) % 2 === 0 ? 'h2' : 'http/1.1';
    this.#name = `reader ${number} (${right.key}, ${this.#accept.slice(0, 40)}, ${this.#protocol})`;
  }

  async run(): Promise<void> {
    const { signal } = this.#parts;
    while (!signal.aborted) {
      if (this.#right.verb === 'watch') await this.#watch();
      else await this.#request();
      const isWatch = this.#right.verb === 'watch';
      const waitMs = isWatch ? watchPauseMs : pauseMs * (0.5 + this.#random.next());
      await sleep(waitMs, undefined, { signal }).catch(() => {});
    }
  }

  async #request(): Promise<void> {
    const { namespace, verb } = this.#right;
    const collection = `/api/v1/namespaces/${namespace}/configmaps`;
    const path = verb === 'get' ? `${collection}/race-0` : collection;
    const any = this.#random.below(2) === 0 ? '?resourceVersion=0' : '';
    const sentMs = performance.now();
    await this.#open(path + any, {
      onHead: (status) => {
        if (!this.#count(status)) return;
        this.#saw('answer by when it was sent', sentMs);
        this.#saw('answer by when it came', performance.now());
      },
      onBytes: (count) => {
        this.#parts.counts.bytes += count;
      },
    });
  }

  async #watch(): Promise<void> {
    const start = this.#random.pick(['', '&resourceVersion=0', '&allowWatchBookmarks=true']);
    const query = `watch=1&timeoutSeconds=${watchSeconds}${start}`;
    const { counts } = this.#parts;
    let judged = false;
    await this.#open(`/api/v1/namespaces/${this.#right.namespace}/configmaps?${query}`, {
      onHead: (status, local) => {
        if (!this.#count(status)) return;
        judged = local;
        counts.watches += 1;
        if (!local) counts.watchesPassedThrough += 1;
        this.#saw('start of a watch', performance.now());
      },
      onBytes: (count) => {
        counts.bytes += count;
        if (judged) this.#saw('bytes of a watch', performance.now());
      },
    });
  }

  async #open(path: string, on: Pick<Asking, 'onHead' | 'onBytes'>): Promise<void> {
    const { client, signal } = this.#parts;
    const headers = { authorization: `Bearer ${this.#right.token}`, accept: this.#accept };
    const { over, cancel } = client.open({ path, headers, protocol: this.#protocol, ...on });
    signal.addEventListener('abort', cancel);
    await over;
    signal.removeEventListener('abort', cancel);
  }

  /** Counts an answer; true when it was granted. */
  #count(status: number): boolean {
    const { counts } = this.#parts;
    if (status === 200) counts.answers += 1;
    else if (status === 403) counts.refusals += 1;
    else counts.others += 1;
    return status === 200;
  }

  #saw(kind: string, atMs: number): void {
    this.#parts.intervals.saw(kind, this.#right.key, atMs, this.#name);
  }
}
