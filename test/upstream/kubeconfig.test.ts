import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { KubeconfigError } from '../../src/upstream/kubeconfig-fields.ts';
import { loadClusterConfig } from '../../src/upstream/kubeconfig.ts';
import type { ClusterSelection } from '../../src/upstream/kubeconfig.ts';

const root = mkdtempSync(join(tmpdir(), 'watershed-kubeconfig-'));
let home: string;
let counter = 0;

beforeEach(() => {
  counter += 1;
  home = join(root, `home-${counter}`);
  mkdirSync(join(home, '.kube'), { recursive: true });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(home, name);
  writeFileSync(path, text);
  return path;
}

function select(extra: Partial<ClusterSelection> = {}): ClusterSelection {
  return {
    environment: {},
    homeDirectory: home,
    serviceAccountDirectory: join(home, 'sa'),
    ...extra,
  };
}

interface Parts {
  readonly cluster?: string;
  readonly user?: string;
  readonly current?: string;
  readonly name?: string;
}

function kubeconfig(parts: Parts = {}): string {
  const name = parts.name ?? 'a';
  return `
apiVersion: v1
kind: Config
current-context: ${parts.current ?? name}
clusters:
- name: ${name}
  cluster: { ${parts.cluster ?? 'server: "https://10.0.0.1:6443"'} }
users:
- name: ${name}
  user: { ${parts.user ?? ''} }
contexts:
- name: ${name}
  context: { cluster: ${name}, user: ${name} }
`;
}

function load(parts: Parts) {
  return loadClusterConfig(select({ kubeconfig: file('config', kubeconfig(parts)) }));
}

describe('where the cluster is found', () => {
  test('the flag wins over everything, and must exist', () => {
    pod();
    const flag = file('flag', kubeconfig({ cluster: 'server: "https://flag"' }));
    const environment = { ...inPod, KUBECONFIG: file('env', kubeconfig()) };
    expect(loadClusterConfig(select({ kubeconfig: flag, environment })).host).toBe('flag');
    const absent = join(home, 'absent');
    expect(() => loadClusterConfig(select({ kubeconfig: absent, environment }))).toThrow(
      `${absent}: cannot be read (ENOENT)`,
    );
  });

  const inPod = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };

  function pod(): void {
    mkdirSync(join(home, 'sa'), { recursive: true });
    file('sa/token', 'pod-token');
    file('sa/ca.crt', 'pod-ca');
  }

  test('in a pod the service account wins over KUBECONFIG', () => {
    pod();
    const environment = { ...inPod, KUBECONFIG: file('env', kubeconfig()) };
    expect(loadClusterConfig(select({ environment }))).toMatchObject({
      origin: 'in-cluster',
      scheme: 'https',
      host: 'fd00::1',
      port: 443,
      certificateAuthority: { kind: 'file', path: join(home, 'sa', 'ca.crt') },
      reader: { tokenFile: join(home, 'sa', 'token') },
    });
  });

  test('the in-cluster environment without a token is not a pod', () => {
    file('.kube/config', kubeconfig({ cluster: 'server: "https://home"' }));
    expect(loadClusterConfig(select({ environment: inPod })).host).toBe('home');
  });

  test('KUBECONFIG is a list: missing files are skipped, the first definition wins', () => {
    const first = file('1', kubeconfig({ cluster: 'server: "https://first"', current: '""' }));
    const second = file('2', kubeconfig({ cluster: 'server: "https://second"', current: 'b' }));
    const third = file('3', kubeconfig({ cluster: 'server: "https://third"', name: 'b' }));
    const KUBECONFIG = ['', first, join(home, 'absent'), second, third, first].join(':');
    const chosen = loadClusterConfig(select({ environment: { KUBECONFIG } }));
    expect(chosen.host).toBe('third');
    expect(chosen.origin).toBe(`${third} (context b)`);
    const a = loadClusterConfig(select({ environment: { KUBECONFIG }, context: 'a' }));
    expect(a.host).toBe('first');
  });

  test('without any file the error names what to do', () => {
    expect(() => loadClusterConfig(select())).toThrow(
      `${join(home, '.kube', 'config')}: no such file; give --kubeconfig FILE`,
    );
  });

  test('JSON is accepted, empty files and unknown fields too', () => {
    const json = JSON.stringify({
      'current-context': 'a',
      clusters: [{ name: 'a', cluster: { server: 'http://127.0.0.1:8001/', extensions: [] } }],
      contexts: [{ name: 'a', context: { cluster: 'a' } }],
      preferences: { colors: true },
    });
    const KUBECONFIG = [file('empty', ''), file('json', json)].join(':');
    expect(loadClusterConfig(select({ environment: { KUBECONFIG } }))).toMatchObject({
      scheme: 'http',
      port: 8001,
      basePath: '',
      reader: {},
    });
  });
});

