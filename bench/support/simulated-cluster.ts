/**
 * The simulator in this process, written to without HTTP: it must produce tens of thousands of events a second beside the
 * load client. An event is the object's bytes with its revision and stamp put in; everything else stays as the simulator
 * itself wrote it when the object was made.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startSimulator } from '../../src/simulator/simulator.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import type { Collection } from '../../src/simulator/collection.ts';
import { StoredObject } from '../../src/simulator/stored-object.ts';
import { eventHeads, eventTail } from '../../src/k8s/envelope.ts';
import { LINE_BYTES, NAMESPACE, due, objectName, podBody } from './cluster.ts';
import type { BenchCluster, WriteLoad, Written } from './cluster.ts';
import { STAMP_LENGTH, nowUs, stampText, writeStamp } from './stamp.ts';

const TOKEN = 'bench-token';
const TICK_MS = 1;
/** Longer than the simulator's pods take from one phase to the next. */
const QUIET_MS = 1_500;
/** More than any pause of the writer's process lets pile up. */
const WINDOW_EVENTS = 200_000;

export async function startSimulated(): Promise<BenchCluster> {
  const simulator = await startSimulator({
    nodes: 1,
    podsPerNode: 0,
    leaseRenewMs: 0,
    podChurnPerSecond: 0,
    windowEvents: WINDOW_EVENTS,
    tokens: { [TOKEN]: { user: 'bench', rules: 'all' } },
  });
  return new SimulatedCluster(simulator);
}

/** The unchanging parts of an object, around its revision and its stamp. */
interface Template {
  readonly head: Buffer;
  readonly middle: Buffer;
  readonly tail: Buffer;
  stored: StoredObject;
  number: number;
}

class SimulatedCluster implements BenchCluster {
  readonly name = 'simulated';
  readonly token = TOKEN;
  readonly server = undefined;
  readonly kubeconfig: string;
  readonly kubeconfigServer: string;
  readonly #simulator: Simulator;
  readonly #directory = mkdtempSync(join(tmpdir(), 'watershed-bench-'));
  readonly #objects: Collection;
  #templates: Template[] = [];
  #number = 0;

  constructor(simulator: Simulator) {
    this.#simulator = simulator;
    this.#objects = simulator.store.get('v1', 'configmaps');
    this.kubeconfig = join(this.#directory, 'kubeconfig');
    this.kubeconfigServer = simulator.url;
    writeFileSync(this.kubeconfig, kubeconfig(simulator.url));
    const namespaces = simulator.store.get('v1', 'namespaces');
    simulator.writes.create(namespaces, { metadata: { name: NAMESPACE } }, { manager: 'bench' });
  }

  createObjects(count: number): Promise<void> {
    const { writes } = this.#simulator;
    for (let i = this.#templates.length; i < count; i++) {
      const metadata = { name: objectName(i), namespace: NAMESPACE };
      const stamp = stampText(0, 0, 0);
      const create = (pad: string, name: string): StoredObject =>
        writes.create(
          this.#objects,
          { metadata: { ...metadata, name }, data: { pad, stamp } },
          { manager: 'bench' },
        );
      const bare = create('', `${metadata.name}-bare`);
      writes.delete(this.#objects, bare.key);
      const around = eventHeads.modified.length + eventTail.length;
      const pad = 'x'.repeat(Math.max(0, LINE_BYTES - around - bare.bytes.length));
      this.#templates.push(template(create(pad, metadata.name), stamp));
    }
    return Promise.resolve();
  }

  async createPods(count: number): Promise<void> {
    const { store, writes } = this.#simulator;
    const pods = store.get('v1', 'pods');
    for (let i = 0; i < count; i++) writes.create(pods, podBody(i), { manager: 'bench' });
    // Simulated kubelets may still change them.
    for (let revision = -1; revision !== store.revisions.current;) {
      revision = store.revisions.current;
      await sleep(QUIET_MS);
    }
  }

  revision(): Promise<number> {
    this.#number = 0;
    for (const each of this.#templates) each.number = 0;
    return Promise.resolve(this.#simulator.store.revisions.current);
  }

  write(load: WriteLoad): Promise<Written> {
    const started = performance.now();
    const perObject = this.#templates.map(() => 0);
    let events = 0;
    let object = 0;
    return new Promise((resolve) => {
      const tick = (): void => {
        for (const wanted = due(load, started); events < wanted; events++) {
          this.#change(object, load.audience === 'one');
          perObject[object]++;
          object = (object + 1) % load.objects;
        }
        if (performance.now() - started < load.durationMs) {
          setTimeout(tick, TICK_MS);
        } else {
          resolve({ events, perObject, tookMs: performance.now() - started });
        }
      };
      tick();
    });
  }

  async end(): Promise<void> {
    await this.#simulator.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #change(index: number, ownNumbers: boolean): void {
    const object = this.#templates[index];
    const revision = this.#simulator.store.revisions.next();
    const number = ownNumbers ? ++object.number : ++this.#number;
    const digits = String(revision);
    const { head, middle, tail, stored } = object;
    const at = head.length + digits.length + middle.length;
    const end = at + STAMP_LENGTH + tail.length;
    const buffer = Buffer.allocUnsafe(end);
    head.copy(buffer);
    buffer.write(digits, head.length, 'latin1');
    middle.copy(buffer, head.length + digits.length);
    writeStamp(buffer, at, { lane: 0, number, timeUs: nowUs() });
    tail.copy(buffer, at + STAMP_LENGTH);
    const place = { buffer, start: 0, end };
    const next = new StoredObject(stored.key, revision, stored.facts, place);
    this.#objects.apply({ type: 'MODIFIED', revision, object: next, previous: stored });
    object.stored = next;
  }
}

function template(stored: StoredObject, stamp: string): Template {
  const { bytes } = stored;
  const mark = '"resourceVersion":"';
  const revisionAt = bytes.indexOf(mark) + mark.length;
  const revisionEnd = bytes.indexOf('"', revisionAt);
  const stampAt = bytes.indexOf(stamp);
  return {
    head: bytes.subarray(0, revisionAt),
    middle: bytes.subarray(revisionEnd, stampAt),
    tail: bytes.subarray(stampAt + STAMP_LENGTH),
    stored,
    number: 0,
  };
}

function kubeconfig(server: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'bench',
    clusters: [{ name: 'bench', cluster: { server } }],
    users: [{ name: 'bench', user: { token: TOKEN } }],
    contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }],
  });
}
