// The version in package.json, the only place where it is written.

import { readFileSync } from 'node:fs';

/** `0.1.0` */
export function programVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
