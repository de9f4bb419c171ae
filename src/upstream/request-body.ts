/**
 * Request bodies on their way upstream: counted and limited, never buffered, never parsed.
 *
 * Unlike stream.pipeline this never destroys the caller's stream: when upstream answers early
 * (413, 401) the caller's connection is still needed to carry that answer.
 */

import { Transform } from 'node:stream';
import type { Readable, TransformCallback } from 'node:stream';
import { UpstreamError } from './upstream-error.ts';

/** A stream that passes `source` on and fails with 'body-too-large' past `maxBytes`. */
export function limitedBody(source: Readable, maxBytes: number): Readable {
  const counted = new CountedBody(maxBytes);
  source.on('error', (error: Error) => counted.destroy(brokenBody(error)));
  source.on('close', () => {
    if (!source.readableEnded) {
      counted.destroy(brokenBody());
    }
  });
  // Late errors, after the exchange has let go of the body, are of no interest to anybody.
  counted.on('error', () => {});
  counted.on('close', () => source.unpipe(counted));
  if (source.destroyed && !source.readableEnded) {
    counted.destroy(brokenBody());
  }
  source.pipe(counted);
  return counted;
}

function brokenBody(cause?: Error): UpstreamError {
  return new UpstreamError('aborted', "the caller's request body broke off", cause);
}

class CountedBody extends Transform {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    super();
    this.#maxBytes = maxBytes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#maxBytes) {
      done(tooLarge(this.#maxBytes));
      return;
    }
    done(null, chunk);
  }
}

export function tooLarge(maxBytes: number): UpstreamError {
  return new UpstreamError('body-too-large', `the request body is longer than ${maxBytes} bytes`);
}
