/**
 * What watch/ needs of upstream: one GET with the proxy's own credential. `Upstream.open` satisfies it by shape.
 */

import type { Clock } from './clock.ts';

export interface ReadRequest {
  readonly signal: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  /** A watch: no time limit of the transport's own may end its body. */
  readonly longRunning?: boolean;
}

export interface ReadResponse {
  readonly status: number;
  /** Raw pairs: name, value, name, value. */
  readonly headers: readonly string[];
  readonly body: ReadBody;
}

/** Ends by itself when upstream ended it cleanly, throws when it was cut or the signal fired. */
export interface ReadBody extends AsyncIterable<Uint8Array> {
  destroy(): unknown;
}

export interface UpstreamReader {
  /** @throws when there is no response: refused, timed out, aborted. */
  open(path: string, request: ReadRequest): Promise<ReadResponse>;
}

/** What bounds one call: `controller` ends it, and is fired when no answer began in time. */
export interface CallBounds {
  readonly clock: Clock;
  readonly controller: AbortController;
  readonly openTimeoutMs: number;
}

/**
 * Opens a path, waiting at most `openTimeoutMs` for the response to begin.
 *
 * @throws what the reader throws, or an Error that says how long it waited.
 */
export async function openWithin(
  reader: UpstreamReader,
  path: string,
  request: Omit<ReadRequest, 'signal'>,
  bounds: CallBounds,
): Promise<ReadResponse> {
  const { clock, controller, openTimeoutMs } = bounds;
  let late = false;
  const timer = clock.timer(openTimeoutMs, () => {
    late = true;
    controller.abort();
  });
  try {
    return await reader.open(path, { ...request, signal: controller.signal });
  } catch (error) {
    throw late ? new Error(`no answer within ${openTimeoutMs} ms`, { cause: error }) : error;
  } finally {
    timer.cancel();
  }
}

/** A header's value, by its name in lower case; undefined when it is absent. */
export function headerOf(response: ReadResponse, name: string): string | undefined {
  const { headers } = response;
  for (let k = 0; k + 1 < headers.length; k += 2) {
    if (headers[k].toLowerCase() === name) return headers[k + 1];
  }
  return undefined;
}

/** Why something failed, as short text for logs and the status page. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
