/**
 * Encodes the heads of answers (RFC 7541): names from the fixed table where it has them, values as they are. Nothing is
 * added to the peer's table, so no state is kept and every head can be made once and sent to anybody.
 */

import { STATIC_FIELDS } from './hpack-table.ts';

const STATUS = ':status';
/** An answer's head is some hundred bytes. */
let scratch = Buffer.allocUnsafe(4_096);

/** The first index of each name, and that of the fields with a value. */
const nameIndex = new Map<string, number>();
const statusIndex = new Map<string, number>();
for (const [i, { name, value }] of STATIC_FIELDS.entries()) {
  if (!nameIndex.has(name)) nameIndex.set(name, i + 1);
  if (name === STATUS) statusIndex.set(value, i + 1);
}

/** No table at all, which is within whatever size a peer allows (RFC 7541 6.3). */
const NO_TABLE = 0x20;

/**
 * `rawHeaders`: name, value, name, value..., in characters of one byte; names in any case. `tableChanged`: the peer allowed
 * another size of the table, and must be told of ours.
 */
export function encodeHead(
  status: number,
  rawHeaders: readonly string[],
  tableChanged = false,
): Buffer {
  let bytes = 16;
  for (const text of rawHeaders) bytes += text.length + 12;
  if (bytes > scratch.length) scratch = Buffer.allocUnsafe(2 * bytes);
  scratch[0] = NO_TABLE;
  let at = encodeStatus(tableChanged ? 1 : 0, String(status));
  for (let i = 0; i < rawHeaders.length; i += 2) {
    at = encodeField(at, rawHeaders[i].toLowerCase(), rawHeaders[i + 1]);
  }
  return Buffer.from(scratch.subarray(0, at));
}

function encodeStatus(start: number, status: string): number {
  const index = statusIndex.get(status);
  if (index === undefined) return encodeField(start, STATUS, status);
  scratch[start] = 0x80 | index;
  return start + 1;
}

/** Literal, not to be remembered (RFC 7541 6.2.2). */
function encodeField(start: number, name: string, value: string): number {
  const index = nameIndex.get(name) ?? 0;
  const at = encodeInteger(start, 4, index);
  return encodeText(index === 0 ? encodeText(at, name) : at, value);
}

function encodeText(start: number, text: string): number {
  const at = encodeInteger(start, 7, text.length);
  return at + scratch.write(text, at, 'latin1');
}

function encodeInteger(start: number, bits: number, value: number): number {
  const most = (1 << bits) - 1;
  if (value < most) {
    scratch[start] = value;
    return start + 1;
  }
  scratch[start] = most;
  let at = start + 1;
  let left = value - most;
  for (; left >= 128; left = Math.floor(left / 128)) scratch[at++] = (left % 128) | 128;
  scratch[at] = left;
  return at + 1;
}
