/**
 * PodLife: scheduler, kubelet and ReplicaSet controller in a nutshell.
 *
 * Follows the pods: a new one is bound to a node and then runs, one being deleted stops, one that a
 * ReplicaSet still wants comes back under another name. Each step takes `podStepMs`. It goes for
 * generated pods and for a user's own; without nodes pods stay Pending. The churn only deletes.
 */
import type { Collection, Listener } from './collection.ts';
import type { StoreEvent } from './event-window.ts';
import { runningStatus } from './generate/pod.ts';
import type { KubeObject } from './object.ts';
import type { Random } from './random.ts';
import { objectKey } from './stored-object.ts';
import type { Store } from './store.ts';
import type { Writes } from './writes.ts';

export interface PodLifeParts {
  readonly store: Store;
  readonly writes: Writes;
  readonly random: Random;
  readonly nodes: readonly string[];
  readonly podStepMs: number;
  readonly podChurnPerSecond: number;
}

const DELETING = Buffer.from('"deletionTimestamp":"');
const OWNED = Buffer.from('"kind":"ReplicaSet"');
/** How many pods are looked at for one that may be replaced. */
const CHURN_TRIES = 10;
/** How often due steps and due churn are done. */
const TICK_MS = 100;

interface Step {
  readonly dueMs: number;
  readonly run: () => void;
}

export class PodLife implements Listener {
  readonly #parts: PodLifeParts;
  readonly #pods: Collection;
  readonly #timer: NodeJS.Timeout;
  /** Due times never fall: every step takes equally long. Bounded by the pods in transition. */
  #steps: Step[] = [];
  #churnDue = 0;
  #lastMs = performance.now();

  constructor(parts: PodLifeParts) {
    this.#parts = parts;
    this.#pods = parts.store.get('v1', 'pods');
    this.#pods.listeners.add(this);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#pods.listeners.delete(this);
  }

  event({ type, object, previous }: StoreEvent): void {
    const { key, facts } = object;
    if (type === 'DELETED') return this.#later(() => this.#replace(object.decode()));
    if (object.bytes.includes(DELETING)) {
      if (previous?.bytes.includes(DELETING) === true) return;
      return this.#later(() => this.#stop(key));
    }
    if (facts.fields['status.phase'] !== 'Pending') return;
    if (facts.fields['spec.nodeName'] === '') {
      if (previous === undefined) this.#later(() => this.#bind(key));
    } else if (previous?.facts.fields['spec.nodeName'] !== facts.fields['spec.nodeName']) {
      this.#later(() => this.#run(key));
    }
  }

  batch(events: readonly StoreEvent[]): void {
    for (const event of events) this.event(event);
  }

  closed(): void {
    this.stop();
  }

  #later(run: () => void): void {
    this.#steps.push({ dueMs: performance.now() + this.#parts.podStepMs, run });
  }

  #tick(): void {
    const nowMs = performance.now();
    const firstLater = this.#steps.findIndex((step) => step.dueMs > nowMs);
    const due = this.#steps.splice(0, firstLater === -1 ? this.#steps.length : firstLater);
    for (const step of due) step.run();
    this.#churnDue += ((nowMs - this.#lastMs) * this.#parts.podChurnPerSecond) / 1000;
    this.#lastMs = nowMs;
    for (; this.#churnDue >= 1; this.#churnDue -= 1) this.#churn();
  }

  /** Deletes one pod, whose ReplicaSet brings the next. A user's own pods are left alone. */
  #churn(): void {
    for (let tries = 0; tries < CHURN_TRIES; tries += 1) {
      const key = this.#pods.keyAt(this.#parts.random.below(this.#pods.size)) ?? '';
      if (this.#pods.get(key)?.bytes.includes(OWNED) !== true) continue;
      this.#parts.writes.delete(this.#pods, key);
      return;
    }
  }

  #bind(key: string): void {
    const { writes, random, nodes } = this.#parts;
    if (nodes.length === 0 || this.#pods.get(key) === undefined) return;
    const bind = (pod: KubeObject): KubeObject => {
      pod.spec.nodeName ??= random.pick(nodes);
      return pod;
    };
    writes.update(this.#pods, key, bind, { manager: 'kube-scheduler' });
  }

  #run(key: string): void {
    if (this.#pods.get(key) === undefined) return;
    const { writes, random } = this.#parts;
    const start = (pod: KubeObject): KubeObject => {
      return { ...pod, status: runningStatus(pod, random, Date.now()) };
    };
    writes.update(this.#pods, key, start, { manager: 'kubelet', subresource: 'status' });
  }

  #stop(key: string): void {
    if (this.#pods.get(key)?.bytes.includes(DELETING) !== true) return;
    this.#parts.writes.delete(this.#pods, key, { gracePeriodSeconds: 0 });
  }

  #replace(pod: KubeObject): void {
    const owner = pod.metadata.ownerReferences?.find((reference) => reference.controller);
    if (owner?.kind !== 'ReplicaSet') return;
    const { store, writes } = this.#parts;
    const key = objectKey(pod.metadata.namespace ?? '', owner.name);
    const replicaSet = store.get('apps/v1', 'replicasets').get(key);
    if (replicaSet?.decode().metadata.uid !== owner.uid) return;
    const { generateName, namespace, labels, annotations, ownerReferences } = pod.metadata;
    const { nodeName: _, ...spec } = pod.spec;
    const metadata = { generateName, namespace, labels, annotations, ownerReferences };
    writes.create(this.#pods, { metadata, spec }, { manager: 'kube-controller-manager' });
  }
}
