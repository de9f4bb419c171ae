// The recorded answers of a real kube-apiserver, for tests.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Recording {
  /** `pods/list`, `pods/watch`, `live/red`, `error/not-found`: what was asked. */
  readonly name: string;
  /** `pb`, `json`, `pb-metadata` or `json-metadata`: in which form. */
  readonly form: string;
  readonly path: string;
  readonly status: number;
  readonly contentType: string;
  /** Base64. */
  readonly body: string;
}

const all = new Map<string, Recording>();
for (const line of readFileSync(join(import.meta.dirname, 'recordings.jsonl'), 'utf8').split(
  '\n',
)) {
  if (line === '') continue;
  const each = JSON.parse(line) as Recording;
  all.set(`${each.name} ${each.form}`, each);
}

export function recording(name: string, form: string): Recording {
  const found = all.get(`${name} ${form}`);
  if (found === undefined) throw new Error(`nothing recorded as ${name} ${form}`);
  return found;
}

/** A recorded body. */
export function recorded(name: string, form: string): Buffer {
  return Buffer.from(recording(name, form).body, 'base64');
}
