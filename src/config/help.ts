// The text of --help and --print-config, both read from the option tables.

import type { EffectiveValue } from './config.ts';
import { eachOption } from './config.ts';
import type { LoadingFlag } from './flags.ts';
import { formatValue, resolveValue } from './option.ts';
import type { Option } from './option.ts';
import { API_VERSION, KIND } from './options.ts';
import type { Sections } from './options.ts';

const WIDTH = 100;
const INDENT = 6;

export const commands: Readonly<Record<string, string>> = Object.freeze({
  serve: 'Run the proxy',
  simulate: 'Run a synthetic cluster that speaks the Kubernetes API',
  version: 'Print the version',
  help: 'Print this text, or the flags of a command: watershed help serve',
});

export function overview(): string {
  const rows = Object.entries(commands).map(([name, doc]) => `  ${name.padEnd(10)}${doc}`);
  return [
    'Watershed serves LIST, WATCH and GET of a Kubernetes apiserver from memory.',
    '',
    'Usage: watershed COMMAND [flags]',
    '',
    ...rows,
    '',
  ].join('\n');
}

export function commandHelp(
  command: string,
  table: Sections,
  loading: readonly LoadingFlag[],
): string {
  const lines = [`${commands[command]}.`, '', `Usage: watershed ${command} [flags]`, ''];
  for (const [, option] of eachOption(table)) {
    if (option.flag === undefined) continue;
    const short = option.short === undefined ? '' : `-${option.short}, `;
    lines.push(`  ${short}--${option.flag} ${placeholder(option)}`);
    lines.push(...wrap(`${option.doc} ${defaultWords(option)}`));
  }
  for (const flag of loading) {
    const short = flag.short === undefined ? '' : `-${flag.short}, `;
    const value = flag.type === 'string' ? ' file' : '';
    lines.push(`  ${short}--${flag.name}${value}`, ...wrap(flag.doc));
  }
  return `${lines.join('\n')}\n`;
}

/** The word that stands for a value: `--secure-port number`. */
function placeholder(option: Option): string {
  switch (option.kind) {
    case 'integer':
      return 'number';
    case 'bytes':
      return 'quantity';
    case 'choice':
      return (option.choices ?? []).join('|');
    case 'path':
      return option.flag?.endsWith('-dir') === true ? 'folder' : 'file';
    case 'strings':
      return 'a,b,…';
    default:
      return option.kind;
  }
}

/** A default as a person reads it; empty strings and lists say so. */
export function defaultText(option: Option): string {
  // `~/` stays as it is written: with an empty HOME nothing is expanded.
  if (option.kind === 'path') return option.default === '' ? '""' : String(option.default);
  const resolved = resolveValue(option, option.default, {});
  if (resolved.kind === 'problem') throw new Error(`Default of an option: ${resolved.problem}`);
  const text = formatValue(option, resolved.value);
  return option.kind === 'string' && option.default !== '' ? String(option.default) : text;
}

function defaultWords(option: Option): string {
  return option.default === '' ? '' : `(default ${defaultText(option)})`;
}

function wrap(text: string): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.trim().split(' ')) {
    if (line !== '' && INDENT + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.map((each) => ' '.repeat(INDENT) + each);
}

/** The effective configuration as a file that can be loaded again; comments name the sources. */
export function printedConfig(effective: readonly EffectiveValue[]): string {
  const lines = [`apiVersion: ${API_VERSION}`, `kind: ${KIND}`];
  let current = '';
  for (const { path, value, source } of effective) {
    const [section, field] = path.split('.');
    if (section !== current) lines.push(`${section}:`);
    current = section;
    lines.push(`  ${field}: ${value} # ${source}`);
  }
  return `${lines.join('\n')}\n`;
}