describe('what is read', () => {
  test('relative files belong to the folder of the file that names them', () => {
    const config = load({
      cluster: 'server: "https://h/k8s/clusters/c-1/", certificate-authority: pki/ca.crt',
      user: 'client-certificate: ../c.crt, client-key: /abs/c.key, tokenFile: t',
    });
    expect(config).toMatchObject({
      port: 443,
      basePath: '/k8s/clusters/c-1',
      certificateAuthority: { kind: 'file', path: join(home, 'pki', 'ca.crt') },
      reader: {
        clientCertificate: { kind: 'file', path: join(home, '..', 'c.crt') },
        clientKey: { kind: 'file', path: '/abs/c.key' },
        tokenFile: join(home, 't'),
      },
    });
  });

  test('inline data wins over files', () => {
    const data = Buffer.from('PEM').toString('base64');
    const config = load({
      cluster: `server: "https://h", certificate-authority: x, certificate-authority-data: ${data}`,
      user: `client-certificate-data: ${data}, client-key-data: ${data}, client-key: y`,
    });
    expect(config.certificateAuthority).toMatchObject({ kind: 'data' });
    expect(config.reader.clientKey?.kind === 'data' && config.reader.clientKey.pem.reveal()).toBe(
      'PEM',
    );
  });

  test('impersonation, tls-server-name and insecure are kept', () => {
    const config = load({
      cluster: 'server: "https://h", tls-server-name: api, insecure-skip-tls-verify: true',
      user: 'token: abc, as: jane, as-groups: [a, b], as-uid: "7", as-user-extra: { k: [v] }',
    });
    expect(config.tlsServerName).toBe('api');
    expect(config.insecureSkipTlsVerify).toBe(true);
    expect(config.reader.impersonate).toEqual({
      user: 'jane',
      groups: ['a', 'b'],
      uid: '7',
      extra: [{ key: 'k', values: ['v'] }],
    });
  });

  test('an exec command with a slash is resolved, one without is left to PATH', () => {
    const exec = (command: string) =>
      `exec: { apiVersion: client.authentication.k8s.io/v1, command: ${command}, args: [a], env: [{ name: N, value: v }] }`;
    expect(load({ user: exec('./bin/get') }).reader.exec).toMatchObject({
      command: join(home, 'bin', 'get'),
      args: ['a'],
      env: [{ name: 'N', value: 'v' }],
    });
    expect(load({ user: exec('get') }).reader.exec?.command).toBe('get');
  });

  test('secrets do not print', () => {
    const config = load({ user: 'token: s3cr3t-token' });
    expect(config.reader.token?.reveal()).toBe('s3cr3t-token');
    const printed = `${inspect(config, { depth: 9 })} ${JSON.stringify(config)} ${config.reader.token}`;
    expect(printed).not.toContain('s3cr3t');
  });
});

