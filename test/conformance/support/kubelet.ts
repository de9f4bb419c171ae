// Plays the kubelets of a cluster that has none: nodes that are Ready, bound pods that run (those of a
// Job succeed), deleted pods that end. Talks to kube-apiserver itself, so that whatever goes through a
// proxy under test is the programs' own. Promises: `stop` resolves when nothing is under way any more.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlane } from '../control-plane/control-plane.ts';

const pollMs = 250;
/** Requests at a time: the machine is shared with the servers under test. */
const parallel = 8;
const strategicMerge = { 'content-type': 'application/strategic-merge-patch+json' };
const roomOfNode = { cpu: '32', memory: '64Gi', pods: '110', 'ephemeral-storage': '100Gi' };

interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly nodeName?: string };
  readonly status: { readonly phase?: string };
}

export class FakeKubelets {
  readonly #controlPlane: ControlPlane;
  readonly #failures: string[] = [];
  #stopping = false;
  #running: Promise<void> = Promise.resolve();

  /** Makes the nodes and begins to look after every pod that is bound, to whichever node. */
  static async start(controlPlane: ControlPlane, nodes: readonly string[]): Promise<FakeKubelets> {
    const kubelets = new FakeKubelets(controlPlane);
    for (const name of nodes) await kubelets.#addNode(name);
    kubelets.#running = kubelets.#run();
    return kubelets;
  }

  private constructor(controlPlane: ControlPlane) {
    this.#controlPlane = controlPlane;
  }

  /** Answers that were not expected, for messages of failed tests. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  async #addNode(name: string): Promise<void> {
    const metadata = { name, labels: { 'kubernetes.io/hostname': name } };
    await this.#send('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata });
    const status = {
      capacity: roomOfNode,
      allocatable: roomOfNode,
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', ...times() }],
    };
    await this.#send('PATCH', `/api/v1/nodes/${name}/status`, { status });
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const work = (await this.#pods().catch(() => [])).filter(needsWork);
      const lookAfter = async (): Promise<void> => {
        for (let pod = work.pop(); pod !== undefined; pod = work.pop()) await this.#lookAfter(pod);
      };
      await Promise.all(Array.from({ length: parallel }, lookAfter));
      await sleep(pollMs);
    }
  }

  async #pods(): Promise<Pod[]> {
    const { body } = await this.#controlPlane.request('GET', '/api/v1/pods?resourceVersion=0');
    return (JSON.parse(body.toString()) as { items: Pod[] }).items;
  }

  async #lookAfter(pod: Pod): Promise<void> {
    const { name, namespace, deletionTimestamp, labels } = pod.metadata;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    if (deletionTimestamp !== undefined) {
      await this.#send('DELETE', `${path}?gracePeriodSeconds=0`);
      return;
    }
    const succeeds = labels?.['batch.kubernetes.io/job-name'] !== undefined;
    const status = succeeds ? succeeded() : running();
    await this.#send('PATCH', `${path}/status`, { status });
  }

  /** A pod may be gone, or have changed, by the time its turn comes; the next look is soon. */
  async #send(method: string, path: string, body?: unknown): Promise<void> {
    const headers = method === 'PATCH' ? strategicMerge : {};
    try {
      const response = await this.#controlPlane.request(method, path, { body, headers });
      if (response.status < 300 || response.status === 404 || response.status === 409) return;
      this.#failures.push(`${method} ${path}: ${response.status} ${response.body.toString()}`);
    } catch (error) {
      this.#failures.push(`${method} ${path}: ${String(error)}`);
    }
  }
}

function needsWork({ metadata, spec, status }: Pod): boolean {
  if (spec.nodeName === undefined) return false;
  return metadata.deletionTimestamp !== undefined || (status.phase ?? 'Pending') === 'Pending';
}

function running(): object {
  const ready = ['Initialized', 'ContainersReady', 'Ready'];
  const conditions = ready.map((type) => ({ type, status: 'True', ...times() }));
  return { phase: 'Running', podIP: '10.1.0.1', startTime: new Date().toISOString(), conditions };
}

function succeeded(): object {
  const conditions = [{ type: 'Ready', status: 'False', reason: 'PodCompleted', ...times() }];
  return { phase: 'Succeeded', startTime: new Date().toISOString(), conditions };
}

function times(): { lastTransitionTime: string } {
  return { lastTransitionTime: new Date().toISOString() };
}
