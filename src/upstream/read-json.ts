/**
 * One JSON document read with the proxy's own credential, for discovery.
 *
 * Answers are told apart by what the caller can do about them: a document, "not changed", or a
 * refusal (the account may not, or the server has no such thing). Everything else, also a body that
 * is not JSON or too long, is an UpstreamError: the caller then keeps what it knew.
 */

import type { Readable } from 'node:stream';
import { headerValue } from './headers.ts';
import { UpstreamError } from './upstream-error.ts';

/** What discovery needs of upstream; `Upstream` satisfies it. */
export interface DocumentReader {
  open(
    path: string,
    request: { readonly headers: Readonly<Record<string, string>>; readonly signal: AbortSignal },
  ): Promise<{
    readonly status: number;
    readonly headers: readonly string[];
    readonly body: Readable;
  }>;
}

export type Json = Readonly<Record<string, unknown>>;

export type ReadJson =
  | { readonly kind: 'document'; readonly document: Json; readonly etag: string }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'refused'; readonly status: number };

export interface ReadJsonRequest {
  readonly path: string;
  readonly accept: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** Sent as If-None-Match when not ''. */
  readonly etag?: string;
}

/** Statuses that trying again does not change: no right, no such path, no such representation. */
const REFUSALS = new Set([401, 403, 404, 405, 406]);

export async function readJson(
  reader: DocumentReader,
  request: ReadJsonRequest,
): Promise<ReadJson> {
  const { path, accept, signal, etag = '' } = request;
  const headers: Record<string, string> = { accept };
  if (etag !== '') {
    headers['if-none-match'] = etag;
  }
  const response = await reader.open(path, { headers, signal });
  const text = await readText(response.body, request);
  if (response.status === 304) {
    return { kind: 'unchanged' };
  }
  if (REFUSALS.has(response.status)) {
    return { kind: 'refused', status: response.status };
  }
  if (response.status !== 200) {
    throw new UpstreamError('protocol', `GET ${path} was answered with ${response.status}`);
  }
  const document = parse(text);
  if (document === undefined) {
    throw new UpstreamError('protocol', `GET ${path} was answered with something not JSON`);
  }
  return { kind: 'document', document, etag: headerValue(response.headers, 'etag') ?? '' };
}

async function readText(body: Readable, request: ReadJsonRequest): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > request.maxBytes) {
      const text = `GET ${request.path}: the answer is longer than ${request.maxBytes} bytes`;
      throw new UpstreamError('protocol', text);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): Json | undefined {
  try {
    return asJson(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The value when it is an object, else undefined. */
export function asJson(value: unknown): Json | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Json) : undefined;
}

/** The objects of a list field; anything else in it is skipped. */
export function objectsOf(document: Json | undefined, field: string): readonly Json[] {
  const list = document?.[field];
  return Array.isArray(list) ? list.filter((item) => asJson(item) !== undefined) : [];
}

export function textOf(document: Json | undefined, field: string): string {
  const value = document?.[field];
  return typeof value === 'string' ? value : '';
}

export function childOf(document: Json | undefined, field: string): Json | undefined {
  return asJson(document?.[field]);
}
