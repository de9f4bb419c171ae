import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { metricTable, proofDuration, requestDuration } from '../../src/observe/metric-table.ts';
import { eachOption } from '../../src/config/config.ts';
import { options } from '../../src/config/options.ts';
import { simulateOptions } from '../../src/config/simulate-options.ts';

const root = join(import.meta.dirname, '../..');

function documents(): readonly string[] {
  const top = readdirSync(root).filter((name) => name.endsWith('.md'));
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`);
  return [...top, ...docs];
}

function text(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Words in code style that begin with the name of a section: `window.duration`. */
function optionNames(document: string): readonly string[] {
  const sections = Object.keys(options).join('|');
  const pattern = new RegExp(`\`((?:${sections})\\.[a-zA-Z0-9]+)\``, 'g');
  return Array.from(document.matchAll(pattern), ([, name]) => name);
}

describe.each(documents())('%s', (path) => {
  test('links to files that exist', () => {
    for (const [, target] of text(path).matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const file = join(root, dirname(path), target);
      expect(existsSync(file), `${target} in ${path}`).toBe(true);
    }
  });

  test('names metrics that exist', () => {
    const known = new Set([...metricTable, requestDuration, proofDuration].map(({ name }) => name));
    for (const [name] of text(path).matchAll(/\bwatershed_[a-z_]+[a-z]\b/g)) {
      expect(known, name).toContain(name.replace(/_(bucket|count|sum)$/, ''));
    }
  });

  // Decisions speak of Node's `http2.…` too.
  const names = path.startsWith('docs/decisions/') ? [] : optionNames(text(path));
  test('names options that exist', () => {
    const known = new Set([...eachOption(options)].map(([name]) => name));
    for (const name of names) expect(known, name).toContain(name);
  });

  test('gives watershed flags that exist', () => {
    const flags = new Set(['config', 'print-config', 'help']);
    for (const table of [options, simulateOptions]) {
      for (const [, { flag }] of eachOption(table)) if (flag !== undefined) flags.add(flag);
    }
    for (const [line] of text(path).matchAll(/watershed(?:\.js)? (?:serve|simulate)[^\n`]*/g)) {
      for (const [, flag] of line.matchAll(/ --([a-z-]+)/g)) expect(flags, flag).toContain(flag);
    }
  });
});

test('documents name npm scripts that exist', () => {
  const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> };
  for (const path of documents()) {
    for (const [, name] of text(path).matchAll(/npm run ([a-z:-]+)/g)) {
      expect(Object.keys(scripts), `${name} in ${path}`).toContain(name);
    }
  }
});

test('quickstart and the CI script can be executed', () => {
  for (const path of ['quickstart', '.ci/run', 'bin/watershed.js']) {
    expect(statSync(join(root, path)).mode & 0o111, path).not.toBe(0);
  }
});
