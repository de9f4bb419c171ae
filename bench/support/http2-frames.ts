/**
 * The client half of HTTP/2 framing, as much as a watch client needs (RFC 9113): fixed request headers without
 * compression, DATA in, window updates out. Not for production: it believes its server.
 */
import type { RequestHead } from './body-reader.ts';

export const DATA = 0;
export const HEADERS = 1;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;

export const END_STREAM = 0x1;
export const ACK = 0x1;
const END_HEADERS = 0x4;

export const FRAME_HEADER = 9;
const INITIAL_WINDOW_SETTING = 4;
const PUSH_SETTING = 2;
/** Every connection begins with this much, whatever the settings say. */
export const DEFAULT_WINDOW = 65_535;
/** HPACK: index 8 of the static table is `:status: 200`. */
const STATUS_200 = 0x88;
const INDEXED_GET = 0x82;
const INDEXED_HTTPS = 0x87;

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Preface, settings and the connection's window. */
export function opening(streamWindow: number, connectionWindow: number): Buffer {
  const settings = Buffer.alloc(12);
  settings.writeUInt16BE(PUSH_SETTING, 0);
  settings.writeUInt16BE(INITIAL_WINDOW_SETTING, 6);
  settings.writeUInt32BE(streamWindow, 8);
  const parts = [PREFACE, frame(SETTINGS, 0, 0, settings)];
  if (connectionWindow > DEFAULT_WINDOW) {
    parts.push(windowUpdate(0, connectionWindow - DEFAULT_WINDOW));
  }
  return Buffer.concat(parts);
}

export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  payload.copy(bytes, FRAME_HEADER);
  return bytes;
}

export function windowUpdate(stream: number, bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(WINDOW_UPDATE, 0, stream, payload);
}

/** A GET without a body. */
export function getFrame(stream: number, path: string, head: RequestHead): Buffer {
  const block: Buffer[] = [Buffer.from([INDEXED_GET, INDEXED_HTTPS])];
  const fields = [
    [':path', path],
    [':authority', head.authority],
    ['authorization', `Bearer ${head.token}`],
    ['accept', 'application/json'],
    ['user-agent', 'watershed-bench'],
  ];
  for (const [name, value] of fields) {
    block.push(Buffer.from([0]), text(name), text(value));
  }
  return frame(HEADERS, END_STREAM | END_HEADERS, stream, Buffer.concat(block));
}

/** HPACK string without Huffman code: its length as an integer with a 7-bit prefix, then the bytes. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length: number[] = [];
  let rest = bytes.length;
  if (rest < 127) length.push(rest);
  else {
    length.push(127);
    for (rest -= 127; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** 200, or 0 for any other status: only that one has a fixed form in the first byte of the header block. */
export function statusOf(block: Buffer): number {
  let at = 0;
  // Table size updates may come first.
  while (at < block.length && (block[at] & 0xe0) === 0x20) at++;
  return block[at] === STATUS_200 ? 200 : 0;
}
