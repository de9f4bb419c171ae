/**
 * Answers written straight to an HTTP/1.1 socket, for when there is no ServerResponse: a request that
 * does not parse, CONNECT, a refused upgrade. Always the last thing on that connection.
 */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { StatusResponse } from '../k8s/status.ts';
import { auditId, localHeaders, statusHeaders } from './exchange.ts';
import { headerValue } from './headers.ts';

/** What Go's server says to headers over its limit: not a Status, plain text. */
export const HEADERS_TOO_LARGE = Object.freeze({
  code: 431,
  contentType: 'text/plain; charset=utf-8',
  body: Buffer.from('431 Request Header Fields Too Large'),
});

/** The head of a response as bytes; `rawHeaders` are written as they are. */
export function responseHead(
  status: number,
  reason: string,
  rawHeaders: readonly string[],
): Buffer {
  let head = `HTTP/1.1 ${status} ${reason}\r\n`;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    head += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`;
  }
  return Buffer.from(`${head}\r\n`, 'latin1');
}

/** Answers a Status and closes, as `endAndClose` does. */
export function answerStatusAndClose(
  socket: Duplex,
  status: StatusResponse,
  lingerMs: number,
): void {
  const headers = localHeaders(auditId([]), statusHeaders('http/1.1', status));
  if (headerValue(headers, 'content-length') === undefined) {
    headers.push('Content-Length', String(status.body.length));
  }
  headers.push('Connection', 'close');
  const head = responseHead(status.code, STATUS_CODES[status.code] ?? '', headers);
  endAndClose(socket, Buffer.concat([head, status.body]), lingerMs);
}

/** Answers 431 and closes; what may be a megabyte more is not even read (as Go's server leaves it). */
export function answerTooLargeAndClose(socket: Duplex, lingerMs: number): void {
  const { code, contentType, body } = HEADERS_TOO_LARGE;
  const headers = ['Content-Type', contentType, 'Content-Length', String(body.length)];
  headers.push('Connection', 'close');
  const head = responseHead(code, 'Request Header Fields Too Large', headers);
  endAndClose(socket, Buffer.concat([head, body]), lingerMs);
  socket.pause();
}

/**
 * Sends last bytes and ends. The socket closes when the peer ends too, or `lingerMs` later: what it
 * still sends is read and dropped, because a reset that overtakes the answer would lose it.
 */
export function endAndClose(socket: Duplex, bytes: Uint8Array | null, lingerMs: number): void {
  socket.on('error', ignore);
  if (socket.destroyed || socket.writableEnded) {
    socket.destroy();
    return;
  }
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
  socket.once('end', () => {
    if (socket.writableFinished) socket.destroy();
    else socket.once('finish', () => socket.destroy());
  });
  if (bytes === null) socket.end();
  else socket.end(bytes);
  socket.resume();
}

function ignore(): void {
  // The socket is being closed whatever happens.
}
