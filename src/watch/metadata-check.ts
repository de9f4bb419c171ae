/**
 * Asks upstream for a page of its own PartialObjectMetadata and for one object of it, and has them compared with what a
 * lane of whole objects would show.
 *
 * Two calls per list of a lane, at the first request for its metadata. Decides nothing: who asked follows the metadata
 * separately unless the answer is `equal`.
 */
import type { Compared, MetadataCut } from '../cache/metadata-cut.ts';
import type { Codec } from '../k8s/encoding.ts';
import { collectionPath, type Resource } from '../k8s/resource.ts';
import { PAGE_ITEMS } from './initial-list.ts';
import { listPath } from './paths.ts';
import { readBody, statusReason } from './read-body.ts';
import { type CallBounds, openWithin, reasonOf, type UpstreamReader } from './upstream-reader.ts';

/** A page of metadata is some hundred KiB; more than this is not compared. */
const MAX_PAGE_BYTES = 64 * 1024 ** 2;

export interface MetadataCheckOptions {
  readonly resource: Resource;
  readonly reader: UpstreamReader;
  /** Upstream's own PartialObjectMetadata. */
  readonly codec: Codec;
  readonly cut: MetadataCut;
}

export async function checkMetadata(
  options: MetadataCheckOptions,
  bounds: CallBounds,
): Promise<Compared> {
  const { resource, codec, cut } = options;
  const page = await fetch(options, listPath(resource, PAGE_ITEMS, ''), codec.acceptList, bounds);
  if (typeof page === 'string') return { kind: 'nothing', reason: page };
  const list = cut.list(page);
  if (list.kind !== 'equal') return list;
  const { namespace, name } = list.first;
  const path = `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}`;
  const body = await fetch(options, path, codec.acceptWatch, bounds);
  // An object that is gone or changed since then takes nothing away from the page.
  const object = typeof body === 'string' ? list : cut.object(body);
  return object.kind === 'different' ? object : list;
}

/** The body of a 200, or why there is none. */
async function fetch(
  { reader }: MetadataCheckOptions,
  path: string,
  accept: string,
  bounds: CallBounds,
): Promise<Buffer | string> {
  const limits = { clock: bounds.clock, silenceMs: bounds.openTimeoutMs, maxBytes: MAX_PAGE_BYTES };
  try {
    const response = await openWithin(reader, path, { headers: { accept } }, bounds);
    if (response.status === 200) return await readBody(response.body, limits);
    return await statusReason(response, limits);
  } catch (error) {
    return reasonOf(error);
  }
}
