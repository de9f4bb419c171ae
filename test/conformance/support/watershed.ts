// One Watershed in a process of its own, started from the sources the way a user starts it: flags, a
// configuration file, a kubeconfig. Knows from its request log (-v=2) where each answer came from, and
// from /status.json what it holds.

import { writeFile } from 'node:fs/promises';
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProxyStatus } from '../../../src/observe/status.ts';
import type { KeyPair } from '../control-plane/certificates.ts';
import { freePort } from '../control-plane/ports.ts';
import { ServerProcess } from '../control-plane/server-process.ts';

const root = join(import.meta.dirname, '../../..');
const readyTimeoutMs = 30_000;
const logTimeoutMs = 5_000;
const pollMs = 10;

export interface WatershedOptions {
  /** An existing folder; the log and the configuration file go there. */
  readonly directory: string;
  readonly kubeconfig: string;
  readonly certificate: KeyPair;
  /** Authority of the certificate. */
  readonly caFile: string;
  /** Sections of the configuration file. */
  readonly settings?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly flags?: readonly string[];
}

/** What the request log says about one request. */
export interface LoggedRequest {
  readonly source: 'cache' | 'passthrough' | 'local';
  /** Why it was passed through; undefined otherwise. */
  readonly reason?: string;
  readonly code: number;
  readonly auditId: string;
  /** Where a certificate says who asks. */
  readonly user?: string;
}

export class Watershed {
  readonly port: number;
  readonly adminUrl: string;
  readonly url: string;
  readonly caFile: string;
  readonly #options: WatershedOptions;
  readonly #adminPort: number;
  readonly #onExit = (): void => this.#process?.killNow();
  #process: ServerProcess | undefined;
  #log: RequestLogReader | undefined;
  #starts = 0;

  /** Resolves when it says that it is ready. */
  static async start(options: WatershedOptions): Promise<Watershed> {
    const watershed = new Watershed(options, await freePort(), await freePort());
    await watershed.#start();
    return watershed;
  }

  private constructor(options: WatershedOptions, port: number, adminPort: number) {
    this.#options = options;
    this.#adminPort = adminPort;
    this.port = port;
    this.url = `https://127.0.0.1:${port}`;
    this.adminUrl = `http://127.0.0.1:${adminPort}`;
    this.caFile = options.caFile;
    process.once('exit', this.#onExit);
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get logFile(): string {
    return this.#process?.logFile ?? '';
  }

  /** The end of its log, for messages of failed tests. */
  logTail(): string {
    return this.#process?.logTail() ?? '';
  }

  async status(): Promise<ProxyStatus> {
    const response = await fetch(`${this.adminUrl}/status.json`);
    return (await response.json()) as ProxyStatus;
  }

  async metrics(): Promise<string> {
    return (await fetch(`${this.adminUrl}/metrics`)).text();
  }

  /** Resident memory of the process. */
  residentBytes(): number {
    const text = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024;
  }

  /** What became of the request that was sent with this `Audit-ID`. */
  async logged(auditId: string): Promise<LoggedRequest> {
    const deadlineMs = Date.now() + logTimeoutMs;
    for (;;) {
      const line = this.#log?.find(auditId);
      if (line !== undefined) return line;
      if (Date.now() > deadlineMs) throw new Error(`no log line for request ${auditId}`);
      await sleep(pollMs);
    }
  }

  /** Ends it (SIGTERM: gracefully) and starts it again on the same ports, with nothing in memory. */
  async restart(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.#process?.stop(signal);
    await this.#start();
  }

  async stop(): Promise<void> {
    process.removeListener('exit', this.#onExit);
    await this.#process?.stop('SIGKILL');
    this.#log?.close();
  }

  async #start(): Promise<void> {
    const { directory, kubeconfig, certificate, settings, flags } = this.#options;
    const name = `watershed-${this.port}-${(this.#starts += 1)}`;
    const configFile = join(directory, `${name}.json`);
    const kind = { apiVersion: 'watershed.dev/v1alpha1', kind: 'ProxyConfiguration' };
    await writeFile(configFile, JSON.stringify({ ...kind, ...settings }));
    this.#process = new ServerProcess({
      name,
      program: process.execPath,
      args: [
        `--import=${join(import.meta.dirname, 'follow-parent.ts')}`,
        join(root, 'src/cli.ts'),
        'serve',
        `--config=${configFile}`,
        `--kubeconfig=${kubeconfig}`,
        '--bind-address=127.0.0.1',
        `--secure-port=${this.port}`,
        `--admin-bind=127.0.0.1:${this.#adminPort}`,
        `--tls-cert-file=${certificate.certFile}`,
        `--tls-private-key-file=${certificate.keyFile}`,
        '-v=2',
        ...(flags ?? []),
      ],
      logFile: join(directory, `${name}.log`),
      env: { NODE_OPTIONS: '' },
    });
    await this.#process.waitUntil(async () => {
      return (await fetch(`${this.adminUrl}/readyz`)).status === 200;
    }, readyTimeoutMs);
    this.#log?.close();
    this.#log = new RequestLogReader(this.#process.logFile);
  }
}

/** Follows a log file and keeps its request lines. */
class RequestLogReader {
  readonly #file: number;
  readonly #requests = new Map<string, LoggedRequest>();
  #offset = 0;
  #rest = '';

  constructor(path: string) {
    this.#file = openSync(path, 'r');
  }

  find(auditId: string): LoggedRequest | undefined {
    if (!this.#requests.has(auditId)) this.#read();
    return this.#requests.get(auditId);
  }

  close(): void {
    closeSync(this.#file);
  }

  #read(): void {
    const { size } = fstatSync(this.#file);
    const bytes = Buffer.alloc(size - this.#offset);
    this.#offset += readSync(this.#file, bytes, 0, bytes.length, this.#offset);
    const lines = (this.#rest + bytes.toString('utf8')).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.startsWith('{') || !line.includes('"auditId"')) continue;
      const request = JSON.parse(line) as LoggedRequest;
      this.#requests.set(request.auditId, request);
    }
  }
}
