// What runs beside our own code in production: which packages, under which licences, and that installing
// them runs nothing. Read from the lock file and from what is installed; nothing is asked over the network.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

/**
 * Approved by the Open Source Initiative, and all of them permit use in a program under Apache-2.0 without more than a
 * notice. PSF-2.0 (argparse) is the part of the approved Python-2.0 that is left of it.
 */
const LICENCES = new Set([
  'Apache-2.0',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
  'PSF-2.0',
  'Unlicense',
]);

interface Locked {
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
  readonly hasInstallScript?: boolean;
}

interface Package {
  readonly version: string;
  readonly license?: unknown;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly overrides: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
}

function json(path: string): unknown {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}

const own = json('package.json') as Package;
const { packages } = json('package-lock.json') as { packages: Readonly<Record<string, Locked>> };
/** Every installed package by its folder, ours left out. */
const locked = Object.entries(packages).filter(([folder]) => folder !== '');
const production = locked.filter(([, { dev, devOptional }]) => !(dev || devOptional));

function nameOf(folder: string): string {
  return folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

test('the lock file knows every direct dependency as one of production', () => {
  const folders = production.map(([folder]) => folder);
  for (const name of Object.keys(own.dependencies))
    expect(folders).toContain(`node_modules/${name}`);
});

describe('a package of production', () => {
  test('runs no script when it is installed', () => {
    const scripted = production.filter(([, { hasInstallScript }]) => hasInstallScript === true);
    expect(scripted.map(([folder]) => folder)).toEqual([]);
  });

  test('has a licence of the closed list', () => {
    const others = production.flatMap(([folder, { optional }]) => {
      const { license } = installed(folder, optional === true) ?? {};
      const isKnown = typeof license === 'string' && LICENCES.has(license);
      return isKnown || (license === undefined && optional === true) ? [] : [[folder, license]];
    });
    expect(others).toEqual([]);
  });

  test('is installed in the version that is locked', () => {
    for (const [folder, { version, optional }] of production) {
      const found = installed(folder, optional === true);
      if (found !== undefined) expect(found.version, folder).toBe(version);
    }
  });
});

/** Optional packages may be missing on this platform; others not. */
function installed(folder: string, isOptional: boolean): Package | undefined {
  try {
    return json(join(folder, 'package.json')) as Package;
  } catch (error) {
    if (isOptional && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

test('every package is pinned by the hash of its content, whichever registry it comes from', () => {
  for (const [folder, { integrity, resolved }] of locked) {
    expect(integrity, folder).toMatch(/^sha512-/);
    expect(resolved, folder).toBeUndefined();
  }
});

test('no package runs a script when it is installed without being named in allowScripts', () => {
  const scripted = locked.filter(([, { hasInstallScript }]) => hasInstallScript === true);
  const unnamed = scripted.filter(
    ([folder, { optional }]) => !(nameOf(folder) in own.allowScripts) && optional !== true,
  );
  expect(unnamed.map(([folder]) => folder)).toEqual([]);
});

test('direct dependencies are pinned to one version', () => {
  const { dependencies, devDependencies, overrides } = own;
  const wanted = Object.entries({ ...dependencies, ...devDependencies, ...overrides });
  const loose = wanted.filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version));
  expect(loose).toEqual([]);
});

test('each direct dependency is justified in docs/decisions/003-dependencies.md', () => {
  const text = readFileSync(join(root, 'docs/decisions/003-dependencies.md'), 'utf8');
  const rows = [...text.matchAll(/^\| (\S+) \| (.+) \| (.+) \|$/gm)]
    .map(([, name]) => name)
    .filter((name) => name !== 'package');
  expect(rows.toSorted()).toEqual(Object.keys(own.dependencies).toSorted());
  const development = text.slice(text.indexOf('Development:'));
  for (const name of Object.keys(own.devDependencies)) expect(development).toContain(name);
});
