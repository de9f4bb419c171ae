// kube-controller-manager and kube-scheduler of a test cluster, every request of theirs through the
// proxy, and what their logs say about their informers.

import { readFileSync } from 'node:fs';
import type { ServerProcess } from '../control-plane/server-process.ts';
import type { Stack } from './stack.ts';

export interface Controllers {
  readonly controllerManager: ServerProcess;
  readonly scheduler: ServerProcess;
}

/** They have begun, no more: the first objects that depend on them tell when they are at work. */
export async function startControllers(stack: Stack): Promise<Controllers> {
  const { controlPlane, watershed } = stack;
  const { binaries, certificates } = controlPlane;
  const kubeconfig = await controlPlane.kubeconfig('admin', { server: watershed.url });
  const common = [`--kubeconfig=${kubeconfig}`, '--leader-elect=false', '--secure-port=0', '-v=2'];
  const controllerManager = controlPlane.spawn(
    'kube-controller-manager',
    binaries.kubeControllerManager,
    [
      ...common,
      '--use-service-account-credentials=false',
      `--service-account-private-key-file=${certificates.serviceAccountKeyFile}`,
      `--root-ca-file=${certificates.servingAuthority.certFile}`,
      // Nobody renews the leases of the nodes.
      '--node-monitor-grace-period=30m',
    ],
  );
  const scheduler = controlPlane.spawn('kube-scheduler', binaries.kubeScheduler, common);
  return { controllerManager, scheduler };
}

/** A warning or an error that klog's head attributes to the code of informers and watches. */
const fromInformers =
  /^[WEF]\d{4} \S+ +\d+ (?:reflector|shared_informer|delta_fifo|the_real_fifo|streamwatcher|retrywatcher|graph_builder|store)\.go:\d+\]/;
/** What client-go says of a list or watch that went wrong, from wherever it is written. */
const told =
  /Failed to (?:watch|list)|watch of .* (?:ended|closed)|too old resource version|Unable to decode an event|bookmark (?:expired|was not)|falling back to|watch-?list .*(?:fail|error|not)|unexpected (?:object|type|EOF|error)|very short watch|Unable to sync caches|[Tt]imed out waiting for caches|too large resource version/;

/** Lines of a program's log that tell of trouble with informers. */
export function informerErrors({ logFile }: ServerProcess): string[] {
  return linesOf(logFile).filter((line) => fromInformers.test(line) || told.test(line));
}

/** Everything of level warning and above, for a person to read. */
export function complaints({ logFile }: ServerProcess): string[] {
  return linesOf(logFile).filter((line) => /^[WEF]\d{4} /.test(line));
}

function linesOf(logFile: string): string[] {
  return readFileSync(logFile, 'utf8').split('\n');
}
