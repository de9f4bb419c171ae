/** The cluster behind the server under test, and a writer into it: simulated, or a real kube-apiserver. */
import type { BenchServer } from './server.ts';

export const NAMESPACE = 'bench';
export const EVENTS_PATH = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
export const PODS_PATH = '/api/v1/pods';

/** `all`: every watcher of the namespace gets every event. `one`: each object has one watcher, and numbers of its own. */
export type Audience = 'all' | 'one';

export interface WriteLoad {
  /** Events asked for per second; what was reached is in Written. */
  readonly perSecond: number;
  readonly durationMs: number;
  readonly audience: Audience;
  /** Events go round over the first so many objects. */
  readonly objects: number;
}

export interface Written {
  readonly events: number;
  /** Events per object, in the order of their numbers. */
  readonly perObject: readonly number[];
  readonly tookMs: number;
}

export interface BenchCluster {
  readonly name: 'simulated' | 'kube-apiserver';
  readonly kubeconfig: string;
  /** `http://127.0.0.1:34567` */
  readonly kubeconfigServer: string;
  readonly token: string;
  /** The cluster's own apiserver as a server to be loaded, when it is worth that. */
  readonly server: BenchServer | undefined;
  /** Makes objects `object-00000`.. of which every change is one event of about a kilobyte. */
  createObjects(count: number): Promise<void>;
  /** Makes pods of about 8 KB. */
  createPods(count: number): Promise<void>;
  /** Watches that start here see the next write first. Numbers of stamps begin anew. */
  revision(): Promise<number>;
  write(load: WriteLoad): Promise<Written>;
  end(): Promise<void>;
}

export function objectName(index: number): string {
  return `object-${String(index).padStart(5, '0')}`;
}

/** A pod whose JSON takes about 8 KB once the server has added its own fields. */
export function podBody(index: number): { metadata: { name: string } } & Record<string, unknown> {
  const name = `pod-${String(index).padStart(6, '0')}`;
  const env = Array.from({ length: 24 }, (_, at) => ({
    name: `SETTING_${String(at).padStart(3, '0')}`,
    value: `value-of-setting-${at}-for-${name}-`.repeat(3),
  }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: NAMESPACE,
      labels: { app: `app-${index % 100}`, tier: index % 2 === 0 ? 'front' : 'back' },
      annotations: { 'bench.watershed.dev/note': 'x'.repeat(600) },
    },
    spec: {
      nodeName: `node-${index % 500}`,
      containers: [
        { name: 'main', image: 'registry.example/app:1.2.3', env },
        { name: 'side', image: 'registry.example/side:4.5.6', args: ['--verbose'] },
      ],
    },
  } as { metadata: { name: string } } & Record<string, unknown>;
}

/** Pad that makes an event line about a kilobyte, as in fanout-measurements. */
export const LINE_BYTES = 1024;

/** How many events are due by now, evenly over time. */
export function due(load: WriteLoad, startedMs: number): number {
  const elapsed = Math.min(load.durationMs, performance.now() - startedMs);
  return Math.floor((elapsed * load.perSecond) / 1000);
}
