// Clients of other languages and releases, installed by their own package managers from what is pinned
// here, into folders outside the source tree that are named by a hash of the pins (like go-build.ts).
// A finished folder appears by an atomic rename and never changes.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { acquireBuildLock } from '../../conformance/control-plane/build-lock.ts';
import { cacheRoot } from '../../conformance/control-plane/go-build.ts';

const run = promisify(execFile);
const installTimeoutMs = 600_000;
const nodeDirectory = join(import.meta.dirname, '../client-node/v1.4');
const requirements = join(import.meta.dirname, '../python/requirements.txt');

interface Installation {
  readonly name: string;
  /** Files that decide the result. */
  readonly pins: readonly string[];
  /** What else does: the version of the interpreter. */
  readonly version: string;
  install(directory: string): Promise<void>;
}

/** The folder of @kubernetes/client-node 1.4. */
export async function clientNode14(): Promise<string> {
  const pins = ['package.json', 'package-lock.json'].map((file) => join(nodeDirectory, file));
  const directory = await installed({
    name: 'client-node-1.4',
    pins,
    version: process.version,
    install: async (into) => {
      for (const pin of pins) cpSync(pin, join(into, basename(pin)));
      await call('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], into);
    },
  });
  return join(directory, 'node_modules/@kubernetes/client-node');
}

/** A Python interpreter that has the kubernetes client. */
export async function pythonWithClient(): Promise<string> {
  const version = await call('python3', ['--version'], dirname(requirements));
  const directory = await installed({
    name: 'python',
    pins: [requirements],
    version,
    install: async (into) => {
      await call('python3', ['-m', 'venv', into], into);
      const python = join(into, 'bin/python');
      await call(python, ['-m', 'pip', 'install', '--quiet', '-r', requirements], into);
    },
  });
  return join(directory, 'bin/python');
}

async function installed({ name, pins, version, install }: Installation): Promise<string> {
  const root = join(dirname(cacheRoot()), 'compat');
  const hash = createHash('sha256').update(JSON.stringify([name, version, process.platform]));
  for (const pin of pins) hash.update(readFileSync(pin));
  const finished = join(root, `${name}-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(finished)) return finished;

  await mkdir(root, { recursive: true });
  console.error(`installing ${name}`);
  const lock = await acquireBuildLock(`${finished}.lock`, () => {});
  const partial = await mkdtemp(`${finished}.partial-`);
  try {
    if (!existsSync(finished)) {
      await install(partial);
      await rename(partial, finished);
    }
  } finally {
    await rm(partial, { recursive: true, force: true });
    await lock.release();
  }
  return finished;
}

async function call(program: string, args: readonly string[], cwd: string): Promise<string> {
  const { stdout } = await run(program, args, { cwd, timeout: installTimeoutMs });
  return stdout.trim();
}
