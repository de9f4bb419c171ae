/**
 * Keys for everything that is remembered about callers: HMAC-SHA256 under a random key of this
 * process, over length-prefixed parts. Tokens themselves are never kept as keys, two different
 * lists of parts never give the same input, and a key means nothing outside this process.
 */

import { createHmac, randomBytes } from 'node:crypto';

const PROCESS_KEY = randomBytes(32);

export function digestOf(parts: readonly string[]): string {
  let input = '';
  for (const part of parts) {
    input += `${part.length}:${part}`;
  }
  return createHmac('sha256', PROCESS_KEY).update(input, 'utf8').digest('base64');
}
