// One server program of a test: started with its output in a file, ended by its own process id.
// It dies with us, however we die (see parent/parent.go).

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const logTailBytes = 4_000;
const pollMs = 50;

export interface ServerProcessOptions {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly env?: NodeJS.ProcessEnv;
}

export class ServerProcess {
  readonly name: string;
  readonly logFile: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #startError: Error | undefined;

  constructor(options: ServerProcessOptions) {
    this.name = options.name;
    this.logFile = options.logFile;
    const log = openSync(options.logFile, 'a');
    this.#child = spawn(options.program, options.args, {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...options.env, WATERSHED_PARENT_PID: String(process.pid) },
    });
    closeSync(log);
    this.#ended = new Promise((done) => {
      this.#child.once('exit', () => done());
      this.#child.once('error', (error) => {
        this.#startError = error;
        done();
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get running(): boolean {
    const child = this.#child;
    return this.#startError === undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Asks again and again until the answer is yes; fails with the log's tail when that cannot be. */
  async waitUntil(isReady: () => Promise<boolean>, timeoutMs: number): Promise<void> {
    const deadlineMs = Date.now() + timeoutMs;
    while (!(await isReady().catch(() => false))) {
      if (!this.running) throw this.failure('ended before it was ready');
      if (Date.now() > deadlineMs) throw this.failure(`was not ready within ${timeoutMs} ms`);
      await sleep(pollMs);
    }
  }

  /** Sends the signal and waits for the end; after `graceMs` it is killed. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL', graceMs = 75_000): Promise<void> {
    if (!this.running) return;
    this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    await this.#ended;
    clearTimeout(timer);
  }

  /** For the handler of the process's own end, which cannot wait. */
  killNow(): void {
    if (this.running) this.#child.kill('SIGKILL');
  }

  logTail(): string {
    return readFileSync(this.logFile).subarray(-logTailBytes).toString();
  }

  failure(what: string): Error {
    const { exitCode, signalCode } = this.#child;
    const end = this.running ? '' : ` (exit code ${exitCode}, signal ${signalCode})`;
    return new Error(`${this.name} ${what}${end}; the end of its log:\n${this.logTail()}`, {
      cause: this.#startError,
    });
  }
}
