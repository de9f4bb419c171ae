/**
 * One request and its answer on an HTTP/2 connection.
 *
 * To send, it keeps one chunk and where it is in it; the send queue takes frames out of that as both windows allow. What
 * is received waits here until it is read, which is when the client may send more, so that it takes no more memory than
 * the window it was given.
 */

import { Readable } from 'node:stream';
import {
  ErrorCode,
  Flag,
  FRAME_HEAD_BYTES,
  FrameType,
  MAX_FRAME_BYTES,
  MAX_WINDOW_BYTES,
  numbersFrame,
  writeFrameHead,
} from './frame.ts';
import { ReceiveWindow } from './receive-window.ts';
import type { RequestHead } from './request-head.ts';

/** The connection, as far as its streams need it. */
export interface StreamHost {
  /** Sends a frame before any data. */
  control(frame: Buffer): void;
  /** The head of an answer, encoded, before any data. */
  head(stream: ServerStream, status: number, rawHeaders: readonly string[], ends: boolean): void;
  /** There is something to take. */
  enqueue(stream: ServerStream): void;
  /** The connection's window is open, and nobody waits for it. */
  readonly hasRoom: boolean;
  /** So much of what was received needs no memory any more. */
  consumed(bytes: number): void;
  closed(stream: ServerStream): void;
}

/** `finished`: the client has got the whole answer, as far as that can be known. */
export type StreamEnd = 'finished' | 'aborted';

export interface StreamOptions {
  readonly id: number;
  readonly head: RequestHead;
  /** No body follows. */
  readonly endStream: boolean;
  readonly sendWindow: number;
  readonly receiveWindow: number;
}

type Taken = (error?: Error) => void;

export class ServerStream {
  readonly id: number;
  readonly head: RequestHead;
  readonly hasBody: boolean;
  /** Called once. */
  onClose: ((end: StreamEnd) => void) | undefined;
  /** Its request was handed on. */
  known = false;
  /** In the send queue. */
  queued = false;
  /** Bytes that the client takes on this stream; below zero after it made its windows smaller. */
  sendWindow: number;
  readonly #host: StreamHost;
  #phase: 'open' | 'closed' = 'open';
  // The answer.
  #chunk: Uint8Array | undefined;
  #offset = 0;
  #taken: Taken | undefined;
  /** Who will have something to send once there is room for it. */
  #awaiting: (() => void) | undefined;
  #ending = false;
  #endSent = false;
  #finished = false;
  // The request's body.
  readonly #receiveWindow: ReceiveWindow;
  #bodyBytes = 0;
  #remoteEnded: boolean;
  #received: Buffer[] = [];
  #body: Readable | undefined;
  /** The body's reader asked for more than there was. */
  #wanted = false;
  #endTold = false;
  #discards = false;

  constructor(host: StreamHost, options: StreamOptions) {
    const { id, head, endStream, sendWindow, receiveWindow } = options;
    this.#host = host;
    this.id = id;
    this.head = head;
    this.hasBody = !endStream;
    this.#remoteEnded = endStream;
    this.sendWindow = sendWindow;
    this.#receiveWindow = new ReceiveWindow(receiveWindow);
  }

  get closed(): boolean {
    return this.#phase === 'closed';
  }

  get writableEnded(): boolean {
    return this.#ending;
  }

  /** The head of an answer that ends it when there is no body; `rawHeaders` as for `encodeHead`. */
  respond(status: number, rawHeaders: readonly string[], endStream: boolean): void {
    if (this.closed) return;
    if (endStream) this.#ending = this.#endSent = true;
    this.#host.head(this, status, rawHeaders, endStream);
    // What was taken with it is told by the queue.
    if (endStream) this.#host.enqueue(this);
  }

  /** An answer before the answer: 100 (Continue). */
  inform(status: number): void {
    if (this.closed) return;
    this.#host.head(this, status, [], false);
  }

