/**
 * Kubeconfig: finds the cluster by client-go's rules and gives one ClusterConfig.
 *
 * Order: the --kubeconfig flag; the pod's service account when the in-cluster environment and its
 * token are there; the KUBECONFIG list (missing files skipped, the first definition of a name
 * wins); ~/.kube/config. Relative file names are resolved against the file that names them.
 * The environment is handed in; nothing is read here but kubeconfig files and, in a pod, the
 * existence of the service account's files. What cannot be honoured is refused, never ignored
 * (proxy-url, passwords, auth providers).
 */

import { existsSync, readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { delimiter, join, resolve } from 'node:path';
import { CORE_SCHEMA, load } from 'js-yaml';
import type { ClusterConfig } from './cluster-config.ts';
import { Fields, KubeconfigError, pemSource } from './kubeconfig-fields.ts';
import { readUser } from './kubeconfig-user.ts';

export interface ClusterSelection {
  /** --kubeconfig; '' when not given. */
  readonly kubeconfig?: string;
  /** --context; '' means the files' current-context. */
  readonly context?: string;
  /** Usually process.env. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  /** Where pods find their token and CA; tests point it elsewhere. */
  readonly serviceAccountDirectory?: string;
}

/** Where kubelet mounts the pod's token (client-go rest/config.go). */
const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Bound on one kubeconfig file; real ones with hundreds of contexts stay under 2 MiB. */
const MAX_KUBECONFIG_BYTES = 16 * 1024 * 1024;

/** Finds the cluster. Throws KubeconfigError with file, field and accepted form. */
export function loadClusterConfig(selection: ClusterSelection): ClusterConfig {
  if (selection.kubeconfig) {
    return fromFiles([resolve(selection.kubeconfig)], selection, true);
  }
  const pod = inCluster(selection);
  if (pod !== undefined) {
    return pod;
  }
  const listed = selection.environment['KUBECONFIG'] ?? '';
  const files =
    listed === ''
      ? [join(selection.homeDirectory, '.kube', 'config')]
      : [...new Set(listed.split(delimiter).filter((file) => file !== ''))].map((f) => resolve(f));
  return fromFiles(files, selection, false);
}

/** The pod's own service account, when kubelet's environment and token are both there. */
function inCluster(selection: ClusterSelection): ClusterConfig | undefined {
  const host = selection.environment['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = selection.environment['KUBERNETES_SERVICE_PORT'] ?? '';
  const directory = selection.serviceAccountDirectory ?? SERVICE_ACCOUNT_DIRECTORY;
  const tokenFile = join(directory, 'token');
  if (host === '' || port === '' || !existsSync(tokenFile)) {
    return undefined;
  }
  if (!/^\d{1,5}$/.test(port)) {
    throw new KubeconfigError(
      'environment',
      'KUBERNETES_SERVICE_PORT',
      'expected a port number from 1 to 65535',
    );
  }
  const ca = join(directory, 'ca.crt');
  return {
    origin: 'in-cluster',
    scheme: 'https',
    host,
    port: Number(port),
    basePath: '',
    certificateAuthority: existsSync(ca) ? { kind: 'file', path: ca } : undefined,
    insecureSkipTlsVerify: false,
    tlsServerName: '',
    reader: { tokenFile },
  };
}

interface Merged {
  readonly files: readonly string[];
  currentContext: string;
  readonly clusters: Map<string, Fields>;
  readonly users: Map<string, Fields>;
  readonly contexts: Map<string, Fields>;
}

function fromFiles(
  files: readonly string[],
  selection: ClusterSelection,
  mustExist: boolean,
): ClusterConfig {
  const merged = merge(files, mustExist);
  const where = merged.files.join(', ');
  const name = selection.context || merged.currentContext;
  if (name === '') {
    const known = names(merged.contexts);
    const advice = `set it, or choose with --context${known === '' ? '' : `; contexts: ${known}`}`;
    throw new KubeconfigError(where, 'current-context', advice);
  }
  const context = merged.contexts.get(name);
  if (context === undefined) {
    const known = names(merged.contexts) || 'none';
    throw new KubeconfigError(where, 'contexts', `no context named "${name}"; there are: ${known}`);
  }
  const cluster = pick(context, 'cluster', merged.clusters);
  if (cluster === undefined) {
    throw context.error('cluster', 'missing; expected the name of an entry under clusters');
  }
  const user = pick(context, 'user', merged.users);
  return {
    origin: `${cluster.file} (context ${name})`,
    ...readCluster(cluster),
    reader: user === undefined ? {} : readUser(user),
  };
}

function merge(files: readonly string[], mustExist: boolean): Merged {
  const merged: Merged = {
    files,
    currentContext: '',
    clusters: new Map(),
    users: new Map(),
    contexts: new Map(),
  };
  let found = 0;
  for (const file of files) {
    const root = readRoot(file, mustExist);
    if (root === undefined) {
      continue;
    }
    found += 1;
    merged.currentContext ||= root.text('current-context');
    collect(root, 'clusters', 'cluster', merged.clusters);
    collect(root, 'users', 'user', merged.users);
    collect(root, 'contexts', 'context', merged.contexts);
  }
  if (found === 0) {
    const advice = 'no such file; give --kubeconfig FILE, set KUBECONFIG, or run in a pod';
    throw new KubeconfigError(files.join(', '), '', advice);
  }
  return merged;
}

/** One file's top mapping; undefined when it does not exist and may be skipped. */
function readRoot(file: string, mustExist: boolean): Fields | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    if (code === 'ENOENT' && !mustExist) {
      return undefined;
    }
    throw new KubeconfigError(file, '', `cannot be read (${code})`);
  }
  if (text.length > MAX_KUBECONFIG_BYTES) {
    throw new KubeconfigError(file, '', `longer than ${MAX_KUBECONFIG_BYTES} bytes`);
  }
  const root = Fields.of(file, '', parseYaml(file, text));
  const kind = root.text('kind');
  if (kind !== '' && kind !== 'Config') {
    throw root.error('kind', 'expected Config: this is not a kubeconfig');
  }
  return root;
}

