/**
 * A complete list in pages, for upstreams without streaming lists.
 *
 * Each page is read whole, taken apart, and its items added to the load in slices, so that a page never holds the event
 * loop for long. All pages must be of one revision: a token that expired, or a server that goes on at another revision,
 * starts the list over, with larger pages so that it ends sooner.
 */

import { parseRevisionBytes } from '../k8s/revision.ts';
import type { Resource } from '../k8s/resource.ts';
import type { Codec, ListCursor, Scanner } from '../k8s/encoding.ts';
import { retryAfterMs } from './backoff.ts';
import type { IngestCounters } from './ingest-counters.ts';
import type { LaneLoad } from './lane-writer.ts';
import { listPath } from './paths.ts';
import { BodyError, readBody, statusReason } from './read-body.ts';
import {
  type CallBounds,
  headerOf,
  openWithin,
  reasonOf,
  type UpstreamReader,
} from './upstream-reader.ts';

/** What client-go's pager and kube-apiserver's own clients ask for. */
export const PAGE_ITEMS = 500;
const MAX_PAGE_ITEMS = 10_000;

/** How often a list is started over before it counts as failed. */
const MAX_RESTARTS = 4;

/** Items added between two turns of the event loop: about a millisecond of pods. */
const SLICE_ITEMS = 64;

export type ListOutcome =
  | { readonly kind: 'complete'; readonly revision: number }
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly retryAfterMs: number;
      readonly reason: string;
    }
  | { readonly kind: 'failed'; readonly reason: string };

export interface PagedListOptions extends CallBounds {
  readonly resource: Resource;
  readonly reader: UpstreamReader;
  readonly codec: Codec;
  readonly scan: Scanner;
  readonly counters: IngestCounters;
  /** A page body larger than this fails the list. */
  readonly maxPageBytes: number;
  /** No bytes of a page for this long fail the list. */
  readonly silenceMs: number;
  /** Starts a load; the one before, if any, has been abandoned. */
  readonly beginLoad: () => LaneLoad;
}

/** Fills a load with the most recent state. The load is finished or abandoned when this returns. */
export async function pagedList(options: PagedListOptions): Promise<ListOutcome> {
  let pageItems = PAGE_ITEMS;
  for (let restart = 0; restart <= MAX_RESTARTS; restart++) {
    const load = options.beginLoad();
    let complete = false;
    try {
      const outcome = await allPages(options, load, pageItems);
      if (outcome.kind === 'complete') {
        complete = true;
        options.counters.lists++;
        load.finish(outcome.revision);
      }
      if (outcome.kind !== 'restart') return outcome;
    } finally {
      if (!complete) load.abandon();
    }
    pageItems = Math.min(pageItems * 4, MAX_PAGE_ITEMS);
  }
  return { kind: 'failed', reason: 'the list expired faster than it could be read' };
}

async function allPages(
  options: PagedListOptions,
  load: LaneLoad,
  pageItems: number,
): Promise<ListOutcome | { readonly kind: 'restart' }> {
  let continueToken = '';
  let revision = -1;
  for (;;) {
    const page = await fetchPage(options, listPath(options.resource, pageItems, continueToken));
    if (page.kind === 'refused') {
      return page.status === 410 && continueToken !== '' ? { kind: 'restart' } : page;
    }
    if (page.kind === 'failed') return page;
    const { bytes } = page;
    const list = options.codec.encoding.makeListCursor();
    list.open(bytes, 0, bytes.length);
    const problem = await addItems(options, load, bytes, list);
    if (problem !== '') return { kind: 'failed', reason: problem };
    const pageRevision = parseRevisionBytes(bytes, list.revisionStart, list.revisionEnd);
    if (pageRevision <= 0) return { kind: 'failed', reason: 'list without a usable revision' };
    if (revision !== -1 && revision !== pageRevision) return { kind: 'restart' };
    revision = pageRevision;
    if (list.continueToken === '') return { kind: 'complete', revision };
    if (list.continueToken === continueToken) {
      return { kind: 'failed', reason: 'the list does not go on' };
    }
    continueToken = list.continueToken;
  }
}

/** Takes all items of a page; returns what was wrong with it, or ''. */
async function addItems(
  options: PagedListOptions,
  load: LaneLoad,
  bytes: Uint8Array,
  list: ListCursor,
): Promise<string> {
  const { scan, counters } = options;
  while (list.next()) {
    const usable =
      scan.scanItem(bytes, list.itemStart, list.itemEnd) &&
      scan.nameStart !== scan.nameEnd &&
      parseRevisionBytes(bytes, scan.revisionStart, scan.revisionEnd) > 0;
    if (!usable) {
      counters.garbage++;
      const problem = scan.problem || 'no name or no usable resourceVersion';
      return `list item ${list.items - 1}: ${problem}`;
    }
    load.add(bytes, scan);
    counters.listed++;
    if (list.items % SLICE_ITEMS === 0) {
      await options.clock.turn();
      if (options.controller.signal.aborted) return 'no longer wanted';
    }
  }
  if (list.problem === '') return '';
  counters.garbage++;
  return `list body: ${list.problem}`;
}

type Page =
  { readonly kind: 'page'; readonly bytes: Buffer } | Exclude<ListOutcome, { kind: 'complete' }>;

async function fetchPage(options: PagedListOptions, path: string): Promise<Page> {
  const { reader, maxPageBytes: maxBytes, clock, silenceMs } = options;
  try {
    const response = await openWithin(
      reader,
      path,
      { headers: { accept: options.codec.acceptList } },
      options,
    );
    const limits = { clock, silenceMs, maxBytes };
    if (response.status !== 200) {
      return {
        kind: 'refused',
        status: response.status,
        retryAfterMs: retryAfterMs(headerOf(response, 'retry-after')),
        reason: await statusReason(response, limits, options.codec.encoding),
      };
    }
    const bytes = await readBody(response.body, limits);
    options.counters.bytes += bytes.length;
    return { kind: 'page', bytes };
  } catch (error) {
    if (error instanceof BodyError) return { kind: 'failed', reason: error.message };
    return { kind: 'failed', reason: reasonOf(error) };
  }
}
