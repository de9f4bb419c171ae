// Random faults, in two series at once: heavy ones end or restart something and wait until it works
// again, light ones hit connections, the store's past and unused lanes. Each leaves everything working.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { crdGroup } from '../control-plane/fixture-objects.ts';
import type { ResourceName } from '../support/resources.ts';
import type { Random } from './random.ts';
import type { StoreWatch } from './store-watch.ts';
import type { Tally } from './tally.ts';
import type { Target } from './target.ts';
import type { Truth } from './truth.ts';
import type { WatchReader } from './watch-reader.ts';
import { writtenResources } from './writers.ts';

export interface FaultParts {
  readonly controlPlane: ControlPlane;
  readonly targets: readonly Target[];
  readonly store: StoreWatch;
  readonly truth: Truth;
  readonly tally: Tally;
  readonly random: Random;
  readonly watchers: readonly WatchReader[];
  readonly hushed: Set<ResourceName>;
  readonly log: (line: string) => void;
  /** Longer than `lanes.idleTimeout` and its sweep. */
  readonly hushMs: number;
}

const pollMs = 100;
const crdTimeoutMs = 30_000;
const startTimeoutMs = 180_000;
const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

interface Definition {
  readonly spec: { readonly versions: { schema: { openAPIV3Schema: Schema } }[] };
}

interface Schema {
  readonly properties: { readonly spec: { properties: Record<string, unknown> } };
}

export class Faults {
  readonly #parts: FaultParts;
  #crdChanges = 0;

  constructor(parts: FaultParts) {
    this.#parts = parts;
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#heavy(signal), this.#light(signal)]);
  }

  async #heavy(signal: AbortSignal): Promise<void> {
    const random = this.#parts.random.fork('heavy');
    while (!(await pause(random.between(4_000, 15_000), signal))) {
      const kind = random.weighted([
        ['apiserver SIGKILL', 3],
        ['apiserver SIGTERM', 2],
        ['proxy SIGKILL', 2],
        ['proxy SIGTERM', 2],
        ['definition changed', 3],
      ] as const);
      this.#count(kind);
      const target = random.pick(this.#parts.targets);
      switch (kind) {
        case 'apiserver SIGKILL':
          await this.#restartApiserver(random.below(3_000));
          break;
        case 'apiserver SIGTERM':
          await this.#endGracefully(random.between(500, 8_000));
          break;
        case 'proxy SIGKILL':
          await this.#restartProxy(target, 'SIGKILL');
          break;
        case 'proxy SIGTERM':
          await this.#restartProxy(target, 'SIGTERM');
          break;
        case 'definition changed':
          await this.#changeDefinition(random.pick(['widgets', 'gadgets']));
      }
    }
  }

  async #light(signal: AbortSignal): Promise<void> {
    const random = this.#parts.random.fork('light');
    while (!(await pause(random.between(500, 4_000), signal))) {
      const target = random.pick(this.#parts.targets);
      const kind = random.weighted([
        ['upstream connections cut', 4],
        ['some upstream connections cut', 4],
        ['upstream stalled', 2],
        ['upstream refused', 1],
        ['client connections cut', 2],
        ['some client connections cut', 4],
        ['clients stalled', 2],
        ['compaction', 4],
        ['idle lanes let go', 2],
      ] as const);
      this.#count(kind);
      switch (kind) {
        case 'upstream connections cut':
          target.toUpstream.cut(random);
          break;
        case 'some upstream connections cut':
          target.toUpstream.cut(random, 30);
          break;
        case 'upstream stalled':
          await this.#stall(target.toUpstream, random.between(200, 4_000));
          break;
        case 'upstream refused':
          target.toUpstream.refuse(true);
          target.toUpstream.cut(random);
          await sleep(random.between(100, 2_000));
          target.toUpstream.refuse(false);
          break;
        case 'client connections cut':
          target.toProxy.cut(random);
          break;
        case 'some client connections cut':
          target.toProxy.cut(random, 30);
          break;
        case 'clients stalled':
          await this.#stall(target.toProxy, random.between(200, 3_000));
          break;
        case 'compaction':
          await this.#compact(random);
          break;
        case 'idle lanes let go':
          await this.#hush(random.pick(writtenResources), signal);
      }
    }
  }

  /** With watches open it would take a minute to end; who runs it loses patience. */
  async #endGracefully(graceMs: number): Promise<void> {
    const { controlPlane } = this.#parts;
    const { apiserverPid } = controlPlane;
    if (apiserverPid !== undefined) process.kill(apiserverPid, 'SIGTERM');
    await sleep(graceMs);
    await this.#restartApiserver(0);
  }

  async #restartApiserver(downMs: number): Promise<void> {
    const { controlPlane } = this.#parts;
    await patiently(
      () => controlPlane.restartApiserver({ downMs }),
      async () => (await controlPlane.request('GET', '/readyz')).status === 200,
    );
  }

  async #restartProxy({ watershed }: Target, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await patiently(
      () => watershed.restart(signal),
      async () => (await fetch(`${watershed.adminUrl}/readyz`)).status === 200,
    );
  }

  async #stall(
    cutter: { stall: () => void; resume: () => void },
    stalledMs: number,
  ): Promise<void> {
    cutter.stall();
    await sleep(stalledMs);
    cutter.resume();
  }

  async #compact(random: Random): Promise<void> {
    const { store, truth } = this.#parts;
    await store.compact(Math.max(1, truth.head - random.pick([0, 5, 50, 500])));
  }

  /** Nobody reads the resource until its lanes are let go. */
  async #hush(resource: ResourceName, signal: AbortSignal): Promise<void> {
    const { hushed, watchers, hushMs } = this.#parts;
    hushed.add(resource);
    for (const watcher of watchers) {
      if (watcher.record?.resource === resource) watcher.cancel();
    }
    await pause(hushMs, signal);
    hushed.delete(resource);
  }

  /** Another schema: kube-apiserver ends the resource's watches, the proxy drops its lanes. */
  async #changeDefinition(resource: 'widgets' | 'gadgets'): Promise<void> {
    const { controlPlane } = this.#parts;
    const path = `${crds}/${resource}.${crdGroup}`;
    const deadlineMs = performance.now() + crdTimeoutMs;
    for (;;) {
      const definition = await controlPlane.request('GET', path).catch(() => undefined);
      if (definition?.status === 200) {
        const body = JSON.parse(definition.body.toString()) as Definition;
        const { spec } = body.spec.versions[0].schema.openAPIV3Schema.properties;
        const note = { type: 'string', description: `${(this.#crdChanges += 1)}` };
        spec.properties = { ...spec.properties, note };
        const answer = await controlPlane.request('PUT', path, { body }).catch(() => undefined);
        if (answer?.status === 200) return;
      }
      if (performance.now() > deadlineMs) throw new Error(`${path} could not be changed`);
      await sleep(pollMs);
    }
  }

  #count(kind: string): void {
    this.#parts.tally.add(`fault: ${kind}`);
    this.#parts.log(`fault: ${kind}`);
  }
}

/** On a loaded machine a start may take longer than it is waited for elsewhere. */
async function patiently(
  start: () => Promise<void>,
  isReady: () => Promise<boolean>,
): Promise<void> {
  try {
    await start();
  } catch (error) {
    const deadlineMs = performance.now() + startTimeoutMs;
    while (!(await isReady().catch(() => false))) {
      if (performance.now() > deadlineMs) throw error;
      await sleep(pollMs);
    }
  }
}

/** True when it was broken off. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  await sleep(ms, undefined, { signal }).catch(() => {});
  return signal.aborted;
}
