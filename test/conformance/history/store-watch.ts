// Fills the truth: one watch of everything on etcd itself, from its first revision on. It survives
// restarts of kube-apiserver and compactions (it is never behind). It proves its own completeness:
// etcd's revisions are counted without a gap, and each key's versions too.

import { setTimeout as sleep } from 'node:timers/promises';
import { storedKey, storedVersion } from './stored-value.ts';
import type { Truth } from './truth.ts';

const firstRevision = 2;
const pollMs = 20;

interface StoreEvent {
  /** Absent for PUT. */
  readonly type?: 'DELETE';
  readonly kv: {
    readonly key: string;
    readonly mod_revision: string;
    /** 1 when created; absent in a deletion. */
    readonly version?: string;
    readonly value?: string;
  };
}

interface StoreAnswer {
  readonly error?: unknown;
  readonly result?: {
    readonly canceled?: boolean;
    readonly cancel_reason?: string;
    readonly events?: readonly StoreEvent[];
  };
}

export class StoreWatch {
  readonly #truth: Truth;
  readonly #url: string;
  readonly #abort = new AbortController();
  /** Version of each key, as etcd counts them. */
  readonly #versions = new Map<string, number>();
  #fault: Error | undefined;
  #multiple = 0;

  /** `url` is etcd's client address. */
  constructor(url: string, truth: Truth) {
    this.#url = url;
    this.#truth = truth;
    this.#run().catch((error: unknown) => {
      if (!this.#abort.signal.aborted)
        this.#fault = new Error('the truth is lost', { cause: error });
    });
  }

  stop(): void {
    this.#abort.abort();
  }

  /** Revisions that changed several keys at once; only one of them may be of a watched resource. */
  get multiple(): number {
    return this.#multiple;
  }

  /** Waits until everything written so far is known; returns the store's revision. */
  async catchUp(): Promise<number> {
    const key = Buffer.from('none').toString('base64');
    const { header } = await this.call<{ header: { revision: string } }>('kv/range', { key });
    const revision = Number(header.revision);
    while (this.#truth.head < revision) {
      this.check();
      await sleep(pollMs);
    }
    return revision;
  }

  /** Throws when it broke off. */
  check(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }

  async compact(revision: number): Promise<boolean> {
    const answer = await this.#post('kv/compaction', { revision: String(revision) });
    await answer.arrayBuffer();
    // Refused when it was compacted there already.
    return answer.ok;
  }

  async call<T>(path: string, body: unknown): Promise<T> {
    const answer = await this.#post(path, body);
    if (!answer.ok) throw new Error(`etcd ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  async #run(): Promise<void> {
    const everyKey = Buffer.from([0]).toString('base64');
    const request = {
      create_request: {
        key: everyKey,
        range_end: everyKey,
        start_revision: String(firstRevision),
      },
    };
    const answer = await this.#post('watch', request);
    if (answer.body === null) throw new Error('etcd answers without a body');
    this.#truth.skip(firstRevision - 1);
    let rest = '';
    for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#take(JSON.parse(line) as StoreAnswer);
    }
    throw new Error('etcd ended the watch');
  }

  #take({ error, result }: StoreAnswer): void {
    if (error !== undefined || result?.canceled === true) {
      throw new Error(`etcd: ${JSON.stringify(error ?? result?.cancel_reason)}`);
    }
    for (const event of result?.events ?? []) this.#apply(event);
  }

  #apply({ type, kv }: StoreEvent): void {
    const revision = Number(kv.mod_revision);
    const truth = this.#truth;
    const key = Buffer.from(kv.key, 'base64').toString();
    if (revision !== truth.head + 1 && revision !== truth.head) {
      throw new Error(`etcd's revision ${revision} follows ${truth.head}`);
    }
    const version = type === 'DELETE' ? 0 : Number(kv.version);
    const before = this.#versions.get(key) ?? 0;
    if (version !== 0 && version !== before + 1) {
      throw new Error(`version ${version} of ${key} follows ${before}`);
    }
    this.#versions.set(key, version);
    const stored = storedKey(key);
    if (revision === truth.head) {
      this.#multiple++;
      if (stored !== undefined) throw new Error(`two keys changed at ${revision}`);
    } else if (stored === undefined) truth.skip(revision);
    else if (version === 0) truth.append(stored.resource, revision, stored.key);
    else {
      const value = Buffer.from(kv.value ?? '', 'base64');
      const object = storedVersion(stored.resource, value, revision);
      truth.append(stored.resource, revision, stored.key, object);
    }
  }

  #post(path: string, body: unknown): Promise<Response> {
    return fetch(`${this.#url}/v3/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: this.#abort.signal,
    });
  }
}
