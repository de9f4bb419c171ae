// What the rest of the program reads: every option resolved to milliseconds, bytes, counts and
// words, nested by section, and where each value came from. Made by load.ts, frozen, never changed.
// The types follow from the table in options.ts: a `duration` field `x` becomes `xMs`.

import type { ChoiceOption, Option, ResolvedValue } from './option.ts';
import { formatValue } from './option.ts';
import { options } from './options.ts';
import type { Sections } from './options.ts';

type ResolvedType<O> =
  O extends ChoiceOption<infer C>
    ? C
    : O extends Option<'duration' | 'bytes' | 'integer'>
      ? number
      : O extends Option<'boolean'>
        ? boolean
        : O extends Option<'strings'>
          ? readonly string[]
          : string;

type ResolvedName<F, O> = F extends string ? (O extends Option<'duration'> ? `${F}Ms` : F) : never;

/** The resolved form of a table of sections. */
export type ResolvedSections<T extends Sections> = {
  readonly [S in keyof T]: {
    readonly [F in keyof T[S] as ResolvedName<F, T[S][F]>]: ResolvedType<T[S][F]>;
  };
};

export type Source = 'default' | 'file' | 'flag';

/** One value as text, for --print-config, /flagz and the start-up log. Holds no secrets. */
export interface EffectiveValue {
  readonly path: string;
  readonly value: string;
  readonly source: Source;
}

export interface Config extends ResolvedSections<typeof options> {
  /** Every value in table order with its source. */
  readonly effective: readonly EffectiveValue[];
}

/** A resolved value by its path (`window.duration`), before it is nested. */
export interface Setting {
  readonly value: ResolvedValue;
  readonly source: Source;
}

export type Settings = ReadonlyMap<string, Setting>;

/** Walks a table in its own order. */
export function* eachOption(table: Sections): Generator<readonly [path: string, option: Option]> {
  for (const [section, fields] of Object.entries(table)) {
    for (const [field, option] of Object.entries(fields)) yield [`${section}.${field}`, option];
  }
}

/** Nests settings under the names the program uses. */
export function nest<T extends Sections>(table: T, settings: Settings): ResolvedSections<T> {
  const nested: Record<string, Record<string, ResolvedValue>> = {};
  for (const [section, fields] of Object.entries(table)) {
    const resolved: Record<string, ResolvedValue> = {};
    for (const [field, option] of Object.entries(fields)) {
      const setting = settings.get(`${section}.${field}`);
      if (setting === undefined) throw new Error(`No setting for ${section}.${field}`);
      resolved[option.kind === 'duration' ? `${field}Ms` : field] = setting.value;
    }
    nested[section] = Object.freeze(resolved);
  }
  return Object.freeze(nested) as ResolvedSections<T>;
}

export function effectiveValues(table: Sections, settings: Settings): readonly EffectiveValue[] {
  const rows: EffectiveValue[] = [];
  for (const [path, option] of eachOption(table)) {
    const setting = settings.get(path);
    if (setting === undefined) continue;
    rows.push({ path, value: formatValue(option, setting.value), source: setting.source });
  }
  return Object.freeze(rows);
}

export function buildConfig(settings: Settings): Config {
  return Object.freeze({
    ...nest(options, settings),
    effective: effectiveValues(options, settings),
  });
}
