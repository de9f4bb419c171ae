/**
 * Paged LISTs for discovery: one callback per item, bounded pages, so that no parse holds the event
 * loop for long. A list that expires half way is an error like any other; the next refresh starts
 * again.
 */

import { childOf, objectsOf, readJson, textOf } from './read-json.ts';
import type { DocumentReader, Json } from './read-json.ts';
import { UpstreamError } from './upstream-error.ts';

export interface PagedRequest {
  readonly path: string;
  readonly pageSize: number;
  readonly signal: AbortSignal;
  readonly accept?: string;
}

export type PagedOutcome =
  { readonly kind: 'complete' } | { readonly kind: 'refused'; readonly status: number };

/** Bound on the pages of one list, against a server that hands out tokens without end. */
const MAX_PAGES = 1_000;

export class PagedReader {
  readonly #reader: DocumentReader;
  readonly #maxBytes: number;

  constructor(reader: DocumentReader, maxBytes: number) {
    this.#reader = reader;
    this.#maxBytes = maxBytes;
  }

  /** One object, or undefined when it is refused or gone. */
  async one(path: string, signal: AbortSignal): Promise<Json | undefined> {
    const request = { path, accept: 'application/json', maxBytes: this.#maxBytes, signal };
    const answer = await readJson(this.#reader, request);
    return answer.kind === 'document' ? answer.document : undefined;
  }

  async each(request: PagedRequest, onItem: (item: Json) => void): Promise<PagedOutcome> {
    const { path, pageSize, signal, accept = 'application/json' } = request;
    let token = '';
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const more = token === '' ? '' : `&continue=${encodeURIComponent(token)}`;
      const answer = await readJson(this.#reader, {
        path: `${path}?limit=${pageSize}${more}`,
        accept,
        maxBytes: this.#maxBytes,
        signal,
      });
      if (answer.kind !== 'document') {
        return { kind: 'refused', status: answer.kind === 'refused' ? answer.status : 304 };
      }
      for (const item of objectsOf(answer.document, 'items')) {
        onItem(item);
      }
      token = textOf(childOf(answer.document, 'metadata'), 'continue');
      if (token === '') {
        return { kind: 'complete' };
      }
    }
    throw new UpstreamError('protocol', `LIST ${path} has more than ${MAX_PAGES} pages`);
  }
}
