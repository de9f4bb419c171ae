// argv -> written values by option path. Takes a table's flags and nothing else: an unknown flag, a
// missing value or a stray word is a problem with a hint, never ignored. `-v 2`, `-v=2`, `-v2`,
// `--v=2` and `--print-config=false` are all accepted, as Kubernetes commands accept them.

import { parseArgs } from 'node:util';
import { closest } from './closest.ts';
import { eachOption } from './config.ts';
import { acceptedForm } from './option.ts';
import type { Option, WrittenValue } from './option.ts';
import type { Sections } from './options.ts';

/** Flags that are about loading itself and so have no place in the file. */
export interface LoadingFlag {
  readonly name: string;
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly words: string;
  readonly doc: string;
}

export interface FlagResult {
  readonly values: ReadonlyMap<string, WrittenValue>;
  /** By flag name; 'true' for a switch that is on. */
  readonly loading: ReadonlyMap<string, string>;
  readonly problems: readonly string[];
}

interface Flag {
  readonly name: string;
  readonly type: 'string' | 'boolean';
  readonly short: string | undefined;
  readonly words: string;
  /** Undefined for a loading flag. */
  readonly target: { readonly path: string; readonly option: Option } | undefined;
}

function flagsOf(table: Sections, loading: readonly LoadingFlag[]): ReadonlyMap<string, Flag> {
  const flags = new Map<string, Flag>();
  for (const flag of loading) {
    flags.set(flag.name, { ...flag, short: flag.short, target: undefined });
  }
  for (const [path, option] of eachOption(table)) {
    if (option.flag === undefined) continue;
    flags.set(option.flag, {
      name: option.flag,
      type: option.kind === 'boolean' ? 'boolean' : 'string',
      short: option.short,
      words: acceptedForm(option),
      target: { path, option },
    });
  }
  return flags;
}

function parserOptions(flags: ReadonlyMap<string, Flag>) {
  const config: Record<string, { type: 'string' | 'boolean'; short?: string }> = {};
  for (const { name, type, short } of flags.values()) {
    config[name] = short === undefined ? { type } : { type, short };
  }
  return config;
}

/** Reads the words after the command; a repeated flag takes its last value. */
export function parseFlags(
  words: readonly string[],
  table: Sections,
  loadingFlags: readonly LoadingFlag[],
): FlagResult {
  const flags = flagsOf(table, loadingFlags);
  const { tokens } = parseArgs({
    args: [...words],
    options: parserOptions(flags),
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const values = new Map<string, WrittenValue>();
  const loading = new Map<string, string>();
  const problems: string[] = [];
  let afterUnknown = false;
  for (const token of tokens) {
    // The word after an unknown flag was meant as its value: one mistake, one line.
    if (token.kind === 'positional' && !afterUnknown) {
      problems.push(`${token.value}: unexpected argument`);
    }
    afterUnknown = token.kind === 'option' && !flags.has(token.name);
    if (token.kind !== 'option') continue;
    const flag = flags.get(token.name);
    const text = token.value ?? (flag?.type === 'boolean' ? 'true' : undefined);
    if (flag === undefined) problems.push(unknownFlag(token.rawName, [...flags.keys()]));
    else if (text === undefined || swallowedFlag(token)) problems.push(missingValue(token, flag));
    else if (flag.target === undefined) loading.set(flag.name, plain(token.rawName, text));
    else {
      const written = writtenValue(flag.target.option, plain(token.rawName, text));
      if (written === undefined) {
        problems.push(
          `${token.rawName}: ${JSON.stringify(text)} is not accepted; write ${flag.words}`,
        );
      } else values.set(flag.target.path, written);
    }
  }
  return { values, loading, problems };
}

interface OptionToken {
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

/** `--context --v 2`: parseArgs would take the next flag for the value. */
function swallowedFlag(token: OptionToken): boolean {
  return token.inlineValue === false && /^--?[A-Za-z]/.test(token.value ?? '');
}

/** parseArgs gives `=2` for `-v=2`. */
function plain(rawName: string, text: string): string {
  return rawName.startsWith('--') || !text.startsWith('=') ? text : text.slice(1);
}

function unknownFlag(rawName: string, names: readonly string[]): string {
  const suggestion = closest(rawName.replace(/^-+/, ''), names);
  return `${rawName}: unknown flag${suggestion === undefined ? '' : `; did you mean --${suggestion}?`}`;
}

function missingValue(token: OptionToken, flag: Flag): string {
  return `${token.rawName}: needs a value; write ${flag.words}`;
}

/** Flags are text; the table says what a file would hold. */
function writtenValue(option: Option, text: string): WrittenValue | undefined {
  switch (option.kind) {
    case 'integer':
      return /^-?\d+$/.test(text) ? Number(text) : undefined;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'strings':
      return text === '' ? [] : text.split(',');
    default:
      return text;
  }
}
