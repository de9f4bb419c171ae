// Runs `watershed …` as a person would, for the tests of the command line.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';

export const program = join(import.meta.dirname, '../../bin/watershed.js');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A command that is still running. */
export class Command {
  readonly #child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Everything it wrote so far, both streams. */
  output = '';

  /** `nodeFlags` are for Node itself. */
  constructor(words: readonly string[], nodeFlags: readonly string[] = []) {
    this.#child = spawn(process.execPath, [...nodeFlags, program, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const take = (chunk: Buffer) => {
      this.output += chunk.toString();
    };
    this.#child.stdout?.on('data', take);
    this.#child.stderr?.on('data', take);
    this.ended = new Promise((resolve) => {
      this.#child.on('close', (code, signal) => resolve({ code, signal }));
    });
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Resolves with the first match in the output; fails when the command ends without it. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    let over = false;
    void this.ended.then(() => {
      over = true;
    });
    for (;;) {
      const match = pattern.exec(this.output);
      if (match !== null) return match;
      if (over) throw new Error(`Ended without ${pattern}:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** For after a test, however it went. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}

/** A small simulated cluster in which nothing happens by itself; its kubeconfig is `cluster` in the folder. */
export async function startQuietCluster(
  directory: string,
  certDirectory: string,
): Promise<Command> {
  const cluster = new Command([
    'simulate',
    '--port=0',
    '--nodes=2',
    '--pods-per-node=2',
    '--lease-period=0s',
    '--pods-replaced-per-second=0',
    `--kubeconfig=${directory}/cluster`,
    `--cert-dir=${certDirectory}`,
  ]);
  await cluster.says(/kubeconfig: /);
  return cluster;
}
