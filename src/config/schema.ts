// The JSON Schema of the configuration file, generated from the option table, and its check with
// ajv. Errors come out as "field.path: what is wrong; write what", one per field.
// Ranges are not in the schema: units.ts knows durations and quantities, resolveValue checks both.

import { Ajv } from 'ajv';
import type { ErrorObject } from 'ajv';
import { closest } from './closest.ts';
import { eachOption } from './config.ts';
import { acceptedForm } from './option.ts';
import type { Option } from './option.ts';
import { API_VERSION, KIND, options } from './options.ts';

type JsonSchema = Readonly<Record<string, unknown>>;

/** The table by path; a section maps to undefined. */
const byPath: ReadonlyMap<string, Option> = new Map(eachOption(options));

function optionSchema(option: Option): JsonSchema {
  switch (option.kind) {
    case 'integer':
      return { type: 'integer' };
    case 'boolean':
      return { type: 'boolean' };
    case 'bytes':
      return { type: ['string', 'integer'] };
    case 'strings':
      return { type: 'array', items: { type: 'string' } };
    case 'choice':
      return { enum: option.choices };
    default:
      return { type: 'string' };
  }
}

/** The whole file as JSON Schema; also what an editor would be given. */
export function fileSchema(): JsonSchema {
  const sections: Record<string, JsonSchema> = {};
  for (const [section, fields] of Object.entries(options)) {
    const properties: Record<string, JsonSchema> = {};
    for (const [field, option] of Object.entries(fields)) properties[field] = optionSchema(option);
    sections[section] = { type: 'object', properties, additionalProperties: false };
  }
  return {
    type: 'object',
    required: ['apiVersion', 'kind'],
    properties: { apiVersion: { const: API_VERSION }, kind: { const: KIND }, ...sections },
    additionalProperties: false,
  };
}

/** Every problem of a parsed file, each beginning with its field path; empty when it is sound. */
export function checkFile(document: unknown): readonly string[] {
  const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(fileSchema());
  if (validate(document)) return [];
  const problems = (validate.errors ?? []).map(describe);
  return [...new Set(problems)];
}

function describe(error: ErrorObject): string {
  const path = error.instancePath.slice(1).replaceAll('/', '.');
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownField(path, String(error.params['additionalProperty']));
    case 'required':
      return requiredField(String(error.params['missingProperty']));
    default:
      return wrongType(path);
  }
}

function unknownField(parent: string, name: string): string {
  const path = parent === '' ? name : `${parent}.${name}`;
  const known = parent === '' ? ['apiVersion', 'kind', ...Object.keys(options)] : fieldsOf(parent);
  const suggestion = closest(name, known);
  const hint =
    suggestion === undefined
      ? `known here: ${known.join(', ')}`
      : `did you mean ${parent === '' ? suggestion : `${parent}.${suggestion}`}?`;
  return `${path}: unknown field; ${hint}`;
}

function fieldsOf(section: string): readonly string[] {
  return Object.keys(options[section as keyof typeof options] ?? {});
}

function requiredField(name: string): string {
  return `${name}: missing; write ${name === 'kind' ? KIND : API_VERSION}`;
}

function wrongType(path: string): string {
  if (path === '') return 'the file: not a mapping of fields; write apiVersion, kind and sections';
  if (path === 'apiVersion') return `apiVersion: not known; write ${API_VERSION}`;
  if (path === 'kind') return `kind: not known; write ${KIND}`;
  // A list item is reported by its index: resources.pinned.0.
  const option = byPath.get(path) ?? byPath.get(path.replace(/\.\d+$/, ''));
  if (option === undefined) return `${path}: not a mapping of fields; write ${path}: {…}`;
  return `${path}: wrong type; write ${acceptedForm(option)}`;
}
