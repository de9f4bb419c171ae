// kubectl of one release against one address: commands that end, and commands that are watched while
// they run and then interrupted.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Outcome {
  /** null: it was ended by a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const commandTimeoutMs = 120_000;
const pollMs = 20;

export class Kubectl {
  readonly #program: string;
  readonly #flags: readonly string[];

  constructor(program: string, flags: readonly string[]) {
    this.#program = program;
    this.#flags = flags;
  }

  start(args: readonly string[], input = ''): Running {
    const child = spawn(this.#program, [...this.#flags, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        WATERSHED_PARENT_PID: String(process.pid),
      },
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    return new Running(child, args.join(' '));
  }

  run(args: readonly string[], input = ''): Promise<Outcome> {
    return this.start(args, input).outcome;
  }
}

export class Running {
  readonly outcome: Promise<Outcome>;
  readonly #child: ChildProcess;
  readonly #words: string;
  #stdout = '';
  #stderr = '';
  #over = false;

  constructor(child: ChildProcess, words: string) {
    this.#child = child;
    this.#words = words;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    const timer = setTimeout(() => child.kill('SIGKILL'), commandTimeoutMs);
    this.outcome = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        clearTimeout(timer);
        this.#over = true;
        resolve({ code, stdout: this.#stdout, stderr: this.#stderr });
      });
    });
  }

  /** Waits until stdout has it. */
  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.#stdout);
      if (found !== null) return found;
      if (this.#over) {
        throw new Error(`kubectl ${this.#words} never showed ${pattern}: ${this.#stderr}`);
      }
      await sleep(pollMs);
    }
  }

  /** As by Ctrl-C. */
  interrupt(): Promise<Outcome> {
    this.#child.kill('SIGINT');
    return this.outcome;
  }
}
