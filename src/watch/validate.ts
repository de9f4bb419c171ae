/**
 * Proves a lane current by comparison: one list of names and revisions from upstream, now, against what the lane
 * holds (apiserver-semantics 12.4 C). Same objects at the same revisions means the same state, so what the lane holds at
 * that position is the state at the list's revision, however old its frontier.
 *
 * It does not move the frontier: between the two something may have been made and deleted again, and its events are still
 * to come.
 */

import { parseRevisionBytes } from '../k8s/revision.ts';
import type { Encoding } from '../k8s/encoding.ts';
import { jsonEncoding } from '../k8s/encoding-json.ts';
import { protobufEncoding } from '../k8s/encoding-protobuf.ts';
import type { Resource } from '../k8s/resource.ts';
import { JsonScanner } from '../k8s/scan-json.ts';
import { ProtobufScanner } from '../k8s/scan-protobuf.ts';
import type { LaneWriter } from './lane-writer.ts';
import { ACCEPT_METADATA, listPath } from './paths.ts';
import { readBody, statusReason } from './read-body.ts';
import {
  type CallBounds,
  headerOf,
  openWithin,
  reasonOf,
  type ReadResponse,
  type UpstreamReader,
} from './upstream-reader.ts';

/** Items compared between two turns of the event loop. */
const SLICE_ITEMS = 128;

/** A list of names, revisions and places, as upstream gave it. */
export interface FetchedList {
  readonly kind: 'list';
  readonly encoding: Encoding;
  readonly bytes: Uint8Array;
  readonly revision: number;
  /** Start and end of each item, one after the other. */
  readonly places: readonly number[];
}

export interface ValidateOptions {
  readonly resource: Resource;
  readonly reader: UpstreamReader;
  readonly maxBytes: number;
}

export type Comparison =
  /** The lane at this position holds exactly the list. */
  | { readonly kind: 'equal'; readonly position: number }
  /** It does not, at least not yet. */
  | { readonly kind: 'different' }
  /** It moved while it was compared. */
  | { readonly kind: 'moved' }
  | { readonly kind: 'failed'; readonly reason: string };

export async function fetchMetadataList(
  options: ValidateOptions,
  bounds: CallBounds,
): Promise<FetchedList | { readonly kind: 'failed'; readonly reason: string }> {
  const { resource, reader, maxBytes } = options;
  const limits = { clock: bounds.clock, silenceMs: bounds.openTimeoutMs, maxBytes };
  try {
    const request = { headers: { accept: ACCEPT_METADATA } };
    const response = await openWithin(reader, listPath(resource, 0, ''), request, bounds);
    if (response.status !== 200) {
      return { kind: 'failed', reason: await statusReason(response, limits, encodingOf(response)) };
    }
    const bytes = await readBody(response.body, limits);
    const encoding = encodingOf(response);
    const list = encoding.makeListCursor();
    const places: number[] = [];
    list.open(bytes, 0, bytes.length);
    while (list.next()) {
      places.push(list.itemStart, list.itemEnd);
      if (list.items % SLICE_ITEMS === 0) await bounds.clock.turn();
    }
    if (list.problem !== '') {
      return { kind: 'failed', reason: `validating list: ${list.problem}` };
    }
    const revision = parseRevisionBytes(bytes, list.revisionStart, list.revisionEnd);
    if (revision <= 0 || list.continueToken !== '') {
      return { kind: 'failed', reason: 'validating list: not complete at one revision' };
    }
    return { kind: 'list', encoding, bytes, revision, places };
  } catch (error) {
    return { kind: 'failed', reason: reasonOf(error) };
  }
}

/** Upstream chose among the forms it was offered. */
function encodingOf(response: ReadResponse): Encoding {
  const type = headerOf(response, 'content-type') ?? '';
  return type.includes('protobuf') ? protobufEncoding : jsonEncoding;
}

export class Comparer {
  readonly #writer: LaneWriter;
  readonly #scanners = { json: new JsonScanner(), protobuf: new ProtobufScanner() };
  readonly #turn: () => Promise<void>;

  /** @param turn lets the event loop turn. */
  constructor(writer: LaneWriter, turn: () => Promise<void>) {
    this.#writer = writer;
    this.#turn = turn;
  }

  /** Compares in slices; when the lane moves meanwhile, the question may be asked again. */
  async compare(list: FetchedList): Promise<Comparison> {
    const writer = this.#writer;
    const { bytes, places, encoding } = list;
    const scan = this.#scanners[encoding.name];
    const items = places.length / 2;
    const position = writer.head;
    if (items !== writer.objects) return { kind: 'different' };
    for (let k = 0; k < items; k++) {
      if (!scan.scanItem(bytes, places[2 * k], places[2 * k + 1])) {
        return { kind: 'failed', reason: `validating list item ${k}: ${scan.problem}` };
      }
      if (!writer.contains(bytes, scan)) return { kind: 'different' };
      if (k % SLICE_ITEMS === SLICE_ITEMS - 1) {
        await this.#turn();
        if (writer.head !== position) return { kind: 'moved' };
      }
    }
    return { kind: 'equal', position };
  }
}
