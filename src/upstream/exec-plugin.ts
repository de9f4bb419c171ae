/**
 * Exec credential plugins (aws, gke-gcloud-auth-plugin, kubelogin ...), run through
 * @kubernetes/client-node.
 *
 * Only its exec_auth module is loaded: the package's index costs 80 MiB and a second. A new ExecAuth
 * per run keeps its never-expiring cache out of the way; spawning is ours, so that a plugin has no
 * stdin to wait on and is ended after a time. Output that is not a credential is refused, and
 * what a plugin prints is never repeated except the first line of its stderr, tokens blanked.
 */

import { spawn } from 'node:child_process';
import type { SpawnOptions } from 'node:child_process';
import { Secret } from './cluster-config.ts';
import type { ExecPlugin } from './cluster-config.ts';
import type { KeyPair } from './credentials.ts';
import { isHeaderText } from './kubeconfig-user.ts';
import { UpstreamError } from './upstream-error.ts';

export interface ExecCredential {
  readonly token: Secret | undefined;
  readonly pair: KeyPair | undefined;
  /** Milliseconds since the epoch; undefined when the plugin names no end. */
  readonly expiresAtMs: number | undefined;
}

export interface ExecRunOptions {
  readonly execTimeoutMs: number;
  readonly clusterInfo?: Readonly<Record<string, unknown>>;
}

interface PluginOutput {
  readonly kind?: unknown;
  readonly apiVersion?: unknown;
  readonly status?: Readonly<Record<string, unknown>>;
}

/** The two members of client-node's ExecAuth in use; `execFn` is private in its types. */
interface Runner {
  execFn: (command: string, args: readonly string[], options: SpawnOptions) => unknown;
  getCredential(user: unknown): Promise<PluginOutput | null>;
}

/** Runs the plugin once. Throws UpstreamError 'credentials' naming the kubeconfig field. */
export async function runExecPlugin(
  plugin: ExecPlugin,
  options: ExecRunOptions,
): Promise<ExecCredential> {
  const { ExecAuth } = await import('@kubernetes/client-node/dist/exec_auth.js');
  const runner = new ExecAuth() as unknown as Runner;
  runner.execFn = (command, args, spawnOptions) =>
    spawn(command, args, {
      ...spawnOptions,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.execTimeoutMs,
    });
  const env = [...plugin.env, { name: 'KUBERNETES_EXEC_INFO', value: execInfo(plugin, options) }];
  let output: PluginOutput | null;
  try {
    output = await runner.getCredential({
      name: 'reader',
      exec: { command: plugin.command, args: plugin.args, env },
    });
  } catch (error) {
    throw new UpstreamError('credentials', `${plugin.origin}: ${failure(plugin, error)}`);
  }
  return readCredential(plugin, output);
}

function execInfo(plugin: ExecPlugin, options: ExecRunOptions): string {
  const cluster = plugin.provideClusterInfo ? { cluster: options.clusterInfo } : {};
  const spec = { interactive: false, ...cluster };
  return JSON.stringify({ kind: 'ExecCredential', apiVersion: plugin.apiVersion, spec });
}

function failure(plugin: ExecPlugin, error: unknown): string {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
    return `command ${plugin.command} not found; install it or name its full path`;
  }
  if (error instanceof SyntaxError) {
    return 'the plugin printed something that is not JSON';
  }
  const line = (error as Error).message.split('\n', 1)[0] ?? '';
  // Anything long without blanks may be a token: blank it.
  const said = line.replaceAll(/[^\s]{40,}/g, '[redacted]').slice(0, 200);
  return `the plugin failed${said === '' ? '' : `: ${said}`}`;
}

function readCredential(plugin: ExecPlugin, output: PluginOutput | null): ExecCredential {
  const refuse = (problem: string) =>
    new UpstreamError('credentials', `${plugin.origin}: the plugin's output ${problem}`);
  if (output?.kind !== 'ExecCredential' || output.apiVersion !== plugin.apiVersion) {
    throw refuse(`is not an ExecCredential of apiVersion ${plugin.apiVersion}`);
  }
  const status = output.status ?? {};
  const { token, clientCertificateData: cert, clientKeyData: key } = status;
  if (token !== undefined && (typeof token !== 'string' || !isHeaderText(token))) {
    throw refuse('has a status.token that is not one line of text');
  }
  const hasPair = typeof cert === 'string' && typeof key === 'string';
  if (token === undefined && !hasPair) {
    throw refuse('has neither status.token nor clientCertificateData with clientKeyData');
  }
  const expiry = status['expirationTimestamp'];
  const expiresAtMs = typeof expiry === 'string' ? Date.parse(expiry) : undefined;
  if (expiresAtMs !== undefined && Number.isNaN(expiresAtMs)) {
    throw refuse('has a status.expirationTimestamp that is not an RFC 3339 time');
  }
  return {
    token: token === undefined ? undefined : new Secret(token),
    pair: hasPair ? { cert, key, origin: plugin.origin } : undefined,
    expiresAtMs,
  };
}
