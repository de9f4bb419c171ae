// Random writers, most of them straight to kube-apiserver, some through a proxy. A write that is not
// answered may have happened or not; the store tells. What is answered is handed to the truth.

import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from '../control-plane/api-client.ts';
import { tokens } from '../control-plane/users.ts';
import { collection, object } from '../support/resources.ts';
import type { ResourceName } from '../support/resources.ts';
import type { JsonObject } from './fingerprint.ts';
import type { Random } from './random.ts';
import { jsonVersion } from './stored-value.ts';
import type { Tally } from './tally.ts';
import type { Truth } from './truth.ts';

export const writtenResources = ['pods', 'configmaps', 'leases', 'widgets', 'gadgets'] as const;
export const writtenNamespaces = ['a', 'a-b', 'ab'] as const;
export const colors = ['red', 'green', 'blue'] as const;
export const phases = ['Pending', 'Running', 'Succeeded'] as const;
/** Few, so that they are used again and again. */
export const namesPerWriter = 3;

const answerTimeoutMs = 10_000;
/** What encoders get wrong. */
const text = 'é \u2028 <&> "quoted" \\ 𝄞';

export interface WriterOptions {
  /** Addresses; each writer has one of its own. */
  readonly urls: readonly string[];
  readonly caFile: string;
  /** Each writer's longest pause between two writes. */
  readonly maxPauseMs: number;
  readonly random: Random;
}

type Content = Record<string, unknown>;

export class Writers {
  readonly #writers: readonly Writer[];

  constructor(options: WriterOptions, truth: Truth, tally: Tally) {
    this.#writers = options.urls.map((url, index) => {
      const client = new ApiClient({ url, caFile: options.caFile, token: tokens.admin });
      const random = options.random.fork(`writer ${index}`);
      return new Writer({ client, random, index, maxPauseMs: options.maxPauseMs, truth, tally });
    });
  }

  /** They write until it is aborted; resolves when the last one has its answer. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.run(signal)));
  }

  /** Every write that began before this moment is answered or given up. */
  settledAt(momentMs: number): boolean {
    return this.#writers.every(({ beganMs }) => beganMs > momentMs);
  }

  close(): void {
    for (const writer of this.#writers) writer.close();
  }
}

/**
 * Whether an answer shows what is stored at the revision it names. A change to an object whose deletion was begun (and cut
 * short) ends it instead: the answer then shows the change under the old revision, and nobody ever stored it (apiserver
 * registry/generic/registry/store.go, `deleteWithoutFinalizers`).
 */
export function isOfItsRevision({ metadata }: JsonObject): boolean {
  return metadata.deletionTimestamp === undefined;
}

interface WriterParts {
  readonly client: ApiClient;
  readonly random: Random;
  readonly index: number;
  readonly maxPauseMs: number;
  readonly truth: Truth;
  readonly tally: Tally;
}

class Writer {
  readonly #parts: WriterParts;
  readonly #live = new Set<string>();
  /** Infinity while none is under way. */
  beganMs = Infinity;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { random, maxPauseMs, tally } = this.#parts;
    while (!signal.aborted) {
      this.beganMs = performance.now();
      try {
        await this.#change();
      } catch {
        tally.add('writes without an answer');
        this.#parts.client.reset();
      }
      this.beganMs = Infinity;
      await sleep(random.below(maxPauseMs));
    }
  }

  close(): void {
    this.#parts.client.close();
  }

  async #change(): Promise<void> {
    const { random, index } = this.#parts;
    const resource = random.pick(writtenResources);
    const namespace = resource === 'gadgets' ? '' : random.pick(writtenNamespaces);
    const name = `w-${index}-${random.below(namesPerWriter)}`;
    const path = object(resource, namespace, name);
    const dice = random.below(10);
    if (!this.#live.has(path)) {
      const body = this.#newObject(resource, name);
      await this.#send(resource, path, 'POST', collection(resource, namespace), body);
    } else if (dice < 2) {
      await this.#send(resource, path, 'DELETE', `${path}?gracePeriodSeconds=0`);
    } else if (dice < 4 && resource === 'pods') {
      const status = { phase: random.pick(phases), message: text };
      await this.#send(resource, path, 'PATCH', `${path}/status`, { status });
    } else if (dice < 5 && (resource === 'widgets' || resource === 'gadgets')) {
      const spec = { color: random.pick([...colors, null]), deep: { list: [dice, text] } };
      await this.#send(resource, path, 'PATCH', path, { spec });
    } else {
      const body = { metadata: { labels: this.#labels(null) } };
      await this.#send(resource, path, 'PATCH', path, body);
    }
  }

  async #send(
    resource: ResourceName,
    target: string,
    method: string,
    ...[path, body]: readonly [string, Content?]
  ): Promise<void> {
    const { client, tally, truth } = this.#parts;
    const headers = method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {};
    const options = { body, headers, timeoutMs: answerTimeoutMs };
    const answer = await client.request(method, path, options);
    if (answer.status >= 300) {
      tally.add(`writes refused with ${answer.status}`);
      // An earlier write without an answer happened, or did not.
      if (answer.status === 404) this.#live.delete(target);
      if (answer.status === 409) this.#live.add(target);
      return;
    }
    tally.add('writes acknowledged');
    if (method === 'DELETE') {
      this.#live.delete(target);
      return;
    }
    this.#live.add(target);
    const written = JSON.parse(answer.body.toString()) as JsonObject;
    if (!isOfItsRevision(written)) return;
    const revision = Number(written.metadata.resourceVersion);
    truth.acknowledge(resource, jsonVersion(written, revision));
  }

  /** `absent` says how a label that shall not be there is written. */
  #labels(absent: null | undefined): Content {
    const { random } = this.#parts;
    const size = random.chance(33) ? absent : String(random.below(10));
    return { color: random.pick([...colors, absent]), size };
  }

  #newObject(resource: ResourceName, name: string): Content {
    const { random } = this.#parts;
    const metadata = { name, labels: this.#labels(undefined), annotations: { text } };
    const color = random.pick(colors);
    switch (resource) {
      case 'pods': {
        const containers = [{ name: 'main', image: 'none' }];
        // Nodes of these names do not exist; only the name matters.
        const spec = { containers, ...(random.chance(50) ? { nodeName: color } : {}) };
        return { apiVersion: 'v1', kind: 'Pod', metadata, spec };
      }
      case 'configmaps':
        return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { text } };
      case 'leases': {
        const spec = { holderIdentity: text };
        return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
      }
      default: {
        const kind = resource === 'widgets' ? 'Widget' : 'Gadget';
        return { apiVersion: 'demo.watershed.dev/v1', kind, metadata, spec: { color } };
      }
    }
  }
}
