// A real kube-apiserver with an etcd of its own, for tests: everything lives in one temporary folder
// and on 127.0.0.1, several can run side by side. Promises: `startControlPlane` returns when the
// apiserver says it is ready or fails with the end of the log; `stop` leaves nothing behind; the
// servers end when this process ends, in whatever way.

import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from './api-client.ts';
import type { RequestOptions, Response } from './api-client.ts';
import { controlPlaneBinaries } from './build.ts';
import type { ControlPlaneBinaries } from './build.ts';
import { makeCertificates } from './certificates.ts';
import type { Certificates, KeyPair } from './certificates.ts';
import { kubeconfigText } from './kubeconfig.ts';
import { freePort } from './ports.ts';
import { apiserverFlags, etcdFlags } from './server-flags.ts';
import { ServerProcess } from './server-process.ts';
import { tokenFile, tokens } from './users.ts';
import type { User } from './users.ts';

const readyTimeoutMs = 60_000;
const startAttempts = 3;

export interface ControlPlaneOptions {
  /** More flags for kube-apiserver; a flag given twice counts as given last. */
  readonly apiserverFlags?: readonly string[];
  readonly apiserverEnv?: NodeJS.ProcessEnv;
  readonly etcdFlags?: readonly string[];
  /**
   * Resources kept in a second etcd (`--etcd-servers-overrides`), as `/configmaps` or
   * `coordination.k8s.io/leases`: their revisions come from another clock.
   */
  readonly secondStore?: readonly string[];
}

export type CertificateUser = 'admin-cert' | 'node-1';

export interface KubeconfigTarget {
  /** Another address than the apiserver's, such as a proxy's. */
  readonly server?: string;
  readonly caFile?: string;
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const binaries = await controlPlaneBinaries();
  for (let attempt = 1; ; attempt += 1) {
    const directory = await mkdtemp(join(tmpdir(), 'watershed-control-plane-'));
    const certificates = await makeCertificates(directory);
    const controlPlane = new ControlPlane({
      binaries,
      directory,
      certificates,
      options,
      port: await freePort(),
      etcdPort: await freePort(),
      secondEtcdPort: await freePort(),
    });
    try {
      await controlPlane.start();
      return controlPlane;
    } catch (error) {
      await controlPlane.stop();
      // Somebody took a port between our look and the bind; anything else is not cured by trying.
      const retry = String(error).includes('address already in use') && attempt < startAttempts;
      if (!retry) throw error;
    }
  }
}

interface ControlPlaneParts {
  readonly binaries: ControlPlaneBinaries;
  readonly directory: string;
  readonly certificates: Certificates;
  readonly options: ControlPlaneOptions;
  readonly port: number;
  readonly etcdPort: number;
  readonly secondEtcdPort: number;
}

export class ControlPlane {
  readonly url: string;
  readonly etcdUrl: string;
  /** Where nothing listens unless `secondStore` names a resource. */
  readonly secondEtcdUrl: string;
  /** The authority that signed the serving certificate. */
  readonly caFile: string;
  readonly directory: string;
  readonly tokens = tokens;
  readonly certificates: Certificates;
  readonly binaries: ControlPlaneBinaries;
  readonly #parts: ControlPlaneParts;
  readonly #client: ApiClient;
  readonly #others = new Set<ServerProcess>();
  readonly #onExit = (): void => this.#endNow();
  #etcd: ServerProcess | undefined;
  #apiserver: ServerProcess | undefined;
  #kubeconfigs = 0;

