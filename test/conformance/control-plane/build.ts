// The real programs tests run against: kube-apiserver, kube-controller-manager, kube-scheduler and
// kubectl (one binary) and etcd, built from their Go modules and cached (see go-build.ts).
// `node test/conformance/control-plane/build.ts` builds them ahead and prints their paths.

import { join } from 'node:path';
import { buildGoProgram, goAvailableFor } from './go-build.ts';
import type { BuildOptions, GoAvailability, GoProgram } from './go-build.ts';

export const kubernetesVersion = 'v1.36.3';
export const etcdVersion = 'v3.6.8';

/** Absolute paths of executables; each takes the flags its upstream namesake takes. */
export interface ControlPlaneBinaries {
  readonly kubeApiserver: string;
  readonly kubeControllerManager: string;
  readonly kubeScheduler: string;
  readonly kubectl: string;
  readonly etcd: string;
}

const kubernetesDirectory = join(import.meta.dirname, 'apiserver');

/** Without these the server calls itself v0.0.0-master and kubectl complains. */
function versionFlags(): string {
  const [major, minor] = kubernetesVersion.slice(1).split('.');
  const settings = { gitVersion: kubernetesVersion, gitMajor: major, gitMinor: minor };
  return Object.entries(settings)
    .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
    .join(' ');
}

const kubernetesProgram: GoProgram = {
  name: 'kubernetes',
  directory: kubernetesDirectory,
  linkerFlags: versionFlags(),
  aliases: ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl'],
};

const etcdProgram: GoProgram = { name: 'etcd', directory: join(import.meta.dirname, 'etcd') };

/** Tests that need the control plane skip themselves, with this reason, when Go is missing. */
export function goAvailable(): GoAvailability {
  return goAvailableFor(kubernetesDirectory);
}

/** Builds what is not built yet; minutes the first time, milliseconds afterwards. */
export async function controlPlaneBinaries(
  options: BuildOptions = {},
): Promise<ControlPlaneBinaries> {
  // One after the other: a Go build uses every core by itself.
  const etcd = await buildGoProgram(etcdProgram, options);
  const kubernetes = await buildGoProgram(kubernetesProgram, options);
  return {
    kubeApiserver: join(kubernetes, 'kube-apiserver'),
    kubeControllerManager: join(kubernetes, 'kube-controller-manager'),
    kubeScheduler: join(kubernetes, 'kube-scheduler'),
    kubectl: join(kubernetes, 'kubectl'),
    etcd: join(etcd, 'etcd'),
  };
}

if (process.argv[1] === import.meta.filename) {
  console.log(JSON.stringify(await controlPlaneBinaries(), undefined, 2));
}
