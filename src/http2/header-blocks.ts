/**
 * Header blocks: HEADERS and the CONTINUATION behind it, which nothing may come between (RFC 9113 6.10), bounded in bytes
 * and frames, and decoded at their end.
 */

import {
  ConnectionError,
  ErrorCode,
  Flag,
  MAX_STREAM_ID,
  unpadded,
  wrong,
  wrongSize,
} from './frame.ts';
import { type HeaderList, HpackDecoder } from './hpack-decoder.ts';

export interface HeaderBlock {
  readonly stream: number;
  readonly endStream: boolean;
  readonly list: HeaderList;
}

interface Unfinished {
  readonly stream: number;
  readonly endStream: boolean;
  readonly parts: Buffer[];
  readonly sinceMs: number;
  bytes: number;
}

/** Weight and stream that one depends on, of the older specification. */
export const PRIORITY_BYTES = 5;
/** Clients fill them, and need one for 16 KiB. */
const MAX_FRAMES = 32;

export class HeaderBlocks {
  readonly #maxBytes: number;
  readonly #decoder: HpackDecoder;
  #unfinished: Unfinished | undefined;

  /** `maxBytes`: of a block, and of the list in it by the measure of RFC 9113 6.5.2. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#decoder = new HpackDecoder(maxBytes);
  }

  /** Nothing but its CONTINUATION may come. */
  get isOpen(): boolean {
    return this.#unfinished !== undefined;
  }

  /** How long one has been under way; 0 when there is none. */
  ageMs(nowMs: number): number {
    return this.#unfinished === undefined ? 0 : nowMs - this.#unfinished.sinceMs;
  }

  /** The payload of HEADERS; a block when it ends with it. */
  begin(flags: number, stream: number, payload: Buffer): HeaderBlock | undefined {
    if (stream % 2 === 0) throw wrong('HEADERS on a stream of the server');
    let part = unpadded(flags, payload);
    if ((flags & Flag.priority) !== 0) {
      if (part.length < PRIORITY_BYTES) throw wrongSize('HEADERS');
      if ((part.readUInt32BE(0) & MAX_STREAM_ID) === stream) throw wrong('a stream upon itself');
      part = part.subarray(PRIORITY_BYTES);
    }
    const endStream = (flags & Flag.endStream) !== 0;
    this.#unfinished = { stream, endStream, parts: [], sinceMs: Date.now(), bytes: 0 };
    return this.#add(this.#unfinished, flags, part);
  }

  /** The payload of CONTINUATION. */
  continue(flags: number, stream: number, payload: Buffer): HeaderBlock | undefined {
    const block = this.#unfinished;
    if (block === undefined || block.stream !== stream) throw wrong('CONTINUATION of nothing');
    return this.#add(block, flags, payload);
  }

  #add(block: Unfinished, flags: number, part: Buffer): HeaderBlock | undefined {
    block.bytes += part.length;
    if (block.bytes > this.#maxBytes || block.parts.length === MAX_FRAMES) {
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'a header block beyond the limit');
    }
    const ends = (flags & Flag.endHeaders) !== 0;
    // What waits for its end must not keep the memory that it came in.
    block.parts.push(ends ? part : Buffer.from(part));
    if (!ends) return undefined;
    this.#unfinished = undefined;
    const { parts, stream, endStream } = block;
    const bytes = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    return { stream, endStream, list: this.#decoder.decode(bytes) };
  }
}
