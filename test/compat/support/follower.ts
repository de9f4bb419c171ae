// A program that follows objects (the Go informers, client-node, Python), as a child process: it says
// READY when it is in step for the first time, is told CHECK, and ends with a line of JSON. Promises:
// it ends with us, and what it says on stderr is in the error when it ends early.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Verdict {
  readonly events: number;
  /** How often everything was fetched again, all informers of the program together. */
  readonly relists: number;
  readonly errors: number;
  /** Answers 429, told by the clients that do not come again by themselves. */
  readonly refusals?: number;
  readonly equal: boolean;
  readonly mismatches: readonly string[];
  readonly notes: readonly string[];
  /** Of the Go program: broken promises of order; 0 elsewhere. */
  readonly violations?: number;
  /** Of the Go program when it writes. */
  readonly writes?: number;
  readonly writeErrors?: number;
  readonly eventsSeen?: number;
}

export interface FollowerProgram {
  readonly client: string;
  readonly mode: string;
  readonly program: string;
  readonly args: readonly string[];
}

const errorTailBytes = 4_000;
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class Follower {
  readonly client: string;
  readonly mode: string;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #ended: Promise<void>;
  #wake: () => void = () => {};
  #errors = '';
  #over = false;

  constructor({ client, mode, program, args }: FollowerProgram) {
    this.client = client;
    this.mode = mode;
    this.#child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, WATERSHED_PARENT_PID: String(process.pid), NODE_OPTIONS: '' },
    });
    running.add(this.#child);
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString()).slice(-errorTailBytes);
    });
    // What is told to a program that has ended is lost; its end is reported by `verdict`.
    this.#child.stdin?.on('error', () => {});
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.#lines.push(line);
      this.#wake();
    });
    this.#ended = new Promise((resolve) => {
      const end = (error?: unknown): void => {
        running.delete(this.#child);
        if (error instanceof Error) this.#errors += String(error);
        this.#over = true;
        this.#wake();
        resolve();
      };
      this.#child.once('close', () => end());
      this.#child.once('error', end);
    });
  }

  /** Resolves when the program has said `line`; rejects when it ended without. */
  async said(line: 'READY' | 'WRITTEN'): Promise<void> {
    while (!this.#lines.includes(line)) {
      if (this.#over) throw this.#failure(`ended before ${line}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  tell(line: 'GO' | 'CHECK'): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  async verdict(): Promise<Verdict> {
    await this.#ended;
    const last = this.#lines.at(-1) ?? '';
    if (!last.startsWith('{')) throw this.#failure('gave no verdict');
    const verdict = JSON.parse(last) as Verdict;
    return { ...verdict, events: verdict.events ?? verdict.eventsSeen ?? 0 };
  }

  /** Ends it, wherever it is. */
  async stop(): Promise<void> {
    if (!this.#over) this.#child.kill('SIGKILL');
    await this.#ended;
  }

  #failure(what: string): Error {
    return new Error(`${this.client} ${this.mode} ${what}: ${this.#errors}${this.#lines.at(-1)}`);
  }
}
