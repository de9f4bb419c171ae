// Shared by the configuration tests: files in a folder of their own, and the texts of refusals.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/config.ts';

const directory = mkdtempSync(join(tmpdir(), 'watershed-config-'));
let count = 0;

afterAll(() => rmSync(directory, { recursive: true, force: true }));

export const HEAD = 'apiVersion: watershed.dev/v1alpha1\nkind: ProxyConfiguration\n';

/** Writes a configuration file and returns its path. */
export function configFile(text: string): string {
  const path = join(directory, `${count++}.yaml`);
  writeFileSync(path, text);
  return path;
}

/** The Config that `watershed serve` would run with. */
export function served(...words: readonly string[]): Config {
  const loaded = loadConfig(['serve', ...words], { HOME: '/home/ops' });
  if (loaded.kind !== 'run' || loaded.command !== 'serve') {
    throw new Error(loaded.kind === 'print' ? loaded.text : `Unexpected ${loaded.kind}`);
  }
  return loaded.config;
}

/** The lines of a refusal without the program's name; fails when it was not refused. */
export function refused(...argv: readonly string[]): readonly string[] {
  const loaded = loadConfig(argv, { HOME: '/home/ops' });
  if (loaded.kind !== 'print' || loaded.code !== 2) {
    throw new Error(`Expected a refusal, got ${JSON.stringify(loaded)}`);
  }
  return loaded.text
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^watershed: /, ''));
}
