/**
 * Asks upstream for its revision now, at the cost of one key look-up (apiserver-semantics 12.2, "name probe").
 *
 * The answer is at least the revision of every write acknowledged before the probe was sent.
 */

import { parseRevisionBytes } from '../k8s/revision.ts';
import type { Resource } from '../k8s/resource.ts';
import { JsonListScanner } from '../k8s/scan-list-json.ts';
import { ACCEPT_JSON, probePath } from './paths.ts';
import { readBody, statusReason } from './read-body.ts';
import { type CallBounds, openWithin, reasonOf, type UpstreamReader } from './upstream-reader.ts';

export type ProbeOutcome =
  | { readonly kind: 'revision'; readonly revision: number }
  | { readonly kind: 'failed'; readonly reason: string };

/** A list of nothing is some hundred bytes; more means that somebody's object was found. */
const MAX_PROBE_BYTES = 4 * 1024 * 1024;

export async function probe(
  reader: UpstreamReader,
  resource: Resource,
  bounds: CallBounds,
): Promise<ProbeOutcome> {
  const limits = {
    clock: bounds.clock,
    silenceMs: bounds.openTimeoutMs,
    maxBytes: MAX_PROBE_BYTES,
  };
  try {
    const request = { headers: { accept: ACCEPT_JSON } };
    const response = await openWithin(reader, probePath(resource), request, bounds);
    if (response.status !== 200) {
      return { kind: 'failed', reason: await statusReason(response, limits) };
    }
    const bytes = await readBody(response.body, limits);
    const list = new JsonListScanner();
    list.open(bytes, 0, bytes.length);
    while (list.next());
    if (list.problem !== '') return { kind: 'failed', reason: `probe: ${list.problem}` };
    const revision = parseRevisionBytes(bytes, list.revisionStart, list.revisionEnd);
    if (revision <= 0) return { kind: 'failed', reason: 'probe: no usable revision' };
    return { kind: 'revision', revision };
  } catch (error) {
    return { kind: 'failed', reason: reasonOf(error) };
  }
}
