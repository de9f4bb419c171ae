/**
 * Typed access to the YAML of a kubeconfig, with errors a person can act on.
 *
 * Each error names the file, the path of the field and the accepted form, and never the value: a
 * value may be a secret that was pasted into the wrong field. Unknown fields are ignored, as
 * client-go does, because other tools keep their own settings in kubeconfig files.
 */

import { dirname, resolve } from 'node:path';
import { Secret } from './cluster-config.ts';
import type { PemSource } from './cluster-config.ts';

/** A kubeconfig that cannot be used; `field` is '' when the file as a whole is meant. */
export class KubeconfigError extends Error {
  readonly file: string;
  readonly field: string;

  constructor(file: string, field: string, problem: string) {
    super(field === '' ? `${file}: ${problem}` : `${file}: ${field}: ${problem}`);
    this.name = 'KubeconfigError';
    this.file = file;
    this.field = field;
  }
}

/** One mapping of a kubeconfig, and where it stands. */
export class Fields {
  readonly file: string;
  readonly path: string;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(file: string, path: string, values: Readonly<Record<string, unknown>>) {
    this.file = file;
    this.path = path;
    this.#values = values;
  }

  /** Checks that a YAML value is a mapping; null and undefined count as an empty one. */
  static of(file: string, path: string, value: unknown): Fields {
    if (value === undefined || value === null) {
      return new Fields(file, path, {});
    }
    if (typeof value !== 'object' || Array.isArray(value)) {
      throw new KubeconfigError(file, path, 'expected a mapping (`key: value` lines)');
    }
    return new Fields(file, path, value as Record<string, unknown>);
  }

  /** The same mapping under another path: entries of lists are named, not numbered, in errors. */
  at(path: string): Fields {
    return new Fields(this.file, path, this.#values);
  }

  error(name: string, problem: string): KubeconfigError {
    return new KubeconfigError(this.file, this.#pathOf(name), problem);
  }

  has(name: string): boolean {
    const value = this.#values[name];
    return value !== undefined && value !== null;
  }

  /** A string, '' when absent. */
  text(name: string): string {
    const value = this.#values[name];
    if (value === undefined || value === null) {
      return '';
    }
    if (typeof value !== 'string') {
      throw this.error(name, 'expected a string (put it in quotes)');
    }
    return value;
  }

  flag(name: string): boolean {
    const value = this.#values[name];
    if (value === undefined || value === null) {
      return false;
    }
    if (typeof value !== 'boolean') {
      throw this.error(name, 'expected true or false, without quotes');
    }
    return value;
  }

  child(name: string): Fields {
    return Fields.of(this.file, this.#pathOf(name), this.#values[name]);
  }

  texts(name: string): readonly string[] {
    return this.#list(name).map((item, at) => {
      if (typeof item !== 'string') {
        throw this.error(`${name}[${at}]`, 'expected a string (put it in quotes)');
      }
      return item;
    });
  }

  children(name: string): readonly Fields[] {
    const path = this.#pathOf(name);
    return this.#list(name).map((item, at) => Fields.of(this.file, `${path}[${at}]`, item));
  }

  /** A mapping of names to lists of strings, in the file's order. */
  textLists(name: string): readonly { key: string; values: readonly string[] }[] {
    const map = this.child(name);
    return Object.keys(map.#values).map((key) => ({ key, values: map.texts(key) }));
  }

  /** Base64 as kubeconfig's `*-data` fields have it; '' when absent. Gives the decoded text. */
  base64(name: string): string {
    const text = this.text(name).replaceAll(/\s+/g, '');
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) {
      throw this.error(name, 'expected base64 of PEM text, padded with =');
    }
    return Buffer.from(text, 'base64').toString('latin1');
  }

  #list(name: string): readonly unknown[] {
    const value = this.#values[name];
    if (value === undefined || value === null) {
      return [];
    }
    if (!Array.isArray(value)) {
      throw this.error(name, 'expected a list (`- item` lines)');
    }
    return value;
  }

  #pathOf(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}

/** `NAME-data` (base64) wins over `NAME` (a file, relative to the kubeconfig), as in client-go. */
export function pemSource(fields: Fields, name: string): PemSource | undefined {
  const data = fields.base64(`${name}-data`);
  if (data !== '') {
    const origin = `${fields.file}: ${fields.path}.${name}-data`;
    return { kind: 'data', pem: new Secret(data), origin };
  }
  const file = fields.text(name);
  return file === '' ? undefined : { kind: 'file', path: resolve(dirname(fields.file), file) };
}
