// Reads the configuration file: size limit, YAML or JSON, schema, then each field's own check.
// Returns written values by path or every problem found; decides nothing about precedence.

import { closeSync, openSync, readSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { load } from 'js-yaml';
import { eachOption } from './config.ts';
import type { Option, WrittenValue } from './option.ts';
import { options } from './options.ts';
import { checkFile } from './schema.ts';

/** Far above any real configuration; keeps a wrong path from filling memory. */
const MAX_FILE_BYTES = 1_048_576;

export type FileResult =
  | { readonly kind: 'values'; readonly values: ReadonlyMap<string, WrittenValue> }
  | { readonly kind: 'problems'; readonly problems: readonly string[] };

/** Reads and checks a ProxyConfiguration; problems begin with the file's path. */
export function readConfigFile(path: string): FileResult {
  let text: string | undefined;
  try {
    text = readLimited(path);
  } catch (error) {
    // "ENOENT: no such file or directory, open 'x'" without what the reader knows already.
    return refuse(path, [`cannot be read: ${firstLine(error).split(/: |, /)[1]}`]);
  }
  if (text === undefined) return refuse(path, ['is larger than 1Mi']);
  const parsed = parseConfigText(text, dirname(path));
  return parsed.kind === 'values' ? parsed : refuse(path, parsed.problems);
}

/** Undefined when there is more than the limit; never reads further than that. */
function readLimited(path: string): string | undefined {
  const buffer = Buffer.allocUnsafe(MAX_FILE_BYTES + 1);
  const file = openSync(path, 'r');
  let length = 0;
  try {
    while (length < buffer.length) {
      const count = readSync(file, buffer, length, buffer.length - length, null);
      if (count === 0) break;
      length += count;
    }
  } finally {
    closeSync(file);
  }
  return length > MAX_FILE_BYTES ? undefined : buffer.toString('utf8', 0, length);
}

function refuse(path: string, problems: readonly string[]): FileResult {
  return { kind: 'problems', problems: problems.map((problem) => `${path}: ${problem}`) };
}

/** Parses file text; relative paths in it are taken from `directory`, as kubelet and kubeconfig do. */
export function parseConfigText(text: string, directory: string): FileResult {
  let document: unknown;
  try {
    document = load(text);
  } catch (error) {
    return { kind: 'problems', problems: [`is not YAML or JSON: ${firstLine(error)}`] };
  }
  const problems = checkFile(document);
  if (problems.length > 0) return { kind: 'problems', problems };
  const sections = document as Readonly<Record<string, Record<string, WrittenValue> | undefined>>;
  const values = new Map<string, WrittenValue>();
  for (const [path, option] of eachOption(options)) {
    const [section, field] = path.split('.');
    const written = sections[section]?.[field];
    if (written !== undefined) values.set(path, fromDirectory(option, written, directory));
  }
  return { kind: 'values', values };
}

function fromDirectory(option: Option, written: WrittenValue, directory: string): WrittenValue {
  if (option.kind !== 'path' || typeof written !== 'string') return written;
  if (written === '' || written.startsWith('~/') || isAbsolute(written)) return written;
  return join(directory, written);
}

function firstLine(error: unknown): string {
  return String((error as Error).message).split('\n')[0];
}
