// The Go informers program (test/compat/informers) as a child: its lines as promises, its verdict.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { informersBinary } from '../../compat/informers/build.ts';

/** The last line of the program; result.go tells what each field means. */
export interface Verdict {
  readonly ok: boolean;
  readonly watchList: string;
  readonly informers: number;
  readonly writes: number;
  readonly writeErrors: number;
  readonly equal: boolean;
  readonly errors: number;
  readonly relists: number;
  readonly lists: number;
  readonly watchLists: number;
  readonly watches: number;
  readonly gone: number;
  readonly eventsSeen: number;
  readonly repeats: number;
  readonly violations: number;
  readonly missed: number;
  readonly foreign: number;
  readonly mismatches: readonly string[];
  readonly notes: readonly string[];
}

export class Informers {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #ended: Promise<void>;
  readonly #onExit = (): boolean => this.#child.kill('SIGKILL');
  #wake: () => void = () => {};
  #errors = '';
  #over = false;

  static async start(args: readonly string[]): Promise<Informers> {
    return new Informers(await informersBinary(), args);
  }

  private constructor(program: string, args: readonly string[]) {
    this.#child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, WATERSHED_PARENT_PID: String(process.pid) },
    });
    process.once('exit', this.#onExit);
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#errors += chunk.toString()));
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.#lines.push(line);
      this.#wake();
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', () => {
        process.removeListener('exit', this.#onExit);
        this.#over = true;
        this.#wake();
        resolve();
      });
    });
  }

  /** Resolves when the program has said `line`; rejects when it ended without. */
  async said(line: 'READY' | 'WRITTEN'): Promise<void> {
    while (!this.#lines.includes(line)) {
      if (this.#over) throw new Error(`ended before ${line}: ${this.#errors}${this.#lines.at(-1)}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  tell(line: 'GO' | 'CHECK'): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  async verdict(): Promise<Verdict> {
    await this.#ended;
    const last = this.#lines.at(-1) ?? '';
    if (!last.startsWith('{')) throw new Error(`no verdict: ${this.#errors}${last}`);
    return JSON.parse(last) as Verdict;
  }

  /** Ends it, wherever it is. */
  async stop(): Promise<void> {
    if (!this.#over) this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
