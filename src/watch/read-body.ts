/**
 * Reads a whole response body, bounded in size and in silence.
 */

import type { Encoding } from '../k8s/encoding.ts';
import { jsonEncoding } from '../k8s/encoding-json.ts';
import type { Clock } from './clock.ts';
import { reasonOf, type ReadBody, type ReadResponse } from './upstream-reader.ts';

export interface BodyLimits {
  readonly clock: Clock;
  /** A longer body is refused. */
  readonly maxBytes: number;
  /** No bytes for this long end the reading. */
  readonly silenceMs: number;
}

export type BodyErrorCode = 'TOO_LARGE' | 'SILENT';

export class BodyError extends Error {
  readonly code: BodyErrorCode;

  constructor(code: BodyErrorCode, message: string) {
    super(message);
    this.name = 'BodyError';
    this.code = code;
  }
}

/** @throws BodyError at a limit, and whatever the transport throws when the body breaks off. */
export async function readBody(body: ReadBody, limits: BodyLimits): Promise<Buffer> {
  const { clock, silenceMs, maxBytes } = limits;
  const chunks: Uint8Array[] = [];
  let total = 0;
  let silent = false;
  const onSilence = (): void => {
    silent = true;
    body.destroy();
  };
  let timer = clock.timer(silenceMs, onSilence);
  try {
    for await (const chunk of body) {
      timer.cancel();
      timer = clock.timer(silenceMs, onSilence);
      total += chunk.length;
      if (total > maxBytes) {
        throw new BodyError('TOO_LARGE', `a response is longer than ${maxBytes} bytes`);
      }
      chunks.push(chunk);
    }
  } catch (error) {
    if (!silent) throw error;
  } finally {
    timer.cancel();
    body.destroy();
  }
  if (silent) throw new BodyError('SILENT', `a response was silent for ${silenceMs} ms`);
  return chunks.length === 1 && Buffer.isBuffer(chunks[0])
    ? chunks[0]
    : Buffer.concat(chunks, total);
}

/** Error bodies are Status objects of a few hundred bytes, or a line of text. */
const MAX_ERROR_BYTES = 16 * 1024;

/** The message of an answer that was not 200, for logs; reads and closes its body. */
export async function statusReason(
  response: ReadResponse,
  limits: BodyLimits,
  encoding: Encoding = jsonEncoding,
): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readBody(response.body, { ...limits, maxBytes: MAX_ERROR_BYTES });
  } catch (error) {
    return `HTTP ${response.status} (${reasonOf(error)})`;
  }
  // Not a Status: the text itself says what it says.
  const message = encoding.statusMessage(bytes) ?? bytes.toString();
  return `HTTP ${response.status}: ${reasonOf(message.trim())}`;
}
