/** Frames of HTTP/2 (RFC 9113 4 and 6): their numbers, and how one is written. */

export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const Flag = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 };

export const ErrorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  enhanceYourCalm: 11,
} as const;

export const Setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** What a client sends first (RFC 9113 3.4). */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
export const FRAME_HEAD_BYTES = 9;
/** The least a peer must take, and the most that we take: nobody gains from larger ones. */
export const MAX_FRAME_BYTES = 16_384;
/** Windows before anybody says otherwise (RFC 9113 6.9.2). */
export const DEFAULT_WINDOW_BYTES = 65_535;
export const MAX_WINDOW_BYTES = 2 ** 31 - 1;
export const MAX_STREAM_ID = 2 ** 31 - 1;

/** The connection cannot go on; its peer is told `code` by GOAWAY. */
export class ConnectionError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'ConnectionError';
    this.code = code;
  }
}

export function wrong(what: string): ConnectionError {
  return new ConnectionError(ErrorCode.protocolError, what);
}

export function wrongSize(what: string): ConnectionError {
  return new ConnectionError(ErrorCode.frameSizeError, `${what} of a wrong length`);
}

/** The content of a DATA or HEADERS frame (RFC 9113 6.1). */
export function unpadded(flags: number, payload: Buffer): Buffer {
  if ((flags & Flag.padded) === 0) return payload;
  const end = payload.length - payload[0];
  if (payload.length === 0 || end < 1) throw wrong('padding beyond the frame');
  return payload.subarray(1, end);
}

/** Writes the nine bytes before a payload; returns where that begins. */
export function writeFrameHead(
  target: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  stream: number,
): number {
  target[at] = length >>> 16;
  target[at + 1] = length >>> 8;
  target[at + 2] = length;
  target[at + 3] = type;
  target[at + 4] = flags;
  target[at + 5] = stream >>> 24;
  target[at + 6] = stream >>> 16;
  target[at + 7] = stream >>> 8;
  target[at + 8] = stream;
  return at + FRAME_HEAD_BYTES;
}

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD_BYTES + payload.length);
  bytes.set(payload, writeFrameHead(bytes, 0, payload.length, type, flags, stream));
  return bytes;
}

/** A frame of one or two numbers of 32 bits. */
export function numbersFrame(type: number, stream: number, ...numbers: readonly number[]): Buffer {
  const payload = Buffer.allocUnsafe(4 * numbers.length);
  for (const [i, number] of numbers.entries()) payload.writeUInt32BE(number, 4 * i);
  return frame(type, 0, stream, payload);
}

export function settingsFrame(settings: Readonly<Record<number, number>>): Buffer {
  const pairs = Object.entries(settings);
  const payload = Buffer.allocUnsafe(6 * pairs.length);
  for (const [i, [id, value]] of pairs.entries()) {
    payload.writeUInt16BE(Number(id), 6 * i);
    payload.writeUInt32BE(value, 6 * i + 2);
  }
  return frame(FrameType.settings, 0, 0, payload);
}

/** A header block as HEADERS and as many CONTINUATION as it takes, in one piece. */
export function headersFrames(stream: number, block: Uint8Array, endStream: boolean): Buffer {
  const pieces = Math.max(1, Math.ceil(block.length / MAX_FRAME_BYTES));
  const bytes = Buffer.allocUnsafe(block.length + pieces * FRAME_HEAD_BYTES);
  let at = 0;
  for (let piece = 0; piece < pieces; piece++) {
    const part = block.subarray(piece * MAX_FRAME_BYTES, (piece + 1) * MAX_FRAME_BYTES);
    const type = piece === 0 ? FrameType.headers : FrameType.continuation;
    const ends = piece === pieces - 1 ? Flag.endHeaders : 0;
    const flags = ends | (piece === 0 && endStream ? Flag.endStream : 0);
    at = writeFrameHead(bytes, at, part.length, type, flags, stream);
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
