import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

/** Which folders of src a folder may import. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  k8s: [],
  http2: [],
  config: [],
  observe: [],
  upstream: ['k8s'],
  cache: ['k8s'],
  auth: ['k8s', 'upstream'],
  watch: ['k8s', 'cache', 'upstream'],
  proxy: ['k8s', 'http2', 'cache', 'auth', 'upstream'],
  simulator: ['k8s'],
};
const NETWORK = /^(node:(http|https|http2|net|tls)|undici|fastify)$/;
const MAY_NETWORK = new Set(['upstream', 'proxy', 'simulator', 'observe', 'cli', '.']);

interface Import {
  readonly file: string;
  readonly folder: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const source = readFileSync(file, 'utf8');
  const folder = relative('src', dirname(file)).split('/')[0] || '.';
  return [...source.matchAll(/^(?:import|export)( type)? [^;]*?from '([^']+)';/gms)].map(
    (match) => ({
      file,
      folder,
      typeOnly: match[1] !== undefined,
      target: match[2],
    }),
  );
}

const imports = globSync('src/**/*.ts').flatMap(importsOf);

test('folders import only what lies below them', () => {
  const broken = imports.filter(({ file, folder, target }) => {
    const allowed = ALLOWED[folder];
    if (allowed === undefined || !target.startsWith('.')) return false;
    const to = relative('src', join(dirname(file), target)).split('/')[0];
    return to !== folder && !allowed.includes(to);
  });
  expect(broken).toEqual([]);
});

test('only the edges touch the network', () => {
  const broken = imports.filter(
    ({ folder, target, typeOnly }) => !typeOnly && NETWORK.test(target) && !MAY_NETWORK.has(folder),
  );
  expect(broken).toEqual([]);
});

test('no source file imports a test or a bench', () => {
  expect(imports.filter(({ target }) => /\/(test|bench)\//.test(target))).toEqual([]);
});
