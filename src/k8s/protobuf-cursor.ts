/**
 * Reads one protobuf field after the other where they lie; everything else of the protobuf dialect stands on it.
 *
 * Strict where upstream's decoder is: a tag is a field number of 1 to 2^29 - 1, a varint ends within ten bytes, a length
 * ends within its message, groups and unassigned wire types are refused. What a value holds is not looked at: that is
 * for whoever knows the field. Reading allocates nothing.
 */

export const WIRE_VARINT = 0;
export const WIRE_FIXED64 = 1;
export const WIRE_LENGTH = 2;
export const WIRE_FIXED32 = 5;

/** Why bytes were refused; results of next() below zero are negated indices. */
export const PROTOBUF_PROBLEMS: readonly string[] = [
  '',
  'truncated',
  'a varint does not end',
  'an illegal field number',
  'a group, or an unknown wire type',
];
const TRUNCATED = -1;
const BAD_VARINT = -2;
const BAD_FIELD = -3;
const BAD_WIRE = -4;

const MAX_VARINT_BYTES = 10;

export class ProtobufCursor {
  bytes: Uint8Array = NO_BYTES;
  /** The field next() has read. */
  field = 0;
  wire = 0;
  /** Its value: of a length-delimited field what the length counts, of a varint all its bytes. */
  valueStart = 0;
  valueEnd = 0;

  /** Reads the field at `at` of a message that ends at `end`; returns the position behind it, or a problem below 0. */
  next(at: number, end: number): number {
    const bytes = this.bytes;
    if (at >= end) return TRUNCATED;
    let tag = bytes[at++];
    if (tag >= 0x80) {
      tag &= 0x7f;
      let scale = 0x80;
      for (;;) {
        if (at >= end) return TRUNCATED;
        const byte = bytes[at++];
        tag += (byte & 0x7f) * scale;
        if (byte < 0x80) break;
        scale *= 0x80;
        if (scale > 0x10000000) return BAD_VARINT;
      }
      if (tag > 0xffffffff) return BAD_FIELD;
    }
    const wire = tag & 7;
    this.field = tag >>> 3;
    if (this.field === 0) return BAD_FIELD;
    this.wire = wire;
    if (wire !== WIRE_LENGTH) return this.#scalar(at, end, wire);
    if (at >= end) return TRUNCATED;
    let length = bytes[at++];
    if (length >= 0x80) {
      length &= 0x7f;
      let scale = 0x80;
      for (;;) {
        if (at >= end) return TRUNCATED;
        const byte = bytes[at++];
        length += (byte & 0x7f) * scale;
        if (byte < 0x80) break;
        scale *= 0x80;
        // Ten bytes carry 64 bits; a length beyond 2^53 is past any end, however it is rounded.
        if (scale > 2 ** 63) return BAD_VARINT;
      }
    }
    if (length > end - at) return TRUNCATED;
    this.valueStart = at;
    this.valueEnd = at + length;
    return at + length;
  }

  /** A varint or a fixed number. */
  #scalar(at: number, end: number, wire: number): number {
    const bytes = this.bytes;
    this.valueStart = at;
    if (wire === WIRE_VARINT) {
      const last = at + MAX_VARINT_BYTES;
      while (at < end && bytes[at] >= 0x80) {
        at++;
        if (at === last) return BAD_VARINT;
      }
      if (at >= end) return TRUNCATED;
      at++;
    } else if (wire === WIRE_FIXED64) at += 8;
    else if (wire === WIRE_FIXED32) at += 4;
    else return BAD_WIRE;
    if (at > end) return TRUNCATED;
    this.valueEnd = at;
    return at;
  }

  /** The varint read, when it is one of 0 to 2^32 - 1; otherwise -1. */
  uint32(): number {
    const bytes = this.bytes;
    let value = 0;
    let scale = 1;
    for (let i = this.valueStart; i < this.valueEnd; i++) {
      value += (bytes[i] & 0x7f) * scale;
      scale *= 0x80;
    }
    return value > 0xffffffff ? -1 : value;
  }
}

const NO_BYTES = new Uint8Array(0);
