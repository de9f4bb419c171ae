/** Child processes of the benches, where they run, and what they cost (read from /proc; Linux only, else zeroes). */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { availableParallelism, constants, setPriority } from 'node:os';

/** The server has a core to itself; everything else shares the other. */
export const SERVER_CORE = 0;
export const CLIENT_CORE = 1;

export const canPin = availableParallelism() > 1 && works('taskset', ['-p', String(process.pid)]);

function works(command: string, args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Moves a process with all its threads to one core. */
export function pin(pid: number, core: number): void {
  if (canPin) execFileSync('taskset', ['-acp', String(core), String(pid)], { stdio: 'ignore' });
}

/** Lets a process with all its threads run only where and when nobody else does; what that takes is there or it is not. */
export function makeIdle(pid: number): void {
  if (works('chrt', ['--idle', '--all-tasks', '--pid', '0', String(pid)])) return;
  setPriority(pid, constants.priority.PRIORITY_LOW);
}

/**
 * Lets a process run before all others on its core; false where that is not permitted. Not in real time: that would also keep
 * the kernel from receiving.
 */
export function makeFirst(pid: number): boolean {
  try {
    setPriority(pid, constants.priority.PRIORITY_HIGHEST);
    return true;
  } catch {
    return false;
  }
}

export interface NodeProcess {
  readonly script: string;
  readonly args?: readonly string[];
  readonly nodeArgs?: readonly string[];
  readonly core: number;
  /** What it says on standard error is given here instead of being shown. */
  readonly onLine?: (line: string) => void;
}

/** Starts a script of ours with a channel (rpc.ts). It ends when its parent does. */
export function startNode(options: NodeProcess): ChildProcess {
  const { script, args = [], nodeArgs = [], core, onLine } = options;
  const command = [process.execPath, ...nodeArgs, script, ...args];
  if (canPin) command.unshift('taskset', '-c', String(core));
  const child = spawn(command[0], command.slice(1), {
    stdio: ['ignore', 'inherit', onLine === undefined ? 'inherit' : 'pipe', 'ipc'],
  });
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
    const lines = (text + piece).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) onLine?.(line);
  });
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', kill);
  child.once('exit', () => process.removeListener('exit', kill));
  return child;
}

export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => {
    child.once('exit', resolve);
  });
  child.kill('SIGKILL');
  await ended;
}

export interface ProcessorTime {
  /** Used, by all threads. */
  readonly usedUs: number;
  /** Ready to run but without a processor: what others on the same core took from it. */
  readonly waitedUs: number;
}

export function processorTime(pid: number): ProcessorTime {
  let usedNs = 0;
  let waitedNs = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1');
      const [used, waited] = text.split(' ');
      usedNs += Number(used);
      waitedNs += Number(waited);
    } catch {
      // A thread that has just ended.
    }
  }
  return { usedUs: usedNs / 1000, waitedUs: waitedNs / 1000 };
}

export function rssBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}
