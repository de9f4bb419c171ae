// Random changes to pods, configmaps, widgets and gadgets: creations, changes of labels, fields and
// status that move objects in and out of selections, deletions, names that come back. Repeatable by
// its seed, apart from how its workers interleave.

import type { ControlPlane } from '../control-plane/control-plane.ts';
import { collection, object } from './resources.ts';
import type { ResourceName } from './resources.ts';

const workers = 6;
/** Names per worker, resource and namespace: few, so that they are used again and again. */
const names = 2;
const namespaces = ['a', 'a-b', 'ab'];
const colors = ['red', 'green', 'blue'];
const written = ['pods', 'configmaps', 'widgets', 'gadgets'] as const;

type Content = Record<string, unknown>;

export class RandomAuthor {
  readonly #controlPlane: ControlPlane;
  readonly #live = new Set<string>();
  #state: number;

  constructor(controlPlane: ControlPlane, seed: number) {
    this.#controlPlane = controlPlane;
    this.#state = seed;
  }

  /** Makes that many changes, a few at a time; every one was acknowledged when it resolves. */
  async write(changes: number): Promise<void> {
    let left = changes;
    const worker = async (index: number): Promise<void> => {
      while (left-- > 0) await this.#change(index);
    };
    await Promise.all(Array.from({ length: workers }, (_, index) => worker(index)));
  }

  async #change(worker: number): Promise<void> {
    const resource = this.#pick(written);
    const namespace = resource === 'gadgets' ? '' : this.#pick(namespaces);
    const name = `w-${worker + workers * this.#below(names)}`;
    const path = object(resource, namespace, name);
    const dice = this.#below(10);
    if (!this.#live.has(path)) {
      const body = this.#newObject(resource, name);
      await this.#send('POST', collection(resource, namespace), body);
      this.#live.add(path);
    } else if (dice < 2) {
      await this.#send('DELETE', `${path}?gracePeriodSeconds=0`);
      this.#live.delete(path);
    } else if (dice < 4 && resource === 'pods') {
      const phase = this.#pick(['Pending', 'Running', 'Succeeded']);
      await this.#send('PATCH', `${path}/status`, { status: { phase, message: text } });
    } else if (dice < 5 && (resource === 'widgets' || resource === 'gadgets')) {
      const color = this.#pick([...colors, null]);
      await this.#send('PATCH', path, { spec: { color, deep: { list: [dice, text] } } });
    } else {
      await this.#send('PATCH', path, { metadata: { labels: this.#labels(null) } });
    }
  }

  /** `absent` says how a label that shall not be there is written. */
  #labels(absent: null | undefined): Content {
    const color = this.#pick([...colors, absent]);
    const size = this.#below(3) === 0 ? absent : String(this.#below(10));
    return { color, size };
  }

  #newObject(resource: ResourceName, name: string): Content {
    const metadata = { name, labels: this.#labels(undefined), annotations: { text } };
    const color = this.#pick(colors);
    switch (resource) {
      case 'pods': {
        const containers = [{ name: 'main', image: 'none' }];
        // Half of the nodes named here do not exist; only the name matters.
        const spec = { containers, ...(this.#below(2) === 0 ? { nodeName: color } : {}) };
        return { apiVersion: 'v1', kind: 'Pod', metadata, spec };
      }
      case 'configmaps':
        return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { text } };
      default: {
        const kind = resource === 'widgets' ? 'Widget' : 'Gadget';
        return { apiVersion: 'demo.watershed.dev/v1', kind, metadata, spec: { color } };
      }
    }
  }

  async #send(method: string, path: string, body?: Content): Promise<void> {
    const headers = method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {};
    const answer = await this.#controlPlane.request(method, path, { body, headers });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.body.toString()}`);
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#below(values.length)];
  }

  /** Mulberry32. */
  #below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) * (limit / 4_294_967_296));
  }
}

/** What encoders get wrong. */
const text = 'é \u2028 <&> "quoted" \\ 𝄞';
