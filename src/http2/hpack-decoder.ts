/**
 * Decodes header blocks (RFC 7541). One per connection: what a block adds to the table is used by those behind it, so
 * every block is decoded to its end, also of requests that are refused.
 */

import { ConnectionError, ErrorCode } from './frame.ts';
import { DynamicTable, type Field, fieldBytes, STATIC_FIELDS } from './hpack-table.ts';
import { decodeHuffman } from './huffman.ts';

/** What we allow, which is what everybody starts with. */
const TABLE_BYTES = 4096;
/** Of an integer: more is no index or length of anything that fits into a block. */
const MAX_INTEGER = 2 ** 28;

/** Names and values in turn, as latin1: a character a byte. */
export interface HeaderList {
  readonly fields: string[];
  /** Of all of them by the measure of RFC 9113 6.5.2; beyond the limit, fields are counted and left out. */
  readonly bytes: number;
}

let scratch = Buffer.allocUnsafe(8_192);

export class HpackDecoder {
  readonly #maxListBytes: number;
  readonly #table = new DynamicTable(TABLE_BYTES);
  #block: Buffer = scratch;
  #at = 0;

  constructor(maxListBytes: number) {
    this.#maxListBytes = maxListBytes;
  }

  /** @throws ConnectionError COMPRESSION_ERROR: the tables of both sides differ from here on. */
  decode(block: Buffer): HeaderList {
    this.#block = block;
    this.#at = 0;
    const fields: string[] = [];
    let bytes = 0;
    let mayResize = true;
    while (this.#at < block.length) {
      const first = block[this.#at];
      if ((first & 0xe0) === 0x20) {
        if (!mayResize) throw broken('a change of the table within a block');
        this.#resize();
        continue;
      }
      mayResize = false;
      const { name, value } = this.#field(first);
      bytes += fieldBytes(name, value);
      if (bytes <= this.#maxListBytes) fields.push(name, value);
    }
    return { fields, bytes };
  }

  #field(first: number): Field {
    if (first >= 0x80) return this.#indexed(this.#integer(7));
    const isAdded = first >= 0x40;
    const index = this.#integer(isAdded ? 6 : 4);
    const name = index === 0 ? this.#text() : this.#indexed(index).name;
    const field = { name, value: this.#text() };
    if (isAdded) this.#table.add(field);
    return field;
  }

  #indexed(index: number): Field {
    const field =
      index <= STATIC_FIELDS.length
        ? STATIC_FIELDS[index - 1]
        : this.#table.at(index - STATIC_FIELDS.length - 1);
    if (field === undefined) throw broken('an index of nothing');
    return field;
  }

  #resize(): void {
    const bytes = this.#integer(5);
    if (bytes > TABLE_BYTES) throw broken('a table larger than allowed');
    this.#table.resize(bytes);
  }

  /** In the low `bits` of a byte, and if they are all ones in those behind it (RFC 7541 5.1). */
  #integer(bits: number): number {
    const most = (1 << bits) - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (value > MAX_INTEGER || scale > MAX_INTEGER) throw broken('an integer out of range');
      if (byte < 0x80) return value;
    }
  }

  #text(): string {
    const isHuffman = this.#block[this.#at] >= 0x80;
    const length = this.#integer(7);
    const start = this.#at;
    const end = start + length;
    if (end > this.#block.length) throw broken('a text beyond the block');
    this.#at = end;
    if (!isHuffman) return this.#block.toString('latin1', start, end);
    const most = Math.ceil((length * 8) / 5);
    if (most > scratch.length) scratch = Buffer.allocUnsafe(2 * most);
    const decoded = decodeHuffman(this.#block, start, end, scratch);
    if (decoded < 0) throw broken('a text that is no Huffman code');
    return scratch.toString('latin1', 0, decoded);
  }

  #byte(): number {
    if (this.#at >= this.#block.length) throw broken('a block that breaks off');
    return this.#block[this.#at++];
  }
}

function broken(what: string): ConnectionError {
  return new ConnectionError(ErrorCode.compressionError, `HPACK: ${what}`);
}
