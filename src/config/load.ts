// argv -> what to do. Flags win over the file, the file over defaults; every value remembers which.
// Reads the configuration file and nothing else; never prints and never exits (cli.ts does).
// All problems are reported at once, each with its flag or field path and the accepted form.

import { buildConfig, eachOption, nest } from './config.ts';
import type { Config, ResolvedSections, Setting, Settings, Source } from './config.ts';
import { closest } from './closest.ts';
import type { Environment } from './environment.ts';
import { readConfigFile } from './file.ts';
import { parseFlags } from './flags.ts';
import type { FlagResult, LoadingFlag } from './flags.ts';
import { commandHelp, commands, overview, printedConfig } from './help.ts';
import { resolveValue } from './option.ts';
import type { WrittenValue } from './option.ts';
import { options } from './options.ts';
import type { Sections } from './options.ts';
import { brokenRules } from './rules.ts';
import { simulateOptions } from './simulate-options.ts';

export type SimulateConfig = ResolvedSections<typeof simulateOptions>['simulate'];

export type Loaded =
  | { readonly kind: 'run'; readonly command: 'serve'; readonly config: Config }
  | { readonly kind: 'run'; readonly command: 'simulate'; readonly config: SimulateConfig }
  | { readonly kind: 'version' }
  /** Text for standard output when the code is 0, for standard error otherwise. */
  | { readonly kind: 'print'; readonly text: string; readonly code: number };

const help: LoadingFlag = {
  name: 'help',
  type: 'boolean',
  short: 'h',
  words: 'true or false',
  doc: 'Print this text.',
};

const serveLoading: readonly LoadingFlag[] = [
  {
    name: 'config',
    type: 'string',
    words: 'a file path',
    doc: 'Configuration file (see docs/config.md). Flags win over it.',
  },
  {
    name: 'print-config',
    type: 'boolean',
    words: 'true or false',
    doc: 'Print the effective configuration with the source of each value, and exit.',
  },
  help,
];

const simulateLoading: readonly LoadingFlag[] = [help];

/** Wrong usage, as in most Unix tools. */
const USAGE_ERROR = 2;

/** Words after the program name. The caller prints or runs. */
export function loadConfig(argv: readonly string[], env: Environment): Loaded {
  const [command, ...words] = argv;
  switch (command) {
    case undefined:
      return { kind: 'print', text: overview(), code: USAGE_ERROR };
    case 'serve':
      return loadServe(words, env);
    case 'simulate':
      return loadSimulate(words, env);
    case 'version':
    case '--version':
      return { kind: 'version' };
    case 'help':
    case '--help':
    case '-h':
      return { kind: 'print', text: helpOf(words[0]), code: 0 };
    default:
      return unknownCommand(command);
  }
}

function helpOf(command: string | undefined): string {
  if (command === 'serve') return commandHelp('serve', options, serveLoading);
  if (command === 'simulate') return commandHelp('simulate', simulateOptions, simulateLoading);
  return overview();
}

function unknownCommand(command: string): Loaded {
  const suggestion = closest(command, Object.keys(commands));
  const hint = suggestion === undefined ? 'see watershed help' : `did you mean ${suggestion}?`;
  return refusal([`${command}: unknown command; ${hint}`]);
}

function refusal(problems: readonly string[]): Loaded {
  const text = problems.map((problem) => `watershed: ${problem}\n`).join('');
  return { kind: 'print', text, code: USAGE_ERROR };
}

function loadServe(words: readonly string[], env: Environment): Loaded {
  const flags = parseFlags(words, options, serveLoading);
  if (flags.loading.get('help') === 'true')
    return { kind: 'print', text: helpOf('serve'), code: 0 };
  const path = flags.loading.get('config');
  const file = path === undefined ? undefined : readConfigFile(path);
  const problems = [...flags.problems, ...(file?.kind === 'problems' ? file.problems : [])];
  const fileValues = file?.kind === 'values' ? file.values : new Map<string, WrittenValue>();
  const settings = settle(options, { flags, fileValues, filePath: path ?? '', env, problems });
  if (problems.length > 0) return refusal(problems);
  const config = buildConfig(settings);
  const broken = brokenRules(config);
  if (broken.length > 0) return refusal(broken);
  if (flags.loading.get('print-config') === 'true') {
    return { kind: 'print', text: printedConfig(config.effective), code: 0 };
  }
  return { kind: 'run', command: 'serve', config };
}

function loadSimulate(words: readonly string[], env: Environment): Loaded {
  const flags = parseFlags(words, simulateOptions, simulateLoading);
  if (flags.loading.get('help') === 'true') {
    return { kind: 'print', text: helpOf('simulate'), code: 0 };
  }
  const problems = [...flags.problems];
  const fileValues = new Map<string, WrittenValue>();
  const settings = settle(simulateOptions, { flags, fileValues, filePath: '', env, problems });
  if (problems.length > 0) return refusal(problems);
  return { kind: 'run', command: 'simulate', config: nest(simulateOptions, settings).simulate };
}

interface Written {
  readonly flags: FlagResult;
  readonly fileValues: ReadonlyMap<string, WrittenValue>;
  readonly filePath: string;
  readonly env: Environment;
  /** Appended to. */
  readonly problems: string[];
}

/** Picks each value by precedence and resolves it. */
function settle(table: Sections, written: Written): Settings {
  const settings = new Map<string, Setting>();
  for (const [path, option] of eachOption(table)) {
    const flag = written.flags.values.get(path);
    const inFile = written.fileValues.get(path);
    const source: Source = flag !== undefined ? 'flag' : inFile !== undefined ? 'file' : 'default';
    const resolved = resolveValue(option, flag ?? inFile ?? option.default, written.env);
    if (resolved.kind === 'value') settings.set(path, { value: resolved.value, source });
    else {
      const place = source === 'flag' ? `--${option.flag}` : `${written.filePath}: ${path}`;
      written.problems.push(`${place}: ${resolved.problem}`);
    }
  }
  return settings;
}