/** The parser's own message may quote the text around the fault, so only the place is reported. */
function parseYaml(file: string, text: string): unknown {
  if (text.trim() === '') {
    return undefined;
  }
  try {
    return load(text, { schema: CORE_SCHEMA });
  } catch (error) {
    const mark = (error as { mark?: { line?: number; column?: number } }).mark;
    const line = mark?.line === undefined ? '' : ` at line ${mark.line + 1}`;
    throw new KubeconfigError(file, '', `not valid YAML or JSON${line}`);
  }
}

function collect(root: Fields, list: string, body: string, into: Map<string, Fields>): void {
  for (const entry of root.children(list)) {
    const name = entry.text('name');
    if (name === '') {
      throw entry.error('name', 'missing; expected a non-empty string');
    }
    if (!into.has(name)) {
      into.set(name, entry.child(body).at(`${list}[name=${name}].${body}`));
    }
  }
}

function pick(context: Fields, field: string, among: Map<string, Fields>): Fields | undefined {
  const name = context.text(field);
  if (name === '') {
    return undefined;
  }
  const entry = among.get(name);
  if (entry === undefined) {
    throw context.error(field, `no ${field} named "${name}"; there are: ${names(among) || 'none'}`);
  }
  return entry;
}

function names(map: Map<string, Fields>): string {
  return [...map.keys()].slice(0, 20).join(', ');
}

function readCluster(cluster: Fields): Omit<ClusterConfig, 'origin' | 'reader'> {
  if (cluster.text('proxy-url') !== '') {
    const problem =
      'HTTP and SOCKS proxies are not supported; remove it and reach the server directly';
    throw cluster.error('proxy-url', problem);
  }
  const server = readServer(cluster);
  const insecureSkipTlsVerify = cluster.flag('insecure-skip-tls-verify');
  const certificateAuthority = pemSource(cluster, 'certificate-authority');
  if (insecureSkipTlsVerify && certificateAuthority !== undefined) {
    const problem = 'contradicts certificate-authority; remove one of the two';
    throw cluster.error('insecure-skip-tls-verify', problem);
  }
  return {
    ...server,
    certificateAuthority,
    insecureSkipTlsVerify,
    tlsServerName: cluster.text('tls-server-name'),
  };
}

function readServer(cluster: Fields): Pick<ClusterConfig, 'scheme' | 'host' | 'port' | 'basePath'> {
  const accepted = 'expected https://HOST[:PORT][/PATH] or http://HOST[:PORT][/PATH]';
  const text = cluster.text('server');
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw cluster.error('server', text === '' ? `missing; ${accepted}` : accepted);
  }
  const plain = url.protocol === 'http:';
  if (!plain && url.protocol !== 'https:') {
    throw cluster.error('server', accepted);
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw cluster.error('server', `${accepted}, without user, password, query or fragment`);
  }
  const bare = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    scheme: plain ? 'http' : 'https',
    host: isIPv6(bare) ? bare : url.hostname,
    port: url.port === '' ? (plain ? 80 : 443) : Number(url.port),
    basePath: url.pathname.replace(/\/+$/, ''),
  };
}
