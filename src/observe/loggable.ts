/**
 * What a log line may hold of a value, decided by construction: of an error its type, message, code, stack and
 * causes, and none of the requests, buffers and sockets that libraries hang on errors; of bytes their number; of
 * whatever stands under the name of a credential nothing. Always ends and never throws: rings, depth and length
 * have bounds. What is left as text goes through redact() with the finished line.
 */

import { isSecretName, REDACTED } from './redact.ts';

/** Characters of all values of one line together, and of one text among them. */
const MAX_CHARACTERS = 32_768;
const MAX_TEXT = 4_096;
const MAX_DEPTH = 8;
/** What a value costs beside its text, so that empty ones have a bound too. */
const CHARACTERS_PER_VALUE = 8;

interface Budget {
  left: number;
}

type Fields = Record<string, unknown>;

/** The fields of one line. */
export function loggable(fields: object): Fields {
  return fieldsOf(Object.entries(fields), 0, { left: MAX_CHARACTERS });
}

function valueOf(value: unknown, depth: number, budget: Budget): unknown {
  budget.left -= CHARACTERS_PER_VALUE;
  if (typeof value === 'string') return textOf(value, budget);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > MAX_DEPTH || budget.left <= 0) return '[left out]';
  try {
    return objectOf(value, depth + 1, budget);
  } catch {
    return '[unreadable]';
  }
}

function objectOf(value: object, depth: number, budget: Budget): unknown {
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Error) return errorOf(value, depth, budget);
  if (Array.isArray(value)) return listOf(value, depth, budget);
  if (value instanceof Set) return listOf([...value], depth, budget);
  if (value instanceof Map) return fieldsOf([...value], depth, budget);
  const { toJSON } = value as { readonly toJSON?: unknown };
  if (typeof toJSON === 'function') return valueOf(toJSON.call(value), depth, budget);
  return fieldsOf(Object.entries(value), depth, budget);
}

function errorOf(error: Error, depth: number, budget: Budget): Fields {
  const { code, errors } = error as { readonly code?: unknown; readonly errors?: unknown };
  const facts: Fields = {
    type: textOf(error.constructor.name, budget),
    message: textOf(String(error.message), budget),
  };
  if (typeof code === 'string' || typeof code === 'number') facts['code'] = code;
  facts['stack'] = textOf(String(error.stack), budget);
  if (error.cause !== undefined) facts['cause'] = valueOf(error.cause, depth, budget);
  if (Array.isArray(errors)) facts['errors'] = listOf(errors, depth, budget);
  return facts;
}

function listOf(values: readonly unknown[], depth: number, budget: Budget): unknown[] {
  const list: unknown[] = [];
  for (const value of values) {
    if (budget.left <= 0) break;
    list.push(valueOf(value, depth, budget));
  }
  return list;
}

function fieldsOf(
  entries: readonly (readonly [unknown, unknown])[],
  depth: number,
  budget: Budget,
): Fields {
  const fields: Fields = {};
  for (const [key, value] of entries) {
    if (budget.left <= 0) break;
    const name = textOf(String(key), budget);
    fields[name] = isSecretName(name) ? REDACTED : valueOf(value, depth, budget);
  }
  return fields;
}

function textOf(text: string, budget: Budget): string {
  const kept = text.slice(0, Math.max(0, Math.min(MAX_TEXT, budget.left)));
  budget.left -= kept.length;
  return kept.length === text.length ? kept : `${kept}…`;
}
