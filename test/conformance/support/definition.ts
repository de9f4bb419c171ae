// A CustomResourceDefinition that a test changes step by step, and what kube-apiserver says of it.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlane } from '../control-plane/control-plane.ts';

export const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

export interface Version {
  readonly name: string;
  readonly served?: boolean;
  readonly storage?: boolean;
  /** Schemas of the fields of `spec`. */
  readonly fields: Readonly<Record<string, object>>;
  readonly selectable?: readonly string[];
}

export interface Definition {
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
  readonly scope?: 'Namespaced' | 'Cluster';
  readonly versions: readonly Version[];
}

export const stringField = { type: 'string' };

const pollMs = 20;
const patienceMs = 60_000;

export class ChangingDefinition {
  readonly #controlPlane: ControlPlane;
  readonly path: string;

  constructor(controlPlane: ControlPlane, { plural, group }: Pick<Definition, 'plural' | 'group'>) {
    this.#controlPlane = controlPlane;
    this.path = `${crds}/${plural}.${group}`;
  }

  async create(definition: Definition): Promise<void> {
    await this.#send('POST', crds, bodyOf(definition));
    await this.#untilServed(definition);
  }

  /** The definition is stored; when the apiserver acts on it is another matter. */
  async change(definition: Definition): Promise<void> {
    const current = JSON.parse(await this.#send('GET', this.path)) as { metadata: object };
    await this.#send('PUT', this.path, { ...bodyOf(definition), metadata: current.metadata });
  }

  async delete(): Promise<void> {
    await this.#send('DELETE', this.path);
    const deadlineMs = Date.now() + patienceMs;
    while ((await this.#controlPlane.request('GET', this.path)).status !== 404) {
      if (Date.now() > deadlineMs) throw new Error(`${this.path} does not go away`);
      await sleep(pollMs);
    }
  }

  async #untilServed({ group, plural, versions }: Definition): Promise<void> {
    const deadlineMs = Date.now() + patienceMs;
    const served = versions.filter((version) => version.served !== false);
    for (const { name } of served) {
      const path = `/apis/${group}/${name}/${plural}`;
      while ((await this.#controlPlane.request('GET', path)).status !== 200) {
        if (Date.now() > deadlineMs) throw new Error(`${path} is not served`);
        await sleep(pollMs);
      }
    }
  }

  async #send(method: string, path: string, body?: object): Promise<string> {
    const answer = await this.#controlPlane.request(method, path, { body });
    const said = answer.body.toString();
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${said}`);
    return said;
  }
}

function bodyOf({ group, plural, kind, scope = 'Namespaced', versions }: Definition): object {
  const names = { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: { group, scope, names, versions: versions.map(versionOf) },
  };
}

function versionOf({ name, served = true, storage = true, fields, selectable = [] }: Version) {
  const spec = { type: 'object', properties: fields };
  return {
    name,
    served,
    storage,
    schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
    selectableFields: selectable.map((jsonPath) => ({ jsonPath })),
  };
}
