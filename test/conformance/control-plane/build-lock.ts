// A lock between processes: a directory that only one of them can make. Its holder keeps the
// directory's modification time fresh, so a lock left behind by a killed build is noticed and
// broken. Promise: at most one holder in the ordinary case. Two are possible for a moment when a
// stale lock is broken by two waiters at once; callers must therefore publish by an atomic rename,
// so that a second build is a waste and never a fault.

import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const refreshMs = 2_000;
const staleMs = 30_000;
const pollMs = 250;

interface Owner {
  readonly pid: number;
  readonly host: string;
  readonly token: string;
}

export interface BuildLock {
  release(): Promise<void>;
}

/** Waits for the lock; `onWait` is told, once per poll, who holds it. */
export async function acquireBuildLock(
  directory: string,
  onWait: (holder: string) => void,
): Promise<BuildLock> {
  const owner: Owner = {
    pid: process.pid,
    host: hostname(),
    token: randomBytes(8).toString('hex'),
  };
  while (!(await tryMake(directory))) {
    const holder = await readOwner(directory);
    if (await isStale(directory, holder)) {
      await breakLock(directory);
      continue;
    }
    onWait(holder === undefined ? 'another process' : `process ${holder.pid}`);
    await sleep(pollMs);
  }
  await writeFile(join(directory, 'owner.json'), JSON.stringify(owner));
  const refresh = setInterval(() => {
    const now = new Date();
    // A failure means the lock was broken; the build goes on, as its result is published atomically.
    utimes(directory, now, now).catch(() => {});
  }, refreshMs);
  refresh.unref();
  return { release: () => release(directory, owner, refresh) };
}

async function tryMake(directory: string): Promise<boolean> {
  try {
    await mkdir(directory);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function readOwner(directory: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(join(directory, 'owner.json'), 'utf8')) as Owner;
  } catch {
    return undefined;
  }
}

async function isStale(directory: string, holder: Owner | undefined): Promise<boolean> {
  if (holder?.host === hostname() && !isAlive(holder.pid)) return true;
  try {
    return Date.now() - (await stat(directory)).mtimeMs > staleMs;
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Moves the lock away before removing it: of several waiters only one can succeed in that. */
async function breakLock(directory: string): Promise<void> {
  const away = `${directory}.${randomBytes(4).toString('hex')}`;
  try {
    await rename(directory, away);
  } catch {
    return;
  }
  await rm(away, { recursive: true, force: true });
}

async function release(directory: string, owner: Owner, refresh: NodeJS.Timeout): Promise<void> {
  clearInterval(refresh);
  if ((await readOwner(directory))?.token !== owner.token) return;
  await rm(directory, { recursive: true, force: true });
}
