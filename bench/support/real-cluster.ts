/**
 * A kube-apiserver with its etcd (test/conformance/control-plane). Loaded itself it has the server's core and one Go
 * processor; behind Watershed it shares the clients' core. Several writers work at once, each on objects of its own.
 */
import { startControlPlane } from '../../test/conformance/control-plane/control-plane.ts';
import type { ControlPlane } from '../../test/conformance/control-plane/control-plane.ts';
import { EVENTS_PATH, LINE_BYTES, NAMESPACE, due, objectName, podBody } from './cluster.ts';
import type { BenchCluster, WriteLoad, Written } from './cluster.ts';
import { CLIENT_CORE, SERVER_CORE, pin, rssBytes } from './processes.ts';
import type { BenchServer } from './server.ts';
import { LANES, nowUs, stampText } from './stamp.ts';

/** More do not make one apiserver core write faster. */
const WRITERS = 8;
const EVENT_AROUND = '{"type":"MODIFIED","object":}\n'.length;

interface Created {
  readonly metadata: { readonly resourceVersion: string };
}

export async function startReal(): Promise<BenchCluster> {
  const controlPlane = await startControlPlane({
    apiserverEnv: { ...process.env, GOMAXPROCS: '1' },
  });
  if (controlPlane.etcdPid !== undefined) pin(controlPlane.etcdPid, CLIENT_CORE);
  await post(controlPlane, '/api/v1/namespaces', { metadata: { name: NAMESPACE } });
  const kubeconfig = await controlPlane.kubeconfig('admin');
  return new RealCluster(controlPlane, kubeconfig);
}

class RealCluster implements BenchCluster {
  readonly name = 'kube-apiserver';
  readonly token: string;
  readonly kubeconfig: string;
  readonly kubeconfigServer: string;
  readonly server: BenchServer;
  readonly #controlPlane: ControlPlane;
  readonly #pads: string[] = [];
  readonly #laneNumbers: number[] = Array.from({ length: LANES }, () => 0);
  #objectNumbers: number[] = [];

  constructor(controlPlane: ControlPlane, kubeconfig: string) {
    this.#controlPlane = controlPlane;
    this.kubeconfig = kubeconfig;
    this.kubeconfigServer = controlPlane.url;
    this.token = controlPlane.tokens.admin;
    const { port } = new URL(controlPlane.url);
    const pid = controlPlane.apiserverPid ?? 0;
    this.server = {
      name: 'kube-apiserver',
      host: '127.0.0.1',
      port: Number(port),
      pid,
      token: this.token,
      loopDelays: () => Promise.resolve(undefined),
      memoryBytes: () => Promise.resolve(rssBytes(pid)),
      front: () => pin(pid, SERVER_CORE),
      behind: () => pin(pid, CLIENT_CORE),
      end: () => Promise.resolve(),
    };
  }

  async createObjects(count: number): Promise<void> {
    await this.#inParallel(this.#pads.length, count, async (index) => {
      const body = configMap(index, '', stampText(0, 0, 0));
      const created = await post(this.#controlPlane, EVENTS_PATH, body);
      // The answer ends in a newline that the event does not carry.
      this.#pads[index] = 'x'.repeat(LINE_BYTES - EVENT_AROUND - (created.length - 1));
    });
  }

  createPods(count: number): Promise<void> {
    return this.#inParallel(0, count, async (index) => {
      await post(this.#controlPlane, `/api/v1/namespaces/${NAMESPACE}/pods`, podBody(index));
    });
  }

  async revision(): Promise<number> {
    this.#laneNumbers.fill(0);
    this.#objectNumbers = this.#pads.map(() => 0);
    const { body } = await this.#controlPlane.request('GET', `${EVENTS_PATH}?limit=1`);
    return Number((JSON.parse(body.toString()) as Created).metadata.resourceVersion);
  }

  async write(load: WriteLoad): Promise<Written> {
    const started = performance.now();
    const perObject = this.#pads.map(() => 0);
    let begun = 0;
    const writer = async (lane: number): Promise<void> => {
      let object = lane;
      while (performance.now() - started < load.durationMs) {
        if (begun >= due(load, started)) {
          await pause(1);
          continue;
        }
        begun++;
        await this.#change(object, lane, load.audience === 'one');
        perObject[object]++;
        object += WRITERS;
        if (object >= load.objects) object = lane;
      }
    };
    const writers = Math.min(WRITERS, load.objects);
    await Promise.all(Array.from({ length: writers }, (_, lane) => writer(lane)));
    return { events: begun, perObject, tookMs: performance.now() - started };
  }

  end(): Promise<void> {
    return this.#controlPlane.stop();
  }

  async #change(index: number, lane: number, ownNumbers: boolean): Promise<void> {
    const number = ownNumbers ? ++this.#objectNumbers[index] : ++this.#laneNumbers[lane];
    const stamp = stampText(ownNumbers ? 0 : lane, number, nowUs());
    const body = configMap(index, this.#pads[index], stamp);
    const path = `${EVENTS_PATH}/${objectName(index)}`;
    const { status, body: text } = await this.#controlPlane.request('PUT', path, { body });
    if (status !== 200) throw new Error(`PUT ${path}: ${status} ${text.toString()}`);
  }

  async #inParallel(
    from: number,
    to: number,
    work: (index: number) => Promise<void>,
  ): Promise<void> {
    let next = from;
    const worker = async (): Promise<void> => {
      while (next < to) await work(next++);
    };
    await Promise.all(Array.from({ length: WRITERS }, worker));
  }
}

function configMap(index: number, pad: string, stamp: string): unknown {
  return { metadata: { name: objectName(index), namespace: NAMESPACE }, data: { pad, stamp } };
}

async function post(controlPlane: ControlPlane, path: string, body: unknown): Promise<Buffer> {
  const answer = await controlPlane.request('POST', path, { body });
  if (answer.status !== 201) throw new Error(`POST ${path}: ${answer.status} ${answer.body}`);
  return answer.body;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
