// Builds one of our small Go programs once and keeps the result outside the source tree, in a folder
// named by a hash of everything that decides the result: the module's own files, the local modules it
// replaces, the linker flags, the Go version and the platform. A finished folder never changes; it
// appears by an atomic rename, so a reader sees all of it or nothing.

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { acquireBuildLock } from './build-lock.ts';
import { BuildProgress } from './build-progress.ts';

export type GoAvailability =
  | { readonly available: true; readonly version: string }
  | { readonly available: false; readonly reason: string };

export interface GoProgram {
  /** The name of the binary, also used in messages. */
  readonly name: string;
  /** The folder that holds go.mod and the main package. */
  readonly directory: string;
  readonly linkerFlags?: string;
  /** Further names under which the binary shall be found, made as symbolic links. */
  readonly aliases?: readonly string[];
}

export interface BuildOptions {
  /** Where progress goes; false for silence. Default: stderr. */
  readonly progress?: boolean;
}

/** The root under which every built program is kept. */
export function cacheRoot(): string {
  const base = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return join(base, 'watershed', 'control-plane');
}

/**
 * Is there a `go` that can build the module in `directory`? Asked inside that folder, because the
 * module's `go` line decides which toolchain the command will use.
 */
export function goAvailableFor(directory: string): GoAvailability {
  const result = spawnSync('go', ['env', 'GOVERSION'], { cwd: directory, encoding: 'utf8' });
  if (result.error !== undefined) {
    return { available: false, reason: `cannot run go: ${result.error.message}` };
  }
  if (result.status !== 0) {
    return { available: false, reason: `go env failed: ${result.stderr.trim()}` };
  }
  return { available: true, version: result.stdout.trim() };
}

/** Builds the program, or finds it built, and returns the folder that holds the binary. */
export async function buildGoProgram(
  program: GoProgram,
  options: BuildOptions = {},
): Promise<string> {
  const go = goAvailableFor(program.directory);
  if (!go.available) throw new Error(`cannot build ${program.name}: ${go.reason}`);
  const finished = join(cacheRoot(), hashInputs(program, go.version));
  if (existsSync(finished)) return finished;

  await mkdir(cacheRoot(), { recursive: true });
  const progress = new BuildProgress(program.name, options.progress !== false);
  const lock = await acquireBuildLock(`${finished}.lock`, (holder) => progress.waiting(holder));
  try {
    if (!existsSync(finished)) await buildInto(program, finished, progress);
  } finally {
    progress.end();
    await lock.release();
  }
  return finished;
}

function hashInputs(program: GoProgram, goVersion: string): string {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([goVersion, process.platform, process.arch]));
  hash.update(JSON.stringify([program.name, program.linkerFlags, program.aliases]));
  for (const directory of [program.directory, ...localModules(program.directory)]) {
    for (const file of readdirSync(directory).sort()) {
      if (!/\.go$|^go\.(mod|sum)$/.test(file)) continue;
      hash.update(JSON.stringify([file, readFileSync(join(directory, file), 'utf8')]));
    }
  }
  return hash.digest('hex').slice(0, 24);
}

/** The folders that go.mod's replace lines point at; their sources are part of the program. */
function localModules(directory: string): string[] {
  const text = readFileSync(join(directory, 'go.mod'), 'utf8');
  return [...text.matchAll(/=>\s+(\.\.?\/\S+)/g)].map((match) => resolve(directory, match[1]));
}

async function buildInto(
  program: GoProgram,
  finished: string,
  progress: BuildProgress,
): Promise<void> {
  const partial = await mkdtemp(`${finished}.partial-`);
  try {
    await runGoBuild(program, join(partial, program.name), progress);
    for (const alias of program.aliases ?? []) await symlink(program.name, join(partial, alias));
    await publish(partial, finished);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function publish(partial: string, finished: string): Promise<void> {
  try {
    await rename(partial, finished);
  } catch (error) {
    // Another builder was first (see build-lock.ts); its result is as good as ours.
    if (!existsSync(finished)) throw error;
  }
}

/** Nobody debugs these; without it a build from nothing takes a twentieth less. */
const NO_DWARF = '-gcflags=all=-dwarf=false';
/** The compiler collects its garbage less often: a build from nothing takes a sixth less. */
const COMPILER_GOGC = '400';

function runGoBuild(program: GoProgram, output: string, progress: BuildProgress): Promise<void> {
  const flags = `-s -w ${program.linkerFlags ?? ''}`.trim();
  const child = spawn(
    'go',
    ['build', '-v', '-trimpath', '-buildvcs=false', NO_DWARF, '-ldflags', flags, '-o', output, '.'],
    {
      cwd: program.directory,
      env: { GOGC: COMPILER_GOGC, ...process.env, CGO_ENABLED: '0' },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const tail: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    progress.line(line);
    tail.push(line);
    if (tail.length > 40) tail.shift();
  });
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => {
      if (code === 0) return done();
      fail(new Error(`go build of ${program.name} ended with ${code}:\n${tail.join('\n')}`));
    });
  });
}