  constructor(parts: ControlPlaneParts) {
    this.#parts = parts;
    this.url = `https://127.0.0.1:${parts.port}`;
    this.etcdUrl = `http://127.0.0.1:${parts.etcdPort}`;
    this.secondEtcdUrl = `http://127.0.0.1:${parts.secondEtcdPort}`;
    this.directory = parts.directory;
    this.certificates = parts.certificates;
    this.binaries = parts.binaries;
    this.caFile = parts.certificates.servingAuthority.certFile;
    this.#client = new ApiClient({ url: this.url, caFile: this.caFile, token: tokens.admin });
    process.once('exit', this.#onExit);
  }

  /** Called once by startControlPlane. */
  async start(): Promise<void> {
    await writeFile(join(this.directory, 'tokens.csv'), tokenFile());
    this.#etcd = await this.#spawnEtcd('etcd', this.#parts.etcdPort);
    await healthy(this.#etcd, this.etcdUrl);
    if (this.#secondStore.length > 0) {
      const second = await this.#spawnEtcd('second-etcd', this.#parts.secondEtcdPort);
      this.#others.add(second);
      await healthy(second, this.secondEtcdUrl);
    }
    await this.#startApiserver();
  }

  get apiserverPid(): number | undefined {
    return this.#apiserver?.pid;
  }

  get etcdPid(): number | undefined {
    return this.#etcd?.pid;
  }

  /** One request to the apiserver, as the administrator unless a token or certificate is given. */
  request(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    return this.#client.request(method, path, withoutDefaultToken(options));
  }

  /** The same with an open body, for watches. */
  open(method: string, path: string, options: RequestOptions = {}): Promise<IncomingMessage> {
    return this.#client.open(method, path, withoutDefaultToken(options));
  }

  /** Writes a kubeconfig file for a token user or a client certificate; returns its path. */
  async kubeconfig(who: User | CertificateUser, target: KubeconfigTarget = {}): Promise<string> {
    const path = join(this.directory, `kubeconfig-${(this.#kubeconfigs += 1)}-${who}`);
    const text = kubeconfigText({
      server: target.server ?? this.url,
      caFile: target.caFile ?? this.caFile,
      user: who,
      credential:
        who === 'admin-cert' || who === 'node-1'
          ? { certificate: this.#certificateOf(who) }
          : { token: tokens[who] },
    });
    await writeFile(path, text, { mode: 0o600 });
    return path;
  }

  /** Runs the real kubectl; an exit code other than 0 is a result, not a fault. */
  kubectl(kubeconfig: string, args: readonly string[], input = ''): Promise<CommandResult> {
    return new Promise((done) => {
      const child = execFile(
        this.binaries.kubectl,
        [`--kubeconfig=${kubeconfig}`, `--cache-dir=${join(this.directory, 'kubectl')}`, ...args],
        { maxBuffer: 256 * 1024 ** 2 },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
          done({ code, stdout, stderr });
        },
      );
      child.stdin?.end(input);
    });
  }

  /** Starts another program of this cluster (a controller manager, a scheduler); stop() ends it. */
  spawn(name: string, program: string, args: readonly string[]): ServerProcess {
    const logFile = join(this.directory, `${name}.log`);
    const server = new ServerProcess({ name, program, args, logFile });
    this.#others.add(server);
    return server;
  }

  /**
   * Ends the apiserver and starts it again: same data, same port, fresh watch caches. SIGKILL, the
   * default, cuts every connection at once; SIGTERM lets it say goodbye.
   */
  async restartApiserver(
    options: {
      downMs?: number;
      signal?: 'SIGTERM' | 'SIGKILL';
      whileDown?: () => Promise<void>;
    } = {},
  ): Promise<void> {
    await this.#apiserver?.stop(options.signal ?? 'SIGKILL');
    await options.whileDown?.();
    await sleep(options.downMs ?? 0);
    await this.#startApiserver();
  }

  async stop(): Promise<void> {
    process.removeListener('exit', this.#onExit);
    this.#client.close();
    const others = [...this.#others];
    const clients = others.filter(({ name }) => name !== 'second-etcd');
    await Promise.all(clients.map((server) => server.stop()));
    await this.#apiserver?.stop();
    await Promise.all([this.#etcd, ...others].map((server) => server?.stop()));
    await rm(this.directory, { recursive: true, force: true });
  }

  get #secondStore(): readonly string[] {
    return this.#parts.options.secondStore ?? [];
  }

  async #spawnEtcd(name: 'etcd' | 'second-etcd', clientPort: number): Promise<ServerProcess> {
    const { directory } = this;
    const flags = etcdFlags({ directory, name, clientPort, peerPort: await freePort() });
    return new ServerProcess({
      name,
      program: this.binaries.etcd,
      args: [...flags, ...(this.#parts.options.etcdFlags ?? [])],
      logFile: join(directory, `${name}.log`),
    });
  }

  async #startApiserver(): Promise<void> {
    const flags = apiserverFlags({
      etcdPort: this.#parts.etcdPort,
      port: this.#parts.port,
      tokenFile: join(this.directory, 'tokens.csv'),
      certificates: this.certificates,
      overrides: this.#secondStore.map((resource) => `${resource}#${this.secondEtcdUrl}`),
    });
    this.#apiserver = new ServerProcess({
      name: 'kube-apiserver',
      program: this.binaries.kubeApiserver,
      args: [...flags, ...(this.#parts.options.apiserverFlags ?? [])],
      env: this.#parts.options.apiserverEnv,
      logFile: join(this.directory, 'kube-apiserver.log'),
    });
    // Connections kept from before a restart would only report that they are gone.
    this.#client.reset();
    await this.#apiserver.waitUntil(async () => {
      return (await this.request('GET', '/readyz', { timeoutMs: 5_000 })).status === 200;
    }, readyTimeoutMs);
  }

  #certificateOf(who: CertificateUser): KeyPair {
    return who === 'node-1' ? this.certificates.node : this.certificates.admin;
  }

  #endNow(): void {
    for (const server of [...this.#others, this.#apiserver, this.#etcd]) server?.killNow();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function healthy(etcd: ServerProcess, url: string): Promise<void> {
  return etcd.waitUntil(async () => (await fetch(`${url}/health`)).status === 200, readyTimeoutMs);
}

/** A certificate speaks for itself only when no token does. */
function withoutDefaultToken(options: RequestOptions): RequestOptions {
  if (options.certificate === undefined || options.token !== undefined) return options;
  return { ...options, token: null };
}
