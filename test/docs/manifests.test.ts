import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { load, loadAll } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { excessOf } from '../../src/auth/self-test.ts';
import { parseConfigText } from '../../src/config/file.ts';
import { loadConfig } from '../../src/config/load.ts';
import { loadClusterConfig } from '../../src/upstream/kubeconfig.ts';

const manifests = join(import.meta.dirname, '../../manifests');

/** Only what is looked at below. */
interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Volume {
  readonly name: string;
  readonly secret?: { readonly secretName: string; readonly defaultMode?: number };
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly {
    readonly apiGroups?: string[];
    readonly resources?: string[];
    readonly verbs: string[];
  }[];
  readonly spec?: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly Container[];
        readonly initContainers?: readonly Container[];
        readonly securityContext?: Readonly<Record<string, unknown>>;
        readonly volumes?: readonly Volume[];
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
  test.each(['base', 'overlays/sidecar', 'overlays/certificates'])('renders %s', (folder) => {
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

describe.each([
  'base/config.yaml',
  'overlays/sidecar/config.yaml',
  'overlays/certificates/config.yaml',
])('%s', (path) => {
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

describe('overlays/certificates', () => {
  const folder = join(manifests, 'overlays/certificates');
  const accounts = manifest('overlays/certificates/accounts.yaml');
  const impersonator = accounts.find(({ kind }) => kind === 'ClusterRole')!.rules!;

  test('differs from the base by the settings for client certificates only', () => {
    const settings = (path: string): Record<string, Record<string, unknown>> =>
      load(readFileSync(join(manifests, path), 'utf8')) as Record<string, Record<string, unknown>>;
    const { upstream, serving, ...rest } = settings('overlays/certificates/config.yaml');
    const { clientCaFile, ...others } = serving;
    expect({ ...rest, serving: others }).toEqual(settings('base/config.yaml'));
    expect(clientCaFile).toBe('/etc/watershed/client-ca/ca.crt');
    expect(Object.keys(upstream)).toEqual(['reviewerKubeconfig', 'impersonatorKubeconfig']);
  });

  test('gives the impersonator no right that the proxy would refuse to start with', () => {
    expect(excessOf(impersonator)).toBeUndefined();
    const { rules = [] } = manifest('base/rbac.yaml')[1];
    expect(excessOf(rules)).toBe('get configmaps');
  });

  test('gives it what a certificate says about its holder, and nothing more', () => {
    expect(impersonator).toEqual([
      { apiGroups: [''], resources: ['users', 'groups'], verbs: ['impersonate'] },
      {
        apiGroups: ['authentication.k8s.io'],
        resources: ['uids', 'userextras/authentication.kubernetes.io/credential-id'],
        verbs: ['impersonate'],
      },
    ]);
    expect(accounts.filter(({ kind }) => kind === 'ClusterRoleBinding')).toMatchObject([
      { roleRef: { name: 'system:auth-delegator' }, subjects: [{ name: 'watershed-reviewer' }] },
      {
        roleRef: { name: 'watershed-impersonator' },
        subjects: [{ name: 'watershed-impersonator' }],
      },
    ]);
  });

  test.each(['reviewer', 'impersonator'])('mounts the token where the %s finds it', (who) => {
    const { reader } = loadClusterConfig({
      kubeconfig: join(folder, `${who}.yaml`),
      environment: {},
      homeDirectory: '/',
    });
    const pod = manifest('overlays/certificates/deployment.yaml')[0].spec!.template.spec;
    const volume = pod.volumes?.find(({ secret }) => secret?.secretName === `watershed-${who}`);
    const mounts = proxyContainer('overlays/certificates/deployment.yaml').volumeMounts ?? [];
    const mount = mounts.find(({ name }) => name === volume?.name);
    expect(reader).toMatchObject({ tokenFile: `${mount?.mountPath}/token` });
    // Octal to kubectl, which reads YAML 1.1; the digits are the same.
    expect(volume?.secret?.defaultMode).toBe(440);
  });
});
