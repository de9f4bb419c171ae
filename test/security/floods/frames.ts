/** Bytes of the floods: what no client library would send. Each begins behind preface and settings. */
import {
  END_HEADERS,
  END_STREAM,
  frame,
  FrameType,
  getBlock,
  headerBlock,
  PREFACE,
  request,
  rstStream,
  settings,
} from '../../support/http2-frames.ts';

const CANCEL = 8;

/** A proper start of an HTTP/2 connection. */
export const START = Buffer.concat([PREFACE, settings()]);

const bearer = (token: string): (readonly [string, string])[] =>
  token === '' ? [] : [['authorization', `Bearer ${token}`]];

/** A GET on a stream, with a token when given. */
export function get(stream: number, path: string, token = ''): Buffer {
  return request(stream, getBlock(path, ...bearer(token)));
}

/** Requests, each given up at once. */
export function rapidReset(count: number, path: string, token = ''): Buffer {
  const block = getBlock(path, ...bearer(token));
  const parts: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    parts.push(request(2 * i + 1, block), rstStream(2 * i + 1, CANCEL));
  }
  return Buffer.concat(parts);
}

/** A request whose headers go on in CONTINUATION frames and never end. */
export function continuations(count: number, stream = 1): Buffer {
  const piece = headerBlock(['x-flood', 'b'.repeat(100)]);
  return Buffer.concat([
    headersWithoutEnd(stream),
    ...Array.from({ length: count }, () => frame(FrameType.continuation, 0, stream, piece)),
  ]);
}

/** HEADERS that announce more headers; nobody else may use the connection until they come. */
export function headersWithoutEnd(stream = 1): Buffer {
  return frame(FrameType.headers, END_STREAM, stream, getBlock('/api/v1/pods'));
}

/** A request with a body that is announced and never sent. */
export function bodyWithoutEnd(stream: number, path: string, token = ''): Buffer {
  const block = headerBlock(
    [':method', 'POST'],
    [':scheme', 'https'],
    [':path', path],
    [':authority', 'localhost'],
    ['content-type', 'application/json'],
    ...bearer(token),
  );
  return frame(FrameType.headers, END_HEADERS, stream, block);
}

export function pings(count: number): Buffer {
  const ping = frame(FrameType.ping, 0, 0, Buffer.alloc(8));
  return Buffer.concat(Array.from({ length: count }, () => ping));
}

/** MAX_CONCURRENT_STREAMS, again and again. */
export function settingsFrames(count: number): Buffer {
  const one = settings([3, 100]);
  return Buffer.concat(Array.from({ length: count }, () => one));
}
