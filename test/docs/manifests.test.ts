import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { loadAll } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { parseConfigText } from '../../src/config/file.ts';
import { loadConfig } from '../../src/config/load.ts';

const manifests = join(import.meta.dirname, '../../manifests');

/** Only what is looked at below. */
interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly securityContext?: Readonly<Record<string, unknown>>;
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly { readonly resources?: string[]; readonly verbs: string[] }[];
  readonly spec?: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly Container[];
        readonly initContainers?: readonly Container[];
        readonly securityContext?: Readonly<Record<string, unknown>>;
        readonly terminationGracePeriodSeconds?: number;
      };
    };
  };
}

function manifest(path: string): readonly Manifest[] {
  return loadAll(readFileSync(join(manifests, path), 'utf8')) as Manifest[];
}

function proxyContainer(path: string): Container {
  const { containers, initContainers = [] } = manifest(path)[0].spec!.template.spec;
  return [...containers, ...initContainers].find(({ name }) => name === 'watershed')!;
}

const hasKubectl = spawnSync('kubectl', ['--help'], { stdio: 'ignore' }).error === undefined;

describe.skipIf(!hasKubectl)('kubectl kustomize (skipped where kubectl is missing)', () => {
  test.each(['base', 'overlays/sidecar'])('renders %s', (folder) => {
    const { status, stdout, stderr } = spawnSync(
      'kubectl',
      ['kustomize', join(manifests, folder)],
      {
        encoding: 'utf8',
      },
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const kinds = (loadAll(stdout) as Manifest[]).map(({ kind }) => kind);
    expect(kinds).toContain('Deployment');
    expect(kinds).toContain('ConfigMap');
    expect(stdout).toMatch(/image: watershed:\d/);
  });
});

describe.each(['base/config.yaml', 'overlays/sidecar/config.yaml'])('%s', (path) => {
  test('is a configuration that the proxy accepts', () => {
    const text = readFileSync(join(manifests, path), 'utf8');
    expect(parseConfigText(text, '/')).toMatchObject({ kind: 'values' });
    const loaded = loadConfig(['serve', '--config', join(manifests, path)], {});
    expect(loaded).toMatchObject({ kind: 'run', command: 'serve' });
  });
});

test('the pod is given more time to end than the proxy takes', () => {
  const loaded = loadConfig(['serve', '--config', join(manifests, 'base/config.yaml')], {});
  if (loaded.kind !== 'run' || loaded.command !== 'serve') throw new Error('Not accepted');
  const { delayMs, graceMs } = loaded.config.shutdown;
  const { terminationGracePeriodSeconds = 30 } =
    manifest('base/deployment.yaml')[0].spec!.template.spec;
  expect(terminationGracePeriodSeconds * 1_000).toBeGreaterThan(delayMs + graceMs);
});

describe.each(['base/deployment.yaml', 'overlays/sidecar/sidecar.yaml'])('%s', (path) => {
  test('gives the proxy arguments that it accepts', () => {
    const { args = [] } = proxyContainer(path);
    const known = args.filter((word) => !word.startsWith('--config='));
    expect(args).not.toEqual(known);
    expect(loadConfig(known, {})).toMatchObject({ kind: 'run', command: 'serve' });
  });

  test('takes every privilege from the proxy', () => {
    expect(proxyContainer(path).securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    const pod = manifest(path)[0].spec!.template.spec.securityContext;
    expect({ ...pod, ...proxyContainer(path).securityContext }).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
  });
});

test('the proxy may read and ask, never write, and never read Secrets', () => {
  const rules = manifest('base/rbac.yaml').flatMap((each) => each.rules ?? []);
  expect(rules.length).toBeGreaterThan(5);
  for (const { resources = [], verbs } of rules) {
    expect(resources).not.toContain('*');
    expect(resources).not.toContain('secrets');
    const asks = resources.join() === 'selfsubjectaccessreviews';
    const allowed = asks ? ['create'] : ['get', 'list', 'watch'];
    expect(verbs.filter((verb) => !allowed.includes(verb))).toEqual([]);
  }
});
