// kubectl of several releases, each a small Go module of its own in a folder here, built on demand and
// cached like the control plane, which brings the kubectl of its own release.
// `node test/compat/kubectl/build.ts` builds them ahead and prints their paths.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { controlPlaneBinaries, kubernetesVersion } from '../../conformance/control-plane/build.ts';
import { buildGoProgram } from '../../conformance/control-plane/go-build.ts';
import type { BuildOptions } from '../../conformance/control-plane/go-build.ts';

export interface Kubectl {
  /** Such as `v1.35.10`. */
  readonly version: string;
  readonly program: string;
}

/** Newest first; `v1.36` is the control plane's own. */
export const releases = ['v1.37', 'v1.36', 'v1.35', 'v1.34', 'v1.33'] as const;
export type Release = (typeof releases)[number];

export const currentRelease: Release = 'v1.36';

export async function kubectlOf(release: Release, options: BuildOptions = {}): Promise<Kubectl> {
  if (release === currentRelease) {
    const { kubectl } = await controlPlaneBinaries(options);
    return { version: kubernetesVersion, program: kubectl };
  }
  const directory = join(import.meta.dirname, release);
  const version = pinnedVersion(directory);
  const program = { name: `kubectl-${release}`, directory, linkerFlags: versionFlags(version) };
  return { version, program: join(await buildGoProgram(program, options), program.name) };
}

/** The release is known by the module of kubectl, whose versions are v0 for Kubernetes' v1. */
function pinnedVersion(directory: string): string {
  const text = readFileSync(join(directory, 'go.mod'), 'utf8');
  const found = /^\s*k8s\.io\/kubectl v0\.(\S+)/m.exec(text);
  if (found === null) throw new Error(`${directory}/go.mod does not pin k8s.io/kubectl`);
  return `v1.${found[1]}`;
}

/** Without these kubectl calls itself v0.0.0-master. */
function versionFlags(version: string): string {
  const [major, minor] = version.slice(1).split('.');
  const settings = { gitVersion: version, gitMajor: major, gitMinor: minor };
  return Object.entries(settings)
    .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
    .join(' ');
}

if (process.argv[1] === import.meta.filename) {
  for (const release of releases) console.log(JSON.stringify(await kubectlOf(release)));
}
