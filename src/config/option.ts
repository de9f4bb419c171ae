// One configurable value: how it is written, what it becomes, its bounds and its words.
// The tables in options.ts and simulate-options.ts are made of these; flags, the file schema,
// --help, --print-config and docs/config.md are all read from them, so no default stands twice.

import { homeDirectory } from './environment.ts';
import type { Environment } from './environment.ts';
import { formatDuration, formatQuantity, parseDuration, parseQuantity } from './units.ts';

export type OptionKind =
  'duration' | 'bytes' | 'integer' | 'boolean' | 'string' | 'path' | 'choice' | 'strings';

/** A value as it stands in a file or behind a flag. */
export type WrittenValue = string | number | boolean | readonly string[];

/** A value as the program uses it: milliseconds, bytes, counts, words. */
export type ResolvedValue = string | number | boolean | readonly string[];

export interface Form {
  /** What to write, as the end of the sentence "write …". */
  readonly words: string;
  readonly accepts: (text: string) => boolean;
}

export interface OptionSettings {
  /** Flag name without dashes; options without one are set in the file only. */
  readonly flag?: string;
  readonly short?: string;
  /** In the resolved unit: milliseconds, bytes or a count. */
  readonly minimum?: number;
  readonly maximum?: number;
  /** For strings and lists: what each item must look like. */
  readonly form?: Form;
}

export interface Option<K extends OptionKind = OptionKind> extends OptionSettings {
  readonly kind: K;
  readonly default: WrittenValue;
  readonly doc: string;
  readonly choices?: readonly string[];
}

export interface ChoiceOption<C extends string> extends Option<'choice'> {
  readonly choices: readonly C[];
}

export type Resolution =
  | { readonly kind: 'value'; readonly value: ResolvedValue }
  | { readonly kind: 'problem'; readonly problem: string };

type Define<K extends OptionKind, W extends WrittenValue> = (
  defaultValue: W,
  doc: string,
  settings?: OptionSettings,
) => Option<K>;

function define<K extends OptionKind, W extends WrittenValue>(kind: K): Define<K, W> {
  return (defaultValue, doc, settings = {}) =>
    Object.freeze({ ...settings, kind, default: defaultValue, doc });
}

export const duration = define<'duration', string>('duration');
export const bytes = define<'bytes', string>('bytes');
export const integer = define<'integer', number>('integer');
export const boolean = define<'boolean', boolean>('boolean');
export const string = define<'string', string>('string');
export const path = define<'path', string>('path');
export const strings = define<'strings', readonly string[]>('strings');

export function choice<const C extends string>(
  choices: readonly C[],
  defaultValue: NoInfer<C>,
  doc: string,
  settings: OptionSettings = {},
): ChoiceOption<C> {
  return Object.freeze({ ...settings, kind: 'choice', default: defaultValue, doc, choices });
}

/** The accepted form as the end of "write …": used in errors, help and the reference. */
export function acceptedForm(option: Option): string {
  switch (option.kind) {
    case 'duration':
      return `a duration such as 500ms, 30s or 1m30s${bounds(option, formatDuration)}`;
    case 'bytes':
      return `a quantity of bytes such as 64Ki, 256Mi or 2Gi${bounds(option, formatQuantity)}`;
    case 'integer':
      return `a whole number${bounds(option, String)}`;
    case 'boolean':
      return 'true or false';
    case 'choice':
      return `one of ${(option.choices ?? []).join(', ')}`;
    case 'strings':
      return `a list of ${option.form?.words ?? 'strings'}`;
    case 'path':
      return 'a file path';
    case 'string':
      return option.form?.words ?? 'a string';
  }
}

function bounds(option: Option, format: (value: number) => string): string {
  const { minimum, maximum } = option;
  if (minimum !== undefined && maximum !== undefined) {
    return ` from ${format(minimum)} to ${format(maximum)}`;
  }
  if (minimum !== undefined) return ` of at least ${format(minimum)}`;
  if (maximum !== undefined) return ` of at most ${format(maximum)}`;
  return '';
}

/** Turns a written value into the program's; a problem says what is wrong and what to write. */
export function resolveValue(option: Option, written: unknown, env: Environment): Resolution {
  const value = convert(option, written, env);
  if (value === undefined) {
    return {
      kind: 'problem',
      problem: `${JSON.stringify(written)} is not accepted; write ${acceptedForm(option)}`,
    };
  }
  if (typeof value === 'number' && !withinBounds(option, value)) {
    return {
      kind: 'problem',
      problem: `${JSON.stringify(written)} is out of range; write ${acceptedForm(option)}`,
    };
  }
  return { kind: 'value', value };
}

function withinBounds(option: Option, value: number): boolean {
  return value >= (option.minimum ?? -Infinity) && value <= (option.maximum ?? Infinity);
}

function convert(option: Option, written: unknown, env: Environment): ResolvedValue | undefined {
  switch (option.kind) {
    case 'duration':
      return typeof written === 'string' ? parseDuration(written) : undefined;
    case 'bytes':
      return typeof written === 'string' || typeof written === 'number'
        ? parseQuantity(String(written))
        : undefined;
    case 'integer':
      return Number.isSafeInteger(written) ? (written as number) : undefined;
    case 'boolean':
      return typeof written === 'boolean' ? written : undefined;
    case 'choice':
      return option.choices?.find((choiceText) => choiceText === written);
    case 'path':
      return typeof written === 'string' ? homeDirectory(written, env) : undefined;
    case 'string':
      return isText(option, written) ? written : undefined;
    case 'strings':
      return Array.isArray(written) && written.every((item) => isText(option, item))
        ? Object.freeze([...(written as string[])])
        : undefined;
  }
}

function isText(option: Option, value: unknown): value is string {
  return typeof value === 'string' && (option.form?.accepts(value) ?? true);
}

/** The reverse of resolveValue: text that a YAML file may hold. */
export function formatValue(option: Option, value: ResolvedValue): string {
  switch (option.kind) {
    case 'duration':
      return formatDuration(value as number);
    case 'bytes':
      return formatQuantity(value as number);
    case 'integer':
    case 'boolean':
    case 'choice':
      return String(value);
    default:
      return JSON.stringify(value);
  }
}