  /** Calls `go` when the client takes bytes on this stream: now, or in its turn among those that send. */
  awaitRoom(go: () => void): void {
    if (this.closed || this.#ending) return;
    if (this.sendWindow > 0 && this.#host.hasRoom) {
      go();
      return;
    }
    this.#awaiting = go;
    this.#host.enqueue(this);
  }

  /** Sends `chunk`, which stays untouched until `taken` is called; not before the last one was taken. */
  write(chunk: Uint8Array, taken: Taken): void {
    if (this.closed || this.#ending) return;
    this.#awaiting = undefined;
    this.#chunk = chunk;
    this.#offset = 0;
    this.#taken = taken;
    this.#host.enqueue(this);
  }

  /** Ends the answer behind what is being sent, and behind `chunk`, when there is nothing else. */
  end(chunk?: Uint8Array): void {
    if (this.closed || this.#ending) return;
    this.#ending = true;
    this.#awaiting = undefined;
    if (chunk !== undefined && chunk.length > 0) {
      this.#chunk = chunk;
      this.#offset = 0;
    }
    this.#host.enqueue(this);
  }

  /** Breaks the stream off. */
  reset(code: number): void {
    if (this.closed) return;
    this.#host.control(numbersFrame(FrameType.rstStream, this.id, code));
    this.close();
  }

  /** The body of the request. */
  body(): Readable {
    if (this.#body === undefined) {
      this.#body = new Readable({
        read: () => {
          this.#wanted = true;
          this.#deliver();
        },
        destroy: (error, done) => {
          this.#discard();
          done(error);
        },
      });
      // Told by `onClose`.
      this.#body.on('error', ignore);
    }
    return this.#body;
  }

  // What the connection calls.

  /** Something to send that this stream's window lets through. */
  get sendable(): boolean {
    if (this.closed) return false;
    if (this.#awaiting !== undefined) return this.sendWindow > 0;
    if (this.#chunk !== undefined && this.#offset < this.#chunk.length) return this.sendWindow > 0;
    return this.#ending && !this.#endSent;
  }

  /** All of the chunk, or the end, is in frames; the client of this class waits to hear that they were written. */
  get awaitsWriting(): boolean {
    if (this.closed) return false;
    const isThrough = this.#chunk === undefined || this.#offset === this.#chunk.length;
    return isThrough && (this.#taken !== undefined || this.#endSent);
  }

  /** Writes the next DATA frame to `target`, from `at` on and before `end`; returns where it ends, `at` when there is none. */
  take(target: Uint8Array, at: number, end: number, connectionWindow: number): number {
    if (this.#awaiting !== undefined && Math.min(this.sendWindow, connectionWindow) > 0) this.#go();
    if (this.closed || this.#endSent) return at;
    const left = this.#chunk === undefined ? 0 : this.#chunk.length - this.#offset;
    const room = end - at - FRAME_HEAD_BYTES;
    const most = Math.min(this.sendWindow, connectionWindow, room, MAX_FRAME_BYTES);
    const bytes = Math.min(left, Math.max(0, most));
    const ends = this.#ending && bytes === left;
    if (bytes === 0 && !ends) return at;
    const flags = ends ? Flag.endStream : 0;
    const payload = writeFrameHead(target, at, bytes, FrameType.data, flags, this.id);
    if (bytes > 0) this.#copy(target, payload, bytes);
    if (ends) this.#endSent = true;
    return payload + bytes;
  }

  /** What was taken was written to the connection. */
  written(): void {
    this.#chunk = undefined;
    const taken = this.#taken;
    this.#taken = undefined;
    if (this.#endSent) this.#finish();
    taken?.();
  }

  /** `bytes` more may be sent; false when that is too many. */
  widen(bytes: number): boolean {
    this.sendWindow += bytes;
    if (this.sendWindow > MAX_WINDOW_BYTES) return false;
    if (this.sendable) this.#host.enqueue(this);
    return true;
  }

  /** A DATA frame: its content, and all that it takes from the window. Returns the code to reset the stream with. */
  receive(data: Buffer, frameBytes: number, ends: boolean): number {
    if (this.#remoteEnded) return ErrorCode.streamClosed;
    if (!this.#receiveWindow.take(frameBytes)) return ErrorCode.flowControlError;
    this.#bodyBytes += data.length;
    const { contentLength } = this.head;
    const isWrong = ends ? this.#bodyBytes !== contentLength : this.#bodyBytes > contentLength!;
    if (contentLength !== undefined && isWrong) return ErrorCode.protocolError;
    // Padding is nobody's to read.
    this.#consumed(frameBytes - data.length);
    if (data.length > 0) this.#received.push(data);
    if (ends) this.#remoteEnded = true;
    if (this.#discards) this.#discard();
    else if (this.#wanted) this.#deliver();
    return ErrorCode.noError;
  }

  /** The end of the body by trailers, which nobody asks for. */
  receiveEnd(): number {
    return this.receive(Buffer.alloc(0), 0, true);
  }

  /** The stream is over for both sides. */
  close(): void {
    if (this.closed) return;
    this.#phase = 'closed';
    this.#chunk = undefined;
    this.#taken = undefined;
    this.#awaiting = undefined;
    this.#host.closed(this);
    const isCutShort = !this.#remoteEnded;
    this.#remoteEnded = true;
    if (isCutShort) this.#body?.destroy(new Error('the client gave up'));
    if (this.#body === undefined || isCutShort) this.#discard();
    this.onClose?.(this.#finished ? 'finished' : 'aborted');
  }

  #go(): void {
    const go = this.#awaiting!;
    this.#awaiting = undefined;
    go();
  }

  #copy(target: Uint8Array, at: number, bytes: number): void {
    const chunk = this.#chunk!;
    const end = this.#offset + bytes;
    const isWhole = this.#offset === 0 && bytes === chunk.length;
    target.set(isWhole ? chunk : chunk.subarray(this.#offset, end), at);
    this.#offset = end;
    this.sendWindow -= bytes;
  }

  /** The answer is out; the client need not send the rest of its body (as Go's server says it). */
  #finish(): void {
    this.#finished = true;
    if (this.#remoteEnded) {
      this.close();
      return;
    }
    setImmediate(() => {
      if (this.#remoteEnded) this.close();
      else this.reset(ErrorCode.noError);
    });
  }

  #deliver(): void {
    const body = this.#body!;
    while (this.#wanted && this.#received.length > 0) {
      const chunk = this.#received.shift()!;
      this.#consumed(chunk.length);
      this.#wanted = body.push(chunk);
    }
    if (this.#received.length > 0 || !this.#remoteEnded || this.#endTold) return;
    this.#endTold = true;
    body.push(null);
  }

  #discard(): void {
    this.#discards = true;
    for (const { length } of this.#received) this.#consumed(length);
    this.#received = [];
  }

  #consumed(bytes: number): void {
    if (bytes === 0) return;
    this.#host.consumed(bytes);
    if (this.closed || this.#remoteEnded) return;
    const more = this.#receiveWindow.giveBack(bytes);
    if (more > 0) this.#host.control(numbersFrame(FrameType.windowUpdate, this.id, more));
  }
}

function ignore(): void {
  // The stream's end tells it.
}
