// The part of the process environment that configuration looks at, handed in by cli.ts so that
// loading a configuration is a pure function of its arguments and the files it names.

import { join } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Expands a leading `~/` as a shell would; without HOME the folder is the working directory. */
export function homeDirectory(path: string, env: Environment): string {
  if (!path.startsWith('~/')) return path;
  return join(env['HOME'] ?? '.', path.slice(2));
}