describe('what is refused', () => {
  const secret = 'hunter2-s3cr3t';
  const cases: readonly [string, Parts, string, RegExp][] = [
    ['no server', { cluster: '' }, 'clusters[name=a].cluster.server', /missing; expected https:/],
    [
      'a server without scheme',
      { cluster: 'server: "h:6443"' },
      'clusters[name=a].cluster.server',
      /expected https:\/\/HOST/,
    ],
    [
      'a server with a password',
      { cluster: `server: "https://u:${secret}@h"` },
      'clusters[name=a].cluster.server',
      /without user/,
    ],
    [
      'proxy-url',
      { cluster: 'server: "https://h", proxy-url: "http://p"' },
      'clusters[name=a].cluster.proxy-url',
      /not supported; remove/,
    ],
    [
      'insecure with a CA',
      { cluster: 'server: "https://h", certificate-authority: x, insecure-skip-tls-verify: true' },
      'clusters[name=a].cluster.insecure-skip-tls-verify',
      /contradicts/,
    ],
    [
      'a flag in quotes',
      { cluster: 'server: "https://h", insecure-skip-tls-verify: "true"' },
      'clusters[name=a].cluster.insecure-skip-tls-verify',
      /without quotes/,
    ],
    [
      'data that is not base64',
      { cluster: 'server: "https://h", certificate-authority-data: "%%%"' },
      'clusters[name=a].cluster.certificate-authority-data',
      /base64/,
    ],
    [
      'a password',
      { user: `username: u, password: ${secret}` },
      'users[name=a].user.username',
      /use a token/,
    ],
    [
      'an auth provider',
      { user: 'auth-provider: { name: gcp }' },
      'users[name=a].user.auth-provider',
      /exec plugin/,
    ],
    [
      'a certificate without key',
      { user: 'client-certificate: x' },
      'users[name=a].user.client-key',
      /needs client-key/,
    ],
    [
      'a key without certificate',
      { user: 'client-key: x' },
      'users[name=a].user.client-certificate',
      /needs client-certificate/,
    ],
    [
      'a token of two lines',
      { user: `token: "${secret}\\nx"` },
      'users[name=a].user.token',
      /one line/,
    ],
    ['a token that is a number', { user: 'token: 12345' }, 'users[name=a].user.token', /quotes/],
    [
      'groups without a user',
      { user: 'as-groups: [a]' },
      'users[name=a].user.as',
      /user to act as/,
    ],
    [
      'groups that are no list',
      { user: 'as: x, as-groups: a' },
      'users[name=a].user.as-groups',
      /list/,
    ],
    [
      'exec without command',
      { user: 'exec: { apiVersion: client.authentication.k8s.io/v1 }' },
      'users[name=a].user.exec.command',
      /missing/,
    ],
    [
      'an old exec version',
      { user: 'exec: { apiVersion: client.authentication.k8s.io/v1alpha1, command: x }' },
      'users[name=a].user.exec.apiVersion',
      /v1beta1/,
    ],
    [
      'a current-context that is not there',
      { current: 'zzz' },
      'contexts',
      /no context named "zzz"; there are: a/,
    ],
    ['no current-context', { current: '""' }, 'current-context', /--context; contexts: a/],
  ];

  test.each(cases)('%s', (_name, parts, field, problem) => {
    let error: unknown;
    try {
      load(parts);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(KubeconfigError);
    const { message, field: got, file: where } = error as KubeconfigError;
    expect(got).toBe(field);
    expect(where).toBe(join(home, 'config'));
    expect(message).toContain(`${where}: ${field}: `);
    expect(message).toMatch(problem);
    expect(message).not.toContain(secret);
  });

  test.each([
    ['[]', 'expected a mapping'],
    ['just text', 'expected a mapping'],
    ['a: b: c: hunter2', 'not valid YAML or JSON at line 1'],
    ['kind: Secret', 'expected Config'],
    ['clusters: {}', 'expected a list'],
    ['clusters: [{ cluster: {} }]', 'clusters[0].name: missing'],
    ['clusters: [hunter2]', 'clusters[0]: expected a mapping'],
    [
      'current-context: a\ncontexts: [{ name: a, context: { cluster: x } }]',
      'no cluster named "x"; there are: none',
    ],
    ['current-context: a\ncontexts: [{ name: a, context: {} }]', 'context.cluster: missing'],
  ])('%j', (text, problem) => {
    const path = file('bad', text);
    const work = (): unknown => loadClusterConfig(select({ kubeconfig: path }));
    expect(work).toThrow(KubeconfigError);
    expect(work).toThrow(problem);
    expect(work).not.toThrow('hunter2');
  });
});
